"""What is installed here, what is missing, and how to get it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING

from labelkit import __version__
from labelkit.errors import CheckpointError, LabelkitError

if TYPE_CHECKING:
    from labelkit.models.predictor import LandmarkModel

#: What labels cannot be made without, by the name under which it is installed.
ESSENTIAL = ("torch", "torchvision", "timm", "numpy", "opencv-python-headless", "pillow", "safetensors")

#: Extras of labelkit, and what they are for; without them everything else goes on.
EXTRAS = {"notebook": "widgets in JupyterLab", "formats": "Parquet, COFW and AFLW files"}

#: What the editor and the studio are made of, as their hosts load it.
_ENTRIES = ("editor.js", "grid.js", "studio.js")

_OTHER_OPENCV = ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless")

#: Free space under which it is told that there is little.
_LITTLE = 1 << 30

_AGAIN = "install labelkit again: pip install -e ."

#: A line of the package's own needs, such as "torch!=2.13.0,>=2.4".
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+?)(?:\[.*\])?\s*\(?(?P<versions>[<>=!~][^()]*)?\)?")
_EXTRA = re.compile(r"extra\s*==\s*['\"](?P<name>[^'\"]+)")

_TORCH_PAIR = (
    "install torch and torchvision together from one index: "
    "pip install --force-reinstall torch torchvision --index-url https://download.pytorch.org/whl/cpu"
)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``fix`` says what to do where it is not ``ok``; without an
    ``essential`` thing labels cannot be made at all."""

    name: str
    ok: bool
    detail: str
    fix: str = ""
    essential: bool = False


def examine(project: Path | None = None) -> Iterator[Finding]:
    """Everything that is looked at, one by one, since loading torch takes its time; also the project in
    the folder ``project``, by default in the current one if that holds one."""
    where = f"{platform.system()} {platform.machine()}"
    old = sys.version_info < (3, 11)
    python = f"{__version__}, Python {platform.python_version()}, {where}"
    yield Finding("labelkit", not old, python, "labelkit needs Python 3.11 or newer", essential=True)
    yield from _packages()
    for name, (check, essential) in _CHECKS.items():
        yield from _guarded(name, check, essential)
    here = Path()
    if project is not None or (here / "labelkit.toml").is_file():
        yield from _guarded("project", lambda: _project(project or here), essential=True)


def _guarded(name: str, check: Callable[[], Iterator[Finding]], essential: bool) -> Iterator[Finding]:
    try:
        yield from check()
    except LabelkitError as error:
        yield Finding(
            name, False, str(error), "mend what it names; labelkit doctor then says what is left", essential
        )
    except Exception as error:  # noqa: BLE001 - a broken installation raises anything
        problem = " ".join(str(error).split()) or type(error).__name__
        yield Finding(name, False, problem, _TORCH_PAIR if name == "torch" else _AGAIN, essential)


def _packages() -> Iterator[Finding]:
    """Everything that labelkit says it needs, with the versions that it takes."""
    wanted, extras = _requirements()
    for name, versions in {**dict.fromkeys(ESSENTIAL, ""), **wanted}.items():
        yield _package(name, versions, name in ESSENTIAL)
    for extra, purpose in EXTRAS.items():
        absent = [name for name in extras.get(extra, ()) if not _version(name)]
        fix = f'for {purpose}: pip install "labelkit[{extra}]"'
        detail = f"{', '.join(absent)}: not installed" if absent else "installed"
        yield Finding(f"extra {extra}", not absent, detail, fix)


def _requirements() -> tuple[dict[str, str], dict[str, list[str]]]:
    """The names of the packages that are needed with their versions as in ">=2.1", and those of every
    extra; nothing where labelkit runs without being installed."""
    needed: dict[str, str] = {}
    extras: dict[str, list[str]] = {}
    with suppress(metadata.PackageNotFoundError):
        for line in metadata.requires("labelkit") or ():
            text, _, condition = line.partition(";")
            found = _REQUIREMENT.fullmatch(text.strip())
            extra = _EXTRA.search(condition)
            if found is None:
                continue
            if extra is None:
                needed[found["name"].lower()] = found["versions"]
            else:
                extras.setdefault(extra["name"], []).append(found["name"].lower())
    return needed, extras


def _version(name: str) -> str:
    """The version of a package, "" where it is not installed. OpenCV comes under four names; any of
    them will do."""
    for known in (name, *(_OTHER_OPENCV if name.startswith("opencv") else ())):
        with suppress(metadata.PackageNotFoundError):
            return metadata.version(known) + (f" ({known})" if known != name else "")
    return ""


def _package(name: str, versions: str, essential: bool) -> Finding:
    known = _version(name)
    if not known:
        return Finding(name, False, "is not installed", f'pip install "{name}{versions}"', essential)
    least = re.search(r">=\s*([0-9.]+)", versions)
    if least is not None and _numbers(known) < _numbers(least[1]):
        problem = f"{known} is too old: labelkit takes {versions}"
        return Finding(name, False, problem, f'pip install "{name}{versions}"', essential)
    return Finding(name, True, known)


def _numbers(version: str) -> tuple[int, ...]:
    """``2.9.1+cpu`` as (2, 9, 1), to compare: only the numbers that a version begins with count."""
    first = re.match(r"[0-9.]*", version)
    return tuple(int(part) for part in (first[0] if first else "").split(".") if part)


def _torch() -> Iterator[Finding]:
    import torch
    import torchvision

    # The C++ part is what breaks when the two are not of one family.
    torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    detail = f"{torch.__version__} and {torchvision.__version__} work together"
    yield Finding("torch with torchvision", True, detail)


def _device() -> Iterator[Finding]:
    import torch

    from labelkit.models.predictor import choose_device

    device = choose_device("auto")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{os.cpu_count()} cores"
    yield Finding("device", True, f"{device} ({name}, {torch.get_num_threads()} threads)")
    fast = torch.cuda.is_bf16_supported() if device.type == "cuda" else _cpu_bf16()
    yield Finding("bf16", True, "used" if fast else "not supported here: another precision is used")


def _cpu_bf16() -> bool:
    import torch

    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _widgets() -> Iterator[Finding]:
    """Whether what browsers load is here: the editor's and the studio's modules, Bokeh's and Panel's."""
    import bokeh
    import panel as pn

    from labelkit.editor.bundle import bundle

    size = sum(len(bundle(entry).encode()) for entry in _ENTRIES)
    yield Finding("editor and studio", True, f"{', '.join(_ENTRIES)}: {size / 1000:.0f} kB for the browser")
    parts = [
        Path(str(bokeh.__file__)).parent / "server" / "static" / "js" / "bokeh.min.js",
        Path(str(pn.__file__)).parent / "dist" / "panel.min.js",
    ]
    lost = [str(path) for path in parts if not path.is_file()]
    fix = "install them again: pip install --force-reinstall panel bokeh"
    detail = (
        f"{lost[0]}: there is no such file" if lost else f"Panel {pn.__version__}, Bokeh {bokeh.__version__}"
    )
    yield Finding("app in the browser", not lost, detail, fix)


def _notebooks() -> Iterator[Finding]:
    """Whether widgets can be made in notebooks: their modules read what the browser loads."""
    names = ("anywidget", "ipywidgets", "ipycanvas")
    for module in (*names, "labelkit.editor.jupyter", "labelkit.editor.studio_jupyter"):
        import_module(module)
    versions = ", ".join(f"{name} {_version(name)}" for name in names)
    yield Finding("widgets in notebooks", True, versions)


def _tests() -> Iterator[Finding]:
    """The browser that the tests drive, where the tests are installed; who labels needs no other than
    their own."""
    if not _version("playwright"):
        return
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    cached = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", "~/.cache/ms-playwright")).expanduser()
    found = found or next((str(path) for path in sorted(cached.glob("chromium*"))), None)
    fix = "playwright install chromium (make test does it itself)"
    yield Finding("browser for the tests", found is not None, found or "no Chromium is found", fix)


def _detectors() -> Iterator[Finding]:
    from labelkit.detect import YUNET_VARIABLE, default_detector, detectors_available, yunet_path

    available = detectors_available()
    for name, problem in available.items():
        fix = f"not needed; to use it, put its ONNX file at {yunet_path()}, or name it in {YUNET_VARIABLE}"
        if name != "yunet":
            fix = _AGAIN
        none_left = all(available.values())
        yield Finding(f"detector {name}", problem is None, problem or "can be used", fix, none_left)
    if not all(available.values()):
        yield Finding("detector in use", True, default_detector().name)


def _model() -> Iterator[Finding]:
    from labelkit.models.registry import load_model, model_folders

    yield from _added()
    path = model_folders()[-1] / "base.safetensors"
    if not path.is_file():
        fix = "install labelkit again, or give another model with --model FILE"
        yield Finding("model base", False, f"{path}: there is no such file", fix, essential=True)
        return
    model = load_model(path)
    size = f"{path.stat().st_size / 1e6:.1f} MB"
    yield Finding("model base", True, f"{size}, hash {model.card['hash'][:12]}")
    yield _head(model, path)
    yield Finding("terms of base", True, model.terms or "none")
    yield _speed(model)


def _added() -> Iterator[Finding]:
    """Models and other weights that somebody added, whose files can no longer be read."""
    from labelkit.checkpoint import read_card
    from labelkit.models.folders import list_files, user_models

    for name, path in list_files().items():
        if path.parent == user_models():
            try:
                read_card(path)
            except CheckpointError as error:
                yield Finding(f"model {name}", False, str(error), f"remove {path}, or add it again")


def _head(model: LandmarkModel, path: Path) -> Finding:
    """Whether base says how sure it is: without its refinement head it places points all the same."""
    from labelkit.models.heads import head_of

    head = head_of(path, model.card)
    if model.refiner is None or head is None:
        problem = "is not there: predictions come without their spread"
        return Finding("refinement head", False, problem, _AGAIN)
    size = f"{head.stat().st_size / 1e6:.1f} MB"
    return Finding("refinement head", True, f"{size}, hash {model.refiner.card['hash'][:12]}")


def _speed(model: LandmarkModel) -> Finding:
    """How many faces a second the networks place, once they are cut out."""
    rate = model.network_rate(points=68, batch=16, seconds=1.0)
    precision = str(model.dtype).removeprefix("torch.")
    detail = f"{rate:.0f} faces a second on {model.device}, {precision}, batch 16"
    if model.refiner is not None:
        alone = model.network_rate(points=68, batch=16, seconds=1.0, refine=False)
        detail += f", {alone:.0f} without its refinement head"
    return Finding("speed of base", True, detail)


def _schemes() -> Iterator[Finding]:
    from labelkit.scheme import builtin_schemes, load_scheme

    found = {name: len(load_scheme(name)) for name in builtin_schemes()}
    text = ", ".join(f"{name} ({count} points)" for name, count in found.items())
    yield Finding("schemes", bool(found), text or "none", _AGAIN, True)


def _projects() -> Iterator[Finding]:
    """Whether a project's database works here: not everywhere can processes share one."""
    fix = "keep projects on a local disk, with an SQLite of 3.35 or newer"
    with tempfile.TemporaryDirectory() as folder:
        # Closed before the folder goes: Windows removes no open file.
        with closing(sqlite3.connect(Path(folder, "try.db"))) as connection:
            mode = str(connection.execute("PRAGMA journal_mode=WAL").fetchone()[0])
        fine = mode == "wal" and sqlite3.sqlite_version_info >= (3, 35)
        yield Finding("project storage", fine, f"SQLite {sqlite3.sqlite_version}, journal mode {mode}", fix)


def _folders() -> Iterator[Finding]:
    from labelkit.detect import cache_folder
    from labelkit.models.registry import user_models

    yield _writable("cache", cache_folder(), "name a folder of yours in LABELKIT_CACHE")
    yield _writable("added models", user_models(), "name a folder of yours in LABELKIT_HOME")
    yield _writable("temporary files", Path(tempfile.gettempdir()), "name a folder of yours in TMPDIR")
    yield _space("disk space here", Path())


def _space(name: str, folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    fix = "make room: a project grows by some 20 kB a face, models and exports come on top"
    return Finding(name, free >= _LITTLE, f"{free / 1e9:.1f} GB free in {folder.absolute()}", fix)


def _project(folder: Path) -> Iterator[Finding]:
    """Whether work can go on in a project's folder: who may write there, its settings, its database, its
    photos, and the room on its disk."""
    from labelkit.project import Project
    from labelkit.store.database import connect

    if (folder / "labelkit.toml").is_file():
        yield from _rights(folder)
    with Project.open(folder) as project:
        done = f"{project.settings.name!r}, {len(project.scheme)} points of {project.scheme.name}"
        yield Finding("project", True, f"{folder.absolute()}: {done}")
        named, root = project.settings.model, project.images
    with closing(connect(folder / "labelkit.db")) as database:
        state = str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
    fix = "stop labelling, copy the folder, and take the newest backup beside labelkit.db"
    yield Finding("project database", state == "ok", state if state != "ok" else "whole", fix, essential=True)
    fix = f"labelkit relocate {folder} --images WHERE-THEY-ARE"
    yield Finding(
        "project photos", root.is_dir(), str(root) if root.is_dir() else f"{root}: is not there", fix
    )
    yield _model_of(folder, named)
    yield _space("disk space of the project", folder)


def _rights(folder: Path) -> Iterator[Finding]:
    """What of a project cannot be written."""
    from labelkit.project.folder import FOLDERS

    fix = f"give yourself the right to write there: chmod -R u+rwX {folder}, by whoever owns it"
    for place in (folder, *(folder / name for name in FOLDERS)):
        finding = _writable(f"folder {place.name}", place, fix)
        if not finding.ok:
            yield replace(finding, essential=True)
    for file in (folder / "labelkit.toml", folder / "labelkit.db"):
        if file.exists() and not os.access(file, os.R_OK | os.W_OK):
            yield Finding(f"file {file.name}", False, f"{file}: cannot be written", fix, essential=True)


def _model_of(folder: Path, name: str) -> Finding:
    """Whether the model that a project asks for is there."""
    from labelkit.checkpoint import read_card
    from labelkit.models.registry import find_model
    from labelkit.prelabel.files import local_model

    try:
        card = read_card(local_model(folder, name) or find_model(name))
    except LabelkitError as error:
        fix = f'choose another by model = "base" in {folder / "labelkit.toml"}, or on the page Train'
        return Finding("project model", False, str(error), fix)
    return Finding("project model", True, f"{card.get('name')}, hash {str(card.get('hash'))[:12]}")


def _writable(name: str, folder: Path, fix: str) -> Finding:
    """Whether a file can be made in ``folder``, or in the first folder above it that is there;
    looking leaves nothing behind."""
    place = next(part for part in (folder, *folder.absolute().parents) if part.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            return Finding(name, True, str(folder))
    except OSError as error:
        problem = f"{folder}: cannot be written ({error.strerror})"
        return Finding(name, False, problem, fix)


#: What is looked at, and whether labels cannot be made where it breaks.
_CHECKS: dict[str, tuple[Callable[[], Iterator[Finding]], bool]] = {
    "torch": (_torch, True),
    "device": (_device, True),
    "detectors": (_detectors, True),
    "model base": (_model, True),
    "schemes": (_schemes, True),
    "app in the browser": (_widgets, False),
    "widgets in notebooks": (_notebooks, False),
    "browser for the tests": (_tests, False),
    "project storage": (_projects, True),
    "folders": (_folders, False),
}


def usable(findings: list[Finding]) -> bool:
    """Whether nothing essential is missing."""
    return all(finding.ok or not finding.essential for finding in findings)
