"""Who did what, and faces that come back, by the project's own calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from labelkit.errors import InputError
from labelkit.geometry import Box
from labelkit.landmarks import Face, Landmarks
from labelkit.project import Project
from labelkit.project.keeping import moment
from labelkit.scheme import Scheme

from .conftest import face_at, make_photo


@pytest.fixture
def project(tmp_path: Path, ibug68: Scheme) -> Project:
    for name in ("a.png", "b.png"):
        make_photo(tmp_path / "photos" / name)
    project = Project.create(tmp_path / "work", tmp_path / "photos", ibug68, author="ann")
    for name in ("a.png", "b.png"):
        project.add_face(name, Box(5, 5, 60, 60, "user"), "ann")
    return project


@pytest.fixture
def face(project: Project, ibug68: Scheme) -> Face:
    face = next(project.faces())
    project.annotate(face, Landmarks(ibug68, face_at(ibug68)), author="ben")
    return face


def test_the_log_is_a_table_with_who_what_and_where(project: Project, face: Face, tmp_path: Path) -> None:
    project.export("csv", tmp_path / "out.csv", author="cleo")
    project.relocate(tmp_path / "photos", author="ann")
    project.backup(tmp_path / "b.zip", author="dan")
    table = project.log()
    assert list(table.columns) == ["time", "person", "what", "image", "face", "text", "before", "after"]
    assert str(table["time"].dtype) == "datetime64[us, UTC]"
    told = list(zip(table["person"], table["what"], strict=True))
    assert told == [
        ("ann", "scheme"),
        ("ann", "box"),
        ("ann", "box"),
        ("ben", "annotation"),
        ("ben", "state"),
        ("cleo", "export"),
        ("ann", "relocate"),
        ("dan", "backup"),
    ]
    assert table["text"].iloc[5] == "out.csv: 1 faces as csv"
    assert project.log(face=face)["face"].tolist() == [0, 0, 0]
    assert set(project.log(person="ben")["what"]) == {"annotation", "state"}
    assert len(project.log(limit=2)) == 2
    assert project.log(since=datetime.now(UTC) + timedelta(days=1)).empty


def test_looking_at_an_export_in_the_app_is_none(project: Project, face: Face) -> None:
    from labelkit.app.export import View
    from labelkit.app.session import Session
    from labelkit.app.shared import Shared

    told, _, possible = View(Session(Shared(project), "ann", "images"))._tried()
    assert possible, told
    assert "export" not in set(project.log()["what"])


def test_a_face_that_was_taken_away_is_hidden_and_comes_back(
    project: Project, face: Face, tmp_path: Path
) -> None:
    project.reject(face, "ben", "no face")
    assert face not in [item.face for item in project.queue()]
    with pytest.raises(InputError, match="nothing was written"):
        project.export("csv", tmp_path / "out.csv")
    assert project.restore_face(face, "ann").state == "done"
    assert project.export("csv", tmp_path / "out.csv").faces == 1
    assert [one.author for one in project.history(face)] == ["ben"]
    with pytest.raises(InputError, match="only a rejected face"):
        project.restore_face(face, "ann")
    with pytest.raises(InputError, match="no face 8"):
        project.restore_face(Face("a.png", 7), "ann")


@pytest.mark.parametrize(
    ("written", "ago"),
    [("90m", timedelta(minutes=90)), ("3 d", timedelta(days=3)), ("2w", timedelta(weeks=2))],
)
def test_spans_are_moments_before_now(written: str, ago: timedelta) -> None:
    assert abs(datetime.now(UTC) - ago - moment(written)) < timedelta(minutes=1)


def test_moments_without_a_zone_are_local() -> None:
    assert moment("2026-03-01T14:30:00+02:00") == datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    assert moment("2026-03-01") == datetime(2026, 3, 1).astimezone(UTC)


@pytest.mark.parametrize("written", ["", "yesterday", "3y", "2026-13-01", "999999w"])
def test_what_is_no_moment_is_refused(written: str) -> None:
    with pytest.raises(InputError, match="is no moment"):
        moment(written)
