"""Names, notes and files with HTML in them are shown as text, wherever they come from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import panel as pn
import pytest
import torch
from PIL import Image

from labelkit.app import export, images, parts, prelabel, quality, train
from labelkit.app import judging as app_judging
from labelkit.app import scheme as app_scheme
from labelkit.app.session import PAGES, Session
from labelkit.app.shared import Shared
from labelkit.checkpoint import save_checkpoint
from labelkit.geometry import Box, Crop, Similarity
from labelkit.landmarks import Face, Landmarks
from labelkit.notebook.gallery import gallery
from labelkit.prediction import Prediction
from labelkit.project import Project
from labelkit.project.corrections import collect
from labelkit.scheme import Point, Scheme
from labelkit.scheme.change import plan_change
from labelkit.store import NewPrediction

EVIL = "<img src=x onerror=alert(1)><script>alert(1)</script>\"'"
FILE = "<img src=x onerror=alert(1)>.png"


class Seen(HTMLParser):
    """The tags and the text of a piece of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.problems: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in ("script", "iframe", "object", "embed", "base", "meta", "link"):
            self.problems.append(tag)
        if any(name.startswith("on") for name in values) or values.get("src") == "x":
            self.problems.append(f"{tag} {attrs}")
        self.text += " ".join(value or "" for value in values.values())

    def handle_data(self, data: str) -> None:
        self.text += data


def is_text(*pieces: str, shown: bool = True) -> None:
    """No piece has a tag of the attacker's; with ``shown`` one of them shows what they wrote."""
    seen = [Seen(piece) for piece in pieces]
    assert [problem for one in seen for problem in one.problems] == []
    assert not shown or any("onerror=alert(1)" in one.text for one in seen)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project in which everything that anybody can name has an evil name."""
    root = tmp_path_factory.mktemp("names")
    (root / "photos").mkdir()
    for number, name in enumerate((FILE, "b.png")):
        Image.new("RGB", (80, 80), (number, 0, 0)).save(root / "photos" / name)
    places = ((-0.38, -0.1), (0.38, -0.1), (0.0, 0.3), (0.1, 0.5))
    points = tuple(Point(f"{EVIL}{i}", x, y, EVIL, EVIL) for i, (x, y) in enumerate(places))
    scheme = Scheme("evil", points, title=EVIL, description=EVIL)
    project = Project.create(root / "work", root / "photos", scheme, name=EVIL, author=EVIL)
    # Before the faces: a prediction for another scheme is compared with nothing.
    changed = replace(scheme, description=f"{EVIL} again")
    project.change_scheme(plan_change(scheme, changed, {}), EVIL, EVIL)
    crop = Crop(Similarity(30.0, 0.0, 40.0, 40.0))
    for name in (FILE, "b.png"):
        face = project.add_face(name, Box(5, 5, 70, 70, "user"), EVIL)
        known = project.find(face)
        xy = crop.points_to_image(scheme.plane)
        project.store.put_predictions([NewPrediction(known.id, Prediction(xy, EVIL, crop, "evil"), 0.5)])
        for author, shift in ((EVIL, 1.0), ("ann", 3.0)):
            project.annotate(face, Landmarks(scheme, xy + shift), author=author, base_revision=0)
        project.store.set_note(known.id, EVIL, EVIL)
        project.store.set_attributes(known.id, {"person": EVIL}, EVIL)
        project.comment(face, EVIL, EVIL)
    job = project.store.jobs.start(project.store.jobs.add("prelabel", {}).id)
    project.store.jobs.fail(job, EVIL)
    tuned = {"faces": 3, "before": 5.0, "after": 4.0, "stage": EVIL, "parent": EVIL}
    metrics = {"dev_nme_io": 4.0}
    card = {
        "kind": "tufa",
        "description": EVIL,
        "terms": EVIL,
        "date": EVIL,
        "tuned": tuned,
        "metrics": metrics,
    }
    save_checkpoint(project.folder / "models" / "evil.safetensors", {"a": torch.zeros(1)}, card)
    yield project
    project.close()


@pytest.fixture
def session(project: Project) -> Session:
    return Session(Shared(project), EVIL, "images")


def panes(*views: Any) -> list[str]:
    """The HTML of every pane in some views; nothing else of Panel's shows HTML."""
    found: list[str] = []
    for view in views:
        assert not list(view.select(pn.pane.Markdown))
        found += [str(pane.object) for pane in view.select(pn.pane.HTML)]
        found += [str(card.title) for card in view.select(pn.layout.Card)]
    return found


def test_what_is_evil_is_seen_as_such() -> None:
    with pytest.raises(AssertionError):
        is_text(f"<p>{EVIL}</p>")


@pytest.mark.parametrize("page", sorted(set(PAGES) - {"scheme", "review", "quality", "log"}))
def test_pages(session: Session, page: str) -> None:
    session._show(page)
    is_text(*panes(session._body), shown=page in ("prelabel", "train"))


def test_the_page_of_the_scheme(session: Session, project: Project) -> None:
    back = app_scheme._Back(session, lambda: None)
    back.fill()
    back._ask()
    is_text(*panes(back.bar, back.plan))
    is_text(*panes(app_scheme._plain(project.scheme, "")))


def test_the_page_of_quality(session: Session, project: Project) -> None:
    is_text(*(piece for view in quality._pictures(collect(project)) for piece in panes(view)))
    found = app_judging.judge(project.store)
    is_text(*(piece for view in app_judging.cards(session, found) for piece in panes(view)))


@pytest.mark.parametrize("form", ["csv", "coco"])
def test_the_page_of_exports(session: Session, form: str) -> None:
    view = export.View(session)
    view._format.value = form
    told, preview, possible = view._tried()
    assert possible, told
    is_text(told, preview)


def test_problems(session: Session) -> None:
    view = export.View(session)
    is_text(view._nothing(EVIL))
    is_text(parts.lines([EVIL]), parts.table([EVIL], [[EVIL]]), parts.numbers([(EVIL, EVIL)]))
    is_text(parts.empty("photo", EVIL, ""))
    is_text(*panes(parts.card(title=EVIL), parts.page(EVIL, EVIL), parts.label(EVIL)))


def test_models(project: Project) -> None:
    (card,) = [model for model in prelabel.known_models(project.folder) if model.name == "evil"]
    is_text(prelabel._about(card))
    (version,) = train.versions(project.folder)
    is_text(train._about(version))


@pytest.mark.parametrize(
    "shown",
    [
        lambda project: project._repr_html_(),
        lambda project: project.status()._repr_html_(),
        lambda project: project.scheme._repr_html_(),
        lambda project: project.agreement()[0]._repr_html_(),
        lambda project: gallery(project)._repr_html_(),
        lambda project: project.log()._repr_html_(),
        lambda project: project.table()._repr_html_(),
    ],
)
def test_notebooks(project: Project, shown: Callable[[Project], str]) -> None:
    # pandas brings a style sheet of its own, which is no tag of the attacker's.
    is_text(shown(project))


def test_the_login_page_and_the_title(project: Project) -> None:
    from labelkit.app.login import LoginHandler

    told: list[str] = []
    handler = LoginHandler.__new__(LoginHandler)
    handler.shared = Shared(project)
    handler.set_header = lambda *_: None  # type: ignore[method-assign]  # listens
    handler.finish = told.append  # type: ignore[method-assign,assignment]  # listens
    handler._page(EVIL)
    body = told[0].partition("<body>")[2]
    is_text(body)


def test_no_script_of_ours_makes_html_of_what_it_is_told() -> None:
    """Our own modules write HTML in three places, all of them with nothing in it but their own words."""
    package = Path(images.__file__).parents[1]
    dangerous = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|srcdoc"
    )
    found = {
        f"{path.name}: {dangerous.search(line)[0]}"  # type: ignore[index]  # it was found
        for path in package.rglob("*.js")
        for line in path.read_text("utf-8").splitlines()
        if dangerous.search(line)
    }
    assert found == {"drop.js: innerHTML", "shell.js: innerHTML"}


def test_faces_can_be_named_at_all(project: Project) -> None:
    assert np.isfinite(project.landmarks(Face(FILE)).xy).all()
