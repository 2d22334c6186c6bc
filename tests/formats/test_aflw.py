"""AFLW-19 .mat files: what is written can be read, by us and by scipy alone; what is wrong is named."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelkit.dataset import Dataset, Sample
from labelkit.errors import FormatError, InputError, UnavailableError
from labelkit.formats import aflw
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks, State, Visibility

from .made import photos, scheme_of


def cells(*names: Any) -> np.ndarray:
    column = np.empty((len(names), 1), object)
    column[:, 0] = names
    return column


def columns() -> dict[str, Any]:
    """Two faces of three points, as the release lays them out."""
    return {
        "nameList": cells("0/a.jpg", "2/b c.jpg"),
        "data": np.array([[1.0, 3, 5, 2, 4, 7], [11, 13, 15, 12, 14, 17]]),
        "mask_new": np.array([[1.0, 1, 1], [1, 0, 1]]),
        "bbox": np.array([[1.0, 101, 21, 221], [2, 102, 22, 222]]),
        "ra": np.array([[2.0], [1]]),
    }


def as_matlab(folder: Path, **changed: Any) -> Path:
    """A file with photos beside it; a column that is None is left out."""
    photos(folder, "0/a.jpg", "2/b c.jpg")
    table = {name: column for name, column in (columns() | changed).items() if column is not None}
    scipy.io.savemat(folder / "AFLWinfo.mat", table, appendmat=False)
    return folder / "AFLWinfo.mat"


def data_set(root: Path, *faces: Landmarks, **known: Any) -> Dataset:
    names = [f"{i}/a b.jpg" for i in range(len(faces))]
    photos(root, *names)
    samples = [
        Sample(ImageFile(root / name), landmarks=face, **known)
        for name, face in zip(names, faces, strict=True)
    ]
    return Dataset(tuple(samples), None, root)


# Reading


def test_a_file_of_the_release(tmp_path: Path) -> None:
    data = aflw.read(as_matlab(tmp_path), scheme=scheme_of(3), strict=True)
    first, second = data
    assert first.landmarks == Landmarks("drawn3", [[0, 1], [2, 3], [4, 6]], visibility=Visibility.VISIBLE)
    assert second.landmarks == Landmarks(
        "drawn3",
        [[10, 11], [np.nan, np.nan], [14, 16]],
        visibility=[Visibility.VISIBLE, Visibility.UNKNOWN, Visibility.VISIBLE],
    )
    assert first.box == Box(0, 20, 100, 220, kind="user", source="aflw")
    assert [face.image.path for face in data] == [tmp_path / "0/a.jpg", tmp_path / "2/b c.jpg"]
    assert [face.attributes for face in data] == [{"order": 2}, {"order": 1}]


def test_the_release_says_which_faces_are_for_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aflw, "_RELEASE", 2)
    monkeypatch.setattr(aflw, "_TRAINING", 1)
    data = aflw.read(as_matlab(tmp_path), strict=True)
    assert [face.attributes["split"] for face in data] == ["test", "train"]


def test_what_a_file_may_leave_out_or_have_otherwise(tmp_path: Path) -> None:
    whole = np.array([[1, 3, 5, 2, 4, 7], [11, 13, 15, 12, 14, 17]], np.int32)
    path = as_matlab(
        tmp_path, ra=None, data=whole, mask_new=np.ones((2, 3), bool), extra="?", bbox=np.ones((2, 4))
    )
    data = aflw.read(path)
    assert len(data) == 0
    assert [face.problem.split(": ")[0] for face in data.report.left_out] == ["face 1", "face 2"]
    data = aflw.read(as_matlab(tmp_path, ra=np.array([[1, 2]]), nameList=cells("2/b c.jpg", "2/b c.jpg")))
    assert [face.attributes for face in data] == [{"order": 1}, {"order": 2}]
    assert len(data.by_image()) == 1
    assert aflw.read(as_matlab(tmp_path, ra=None))[0].attributes == {}


def test_photos_are_looked_for_below_the_given_root(tmp_path: Path) -> None:
    path = as_matlab(tmp_path / "lists")
    photos(tmp_path / "flickr", "0/a.jpg")
    data = aflw.read(path, images=tmp_path / "flickr")
    assert [face.image.path for face in data] == [tmp_path / "flickr/0/a.jpg"]
    assert data.root == tmp_path / "flickr"
    assert "face 2: image '2/b c.jpg' is missing" in data.report.left_out[0].problem
    with pytest.raises(InputError, match="no such folder of images"):
        aflw.read(path, images=tmp_path / "nowhere")


def test_the_scheme_by_the_number_of_points(tmp_path: Path) -> None:
    one = {"data": np.arange(2.0 * 2 * 68).reshape(2, -1), "mask_new": np.ones((2, 68))}
    data = aflw.read(as_matlab(tmp_path, **one), strict=True)
    assert data.scheme is not None
    assert data.scheme.name == "ibug68"
    with pytest.raises(FormatError, match=r"AFLWinfo\.mat: has 68 points a face, wflw98 has 98"):
        aflw.read(as_matlab(tmp_path, **one), scheme="wflw98")


def test_a_face_of_which_no_point_is_seen_keeps_its_box(tmp_path: Path) -> None:
    data = aflw.read(as_matlab(tmp_path, mask_new=np.array([[0.0, 0, 0], [1, 1, 1]])), strict=True)
    assert data[0].landmarks is not None
    assert not data[0].landmarks.present.any()
    assert data[0].box == Box(0, 20, 100, 220, kind="user", source="aflw")


# What is wrong

BAD_FILES: dict[str, tuple[dict[str, Any], str]] = {
    "no names": ({"nameList": None}, "is no AFLW-19 file: it holds no nameList"),
    "no marks": ({"mask_new": None}, "is no AFLW-19 file: it holds no mask_new"),
    "no faces": ({"nameList": np.empty((0, 0), object)}, "holds no face"),
    "a name short": ({"nameList": cells("0/a.jpg")}, "data is an array (2, 6) of float64, not a row"),
    "a row short": ({"data": np.ones((1, 6))}, "data is an array (1, 6)"),
    "a number short": ({"data": np.ones((2, 5))}, "its columns do not fit together (data (2, 5)"),
    "a mark short": ({"mask_new": np.ones((2, 2))}, "its columns do not fit together"),
    "a box short": ({"bbox": np.ones((2, 3))}, "its columns do not fit together"),
    "words for numbers": ({"bbox": cells("1", "2")}, "bbox is an array (2, 1) of object"),
    "no order": ({"ra": np.array([1, 1])}, "ra does not hold each number from 1 to 2 once"),
    "an order of three": ({"ra": np.array([1, 2, 3])}, "ra is an array (3, 1)"),
    "thin numbers": ({"data": scipy.sparse.csc_matrix(np.ones((2, 6)))}, "data is no array"),
}


@pytest.mark.parametrize(("changed", "problem"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, changed: dict[str, Any], problem: str) -> None:
    path = as_matlab(tmp_path, **changed)
    with pytest.raises(FormatError) as caught:
        aflw.read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def changed(name: str, row: int, column: int, value: float) -> dict[str, np.ndarray]:
    table = columns()[name]
    table[row, column] = value
    return {name: table}


BAD_FACES: dict[str, tuple[dict[str, Any], str]] = {
    "nan": (changed("data", 0, 1, np.nan), "point 1 has a coordinate that is not finite"),
    "infinity": (changed("data", 0, 5, np.inf), "point 2 has a coordinate that is not finite"),
    "a mark of 2": (changed("mask_new", 0, 1, 2), "has other marks in mask_new than 0 and 1"),
    "no area": (changed("bbox", 0, 1, 1), "has no area"),
    "nan in the box": (changed("bbox", 0, 1, np.nan), "that is not a number"),
    "missing photo": ({"nameList": cells("lost.jpg", "2/b c.jpg")}, "image 'lost.jpg' is missing"),
    "out of the root": ({"nameList": cells("../x.jpg", "2/b c.jpg")}, "image '../x.jpg' lies outside"),
    "from /": ({"nameList": cells("/etc/passwd", "2/b c.jpg")}, "image '/etc/passwd' lies outside"),
    "a number for a name": ({"nameList": cells(7.0, "2/b c.jpg")}, "names no photo"),
    "no name": ({"nameList": cells(np.array([]), "2/b c.jpg")}, "names no photo"),
    "names in a name": ({"nameList": cells(cells("a", "b"), "2/b c.jpg")}, "names no photo"),
}


@pytest.mark.parametrize(("changed", "problem"), BAD_FACES.values(), ids=BAD_FACES)
def test_a_bad_face_is_named_and_the_rest_is_read(
    tmp_path: Path, changed: dict[str, Any], problem: str
) -> None:
    path = as_matlab(tmp_path, **changed)
    data = aflw.read(path)
    assert [face.image.path.name for face in data] == ["b c.jpg"]
    (left_out,) = data.report.left_out
    assert left_out.problem.startswith("face 1: ")
    assert problem in left_out.problem
    with pytest.raises(FormatError) as caught:
        aflw.read(path, strict=True)
    assert str(caught.value) == str(left_out)


def test_what_a_point_that_is_not_seen_has_for_numbers_does_not_matter(tmp_path: Path) -> None:
    data = aflw.read(as_matlab(tmp_path, **changed("data", 1, 1, np.nan)), strict=True)
    assert len(data) == 2


def test_files_of_another_kind(tmp_path: Path) -> None:
    whole = as_matlab(tmp_path).read_bytes()
    newer = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x89HDF\r\n\x1a\n"
    contents = {
        "empty": (b"", "is no MATLAB file of version 5, or is cut short"),
        "text": (b"1 2 3\n" * 99, "is no MATLAB file"),
        "cut": (whole[:-20], "is no MATLAB file"),
        "head": (whole[:128], "is no AFLW-19 file"),
        "newer": (newer, "is a MATLAB file of version 7.3"),
    }
    for name, (content, problem) in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FormatError, match=f"{name}: {problem}"):
            aflw.read(tmp_path / name)
    with pytest.raises(FormatError, match="is a folder, not a file"):
        aflw.read(tmp_path)
    with pytest.raises(FormatError, match="cannot be read \\(No such file"):
        aflw.read(tmp_path / "nothing.mat")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("compressed", [True, False])
def test_damage_anywhere_is_one_line_or_none(tmp_path: Path, compressed: bool) -> None:
    photos(tmp_path, "0/a.jpg", "2/b c.jpg")
    scipy.io.savemat(tmp_path / "a.mat", columns(), do_compression=compressed)
    whole = (tmp_path / "a.mat").read_bytes()
    for at in range(128, len(whole), 24):
        (tmp_path / "b.mat").write_bytes(whole[:at] + b"\xff\x00\x07\xff" + whole[at + 4 :])
        problem, found = "", 2
        try:
            data = aflw.read(tmp_path / "b.mat")
            found = len(data) + len(data.report.left_out)
        except FormatError as error:
            problem = str(error)
        assert found == 2
        assert "\n" not in problem


def test_a_file_that_claims_too_much_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aflw, "_MOST", 11)
    with pytest.raises(FormatError, match="claims to hold 12 numbers as data"):
        aflw.read(as_matlab(tmp_path))


def test_without_scipy_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = data_set(tmp_path, Landmarks("drawn3", [[1, 2], [3, 4], [5, 7]]))
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(UnavailableError, match=r'scipy; pip install "labelkit\[formats\]"'):
        aflw.write(data, tmp_path / "a.mat")


# Writing


def plain_reader(path: Path) -> list[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Name, points, marks and box of every face, by scipy and the description of the format."""
    table = scipy.io.loadmat(path)
    found = []
    for i in range(len(table["data"])):
        xy = np.stack([table["data"][i, :19], table["data"][i, 19:]], 1) - 1
        xmin, xmax, ymin, ymax = table["bbox"][i] - 1
        name = table["nameList"][i, 0][0]
        found.append((str(name), xy, table["mask_new"][i], np.array([xmin, ymin, xmax, ymax])))
    return found


def test_a_stranger_reads_what_we_write(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    shapes = rng.normal(200, 300, (3, 19, 2))
    shapes[rng.random((3, 19)) < 0.3] = np.nan
    faces = [Landmarks("aflw19", xy, visibility=Visibility.VISIBLE) for xy in shapes]
    box = Box(1.5, 2, 31.5, 42, kind="user", source="aflw")
    report = aflw.write(data_set(tmp_path, *faces, box=box), tmp_path / "a.mat")
    assert (report.written, report.files, report.images) == (3, (tmp_path / "a.mat",), tmp_path)
    for i, (name, xy, seen, rectangle) in enumerate(plain_reader(tmp_path / "a.mat")):
        there = np.isfinite(shapes[i]).all(axis=1)
        assert name == f"{i}/a b.jpg"
        np.testing.assert_array_equal(seen == 1, there)
        np.testing.assert_allclose(xy[there], shapes[i][there], rtol=0, atol=1e-9)
        np.testing.assert_array_equal(xy[~there], -1)
        np.testing.assert_array_equal(rectangle, [1.5, 2, 31.5, 42])
    assert scipy.io.loadmat(tmp_path / "a.mat")["ra"].ravel().tolist() == [1, 2, 3]


def test_the_order_of_training_is_kept(tmp_path: Path) -> None:
    path = as_matlab(tmp_path)
    before = aflw.read(path)
    aflw.write(before, tmp_path / "b.mat")
    assert aflw.read(tmp_path / "b.mat", strict=True) == before
    assert scipy.io.loadmat(tmp_path / "b.mat")["ra"].ravel().tolist() == [2, 1]


NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=("Cs",), max_codepoint=0x1FFFF),
    min_size=1,
    max_size=8,
).filter(lambda name: name.strip(". ") != "" and len(name.encode()) < 200)
COORDINATES = st.floats(-1e5, 1e5)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.integers(1, 5))
def test_what_is_written_is_read_again(data: st.DataObject, points: int) -> None:
    names = data.draw(st.lists(NAMES, min_size=1, max_size=4, unique_by=str.casefold))
    shape = st.lists(COORDINATES, min_size=2 * points, max_size=2 * points)
    there = st.lists(st.booleans(), min_size=points, max_size=points)
    box = Box(-3, 2.5, 31.25, 42, kind="user", source="aflw")
    samples = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "sub é")
        photos(root, *names)
        for name in names:
            seen = np.array(data.draw(there))
            xy = np.where(seen[:, None], np.reshape(data.draw(shape), (-1, 2)), np.nan)
            marks = np.where(seen, Visibility.VISIBLE, Visibility.UNKNOWN)
            samples.append(Sample(ImageFile(root / name), box, Landmarks(f"drawn{points}", xy, 2, marks)))
        aflw.write(Dataset(tuple(samples), scheme_of(points), root), Path(folder, "a b.mat"))
        after = aflw.read(Path(folder, "a b.mat"), scheme=scheme_of(points), images=root, strict=True)
    for face, before in zip(after, samples, strict=True):
        assert face.landmarks is not None
        assert before.landmarks is not None
        assert (face.image, face.box) == (before.image, before.box)
        np.testing.assert_allclose(face.landmarks.xy, before.landmarks.xy, rtol=0, atol=1e-9)
        assert face.landmarks.visibility.tolist() == before.landmarks.visibility.tolist()


def test_losses_are_said(tmp_path: Path) -> None:
    face = Landmarks("drawn3", [[1, 2], [np.nan, 4], [5, 7]], State.PREDICTED, Visibility.OCCLUDED)
    box = Box(0, 0, 9, 9, kind="detector", source="haar", score=0.5)
    data = data_set(tmp_path, face, box=box, attributes={"person": "A", "order": 3})
    assert aflw.write(data, tmp_path / "a.mat").losses == (
        "points that are hidden, or of which that is unknown, are written as visible (1 of 1 faces)",
        "which points nobody has confirmed is lost (1 of 1 faces)",
        "attributes are lost: person",
        "where the box comes from is lost (1 of 1 faces)",
    )
    whole = data_set(tmp_path, Landmarks("drawn3", [[1, 2], [3, 4], [5, 7]], visibility=Visibility.VISIBLE))
    assert aflw.write(whole, tmp_path / "a.mat").losses == ()


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    good = data_set(tmp_path / "x", Landmarks("drawn3", [[1, 2], [3, 4], [5, 7]]))
    nothing = data_set(tmp_path / "x", Landmarks("drawn3", np.full((3, 2), np.nan)))
    with pytest.raises(InputError, match=r"'0/a b\.jpg': has neither a point nor a box"):
        aflw.write(nothing, tmp_path / "a.mat")
    with pytest.raises(InputError, match=r"'0/a b\.jpg', face 1: has no landmarks"):
        aflw.write(Dataset((Sample(good[0].image),), None, good.root), tmp_path / "a.mat")
    with pytest.raises(InputError, match="lies outside of the image root"):
        aflw.write(good, tmp_path / "a.mat", images=tmp_path / "elsewhere")
    with pytest.raises(FormatError, match="is a folder; an AFLW-19 file is a file"):
        aflw.write(good, tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]


def test_it_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    path = as_matlab(tmp_path)
    assert aflw.looks_like(path)
    assert aflw.looks_like(path.rename(tmp_path / "AFLWinfo.dat"))
    (tmp_path / "b.mat").write_bytes(b"MATLAB 7.3 MAT-file")
    assert not aflw.looks_like(tmp_path / "b.mat")
    (tmp_path / "c.mat").mkdir()
    assert not aflw.looks_like(tmp_path / "c.mat")
