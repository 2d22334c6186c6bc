"""The documentation is built without a warning, asks nobody for anything, and is about this version."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import labelkit
from labelkit.checkpoint import read_card
from labelkit.formats import FORMATS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
WEIGHTS = ROOT / "labelkit" / "models" / "weights"


def making(name: str) -> ModuleType:
    """One of the modules that make pages."""
    sys.path.insert(0, str(DOCS / "making"))
    try:
        return import_module(name)
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly: a warning fails, and links are looked at."""
    pytest.importorskip("mkdocs", reason='needs pip install -e ".[docs]"')
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(out)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return out


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    loaded = re.compile(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"']?(?:https?:)?//", re.IGNORECASE)
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 30
    assert [page.name for page in pages if loaded.search(page.read_text("utf-8"))] == []


def test_every_command_format_and_model_has_its_place_on_the_site(site: Path) -> None:
    commands = (site / "reference" / "commands.html").read_text("utf-8")
    assert [
        words for words in making("commands_page").commands() if f"labelkit {words}<" not in commands
    ] == []
    assert {f"{name}.html" for name in FORMATS} <= {path.name for path in (site / "formats").iterdir()}
    for path in WEIGHTS.glob("*.safetensors"):
        page = (site / "models" / f"{path.stem}.html").read_text("utf-8")
        assert read_card(path)["hash"][:12] in page


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="#here">1</a><a href="b.html#there">2</a><a href="https://example.org/x">3</a>'
        '<a href="#gone">4</a><a href="c.html">5</a><a href="b.html#gone">6</a><img src="../up.png">'
    )
    (tmp_path / "b.html").write_text('<h1 id="there">')
    found = list(making("links").broken_links(tmp_path))
    assert [line.split()[1] for line in found] == ["#gone", "c.html", "b.html#gone", "../up.png"]


def test_the_picture_of_the_layers_is_that_of_pyproject() -> None:
    drawn = making("layers_picture").picture()
    told = "python docs/making/layers_picture.py draws it anew"
    assert (DOCS / "images" / "layers.svg").read_text("utf-8") == drawn, told


def test_losses_on_the_pages_of_formats_are_what_the_writers_say() -> None:
    pages = making("format_pages").format_pages()
    assert "Attributes" in pages["formats/wflw.md"] or "attributes" in pages["formats/wflw.md"]
    assert "Nothing of what a data set says" in pages["formats/csv.md"]
    assert "point 3 is missing" in pages["formats/wflw.md"]
    assert "is refused" not in pages["formats/coco.md"]


def test_the_terms_of_the_weights_cover_every_card() -> None:
    terms = " ".join((WEIGHTS / "TERMS.md").read_text("utf-8").split())
    for path in WEIGHTS.glob("*.safetensors"):
        card = read_card(path)
        assert "research" in card["terms"]
        assert "not for commercial use" in card["terms"]
        for data in card["training"]["data"]:
            assert ("300-W" in data["source"]) or ("YouTube Faces" in data["source"]), path.name
    for named in ("300-W annotations", "YouTube Faces", "not for commercial use"):
        assert named in terms


def test_licences_and_citation_are_of_this_version() -> None:
    yaml = pytest.importorskip("yaml")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert cited["version"] == project["version"] == labelkit.__version__
    assert cited["cff-version"] == "1.2.0"
    for entry in (cited, *cited["references"]):
        assert entry["title"]
        assert all(
            {"name"} <= set(one) or {"family-names", "given-names"} <= set(one) for one in entry["authors"]
        )
    assert project["license"].startswith("Apache-2.0 AND LicenseRef-")
    for name in project["license-files"]:
        assert (ROOT / name).is_file()
    licence = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
