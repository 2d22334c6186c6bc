"""Who did what: from what the store keeps anyway, and from actions that leave no other trace."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from labelkit.errors import InputError, StoreError
from labelkit.geometry import Box
from labelkit.landmarks import Landmarks
from labelkit.scheme import Scheme
from labelkit.store import FaceState, NewFace, NewImage, Store, tables
from labelkit.store.log import ANNOTATION, JOB, SCHEME


@pytest.fixture
def worked(store: Store, scheme: Scheme) -> Store:
    """Two faces, and something of every kind that is done to faces and projects."""
    (photo,) = store.add_images([NewImage("a.jpg")])
    ids = store.add_faces([NewFace(photo, Box(0, 0, 9, 9)), NewFace(photo, Box(9, 9, 20, 20))], "ann")
    xy = np.zeros((len(scheme), 2))
    store.annotate(ids[0], Landmarks(scheme, xy), "ann")
    store.set_state(ids[0], FaceState.RETURNED, "ben", "chin")
    store.add_comment(ids[0], "too low", "ben", scheme.names[0])
    store.set_note(ids[1], "a note", "ann")
    store.record("export", "ben", "out.txt: 1 faces as wflw", {"faces": 1})
    job = store.jobs.start(store.jobs.add("prelabel", {}).id)
    store.jobs.finish(job, "2 photos")
    return store


def test_everything_is_told_in_order_with_who_and_where(worked: Store, scheme: Scheme) -> None:
    told = [(one.author, one.what, one.index, one.text) for one in worked.log()]
    count = len(scheme)
    assert told == [
        ("founder", SCHEME, None, f"revision 1, {count} points"),
        ("ann", "box", 0, "a box was drawn"),
        ("ann", "box", 1, "a box was drawn"),
        ("ann", ANNOTATION, 0, "revision 1, done"),
        ("ann", "state", 0, "todo -> done"),
        ("ben", "state", 0, "done -> returned: chin"),
        ("ben", "comment", 0, f"{scheme.names[0]}: too low"),
        ("ann", "note", 1, "a note"),
        ("ben", "export", None, "out.txt: 1 faces as wflw"),
        ("", JOB, None, "prelabel 1 done: 2 photos"),
    ]
    times = [one.time for one in worked.log()]
    assert times == sorted(times)


def test_it_can_be_asked_for_a_face_a_person_a_time_and_the_newest(worked: Store) -> None:
    everything = worked.log()
    assert [one.what for one in worked.log(face_id=2)] == ["box", "note"]
    assert worked.log(author="ben") == [one for one in everything if one.author == "ben"]
    assert worked.log(limit=3) == everything[-3:]
    assert worked.log(since=everything[4].time) == everything[4:]
    assert worked.log(since=datetime.now(UTC) + timedelta(hours=1)) == []
    assert worked.log(author="nobody") == []
    with pytest.raises(InputError, match="no face 99"):
        worked.log(face_id=99)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM actions",
        "UPDATE actions SET author = 'eve'",
        "INSERT OR REPLACE INTO actions SELECT * FROM actions",
        "DELETE FROM events",
        "UPDATE annotations SET author = 'eve'",
        "DELETE FROM faces",
    ],
)
def test_nothing_of_it_can_be_changed_or_removed(worked: Store, statement: str) -> None:
    before = worked.log()
    connection = sqlite3.connect(worked.path)
    connection.execute("PRAGMA recursive_triggers = ON")
    with pytest.raises(sqlite3.IntegrityError, match=r"append-only|never deleted"):
        connection.execute(statement)
    connection.close()
    assert worked.log() == before


def test_an_action_that_cannot_be_written_is_refused(worked: Store) -> None:
    with pytest.raises(InputError):
        worked.record("export", "ann", "x" * 200_000)
    with pytest.raises(InputError):
        worked.record("export", "ann", "x", {"no": object()})


def test_a_project_of_an_older_labelkit_keeps_its_history(tmp_path: Path, scheme: Scheme) -> None:
    from labelkit.store.database import Database
    from labelkit.store.migrations import MIGRATIONS, create_tables
    from labelkit.store.schemes import first_scheme

    path = tmp_path / "labelkit.db"
    path.touch()
    database = Database(path)
    database.mark_as_ours()
    create_tables(database, [step for step in MIGRATIONS if step.name < "0005"])
    with database.write() as connection:
        first_scheme(connection, scheme, "ann")
    database.close()
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO images (path) VALUES ('a.jpg')")
    connection.execute(
        "INSERT INTO faces (image_id, number, state, updated) VALUES (1, 0, 'rejected', '2020-01-01')"
    )
    connection.execute(
        "INSERT INTO events (face_id, kind, author, time, text, before, after) VALUES "
        "(1, 'state', 'ann', '2020-01-01T00:00:00.000000+00:00', 'no face', '\"skipped\"', '\"rejected\"')"
    )
    connection.commit()
    connection.close()
    with Store.open(path) as store:
        assert [(one.author, one.what) for one in store.log()] == [("ann", "state"), ("ann", SCHEME)]
        assert store.restore_face(1, "ben").state is FaceState.SKIPPED
    assert list(tmp_path.glob("labelkit-*.backup.db"))


# Faces that come back


@pytest.fixture
def face(store: Store) -> int:
    (photo,) = store.add_images([NewImage("a.jpg")])
    (face_id,) = store.add_faces([NewFace(photo, Box(0, 0, 9, 9))])
    return face_id


@pytest.mark.parametrize("state", [FaceState.TODO, FaceState.SKIPPED])
def test_a_rejected_face_comes_back_as_it_was(store: Store, face: int, state: FaceState) -> None:
    store.set_state(face, state, "ann")
    store.set_state(face, FaceState.REJECTED, "ann", "no face")
    back = store.restore_face(face, "ben")
    assert (back.state, back.reason) == (state, "brought back")
    assert store.log(face_id=face)[-1].author == "ben"


def test_its_annotations_come_back_with_it(store: Store, face: int, scheme: Scheme) -> None:
    xy = np.arange(2.0 * len(scheme)).reshape(-1, 2)
    store.annotate(face, Landmarks(scheme, xy), "ann")
    store.set_state(face, FaceState.REJECTED, "ann")
    assert store.restore_face(face, "ben").state is FaceState.DONE
    np.testing.assert_array_equal(store.current(face).xy, xy)
    assert len(store.history(face)) == 1


def test_what_was_finished_waits_where_points_were_added_meanwhile(
    store: Store, face: int, scheme: Scheme
) -> None:
    from labelkit.scheme import Point
    from labelkit.scheme.change import plan_change
    from labelkit.scheme.edit import add_points

    store.annotate(face, Landmarks(scheme, np.zeros((len(scheme), 2))), "ann")
    store.set_state(face, FaceState.REJECTED, "ann")
    more = add_points(scheme, [Point("new_one", 0.1, 0.2)])
    store.change_scheme(plan_change(scheme, more, {}), "ann")
    assert store.restore_face(face, "ben").state is FaceState.PREDICTED


def test_a_face_that_is_not_rejected_is_not_brought_back(store: Store, face: int) -> None:
    with pytest.raises(InputError, match=r"a\.jpg, face 1: is todo"):
        store.restore_face(face, "ann")
    with pytest.raises((InputError, StoreError)):
        store.restore_face(99, "ann")


def test_a_clock_that_is_set_back_changes_no_order(
    worked: Store, scheme: Scheme, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Revisions, events, undo and log go by what was stored first, whatever time it is said to be."""
    face = worked.page()[0].id
    for number, days in enumerate((365, -1, 0, -400), 2):
        moment = datetime.now(UTC) + timedelta(days=days)
        monkeypatch.setattr(tables, "now", lambda moment=moment: moment)
        worked.add_comment(face, f"comment {number}", "ann")
        worked.annotate(face, Landmarks(scheme, np.full((len(scheme), 2), float(number))), "ann")
        worked.journal.append(face, "tab", "ann", {"id": number})
    assert [one.revision for one in worked.history(face)] == [1, 2, 3, 4, 5]
    assert worked.current(face).xy[0, 0] == 5
    comments = [one.text for one in worked.events(face) if one.text.startswith("comment")]
    assert comments == [f"comment {number}" for number in (2, 3, 4, 5)]
    told = [one.text for one in worked.log(face_id=face)]
    for said in (comments, [f"revision {number}, done" for number in (1, 2, 3, 4, 5)]):
        assert [text for text in told if text in said] == said
    assert [one.text for one in worked.log(face_id=face, limit=2)] == told[-2:]
    journal = worked.journal.undo(face, "tab")
    assert [delta.edit["id"] for delta in journal.done] == [2, 3, 4]


def test_the_log_is_asked_for_photos_and_for_what_was_done(worked: Store) -> None:
    assert {one.what for one in worked.log(photo="a.j")} == {"box", ANNOTATION, "state", "comment", "note"}
    assert worked.log(photo="%") == []
    assert [one.text for one in worked.log(what=SCHEME)] == [worked.log()[0].text]
    assert [one.what for one in worked.log(what=JOB)] == [JOB]
    assert [one.author for one in worked.log(what="state")] == ["ann", "ben"]
    assert [one.what for one in worked.log(what="export", author="ben")] == ["export"]
    assert worked.log(what="export", photo="a.jpg") == []
    assert worked.log(what="nothing") == []
    assert [one.index for one in worked.log(what="box", limit=1)] == [1]


def test_everybody_and_every_action_is_known(worked: Store) -> None:
    assert worked.authors() == ["ann", "ben", "founder"]
    assert worked.actions() == ["export"]
