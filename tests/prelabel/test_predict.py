from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from labelkit.errors import InputError
from labelkit.formats import read
from labelkit.geometry import Box, Crop, Similarity
from labelkit.images import ImageFile, example_faces
from labelkit.models.stream import PhotoResult
from labelkit.prediction import Prediction
from labelkit.prelabel.predict import Labelled, LabelledFace, find_photos, rows, write_labels
from labelkit.scheme import Scheme, load_scheme

SCHEME = load_scheme("ibug68")


def face(photo: Path, scheme: Scheme = SCHEME, kind: str = "detector") -> LabelledFace:
    xy = 100 * scheme.plane + 200.25
    crop = Crop(Similarity(100, 0, 200.25, 200.25))
    box = Box(100, 100, 300, 300, kind, "haar-frontal", 0.5)  # type: ignore[arg-type]
    return LabelledFace(ImageFile(photo), box, Prediction(xy, "m@1", crop, scheme.name))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photos" / "a.png"
    path.parent.mkdir()
    path.write_bytes(example_faces()[0].path.read_bytes())
    return path


def test_files_and_folders_in_order_and_once(photo: Path) -> None:
    missing = photo.parent / "missing.png"
    assert [p.path for p in find_photos([missing, photo, photo.parent])] == [missing, photo]


def test_json_rows_hold_none_for_what_is_not_there(photo: Path) -> None:
    (row,) = rows([face(photo)], SCHEME)
    assert set(row) == {"image", "box", "scheme", "points"}
    assert (row["image"], row["box"], row["scheme"]) == (photo.as_posix(), [100, 100, 300, 300], "ibug68")
    assert [p["name"] for p in row["points"]] == list(SCHEME.names)
    first = row["points"][0]
    assert set(first) == {"name", "x", "y", "cov", "confidence"}
    assert first["cov"] is None
    assert first["confidence"] is None


def test_json_rows_hold_spread_and_confidence(photo: Path) -> None:
    known = face(photo)
    cov, sure = np.tile(np.eye(2), (68, 1, 1)), np.full(68, 0.75)
    prediction = Prediction(known.prediction.xy, "m@1", known.prediction.crop, "ibug68", cov, sure)
    (row,) = rows([LabelledFace(known.image, known.box, prediction)], SCHEME)
    assert (row["points"][3]["cov"], row["points"][3]["confidence"]) == ([[1, 0], [0, 1]], 0.75)


@pytest.mark.parametrize("where", ["labels.txt", "elsewhere/labels.txt"])
def test_wflw_is_read_again(photo: Path, tmp_path: Path, where: str) -> None:
    known = face(photo)
    report = write_labels([known], SCHEME, tmp_path / where, "wflw")
    data = read(tmp_path / where, "wflw", images=report.images)
    # Beside the photos' folder no --images is needed, elsewhere the report says which.
    assert report.images == (tmp_path if where == "labels.txt" else photo.parent)
    assert data[0].landmarks is not None
    assert data[0].box == data[0].landmarks.box
    np.testing.assert_allclose(data[0].landmarks.xy, known.prediction.xy, atol=1e-3)


def test_pts_is_read_again(photo: Path, tmp_path: Path) -> None:
    report = write_labels([face(photo)], SCHEME, photo.parent, "300w")
    assert report.images == photo.parent
    assert len(read(photo.parent, "300w")) == 1


@pytest.mark.parametrize("name", ["coco", "csv", "parquet", "dlib"])
def test_other_formats_are_read_again(photo: Path, tmp_path: Path, name: str) -> None:
    known = face(photo)
    report = write_labels([known], SCHEME, tmp_path / "labels", name)
    (found,) = read(tmp_path / "labels", name, images=report.images)
    assert found.landmarks is not None
    # dlib's points are whole numbers.
    np.testing.assert_allclose(found.landmarks.xy, known.prediction.xy, atol=0.5 if name == "dlib" else 0)


def test_a_users_box_is_kept(photo: Path, tmp_path: Path) -> None:
    write_labels([face(photo, kind="user")], SCHEME, tmp_path / "labels.txt", "wflw")
    box = read(tmp_path / "labels.txt")[0].box
    assert box is not None
    assert box.xyxy == (100, 100, 300, 300)


def test_without_a_face_json_is_an_empty_list_and_others_are_not_written(tmp_path: Path) -> None:
    write_labels([], SCHEME, tmp_path / "labels.json", "json")
    assert json.loads((tmp_path / "labels.json").read_text()) == []
    with pytest.raises(InputError, match="no face was found"):
        write_labels([], SCHEME, tmp_path / "labels.txt", "wflw")
    assert not (tmp_path / "labels.txt").exists()


def test_what_became_of_photos(photo: Path) -> None:
    known = face(photo)
    labelled = Labelled()
    labelled.add(PhotoResult(known.image, (known.box,) * 2, [known.prediction] * 2))
    labelled.add(PhotoResult(ImageFile("empty.png"), (), []))
    labelled.add(PhotoResult(ImageFile("bad.png"), (), [], "bad.png: is damaged"))
    assert (labelled.photos, len(labelled.faces)) == (3, 2)
    assert [file.path.name for file in labelled.no_face] == ["empty.png"]
    assert labelled.problems == ["bad.png: is damaged"]
    assert [len(faces) for faces in labelled.by_photo().values()] == [2]
