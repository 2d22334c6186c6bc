"""What is installed here, what is missing, and how to get it."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from labelkit import __version__

if TYPE_CHECKING:
    from labelkit.models.predictor import LandmarkModel

#: By the name under which they are installed; True where nothing works without.
PACKAGES = {
    "torch": True,
    "torchvision": True,
    "timm": True,
    "numpy": True,
    "opencv-python-headless": True,
    "pillow": True,
    "safetensors": True,
    "sqlalchemy": False,
    "matplotlib": False,
    "scikit-image": False,
    "panel": False,
}

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


def examine() -> Iterator[Finding]:
    """Everything that is looked at, one by one, since loading torch takes its time."""
    where = f"{platform.system()} {platform.machine()}"
    yield Finding("labelkit", True, f"{__version__}, Python {platform.python_version()}, {where}")
    for package, essential in PACKAGES.items():
        yield _package(package, essential)
    for name, check in _CHECKS.items():
        try:
            yield from check()
        except Exception as error:  # noqa: BLE001 - a broken installation raises anything
            problem = " ".join(str(error).split()) or type(error).__name__
            fix = _TORCH_PAIR if name == "torch" else "install labelkit again: pip install -e ."
            yield Finding(name, False, problem, fix, essential=True)


def _package(name: str, essential: bool) -> Finding:
    try:
        return Finding(name, True, metadata.version(name))
    except metadata.PackageNotFoundError:
        # OpenCV comes under four names; any of them will do.
        other = _other_opencv() if name.startswith("opencv") else None
        if other is not None:
            return Finding(name, True, other)
        return Finding(name, False, "is not installed", f"pip install {name}", essential)


def _other_opencv() -> str | None:
    for name in ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"):
        try:
            return f"{metadata.version(name)} ({name})"
        except metadata.PackageNotFoundError:
            continue
    return None


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


def _detectors() -> Iterator[Finding]:
    from labelkit.detect import YUNET_VARIABLE, default_detector, detectors_available, yunet_path

    available = detectors_available()
    for name, problem in available.items():
        fix = f"put its ONNX file at {yunet_path()}, or name it in {YUNET_VARIABLE}"
        if name != "yunet":
            fix = "install labelkit again: pip install -e ."
        none_left = all(available.values())
        yield Finding(f"detector {name}", problem is None, problem or "can be used", fix, none_left)
    if not all(available.values()):
        yield Finding("detector in use", True, default_detector().name)


def _model() -> Iterator[Finding]:
    from labelkit.models.registry import load_model, model_folders

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


def _head(model: LandmarkModel, path: Path) -> Finding:
    """Whether base says how sure it is: without its refinement head it places points all the same."""
    from labelkit.models.heads import head_of

    head = head_of(path, model.card)
    if model.refiner is None or head is None:
        problem = "is not there: predictions come without their spread"
        return Finding("refinement head", False, problem, "install labelkit again: pip install -e .")
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
    yield Finding("schemes", bool(found), text or "none", "install labelkit again: pip install -e .", True)


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

    yield _writable("cache", cache_folder(), "LABELKIT_CACHE")
    yield _writable("added models", user_models(), "LABELKIT_HOME")


def _writable(name: str, folder: Path, variable: str) -> Finding:
    """Whether a file can be made in ``folder``, or in the first folder above it that is there;
    looking leaves nothing behind."""
    place = next(part for part in (folder, *folder.absolute().parents) if part.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            return Finding(name, True, str(folder))
    except OSError as error:
        problem = f"{folder}: cannot be written ({error.strerror})"
        return Finding(name, False, problem, f"name a folder of yours in {variable}")


_CHECKS: dict[str, Callable[[], Iterator[Finding]]] = {
    "torch": _torch,
    "device": _device,
    "detectors": _detectors,
    "model base": _model,
    "schemes": _schemes,
    "project storage": _projects,
    "folders": _folders,
}


def usable(findings: list[Finding]) -> bool:
    """Whether nothing essential is missing."""
    return all(finding.ok or not finding.essential for finding in findings) and sys.version_info >= (3, 11)
