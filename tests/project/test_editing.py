"""The desk: what becomes of edits and decisions in a project."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelkit.editor.edits import Edit, read_edit
from labelkit.editor.payload import Sheet
from labelkit.editor.session import EditSession, Reply
from labelkit.errors import ImageError, InputError
from labelkit.geometry import Box, Crop, Similarity
from labelkit.landmarks import Face, State
from labelkit.prediction import Prediction
from labelkit.project import Project
from labelkit.project.editing import Desk, open_desk
from labelkit.scheme.edit import remove_points
from labelkit.store import EventKind, FaceState, NewPrediction, StoredOddity, clock, database, tables
from labelkit.store.leases import SECONDS, Leases

PHOTOS = ("a.png", "b.png", "sub/c.png")
_numbers = count(1)


@pytest.fixture(autouse=True)
def _without_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_PRAGMAS", (*database._PRAGMAS, "PRAGMA synchronous = OFF"))


@pytest.fixture
def labelled(project: Project) -> Project:
    """Three predicted faces, the second the most uncertain."""
    for name, score in zip(PHOTOS, (0.5, 0.9, 0.1), strict=True):
        face = project.add_face(name, Box(20, 20, 60, 60, "user"), "ann")
        predict(project, face, score)
    return project


def predict(project: Project, face: Face, score: float = 0.5, shift: float = 0.0) -> None:
    crop = Crop(Similarity(30.0, 0.0, 40.0 + shift, 40.0))
    made = Prediction(crop.points_to_image(project.scheme.plane), "fake@1", crop, project.scheme.name)
    project.store.put_predictions([NewPrediction(project.find(face).id, made, score)])


def edit(points: dict[int, tuple[float, float]], state: State = State.PLACED) -> Edit:
    after = {
        "xy": {str(i): list(xy) for i, xy in points.items()},
        "state": dict.fromkeys(map(str, points), int(state)),
    }
    before = {"xy": {str(i): [0, 0] for i in points}, "state": dict.fromkeys(map(str, points), 0)}
    return read_edit({"id": f"e{next(_numbers)}", "label": "drag", "before": before, "after": after}, 68)


def do(desk: Desk, sheet: Sheet, *edits: Edit) -> Reply:
    for one in edits:
        reply = desk.record(f"entry {next(_numbers)}", "edit", sheet, one)
        sheet.step("edit", one)
    return reply


def decide(desk: Desk, sheet: Sheet, name: str, **more: Any) -> Reply:
    return desk.decide(f"entry {next(_numbers)}", {"name": name, **more}, sheet)


def sheet_of(desk: Desk, project: Project, image: str = "a.png") -> Sheet:
    return desk.open(desk.key(Face(image)))


def test_the_most_uncertain_face_comes_first_and_neighbours_follow_the_queue(labelled: Project) -> None:
    desk = open_desk(labelled, "ann")
    first = desk.first()
    assert first == desk.key(Face("b.png"))
    around = desk.neighbours(first)
    assert (around.previous, around.number, around.total) == (None, 1, 3)
    assert around.next == desk.key(Face("a.png"))
    decide(desk, desk.open(around.next), "accept")
    assert desk.neighbours(first).next == desk.key(Face("sub/c.png")), "what is done no longer waits"


def test_a_desk_keeps_to_the_faces_that_it_was_given(labelled: Project) -> None:
    desk = open_desk(labelled, "ann", faces=[Face("sub/c.png"), Face("a.png")])
    decide(desk, sheet_of(desk, labelled), "accept")
    assert desk.first() == desk.key(Face("sub/c.png"))
    assert desk.neighbours(desk.first()).next == desk.key(Face("a.png"))
    assert desk.neighbours(desk.key(Face("a.png"))).next is None


def test_edits_are_in_the_journal_at_once_and_found_again_by_another_desk(labelled: Project) -> None:
    desk = open_desk(labelled, "ann")
    sheet = sheet_of(desk, labelled)
    do(desk, sheet, edit({3: (11.5, 12.25)}), edit({4: (13, 14)}))
    desk.record("undo 1", "undo", sheet, sheet.done[-1])
    again = sheet_of(open_desk(labelled, "ann"), labelled)
    assert again.draft.landmarks.xy[3].tolist() == [11.5, 12.25]
    assert again.draft.landmarks.state[3] == State.PLACED
    assert again.draft.landmarks.state[4] == State.PREDICTED
    assert ([one.id for one in again.done], [one.id for one in again.undone]) == (
        [sheet.done[0].id],
        [sheet.done[1].id],
    )
    assert labelled.find(Face("a.png")).revision == 0
    assert sheet_of(open_desk(labelled, "bob"), labelled).done == []
    assert open_desk(labelled, "ann").first() == sheet.key, "a labeller finds what they were at"


def test_an_entry_that_comes_twice_is_done_once(labelled: Project) -> None:
    desk = open_desk(labelled, "ann")
    sheet = sheet_of(desk, labelled)
    one = edit({3: (1, 2)})
    assert desk.record("page/1", "edit", sheet, one).fresh
    assert not desk.record("page/1", "edit", sheet, one).fresh
    assert len(sheet_of(desk, labelled).done) == 1
    assert desk.decide("page/2", {"name": "accept"}, sheet_of(desk, labelled)).fresh
    assert not desk.decide("page/2", {"name": "accept"}, sheet_of(desk, labelled)).fresh
    assert len(labelled.history(Face("a.png"))) == 1


def test_what_comes_in_one_outbox_builds_on_what_came_before_it(labelled: Project) -> None:
    """As a browser sends it that went on while its server was gone: a face is accepted, gone back to,
    dragged and accepted again, and the new server shows another face at first."""
    desk = open_desk(labelled, "ann", faces=[Face(name) for name in PHOTOS])
    session = EditSession(desk, {}.update)
    session.start(desk.key(Face("a.png")))
    session._look_ahead()
    key, entries = desk.key(Face("b.png")), []
    for number, (name, more) in enumerate(
        (
            ("edit", {"edit": edit({3: (1, 2)}).to_json()}),
            ("command", {"command": {"name": "accept"}}),
            ("edit", {"edit": edit({4: (3, 4)}).to_json()}),
            ("edit", {"edit": edit({5: (5, 6)}).to_json()}),
            ("command", {"command": {"name": "accept"}}),
        ),
        1,
    ):
        entries.append(
            {"seq": number, "id": f"offline {number}", "type": name, "key": key, "scheme": 1, **more}
        )
    session.receive(json.dumps({"client": "page", "entries": entries[:2]}))
    session.receive(json.dumps({"client": "page", "entries": entries[2:]}))
    first, second = labelled.history(Face("b.png"))
    assert first.landmarks.xy[[3, 4]].tolist() == [[1, 2], first.landmarks.xy[4].tolist()]
    assert second.landmarks.xy[[3, 4, 5]].tolist() == [[1, 2], [3, 4], [5, 6]]
    assert labelled.store.journal.unfinished() == []


def test_only_the_last_edit_can_be_undone(labelled: Project) -> None:
    desk = open_desk(labelled, "ann")
    sheet = sheet_of(desk, labelled)
    do(desk, sheet, edit({3: (1, 2)}), edit({3: (2, 2)}))
    with pytest.raises(InputError, match="nothing to undo: another window"):
        desk.record("page/9", "undo", sheet, sheet.done[0])
    assert desk.record("page/9", "undo", sheet, sheet.done[1]).fresh, "the refused entry is not used up"
    assert desk.record("page/10", "redo", sheet, sheet.done[1]).fresh


def test_another_window_of_the_same_person_is_noticed(labelled: Project) -> None:
    one, two = open_desk(labelled, "ann"), open_desk(labelled, "ann")
    here, there = sheet_of(one, labelled), sheet_of(two, labelled)
    assert not do(one, here, edit({3: (1, 2)})).stale
    assert do(two, there, edit({4: (3, 4)})).stale
    both = sheet_of(one, labelled).draft.landmarks
    assert (both.xy[3].tolist(), both.xy[4].tolist()) == ([1, 2], [3, 4])


def test_accepting_writes_one_revision_with_all_points_confirmed(labelled: Project) -> None:
    desk = open_desk(labelled, "ann")
    sheet = sheet_of(desk, labelled)
    do(desk, sheet, edit({3: (1, 2)}))
    decide(desk, sheet, "accept")
    (annotation,) = labelled.history(Face("a.png"))
    assert (annotation.author, annotation.started_from, annotation.base_revision) == ("ann", "fake@1", 0)
    assert annotation.landmarks.xy[3].tolist() == [1, 2]
    assert (annotation.landmarks.state == State.CONFIRMED).all()
    assert labelled.find(Face("a.png")).state == FaceState.DONE
    assert labelled.store.journal.unfinished() == []
    again = sheet_of(desk, labelled)
    assert (again.done, again.revision, again.state) == ([], 1, "done")


@pytest.mark.parametrize("leaving", [("next", {}), ("previous", {}), ("open", {"target": "1"})])
def test_leaving_keeps_what_was_edited_as_in_progress(labelled: Project, leaving: tuple[str, Any]) -> None:
    desk = open_desk(labelled, "ann")
    sheet = sheet_of(desk, labelled)
    do(desk, sheet, edit({3: (1, 2)}))
    decide(desk, sheet, leaving[0], **leaving[1])
    found = labelled.find(Face("a.png"))
    assert (found.state, found.revision) == (FaceState.IN_PROGRESS, 1)
    assert labelled.landmarks(Face("a.png")).state.tolist()[:5] == [0, 0, 0, 1, 0]
    assert labelled.store.journal.unfinished() == []


def test_leaving_without_a_change_writes_nothing(labelled: Project) -> None:
    desk = open_desk(labelled, "ann")
    sheet = sheet_of(desk, labelled)
    do(desk, sheet, edit({3: (1, 2)}))
    desk.record("undo", "undo", sheet, sheet.done[0])
    sheet.step("undo", sheet.done[0])
    decide(desk, sheet, "next")
    found = labelled.find(Face("a.png"))
    assert (found.state, found.revision) == (FaceState.PREDICTED, 0)
    assert labelled.store.journal.unfinished() == []


def test_note_attributes_and_box_are_stored_without_touching_what_others_changed(labelled: Project) -> None:
    desk = open_desk(labelled, "ann")
    sheet = sheet_of(desk, labelled)
    after = {"attributes": {"blur": 1}, "box": [10, 10, 50, 50]}
    do(desk, sheet, read_edit({"id": "e", "label": "", "before": {}, "after": after}, 68))
    face = labelled.find(Face("a.png"))
    labelled.store.set_note(face.id, "bob's", "bob")
    labelled.store.set_attributes(face.id, {"pose": 1}, "bob")
    decide(desk, sheet, "next")
    found = labelled.find(Face("a.png"))
    assert (found.note, dict(found.attributes)) == ("bob's", {"pose": 1, "blur": 1})
    assert found.face.box is not None
    assert found.face.box.xyxy == (10, 10, 50, 50)
    assert (found.state, found.revision) == (FaceState.PREDICTED, 0)


@pytest.mark.parametrize(
    ("name", "more", "state", "reason"),
    [
        ("reject", {"text": "a statue"}, FaceState.REJECTED, "a statue"),
        ("skip", {}, FaceState.SKIPPED, ""),
        ("flag", {"text": "which eye?"}, FaceState.SKIPPED, "flagged: which eye?"),
        ("remove_face", {}, FaceState.REJECTED, "no face"),
        ("return", {"text": "chin is off", "point": "chin"}, FaceState.RETURNED, "chin is off"),
        ("review", {}, FaceState.REVIEWED, ""),
    ],
)
def test_decisions(labelled: Project, name: str, more: Any, state: FaceState, reason: str) -> None:
    desk = open_desk(labelled, "ann")
    sheet = sheet_of(desk, labelled)
    do(desk, sheet, edit({3: (1, 2)}))
    if "point" in more:
        more = {**more, "point": labelled.scheme.names[8]}
    decide(desk, sheet, name, **more)
    found = labelled.find(Face("a.png"))
    assert (found.state, found.reason) == (state, reason)
    assert labelled.history(Face("a.png"))[-1].landmarks.xy[3].tolist() == [1, 2], "no edit is lost by it"
    comments = labelled.store.events(found.id, kind=EventKind.COMMENT)
    assert [event.text for event in comments] == ([more["text"]] if name in ("flag", "return") else [])
    if name == "return":
        assert comments[0].point == labelled.scheme.names[8]


def test_a_refused_decision_changes_nothing(labelled: Project) -> None:
    desk = open_desk(labelled, "ann")
    sheet = sheet_of(desk, labelled)
    do(desk, sheet, edit({3: (1, 2)}))
    for name, more in [
        ("return", {"text": " "}),
        ("comment", {"text": ""}),
        ("comment", {"text": "x", "point": "nowhere"}),
        ("open", {"target": "999"}),
        ("open", {"target": None}),
        ("add_face", {"box": [0, 0, 0, 0]}),
        ("predict", {}),
        ("take", {"revision": 7}),
        ("format the disk", {}),
    ]:
        with pytest.raises(InputError):
            desk.decide("one", {"name": name, **more}, sheet)
    found = labelled.find(Face("a.png"))
    assert (found.state, found.revision) == (FaceState.PREDICTED, 0)
    assert len(sheet_of(desk, labelled).done) == 1


def test_a_face_can_be_added_and_begins_with_the_mean_face(labelled: Project) -> None:
    desk = open_desk(labelled, "ann")
    reply = decide(desk, sheet_of(desk, labelled), "add_face", box=[5, 5, 45, 50])
    assert reply.opens is not None
    sheet = desk.open(reply.opens)
    assert (sheet.image, sheet.index, sheet.state) == ("a.png", 1, "todo")
    landmarks = sheet.draft.landmarks
    assert (landmarks.state == State.PREDICTED).all()
    x0, y0, x1, y1 = landmarks.box.xyxy
    assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx((25, 27.5))
    assert [other.key for other in sheet.others] == [desk.key(Face("a.png"))]
    assert sheet.revision == 0
    assert np.isnan(labelled.landmarks(Face("a.png", 1)).xy).all(), "nothing is stored of it unasked"


def test_a_face_without_any_point_is_not_accepted(project: Project) -> None:
    (photo,) = [image.id for image in project.store.images() if image.path == "a.png"]
    project.store.mark_no_face([photo])
    desk = open_desk(project, "ann")
    with pytest.raises(InputError, match="no points yet"):
        decide(desk, sheet_of(desk, project), "accept")


def test_a_newer_revision_of_somebody_else_is_told_and_nothing_is_lost(labelled: Project) -> None:
    desk = open_desk(labelled, "ann")
    sheet = sheet_of(desk, labelled)
    do(desk, sheet, edit({3: (1, 2)}))
    labelled.annotate(Face("a.png"), np.full((68, 2), 7.0), author="bob")
    reply = do(desk, sheet, edit({4: (3, 4)}))
    assert reply.crossed is not None
    assert (reply.crossed.author, reply.crossed.revision, reply.crossed.own) == ("bob", 1, False)
    assert sheet_of(open_desk(labelled, "ann"), labelled).crossed == reply.crossed, "also after a reload"
    reply = decide(desk, sheet, "accept")
    assert reply.crossed is not None
    history = labelled.history(Face("a.png"))
    assert [one.author for one in history] == ["bob", "ann"]
    assert history[1].crossed
    found = labelled.find(Face("a.png"))
    assert [event.kind for event in labelled.store.events(found.id, kind=EventKind.CROSSED)]


def test_mine_can_be_kept(labelled: Project) -> None:
    desk = open_desk(labelled, "ann")
    sheet = sheet_of(desk, labelled)
    do(desk, sheet, edit({3: (1, 2)}))
    labelled.annotate(Face("a.png"), np.full((68, 2), 7.0), author="bob")
    decide(desk, sheet, "keep", revision=1)
    again = sheet_of(desk, labelled)
    assert (again.revision, again.crossed, again.state) == (2, None, "in progress")
    assert again.draft.landmarks.xy[3].tolist() == [1, 2]
    history = labelled.history(Face("a.png"))
    np.testing.assert_array_equal(history[1].landmarks.xy, sheet.draft.landmarks.xy)


def test_theirs_can_be_taken_and_mine_stays_in_the_history(labelled: Project) -> None:
    desk = open_desk(labelled, "ann")
    sheet = sheet_of(desk, labelled)
    do(desk, sheet, edit({3: (1, 2)}))
    labelled.annotate(Face("a.png"), np.full((68, 2), 7.0), author="bob")
    decide(desk, sheet, "take", revision=1)
    history = labelled.history(Face("a.png"))
    assert [one.source for one in history] == ["person", "person", "revision 1 of bob"]
    assert history[1].landmarks.xy[3].tolist() == [1, 2]
    again = sheet_of(desk, labelled)
    assert (again.revision, again.crossed, again.done) == (3, None, [])
    assert (again.draft.landmarks.xy == 7).all()
    assert labelled.find(Face("a.png")).state == FaceState.DONE


def test_edits_are_carried_over_a_change_of_the_scheme(labelled: Project) -> None:
    desk = open_desk(labelled, "ann")
    sheet = sheet_of(desk, labelled)
    do(desk, sheet, edit({8: (5, 6), 9: (1, 2)}))
    smaller = remove_points(labelled.scheme, [labelled.scheme.names[8]])
    labelled.change_scheme(labelled.plan_scheme_change(smaller), "ann")
    again = sheet_of(open_desk(labelled, "ann"), labelled)
    assert len(again.scheme) == 67
    assert again.draft.landmarks.xy[8].tolist() == [1, 2]
    assert list(again.done[0].after.xy) == [8]
    assert again.predicted is not None
    np.testing.assert_allclose(again.predicted, again.scheme.plane * 30 + 40)
    do(desk, sheet, edit({20: (8, 9)}))  # a page that still shows the older scheme
    decide(desk, sheet, "accept")
    assert labelled.landmarks(Face("a.png")).xy[19].tolist() == [8, 9]
    assert labelled.find(Face("a.png")).state == FaceState.DONE


def test_a_model_is_asked_where_there_is_one(labelled: Project) -> None:
    asked: list[Face] = []

    def model(face: Face) -> None:
        asked.append(face)
        predict(labelled, face, shift=5.0)

    desk = open_desk(labelled, "ann", predict=model)
    assert desk.can_predict
    decide(desk, sheet_of(desk, labelled), "predict")
    assert not asked, "a model takes its time: it is asked when what was decided is stored"
    desk.place(desk.key(Face("a.png")))
    assert [face.image for face in asked] == ["a.png"]
    x = sheet_of(desk, labelled).draft.landmarks.xy[:, 0]
    np.testing.assert_allclose(x, labelled.scheme.plane[:, 0] * 30 + 45)


def test_a_model_places_the_points_of_a_face_that_was_added(labelled: Project) -> None:
    desk = open_desk(labelled, "ann", predict=lambda face: predict(labelled, face, shift=7.0))
    reply = decide(desk, sheet_of(desk, labelled), "add_face", box=[5, 5, 45, 50])
    assert reply.opens is not None
    desk.place(reply.opens)
    added = desk.open(reply.opens)
    np.testing.assert_allclose(added.draft.landmarks.xy[:, 0], labelled.scheme.plane[:, 0] * 30 + 47)


def test_without_a_model_none_is_asked(labelled: Project) -> None:
    desk = open_desk(labelled, "ann")
    assert not desk.can_predict
    with pytest.raises(InputError, match="no model is at hand"):
        desk.place(desk.key(Face("a.png")))


def test_photos_come_from_the_image_root_only(labelled: Project, tmp_path: Path) -> None:
    desk = open_desk(labelled, "ann")
    (tmp_path / "secret.png").write_bytes((labelled.images / "a.png").read_bytes())
    assert desk.photo("a.png") == (labelled.images / "a.png").read_bytes()
    for name in ("../secret.png", str(tmp_path / "secret.png"), "nowhere.png"):
        with pytest.raises(ImageError):
            desk.photo(name)


def test_who_works_is_known(labelled: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "somebody")
    assert open_desk(labelled).author == "somebody"
    with pytest.raises(InputError, match="author"):
        open_desk(labelled, "  ")


@pytest.mark.parametrize("key", ["", "x", "-1", "9" * 40, "²", "7"])
def test_an_unknown_face_is_refused(labelled: Project, key: str) -> None:
    with pytest.raises(InputError):
        open_desk(labelled, "ann").open(key)


def test_two_people_are_not_given_the_same_face(labelled: Project) -> None:
    ann, bob = open_desk(labelled, "ann"), open_desk(labelled, "bob")
    first = ann.first()
    assert first == ann.key(Face("b.png"))
    ann.open(first)
    mine = bob.first()
    assert mine == bob.key(Face("a.png"))
    bob.open(mine)
    assert ann.neighbours(first).next == ann.key(Face("sub/c.png")), "what bob has open is passed over"
    assert bob.neighbours(mine).next is None
    # A desk that is opened now is not offered what somebody has.
    assert open_desk(labelled, "eve").first() is None


def test_a_face_that_was_left_is_free_again(labelled: Project) -> None:
    ann = open_desk(labelled, "ann")
    sheet = ann.open(ann.first())
    decide(ann, sheet, "next")
    assert open_desk(labelled, "bob").first() == sheet.key
    held = ann.open(ann.neighbours(sheet.key).next)
    assert labelled.store.leases.held()[int(held.key)].holder == "ann"
    ann.leave()
    assert "ann" not in {lease.holder for lease in labelled.store.leases.held().values()}


def test_what_is_shown_is_held_and_nothing_else(labelled: Project) -> None:
    ann = open_desk(labelled, "ann")
    keys = [ann.key(Face(name)) for name in PHOTOS]
    for key in keys:
        ann.open(key)
    ann.stay(keys[:1])
    assert {str(face) for face in labelled.store.leases.held()} == set(keys[:1])


def test_one_window_of_a_person_does_not_give_back_what_another_one_has(labelled: Project) -> None:
    closed, left = open_desk(labelled, "ann"), open_desk(labelled, "ann")
    keys = [closed.key(Face(name)) for name in PHOTOS[:2]]
    for key in keys:
        closed.open(key)
    left.open(keys[0])
    closed.leave()
    assert [str(face) for face in labelled.store.leases.held()] == keys[:1]
    assert open_desk(labelled, "bob").first() != keys[0]
    left.leave()
    assert "ann" not in {lease.holder for lease in labelled.store.leases.held().values()}


def test_what_many_others_have_open_is_passed_over_without_a_write_for_each(
    labelled: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = open_desk(labelled, "ann"), open_desk(labelled, "bob")
    first, writes = ann.first(), []
    for name in PHOTOS[:2]:
        bob.open(bob.key(Face(name)))
    take = Leases.take
    monkeypatch.setattr(Leases, "take", lambda *asked: writes.append(asked) or take(*asked))
    for _ in range(3):
        assert ann.neighbours(first).next not in {bob.key(Face(name)) for name in PHOTOS[:2]}
    assert len(writes) <= 1


def test_whoever_opens_a_face_that_somebody_has_is_told_and_may_save(labelled: Project) -> None:
    ann, bob = open_desk(labelled, "ann"), open_desk(labelled, "bob")
    sheet_of(ann, labelled)
    sheet = sheet_of(bob, labelled)
    assert sheet.reason == "ann has it open"
    do(bob, sheet, edit({3: (1, 2)}))
    decide(bob, sheet, "accept")
    assert labelled.find(Face("a.png")).state is FaceState.DONE
    assert labelled.store.leases.held()[int(sheet.key)].holder == "ann", "is not bob's to give back"


def test_a_crashed_editor_holds_its_faces_until_the_lease_ends(
    labelled: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashed = open_desk(labelled, "ann")
    key = crashed.first()
    assert open_desk(labelled, "bob").first() != key
    assert open_desk(labelled, "ann").first() == key, "whoever had it finds it again"
    real = tables.now
    ticks = clock._ticks
    monkeypatch.setattr(tables, "now", lambda: real() + timedelta(seconds=SECONDS + 1))
    monkeypatch.setattr(clock, "_ticks", lambda: ticks() + SECONDS + 1)
    assert open_desk(labelled, "bob").first() == key


def test_the_editor_tells_of_which_points_a_model_is_unsure_and_what_is_odd(labelled: Project) -> None:
    face = Face("a.png")
    scheme, crop = labelled.scheme, Crop(Similarity(100.0, 0.0, 150.0, 150.0))
    cov = np.full(68, 0.01)
    cov[:8] = 30.0
    made = Prediction(
        crop.points_to_image(scheme.plane), "m@1", crop, scheme.name, cov[:, None, None] * np.eye(2)
    )
    known = labelled.find(face)
    labelled.store.put_predictions([NewPrediction(known.id, made, 0.2)])
    now = labelled.find(face)
    labelled.store.set_oddities([StoredOddity(now.id, 1.5, "left and right swapped", 0, now.prediction_id)])
    desk = open_desk(labelled, "ann")
    sheet = sheet_of(desk, labelled)
    assert sheet.reason == "left and right swapped; right jaw, 8 points, about 7 px"
    decide(desk, sheet, "accept")
    assert sheet_of(desk, labelled).reason == "", "of what is confirmed nothing is doubted"
