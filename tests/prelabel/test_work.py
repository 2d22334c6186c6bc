"""Prelabelling with a model that has no network."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelkit.errors import BoxError
from labelkit.geometry import Box, Crop, Similarity
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks, State
from labelkit.prediction import Prediction
from labelkit.prelabel.work import ALIAS, face_box, plan, prelabel
from labelkit.scheme import Point, Scheme, load_scheme
from labelkit.scheme.change import plan_change
from labelkit.scheme.edit import add_points
from labelkit.store import FaceState, NewFace, NewImage, Store

SCHEME = load_scheme("ibug68")
FOUND = Box(10, 10, 50, 60, "detector", "fake", 0.75)
NAMES = ("a.png", "b.png", "nobody.png", "sub/c.png")


@dataclass
class Result:
    boxes: tuple[Box, ...]
    predictions: list[Prediction]
    problem: str | None = None

    @property
    def looks(self) -> list[bytes]:
        return [b""] * len(self.predictions)


@dataclass
class FakeModel:
    """Finds one face in every photo but those called ``nobody``; cannot read those called ``broken``."""

    id: str = "fake@1"
    asked: dict[str, Any] = field(default_factory=dict)
    scheme: Scheme | None = None

    def __call__(
        self, photos: Iterable[tuple[ImageFile, tuple[Box, ...] | None]], scheme: Scheme
    ) -> Iterator[Result]:
        self.scheme = scheme
        for file, given in photos:
            self.asked[file.path.name] = given
            found = () if "nobody" in file.path.name else (FOUND,)
            boxes = found if given is None else given
            if "broken" in file.path.name:
                yield Result(boxes, [], f"{file.path}: is no picture")
            else:
                yield Result(boxes, [self.said(box, scheme) for box in boxes])

    def said(self, box: Box, scheme: Scheme) -> Prediction:
        crop = Crop(Similarity(box.width, 0.0, *box.center))
        return Prediction(crop.points_to_image(scheme.plane), self.id, crop, scheme.name)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "labelkit.db", SCHEME) as store:
        store.add_images(NewImage(name) for name in NAMES)
        yield store


def run(store: Store, model: FakeModel, **options: Any) -> Any:
    return prelabel(store, store.path.parent, model, model.id, **options)


def points(shift: float = 0.0) -> np.ndarray:
    return SCHEME.plane * 30 + (40 + shift, 40)


def test_every_photo_gets_its_faces_or_the_mark_that_nobody_is_in_it(store: Store) -> None:
    tally = run(store, FakeModel())
    assert (tally.photos, tally.faces, tally.found, tally.no_face) == (4, 3, 3, 1)
    counts = store.count_by_state()
    assert (counts[FaceState.PREDICTED], counts[FaceState.NO_FACE]) == (3, 1)
    face = store.find_face("a.png")
    assert face is not None
    assert face.face.box == FOUND
    assert face.score == pytest.approx(0.25)  # the detector's doubt: the model says nothing
    made = store.prediction(face.id)
    assert made is not None
    assert made.prediction.scheme == SCHEME.name


def test_a_second_run_has_nothing_to_do(store: Store) -> None:
    run(store, FakeModel())
    model = FakeModel()
    tally = run(store, model)
    assert (tally.photos, tally.faces, model.asked) == (0, 0, {})


def test_another_model_does_all_faces_again_unless_only_new_ones_are_wanted(store: Store) -> None:
    run(store, FakeModel())
    store.add_images([NewImage("later.png")])
    assert plan(store, "other@1", only_new=True) == {5: None}
    assert run(store, FakeModel("other@1")).faces == 4
    assert store.models() == {"other@1": 4}


def test_confirmed_faces_are_left_alone(store: Store) -> None:
    run(store, FakeModel())
    face = store.find_face("a.png")
    assert face is not None
    store.annotate(face.id, Landmarks(SCHEME, points()), "ann")
    model = FakeModel("other@1")
    run(store, model)
    assert "a.png" not in model.asked
    assert store.current(face.id, fill=True) == Landmarks(SCHEME, points())


def test_new_points_are_predicted_around_the_confirmed_ones(store: Store) -> None:
    run(store, FakeModel())
    face = store.find_face("a.png")
    assert face is not None
    store.annotate(face.id, Landmarks(SCHEME, points(5.0)), "ann")
    grown = add_points(SCHEME, [Point("forehead", 0.0, -0.6)])
    store.change_scheme(plan_change(SCHEME, grown), "ann")
    model = FakeModel()
    run(store, model)
    (box,) = model.asked["a.png"]
    assert box.xyxy == pytest.approx(Box.around(points(5.0)).xyxy)
    now = store.current(face.id, fill=True)
    np.testing.assert_array_equal(now.xy[:-1], points(5.0))
    assert np.isfinite(now.xy[-1]).all()
    assert list(now.state) == [State.CONFIRMED] * 68 + [State.PREDICTED]
    assert store.face(face.id).state is FaceState.PREDICTED


def test_the_network_is_asked_under_a_name_that_is_no_built_in_ones(store: Store) -> None:
    model = FakeModel()
    run(store, model)
    assert model.scheme is not None
    assert model.scheme.name == ALIAS
    assert model.scheme.points == SCHEME.points


def test_what_cannot_be_read_is_named_and_the_rest_goes_on(store: Store) -> None:
    store.add_images([NewImage("broken.png"), NewImage("z.png")])
    tally = run(store, FakeModel())
    assert tally.problems == [f"{store.path.parent / 'broken.png'}: is no picture"]
    assert (tally.photos, tally.faces) == (6, 4)
    assert list(plan(store, "fake@1")) == [5]


def test_a_photo_behind_a_link_out_of_the_root_is_not_opened(store: Store, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    (root / "a.png").symlink_to(tmp_path / "labelkit.db")
    model = FakeModel()
    tally = prelabel(store, root, model, model.id)
    assert "a.png" not in model.asked
    assert "labelkit.db" not in model.asked
    assert any("outside of the image root" in problem for problem in tally.problems)
    assert tally.photos == 4


def test_it_stops_when_asked_and_keeps_what_is_done(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelkit.prelabel.work._PATIENCE", -1.0)  # every photo is kept at once
    told: list[tuple[int, int]] = []

    def heard(done: int, total: int) -> bool:
        told.append((done, total))
        return done == 2

    tally = run(store, FakeModel(), heard=heard)
    assert tally.cancelled
    assert told == [(0, 4), (1, 4), (2, 4), (2, 4)]
    assert store.models() == {"fake@1": 2}
    rest = FakeModel()
    assert not run(store, rest).cancelled
    assert list(rest.asked) == ["nobody.png", "c.png"]


def test_a_face_that_somebody_drew_meanwhile_keeps_its_own_place(store: Store) -> None:
    drawn = Box(1, 2, 30, 40, "user")

    class Slow(FakeModel):
        def __call__(self, photos: Any, scheme: Scheme) -> Iterator[Result]:
            for result in super().__call__(photos, scheme):
                if "a.png" in self.asked and store.find_face("a.png") is None:
                    store.add_faces([NewFace(1, drawn)])
                yield result

    tally = run(store, Slow())
    face = store.find_face("a.png")
    assert face is not None
    assert (face.face.box, face.state, face.prediction_id) == (drawn, FaceState.TODO, None)
    assert tally.found == 2


def test_a_face_that_was_finished_meanwhile_is_not_asked_about(store: Store) -> None:
    run(store, FakeModel())
    face = store.find_face("b.png")
    assert face is not None

    class Slow(FakeModel):
        def __call__(self, photos: Any, scheme: Scheme) -> Iterator[Result]:
            store.annotate(face.id, Landmarks(SCHEME, points()), "ann")
            yield from super().__call__(photos, scheme)

    model = Slow("other@1")
    run(store, model)
    assert "b.png" not in model.asked


def test_where_a_face_is(store: Store) -> None:
    (plain, bare, foreign) = store.faces(
        store.add_faces([NewFace(1, FOUND), NewFace(1), NewFace(1, Box(1, 1, 9, 9, "landmarks", "mine"))])
    )
    nothing = Landmarks(SCHEME, np.full((68, 2), np.nan), State.PREDICTED)
    assert face_box(plain, nothing, SCHEME) == FOUND
    known = face_box(bare, Landmarks(SCHEME, points()), SCHEME)
    assert (known.kind, known.source) == ("landmarks", "ibug68")
    assert known.xyxy == pytest.approx(Box.around(points()).xyxy)
    with pytest.raises(BoxError, match="draw a box"):
        face_box(bare, nothing, SCHEME)
    with pytest.raises(BoxError, match="'mine'"):
        face_box(foreign, nothing, SCHEME)


def test_a_face_without_a_place_is_named_and_the_others_go_on(store: Store) -> None:
    store.add_faces([NewFace(1)])
    tally = run(store, FakeModel())
    assert tally.problems == ["a.png, face 1: has neither a box nor points; draw a box"]
    assert tally.faces == 2


def test_no_torch_is_loaded() -> None:
    code = (
        "import sys; import labelkit.prelabel.work, labelkit.prelabel.runner, labelkit.prelabel.child; "
        "import labelkit.project; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
