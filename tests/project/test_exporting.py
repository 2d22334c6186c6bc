from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelkit import __version__
from labelkit.errors import InputError
from labelkit.formats import read
from labelkit.geometry import Box
from labelkit.landmarks import Face, Landmarks, State
from labelkit.prelabel.work import prelabel
from labelkit.project import Project
from labelkit.project.importing import import_dataset
from labelkit.project.side import read_side
from labelkit.scheme import Point, Scheme
from labelkit.scheme.edit import add_points
from labelkit.store import FaceState

from .conftest import NAMES, face_at, labels
from .fake_model import FakeModel


@pytest.fixture
def filled(project: Project, photos: Path, ibug68: Scheme) -> Project:
    """Predictions everywhere; the first face is done, the second reviewed, by two people."""
    prelabel(project.store, photos, FakeModel(), "fake@1")
    project.annotate(Face("a.png"), face_at(ibug68), author="ann")
    project.annotate(Face("b.png"), face_at(ibug68, 1.0), author="bob")
    project.review(Face("b.png"), "ann")
    return project


def side(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def images(path: Path, project: Project, format_name: str = "wflw") -> list[str]:
    data = read(path, format_name, project.scheme, images=project.images)
    return [sample.image.path.relative_to(project.images).as_posix() for sample in data]


def test_confirmed_faces_go_out_and_come_back_equal(filled: Project, tmp_path: Path, ibug68: Scheme) -> None:
    told: list[str] = []
    report = filled.export("wflw", tmp_path / "out.txt", heard=told.append)
    assert (report.faces, report.photos, report.predicted, report.partly) == (2, 2, [], [])
    data = read(tmp_path / "out.txt", "wflw", images=filled.images)
    assert data.scheme == ibug68
    for sample, shift in zip(data, (0.0, 1.0), strict=True):
        assert sample.landmarks is not None
        np.testing.assert_allclose(sample.landmarks.xy, face_at(ibug68, shift), atol=1e-5)
        assert sample.box == Box.around(sample.landmarks.xy, "ibug68")  # not the detector's
    assert len(told) == 1
    assert "pose" in told[0]
    assert report.losses == tuple(told)


def test_the_side_file_says_whose_labels_they_are(filled: Project, tmp_path: Path, ibug68: Scheme) -> None:
    (filled.folder / "models" / "fake@1.json").write_text('{"terms": "for tests only", "hash": "1"}')
    report = filled.export("wflw", tmp_path / "out.txt")
    assert report.side == tmp_path / "out.txt.labelkit.json"
    about = side(report.side)
    assert about["labelkit"] == __version__
    assert about["format"] == "wflw"
    assert about["scheme"] == json.loads(json.dumps(ibug68.to_dict()))
    assert about["annotators"] == {"ann": 1, "bob": 1}
    assert about["models"] == [{"id": "fake@1", "faces": 4, "terms": "for tests only", "hash": "1"}]
    assert about["terms"] == ["for tests only"]
    assert (about["faces"], about["states"]["predicted"]) == (2, 2)
    assert about["losses"] == list(report.losses)
    digest = hashlib.sha256((tmp_path / "out.txt").read_bytes()).hexdigest()
    assert about["sha256"] == {"out.txt": digest}
    assert (report.side.parent / about["images"]).resolve() == filled.images.resolve()


def test_a_model_whose_card_is_gone_is_not_passed_over(filled: Project, tmp_path: Path) -> None:
    filled.export("wflw", tmp_path / "out.txt")
    assert "not known" in side(tmp_path / "out.txt.labelkit.json")["terms"][0]


def test_predictions_go_out_on_request_and_are_named(filled: Project, tmp_path: Path) -> None:
    report = filled.export("wflw", tmp_path / "out.txt", include_predicted=True)
    assert report.faces == 4
    assert report.predicted == ["sub/c.png, face 1", "sub/d e.png, face 1"]
    about = side(report.side)
    assert about["include_predicted"] is True
    assert about["predicted"] == report.predicted
    assert images(tmp_path / "out.txt", filled) == list(NAMES)


def test_only_reviewed_faces_on_request(filled: Project, tmp_path: Path) -> None:
    report = filled.export("wflw", tmp_path / "out.txt", reviewed_only=True)
    assert images(tmp_path / "out.txt", filled) == ["b.png"]
    assert report.unreviewed == 1
    assert side(report.side)["annotators"] == {"bob": 1}


def test_faces_confirmed_in_part_are_named_and_left_out(
    filled: Project, tmp_path: Path, ibug68: Scheme
) -> None:
    partly = np.full(len(ibug68), State.PREDICTED)
    partly[:5] = State.CONFIRMED
    points = Landmarks(ibug68, face_at(ibug68), partly)
    filled.annotate(Face("sub/c.png"), points, author="ann", state=FaceState.IN_PROGRESS)
    report = filled.export("wflw", tmp_path / "out.txt")
    assert report.partly == ["sub/c.png, face 1"]
    assert side(report.side)["left_out"]["partly_confirmed"] == report.partly
    assert images(tmp_path / "out.txt", filled) == ["a.png", "b.png"]


def test_faces_that_wait_for_new_points_are_left_out(filled: Project, tmp_path: Path) -> None:
    grown = add_points(filled.scheme, [Point("forehead", 0.0, -0.6)])
    filled.change_scheme(filled.plan_scheme_change(grown), "ann")
    with pytest.raises(InputError, match="2 are confirmed in part") as error:
        filled.export("wflw", tmp_path / "out.txt", include_predicted=True)
    assert "--include-predicted" not in str(error.value), "it was asked for already"
    with pytest.raises(InputError, match="2 are confirmed in part"):
        filled.export("wflw", tmp_path / "out.txt")
    assert not any(tmp_path.glob("out*"))


def test_a_missing_point_is_refused_with_the_faces_name_where_the_format_cannot_hold_it(
    filled: Project, tmp_path: Path, ibug68: Scheme
) -> None:
    xy = face_at(ibug68)
    xy[7] = np.nan
    filled.annotate(Face("sub/c.png"), xy, author="ann")
    for format_name, out in (("wflw", "out.txt"), ("300w", "points")):
        with pytest.raises(InputError, match=r"sub/c\.png.*7"):
            filled.export(format_name, tmp_path / out)
        assert not any(tmp_path.glob(f"{out}*"))
    assert not any(tmp_path.glob(".labelkit-*"))
    assert filled.export("csv", tmp_path / "out.csv").faces == 3


def test_nothing_confirmed_is_said_with_what_to_do(project: Project, photos: Path, tmp_path: Path) -> None:
    prelabel(project.store, photos, FakeModel(), "fake@1")
    with pytest.raises(InputError, match=r"confirmed yet: 4 are predicted.*--include-predicted"):
        project.export("wflw", tmp_path / "out.txt")
    assert not any(tmp_path.glob("out*"))


def test_a_file_that_is_no_export_is_not_written_over(filled: Project, tmp_path: Path) -> None:
    out = tmp_path / "old-labels.txt"
    out.write_text("what was imported")
    with pytest.raises(InputError, match=r"old-labels\.txt: is there already and is no earlier export"):
        filled.export("wflw", out)
    assert out.read_text() == "what was imported"
    out.write_text("")
    for _ in range(2):
        assert filled.export("wflw", out).faces == 2


def test_predictions_are_known_at_every_moment_while_they_are_exported_again(
    filled: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.txt"
    filled.export("wflw", out, include_predicted=True)
    old = read_side(out)
    assert old is not None
    assert len(old.predicted) == 2
    filled.annotate(Face("sub/c.png"), filled.landmarks(Face("sub/c.png")), author="ann")
    replace = Path.replace
    seen: list[Any] = []

    def watched(draft: Path, target: Path) -> Path:
        done = replace(draft, target)
        seen.append(read_side(out))
        return done

    monkeypatch.setattr(Path, "replace", watched)
    filled.export("wflw", out, include_predicted=True)
    new = read_side(out)
    assert new is not None
    assert len(new.predicted) == 1
    assert seen[0] == old
    assert set(seen[1:]) == {new}
    assert "before" not in side(tmp_path / "out.txt.labelkit.json")


def test_a_folder_of_files_appears_as_a_whole_and_is_replaced_as_a_whole(
    filled: Project, tmp_path: Path, ibug68: Scheme
) -> None:
    out = tmp_path / "points"
    filled.export("300w", out)
    assert images(out, filled, "300w") == ["a.png", "b.png"]
    assert set(side(out / "labelkit.json")["sha256"]) >= {"a.pts", "b.pts"}
    filled.reject(Face("a.png"), "ann")
    filled.export("300w", out)
    assert images(out, filled, "300w") == ["b.png"]
    assert not (out / "a.pts").exists()


def test_a_folder_with_other_files_is_not_touched(filled: Project, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="other files"):
        filled.export("300w", tmp_path / "mine")
    with pytest.raises(InputError, match="is a folder"):
        filled.export("wflw", tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_failed_export_leaves_the_earlier_one(
    filled: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.export("wflw", tmp_path / "out.txt")
    filled.export("300w", tmp_path / "points")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("labelkit.project.exporting._about", full)
    for format_name, out in (("wflw", "out.txt"), ("300w", "points")):
        with pytest.raises(OSError, match="No space"):
            filled.export(format_name, tmp_path / out)
    kept = {path: path.read_bytes() for path in before if path.suffix not in (".db-wal", ".db-shm")}
    assert all(before[path] == kept[path] for path in kept if "work" not in path.parts)
    assert not any(tmp_path.glob(".labelkit-*"))


def test_a_split_shares_no_photo_and_keeps_copies_together(
    project: Project, photos: Path, tmp_path: Path, ibug68: Scheme
) -> None:
    for number in range(20):
        copy = photos / f"copy{number}.png"
        copy.write_bytes((photos / NAMES[number % 4]).read_bytes())
    project.scan()
    names = [*NAMES, *(f"copy{number}.png" for number in range(20))]
    data = labels(photos, ibug68, *((name, float(shift)) for name in names for shift in (-60, 0)))
    import_dataset(project.store, photos, data, photos / "x", "ann")
    report = project.export("wflw", tmp_path / "parts", split="50/25/25")
    assert set(report.parts) == {"train.txt", "dev.txt", "test.txt"}
    assert sum(report.parts.values()) == report.faces == 48
    contents = []
    for part, count in report.parts.items():
        assert count > 0
        found = set(images(tmp_path / "parts" / part, project))
        contents.append({(photos / name).read_bytes() for name in found})
    assert sum(map(len, contents)) == len(set.union(*contents))
    assert side(tmp_path / "parts" / "labelkit.json")["split"] == {"shares": "50/25/25", "by": "photo"}


def test_a_split_by_person_needs_to_know_them(filled: Project, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2 of 2 faces have no person"):
        filled.export("wflw", tmp_path / "parts", split="80/10/10", by="person")
    for name in ("a.png", "b.png"):
        known = filled.find(Face(name))
        filled.store.set_attributes(known.id, {"person": "p1"}, "ann")
    report = filled.export("300w", tmp_path / "parts", split="80/10/10", by="person")
    assert sorted(report.parts.values()) == [0, 0, 2]


@pytest.mark.parametrize("split", ["80/20", "a/b/c", "80/10/10/0", "-10/100/10", ""])
def test_a_split_that_is_none_is_refused(filled: Project, tmp_path: Path, split: str) -> None:
    with pytest.raises(InputError):
        filled.export("wflw", tmp_path / "parts", split=split)
    assert not (tmp_path / "parts").exists()
