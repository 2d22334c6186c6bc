"""What the doctor says of installations and projects that are broken on purpose."""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
from collections import namedtuple
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from labelkit import doctor
from labelkit.cli import app
from labelkit.doctor import Finding, examine, usable
from labelkit.project import Project

Only = Callable[..., None]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No project in the current folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Only:
    """``only("folders")``: of the checks that load something, only these; all take their time."""

    def choose(*names: str) -> None:
        monkeypatch.setattr(doctor, "_CHECKS", {name: doctor._CHECKS[name] for name in names})

    return choose


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (20, 20)).save(tmp_path / "photos" / "a.png")
    Project.create(tmp_path / "work", tmp_path / "photos", "ibug68").close()
    return tmp_path / "work"


def found(project: Path | None = None) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(project)}


def test_every_package_that_labelkit_needs_is_looked_at(only: Only) -> None:
    only()
    findings = found()
    for name in ("torch", "panel", "anywidget", "ipywidgets", "ipycanvas", "sqlalchemy", "pandas", "typer"):
        assert findings[name].ok, name
        assert findings[name].detail == metadata.version(name)
    assert "pytest" not in findings
    assert {"extra notebook", "extra formats"} <= set(findings)


@pytest.mark.parametrize(
    ("name", "version", "essential", "problem", "fix"),
    [
        ("timm", None, True, "is not installed", "pip install"),
        ("anywidget", None, False, "is not installed", "pip install"),
        ("panel", "1.4.9", False, "1.4.9 is too old: labelkit takes >=1.5", 'pip install "panel>=1.5"'),
        ("torch", "2.3.1+cpu", True, "2.3.1+cpu is too old", "pip install"),
    ],
)
def test_a_package_that_is_missing_or_too_old(
    name: str,
    version: str | None,
    essential: bool,
    problem: str,
    fix: str,
    only: Only,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only()
    real = metadata.version

    def fake(asked: str) -> str:
        if asked != name:
            return real(asked)
        if version is None:
            raise metadata.PackageNotFoundError(asked)
        return version

    monkeypatch.setattr(metadata, "version", fake)
    findings = found()
    assert not findings[name].ok
    assert problem in findings[name].detail
    assert fix in findings[name].fix
    assert findings[name].essential is essential
    assert usable(list(findings.values())) is not essential


@pytest.mark.parametrize(
    ("version", "numbers"), [("2.10.0+cpu", (2, 10, 0)), ("1.9rc1", (1, 9)), ("nix", ()), ("3", (3,))]
)
def test_versions_are_compared_as_numbers(version: str, numbers: tuple[int, ...]) -> None:
    assert doctor._numbers(version) == numbers


def test_an_extra_that_is_not_installed_is_told_with_its_purpose(
    only: Only, monkeypatch: pytest.MonkeyPatch
) -> None:
    only()
    lines = ["numpy>=1.26", "nix-h5py>=3; extra == 'formats'"]
    monkeypatch.setattr(metadata, "requires", lambda name: lines)
    finding = found()["extra formats"]
    assert (finding.ok, finding.essential) == (False, False)
    assert finding.detail == "nix-h5py: not installed"
    assert finding.fix == 'for Parquet, COFW and AFLW files: pip install "labelkit[formats]"'


@pytest.mark.parametrize("module", ["panel", "bokeh"])
def test_an_app_that_cannot_be_loaded(module: str, only: Only, monkeypatch: pytest.MonkeyPatch) -> None:
    only("app in the browser")
    monkeypatch.setitem(sys.modules, module, None)
    findings = found()
    assert not findings["app in the browser"].ok
    assert module in findings["app in the browser"].detail
    assert usable(list(findings.values()))  # labels can be made from the command line


def test_the_editors_module_is_there_or_named(only: Only, monkeypatch: pytest.MonkeyPatch) -> None:
    only("app in the browser")
    findings = found()
    assert findings["editor and studio"].ok
    assert findings["app in the browser"].ok
    monkeypatch.setattr(doctor, "_ENTRIES", ("editor.js", "lost.js"))
    assert "lost.js" in found()["app in the browser"].detail


def test_weights_that_are_gone(only: Only, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only("model base")
    monkeypatch.setattr("labelkit.models.registry.model_folders", lambda: [tmp_path])
    finding = found()["model base"]
    assert (finding.ok, finding.essential) == (False, True)
    assert "base.safetensors: there is no such file" in finding.detail


def test_weights_that_are_damaged_are_named(
    only: Only, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only("model base")
    monkeypatch.setenv("LABELKIT_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.safetensors").write_bytes(b"nothing of the kind")
    monkeypatch.setattr("labelkit.models.registry.model_folders", lambda: [tmp_path])
    finding = found()["model mine"]
    assert (finding.ok, finding.essential) == (False, False)
    assert "mine.safetensors" in finding.detail
    assert "add it again" in finding.fix


def test_a_folder_that_cannot_be_written(only: Only, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only("folders")
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LABELKIT_CACHE", str(tmp_path / "file" / "cache"))
    finding = found()["cache"]
    assert not finding.ok
    assert "cannot be written" in finding.detail
    assert "LABELKIT_CACHE" in finding.fix


def test_a_disk_that_is_nearly_full(only: Only, monkeypatch: pytest.MonkeyPatch) -> None:
    only("folders")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**12, 10**12, 3 * 10**8))
    finding = found()["disk space here"]
    assert not finding.ok
    assert finding.detail.startswith("0.3 GB free in ")


def test_a_project_that_is_well(project: Path, only: Only, monkeypatch: pytest.MonkeyPatch) -> None:
    only()
    findings = found(project)
    assert all(finding.ok for name, finding in findings.items() if name.startswith("project"))
    assert "68 points of ibug68" in findings["project"].detail
    assert findings["project database"].detail == "whole"
    assert "project" not in found()
    monkeypatch.chdir(project)
    assert "project" in found()


def test_a_project_folder_in_which_nobody_may_write(
    project: Path, only: Only, monkeypatch: pytest.MonkeyPatch
) -> None:
    only()
    real = tempfile.TemporaryFile

    def refuse(*args: object, dir: Path | None = None, **more: object) -> object:  # noqa: A002 - as there
        if dir is not None and Path(dir).name == "exports":
            raise PermissionError(13, "Permission denied")
        return real(dir=dir)

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    findings = found(project)
    assert not findings["folder exports"].ok
    assert f"chmod -R u+rwX {project}" in findings["folder exports"].fix
    assert not usable(list(findings.values()))


def test_a_project_whose_photos_and_model_are_gone(project: Path, only: Only) -> None:
    only()
    (project.parent / "photos").rename(project.parent / "moved")
    settings = project / "labelkit.toml"
    settings.write_text(settings.read_text().replace('model = "base"', 'model = "lost"'))
    findings = found(project)
    assert not findings["project photos"].ok
    assert f"labelkit relocate {project} --images" in findings["project photos"].fix
    assert "no model is called 'lost'" in findings["project model"].detail


def test_a_project_whose_database_is_damaged(project: Path, only: Only) -> None:
    only()
    with sqlite3.connect(project / "labelkit.db") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray((project / "labelkit.db").read_bytes())
    content[5 * 4096 : 9 * 4096] = b"\xaa" * (4 * 4096)
    (project / "labelkit.db").write_bytes(content)
    findings = found(project)
    broken = [finding for name, finding in findings.items() if name.startswith("project") and not finding.ok]
    assert broken
    assert all(finding.fix for finding in broken)
    assert not usable(list(findings.values()))


def test_no_project_is_said_in_one_line_and_exits_with_1(only: Only, tmp_path: Path) -> None:
    only()
    result = CliRunner().invoke(app, ["doctor", str(tmp_path)])
    assert result.exit_code == 1
    line = next(line for line in result.stdout.splitlines() if line.startswith("BROKEN"))
    assert "is no labelkit project" in line
    assert "Mend what is BROKEN" in result.stdout
    facts = json.loads(CliRunner().invoke(app, ["doctor", str(tmp_path), "--json"]).stdout)
    assert facts["usable"] is False
    assert facts["findings"][-1]["name"] == "project"
