"""What is known about a face, against a model that keeps a dictionary per face."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from labelkit.geometry import Box, Crop, Similarity
from labelkit.landmarks import Landmarks, State
from labelkit.prediction import Prediction
from labelkit.scheme import Point, Scheme
from labelkit.scheme.change import SchemeChange
from labelkit.store import FINISHED, FaceState, NewFace, NewImage, NewPrediction, Store, database

CROP = Crop(Similarity(1.0, 0.0, 0.0, 0.0))
FACES = 2

#: A point's value: x (None for "not there") and how it came there.
Value = tuple[float | None, State]


@pytest.fixture(autouse=True)
def _without_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_PRAGMAS", (*database._PRAGMAS, "PRAGMA synchronous = OFF"))


def made(names: list[str]) -> Scheme:
    return Scheme("made", tuple(Point(name, i / 10, 0.0) for i, name in enumerate(names)))


@pytest.mark.parametrize("how", [State.PLACED, State.CONFIRMED])
def test_what_a_person_said_gives_way_to_a_person_only(tmp_path: Path, how: State) -> None:
    nan = math.nan
    with Store.create(tmp_path / "x.db", made(["a", "b", "c"])) as store:
        (face,) = store.add_faces([NewFace(image) for image in store.add_images([NewImage("a.jpg")])])
        for xy, state in (
            ([[1, 1], [nan, nan], [3, 3]], how),
            ([[4, 4], [5, 5], [6, 6]], State.PREDICTED),
            ([[7, 7], [nan, nan], [nan, nan]], [State.PLACED, State.PREDICTED, how]),
        ):
            store.annotate(face, Landmarks("made", xy, state), "me", state=FaceState.IN_PROGRESS)
        now = store.current(face)
    assert now == Landmarks("made", [[7, 7], [nan, nan], [nan, nan]], [State.PLACED, how, how])


class Changes(RuleBasedStateMachine):
    """Random annotations, predictions and changes of the scheme."""

    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory()
        self.store = Store.create(Path(self.folder.name) / "x.db", made(["n0", "n1", "n2"]))
        images = self.store.add_images([NewImage(f"{i}") for i in range(FACES)])
        self.faces = self.store.add_faces([NewFace(image, Box(0, 0, 1, 1)) for image in images])
        self.value = 0
        self.names = 3
        #: Per face and uid: what persons said, what annotations say at all, what the model said.
        self.said: list[dict[int, Value]] = [{} for _ in self.faces]
        self.guessed: list[dict[int, float]] = [{} for _ in self.faces]

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()

    def fresh(self) -> float:
        self.value += 1
        return float(self.value)

    @rule(face=st.integers(0, FACES - 1), data=st.data(), finish=st.booleans())
    def annotate(self, face: int, data: st.DataObject, finish: bool) -> None:
        revision = self.store.scheme_revision()
        values: list[Value] = [
            (
                data.draw(st.sampled_from([self.fresh(), None])),
                data.draw(st.sampled_from(list(State))),
            )
            for _ in revision.uids
        ]
        xy = [[math.nan if x is None else x] * 2 for x, _ in values]
        landmarks = Landmarks(revision.scheme, xy, [state for _, state in values])
        state = FaceState.DONE if finish else FaceState.IN_PROGRESS
        self.store.annotate(self.faces[face], landmarks, "me", state=state)
        for uid, (x, given) in zip(revision.uids, values, strict=True):
            how = State.CONFIRMED if finish else given
            known = self.said[face].get(uid, (None, State.PREDICTED))
            if how != State.PREDICTED or (x is not None and known[1] == State.PREDICTED):
                self.said[face][uid] = (x, how)
                if how == State.PREDICTED:
                    self.guessed[face].pop(uid, None)

    @rule(face=st.integers(0, FACES - 1))
    def predict(self, face: int) -> None:
        revision = self.store.scheme_revision()
        xs = [self.fresh() for _ in revision.uids]
        prediction = Prediction(np.repeat(np.array(xs)[:, None], 2, axis=1), "m", CROP, "made")
        self.store.put_predictions([NewPrediction(self.faces[face], prediction)])
        self.guessed[face] = dict(zip(revision.uids, xs, strict=True))

    @rule(data=st.data())
    def change_scheme(self, data: st.DataObject) -> None:
        old = self.store.scheme()
        kept = data.draw(st.lists(st.sampled_from(range(len(old))), unique=True, max_size=5))
        added = data.draw(st.integers(0 if kept else 1, 2))
        lineage = data.draw(st.permutations([*kept, *[-1] * added]))
        names = []
        for index in lineage:
            renamed = index == -1 or data.draw(st.booleans())
            self.names += renamed
            names.append(f"n{self.names}" if renamed else old.names[index])
        self.store.change_scheme(SchemeChange(old, made(names), tuple(lineage)), "me")

    @precondition(lambda self: hasattr(self, "store") and _undoable(self.store))
    @rule()
    def undo(self) -> None:
        self.store.undo_scheme_change("me")

    @invariant()
    def every_point_is_where_the_model_has_it(self) -> None:
        if not hasattr(self, "store"):
            return
        uids = self.store.scheme_revision().uids
        plain, filled = (self.store.currents(self.faces, fill=fill) for fill in (False, True))
        for face, said, guessed in zip(self.faces, self.said, self.guessed, strict=True):
            for i, uid in enumerate(uids):
                x, how = said.get(uid, (None, State.PREDICTED))
                assert plain[face].state[i] == filled[face].state[i] == how
                assert np.array_equal(plain[face].xy[i, 0], math.nan if x is None else x, equal_nan=True)
                if how == State.PREDICTED:
                    x = guessed.get(uid, x)
                assert np.array_equal(filled[face].xy[i, 0], math.nan if x is None else x, equal_nan=True)

    @invariant()
    def a_finished_face_has_no_open_point(self) -> None:
        if not hasattr(self, "store"):
            return
        for face in self.store.faces(self.faces):
            if face.state in FINISHED:
                assert (self.store.current(face.id).state != State.PREDICTED).all()


def _undoable(store: Store) -> bool:
    newest = store.scheme_revision()
    return (newest.restores or newest.revision) > 1


TestChanges = Changes.TestCase
TestChanges.settings = settings(max_examples=12, stateful_step_count=10, deadline=None)
