"""Label files into the project: the panel *Import labels* of the page *Images*."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import panel as pn

from labelkit.app import parts
from labelkit.app.parts import esc
from labelkit.app.session import Session
from labelkit.app.upload import batch_folder
from labelkit.app.widgets import Drop
from labelkit.errors import InputError
from labelkit.formats import FORMATS, guess_format
from labelkit.project.importing import ImportReport
from labelkit.scheme import builtin_schemes

_BY_FILE = "tell from the file"


class ImportLabels:
    """Takes a file or several, says what they are, and imports them on request."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._path: Path | None = None
        self._told = parts.html("")
        formats = {_BY_FILE: "", **{entry.title: entry.name for entry in FORMATS.values()}}
        self._format = pn.widgets.Select(name="Format", options=formats, width=300, margin=0)
        schemes = {_BY_FILE: "", **{name: name for name in builtin_schemes()}}
        self._scheme = pn.widgets.Select(name="Scheme of the file", options=schemes, width=220, margin=0)
        self._counts = parts.choice(
            {"are confirmed": "confirmed", "are to be reviewed": "to-review"}, "confirmed"
        )
        self._import = parts.button("Import", "primary", disabled=True)
        self._import.on_click(session.working(self._run))

    def show(self) -> pn.Column:
        drop = Drop(
            kind="labels",
            title="Drop a label file here, or all files of a folder",
            hint="WFLW lists, 300-W .pts, COCO keypoints, CSV and more; the photos have to be in the project",
            sizing_mode="stretch_width",
            margin=0,
        )
        drop.heard = self._session.guarded(self._taken)
        pieces: list[Any] = [drop]
        if self._session.shared.local:
            place = pn.widgets.TextInput(
                name="or its path on this computer", placeholder="/data/wflw/list.txt", margin=0, width=460
            )
            place.param.watch(self._session.guarded(lambda event: self._named(event.new)), "value")
            pieces.append(place)
        counts = parts.row(parts.html("The labels", width=84, sizing_mode="fixed"), self._counts)
        pieces += [parts.row(self._format, self._scheme), counts, self._told, parts.row(self._import)]
        return parts.card(*pieces, title="Import labels that exist already")

    def _named(self, text: str) -> None:
        if text.strip():
            self._look(Path(text.strip()).expanduser())

    def _taken(self, data: dict[str, Any]) -> None:
        if data.get("type") == "sent":
            folder = batch_folder(self._session.project.folder, str(data["batch"]))
            files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
            self._look(files[0] if len(files) == 1 else folder)

    def _look(self, path: Path) -> None:
        """Say what a file is, and let it be imported."""
        self._path, self._import.disabled = None, True
        try:
            found = guess_format(path)
            told = f"<b>{esc(path.name)}</b> is a {esc(found.title)}."
        except InputError as error:
            if not path.exists():
                self._told.object = parts.note(esc(error), "bad")
                return
            told = f"<b>{esc(path.name)}</b>: what it is cannot be told; choose its format above."
        self._path, self._import.disabled = path, False
        self._told.object = parts.note(told)

    async def _run(self, *_: object) -> None:
        path, project = self._path, self._session.project
        if path is None:
            return
        if self._scheme.value and self._scheme.value not in builtin_schemes():
            raise InputError("the browser named a scheme that was not offered")
        report = await self._session.aside(
            lambda: project.import_annotations(
                path,
                self._format.value or None,
                author=self._session.author,
                as_=self._counts.value,
                scheme=self._scheme.value or None,
            )
        )
        self._told.object = _said(report)


def _said(report: ImportReport) -> str:
    """What an import did, as HTML."""
    told = f"<b>{report.added:,} of {parts.count(report.read, 'face')}</b> imported"
    remarks = []
    if report.translated_from is not None:
        remarks.append(f"translated from {report.translated_from}, hence to be reviewed")
    if report.to_review:
        remarks.append(f"{report.to_review:,} are predictions, to be reviewed")
    if report.unchanged:
        remarks.append(f"{report.unchanged:,} were there already")
    if report.kept:
        remarks.append(f"{len(report.kept):,} stay as they are: somebody has dealt with them here")
    if report.outside:
        remarks.append(f"{len(report.outside):,} are in photos that are not in the project")
    more = parts.lines([*remarks, *report.left_out]) if remarks or report.left_out else ""
    return parts.note(told + more, "good" if report.added or report.unchanged else "warn")
