"""The page *Export*: labels as files, after a look at what goes out and what is lost."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import panel as pn

from labelkit.app import parts
from labelkit.app.media import EXPORT_NAME, leads_out
from labelkit.app.parts import esc
from labelkit.app.session import WAITING, Session, problem
from labelkit.app.shared import Pulse
from labelkit.errors import InputError, LabelkitError
from labelkit.formats import FORMATS
from labelkit.project.exporting import ExportOptions, ExportReport, export
from labelkit.project.side import SIDE
from labelkit.store import FINISHED

#: So many lines of a file are shown, and so many characters of each.
_LINES, _WIDE = 6, 260

_SUFFIXES = {
    "csv": ".csv",
    "coco": ".json",
    "dlib": ".xml",
    "parquet": ".parquet",
    "cofw": ".mat",
    "aflw": ".mat",
}
_BINARY = (".parquet", ".mat")

#: Formats as people look for them: the usual ones first.
_ORDER = ("wflw", "300w", "coco", "csv")


class View:
    """The page of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        names = [*_ORDER, *(name for name in FORMATS if name not in _ORDER)]
        self._format = pn.widgets.Select(
            name="Format",
            options={FORMATS[name].title: name for name in names},
            value=_ORDER[0],
            sizing_mode="stretch_width",
            margin=0,
        )
        self._faces = parts.choice(
            {"Confirmed faces": "confirmed", "Only reviewed": "reviewed", "Predictions too": "all"},
            "confirmed",
        )
        self._split = parts.choice(
            {"One set": "", "80 / 10 / 10": "80/10/10", "70 / 15 / 15": "70/15/15"}, ""
        )
        self._by = pn.widgets.Checkbox(
            name="Keep each person in one part (needs the attribute person)", margin=0
        )
        self._name = pn.widgets.TextInput(name="Name", sizing_mode="stretch_width", margin=0)
        self._write = parts.button("Export", "primary")
        self._told, self._preview = parts.html(""), parts.html("")
        self._written, self._earlier = parts.html(""), parts.html("")
        self._review = parts.button("Review faces")
        self._review.on_click(lambda _: session.go("review"))
        self._write.on_click(session.working(self._run))
        self._round = 0
        for widget in (self._format, self._faces, self._split, self._by):
            widget.param.watch(lambda _: self._changed(), "value")

    def show(self) -> pn.viewable.Viewable:
        choice = parts.card(
            self._format,
            parts.label("Which faces"),
            self._faces,
            parts.label("Split into train, dev and test"),
            self._split,
            self._by,
            self._name,
            parts.row(self._write),
            title="What to write",
            width=490,
        )
        result = parts.card(self._told, self._preview, parts.row(self._review), title="What goes out")
        self._name.value = self._suggested()
        self._changed()
        parts.fill(self._written, "")
        parts.fill(self._earlier, self._exports())
        return parts.page(
            "Export",
            "Labels as files, for training any model, with a side file that says whose they are.",
            self._written,
            parts.columns(choice, result),
            self._earlier,
        )

    def refresh(self, before: Pulse, now: Pulse) -> None:
        if (before.states, before.position) != (now.states, now.position):
            self._changed()

    def _options(self) -> dict[str, Any]:
        return {
            "include_predicted": self._faces.value == "all",
            "reviewed_only": self._faces.value == "reviewed",
            "split": self._split.value or None,
            "by": "person" if self._by.value else "photo",
        }

    def _suggested(self) -> str:
        """A name that is free."""
        form = self._format.value
        whole = self._is_folder()
        suffix = "" if whole else _SUFFIXES.get(form, ".txt")
        stem, number = f"{form}-{self._session.project.scheme.name}", 1
        name = f"{stem}{suffix}"
        while (self._folder / name).exists():
            number += 1
            name = f"{stem}-{number}{suffix}"
        return name

    @property
    def _folder(self) -> Path:
        return self._session.project.folder / "exports"

    def _is_folder(self) -> bool:
        return bool(self._split.value) or FORMATS[self._format.value].folder

    def _changed(self) -> None:
        self._by.visible = bool(self._split.value)
        self._name.value = self._suggested()
        self._round += 1
        pn.state.execute(self._look)

    async def _look(self) -> None:
        """Try the export in a temporary folder: what it would hold, and its first lines."""
        this = self._round
        await asyncio.sleep(0.15)  # somebody may be clicking through the choices
        if this != self._round:
            return
        self._session.shell.busy = True
        try:
            told, preview, possible = await self._session.aside(self._tried)
        finally:
            self._session.shell.busy = False
        if this == self._round:
            self._told.object = told
            parts.fill(self._preview, preview)
            self._write.disabled = not possible
            self._review.visible = not possible and self._session.pulse.count(*WAITING) > 0

    def _tried(self) -> tuple[str, str, bool]:
        project = self._session.project
        cache = project.folder / "cache"
        cache.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix="export-") as folder:
            out = Path(folder, self._suggested())
            try:
                options = ExportOptions(self._format.value, **self._options())
                # Not the project's own call, which would say in its log that somebody has exported.
                report = export(project.store, project.folder, project.images, out, options)
            except LabelkitError as error:
                return self._nothing(str(error).replace(str(out), out.name)), "", False
            except Exception as error:  # noqa: BLE001 - the person is told, and `problem` logs it
                return parts.note(esc(problem(error)), "bad"), "", False
            return _report(report), _first_lines(out), True

    def _nothing(self, why: str) -> str:
        """Why there is nothing to export, and what to do, as HTML."""
        pulse, folder = self._session.pulse, str(self._session.project.folder)
        if not sum(count for _, count in pulse.states):
            return parts.empty(
                "file", "Nothing to export yet", "Add photos, prelabel them and review the faces."
            )
        waiting = pulse.count(*WAITING)
        if self._faces.value == "confirmed" and waiting and not pulse.count(*FINISHED):
            told = (
                f"{parts.count(waiting, 'face')} wait to be looked at. Accept some in <b>Review</b>, or "
                "choose <b>Predictions too</b>, which are then marked as such."
            )
            return parts.empty("file", "Nobody has confirmed a face yet", told)
        line = why.removeprefix(f"{folder}: ").replace("--include-predicted", "“Predictions too”")
        return parts.empty("file", "Nothing to export yet", f"{esc(line)}.")

    async def _run(self, *_: object) -> None:
        name, project = str(self._name.value).strip(), self._session.project
        if not EXPORT_NAME.fullmatch(name):
            raise InputError(f"{name!r} is no name for an export: letters, digits, spaces, '.', '-' and '_'")
        side = self._folder / f"{name}.{SIDE}"
        if leads_out(self._folder / name) or side.is_symlink():
            raise InputError(f"{name!r} or its folder is a link, and may lead out of the project")
        out, options, form = self._folder / name, self._options(), self._format.value
        report = await self._session.aside(
            lambda: project.export(form, out, **options, author=self._session.author)
        )
        parts.fill(self._written, _done(report))
        parts.fill(self._earlier, self._exports())
        self._name.value = self._suggested()

    def _exports(self) -> str:
        """What was exported before, as HTML."""
        if not self._folder.is_dir() or self._folder.is_symlink():
            return ""
        made = [path for path in self._folder.iterdir() if _is_export(path)]
        if not made:
            return ""
        made.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        rows = "".join(_row(path) for path in islice(made, 20))
        return (
            f"<h2>Exports</h2><p class='muted small'>in {esc(self._folder.absolute())}</p>"
            f"<table class='plain'>{rows}</table>"
        )


def _is_export(path: Path) -> bool:
    hidden = path.name.startswith(".") or path.name.endswith(f".{SIDE}")
    return not hidden and not path.is_symlink() and EXPORT_NAME.fullmatch(path.name) is not None


def _row(path: Path) -> str:
    time = datetime.fromtimestamp(path.stat().st_mtime).astimezone()
    what = "folder" if path.is_dir() else f"{path.stat().st_size / 1024:,.0f} kB"
    side = path.with_name(f"{path.name}.{SIDE}")
    beside = f" · {_link(side, 'side file')}" if side.is_file() else ""
    return (
        f"<tr><td><b>{esc(path.name)}</b></td><td class='muted'>{time:%Y-%m-%d %H:%M}</td>"
        f"<td class='muted'>{what}</td><td>{_link(path, 'Download')}{beside}</td></tr>"
    )


def _link(path: Path, text: str) -> str:
    return f'<a href="/media/export/{quote(path.name)}" download>{text}</a>'


def _report(report: ExportReport) -> str:
    """What an export holds and what it does not, as HTML."""
    told: list[tuple[object, str]] = [(f"{report.faces:,}", "faces"), (f"{report.photos:,}", "photos")]
    if len(report.parts) > 1:
        told += [(f"{faces:,}", Path(name).stem) for name, faces in report.parts.items()]
    pieces = [parts.numbers(told)]
    left = []
    if report.predicted:
        left.append(
            f"{parts.count(len(report.predicted), 'face')} that nobody has confirmed, marked in the side file"
        )
    if report.partly:
        left.append(f"{parts.count(len(report.partly), 'face')} confirmed in part only: left out")
    if report.unreviewed:
        left.append(f"{parts.count(report.unreviewed, 'face')} done but not reviewed: left out")
    if report.missing:
        left.append(f"{parts.count(len(report.missing), 'photo')} not on the disk")
    if left:
        pieces.append(parts.note(parts.lines(left), "warn"))
    if report.losses:
        pieces.append(f"<h2>What this format cannot hold</h2>{parts.lines(list(report.losses))}")
    else:
        pieces.append("<p><span class='chip good'>nothing is lost</span></p>")
    return "<div style='display:grid;gap:14px'>" + "".join(pieces) + "</div>"


def _first_lines(out: Path) -> str:
    """The beginning of the (first) file, as HTML."""
    files = [out] if out.is_file() else sorted(path for path in out.rglob("*") if path.name != SIDE)
    file = next((path for path in files if path.is_file() and path.stat().st_size), None)
    if file is None:
        return ""
    if file.suffix in _BINARY:
        return (
            f"<p class='muted'>{esc(file.name)} is a binary file of {file.stat().st_size / 1024:,.0f} kB.</p>"
        )
    with file.open(encoding="utf-8", errors="replace") as text:
        shown = [_short(line.rstrip("\n")) for line in islice(text, _LINES)]
    name = file.name if out.is_file() else file.relative_to(out).as_posix()
    body = "\n".join(esc(line) for line in shown)
    return f"<h2>First lines of {esc(name)}</h2><pre style='margin-top:8px'>{body}</pre>"


def _short(line: str) -> str:
    return line if len(line) <= _WIDE else f"{line[: _WIDE // 2]} … {line[-_WIDE // 2 :]}"


def _done(report: ExportReport) -> str:
    where = f"<code>{esc(report.out.absolute())}</code>"
    what = f"{parts.count(report.faces, 'face')} in {parts.count(report.photos, 'photo')}"
    told = f"<b>{what}</b> written to {where} · {_link(report.out, 'Download')}"
    return parts.note(told, "good")
