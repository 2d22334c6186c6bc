"""WFLW lists: what is written can be read, by us and by others; what is wrong is named."""

from __future__ import annotations

import string
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelkit.dataset import Dataset, LeftOut, Sample
from labelkit.errors import FormatError, InputError
from labelkit.formats import wflw
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks, State, Visibility

from .made import photos, scheme_of

BOX = "100 110 300 310"
FLAGS = "0 1 0 1 0 1"


def points(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 500, (count, 2)).round(3)


def coordinates(xy: np.ndarray) -> str:
    return " ".join(f"{value:.3f}" for value in xy.ravel())


def write_list(folder: Path, *lines: str, end: str = "\n") -> Path:
    path = folder / "list.txt"
    path.write_bytes(end.join(lines).encode() + end.encode())
    return path


def data_set(root: Path, *faces: tuple[str, np.ndarray], **known: object) -> Dataset:
    samples = [
        Sample(ImageFile(root / name), landmarks=Landmarks(scheme_of(len(xy)), xy), **known)
        for name, xy in faces
    ]
    return Dataset(tuple(samples), scheme_of(len(faces[0][1])), root)


def only_problem(data: Dataset) -> LeftOut:
    assert len(data.report.left_out) == 1
    return data.report.left_out[0]


# What a line says


def test_a_full_line(tmp_path: Path) -> None:
    photos(tmp_path, "37--Soccer/a.jpg")
    xy = points(98)
    (face,) = wflw.read(write_list(tmp_path, f"{coordinates(xy)} {BOX} {FLAGS} 37--Soccer/a.jpg"))
    assert face.image == ImageFile(tmp_path / "37--Soccer" / "a.jpg")
    assert face.landmarks is not None
    np.testing.assert_array_equal(face.landmarks.xy, xy)
    assert face.box == Box(100, 110, 300, 310, kind="user", source="wflw")
    assert face.attributes == dict(zip(wflw.ATTRIBUTES, (0, 1, 0, 1, 0, 1), strict=True))
    assert wflw.ATTRIBUTES == ("pose", "expression", "illumination", "make_up", "occlusion", "blur")


def test_a_short_line_has_the_tight_box(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    data = wflw.read(write_list(tmp_path, f"{coordinates(points(68))} a.jpg"))
    (face,) = data
    assert data.scheme is not None
    assert data.scheme.name == "ibug68"
    assert face.box == Box.around(points(68), "ibug68")
    assert face.attributes == {}


def test_a_rectangle_that_is_tight_is_known_as_such(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    line = f"10 20 30 40 20 50 10 20 30 50 {FLAGS} a.jpg"
    (face,) = wflw.read(write_list(tmp_path, line), scheme=scheme_of(3))
    assert face.box == Box(10, 20, 30, 50, kind="landmarks", source="drawn3")


def test_points_outside_the_photo_are_kept(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    (face,) = wflw.read(write_list(tmp_path, "-12.5 -3 1e5 40 -20 99999 a.jpg"), scheme=scheme_of(3))
    assert face.landmarks is not None
    assert face.landmarks.xy.tolist() == [[-12.5, -3], [1e5, 40], [-20, 99999]]


def test_crlf_byte_order_mark_blank_lines_and_tabs(tmp_path: Path) -> None:
    photos(tmp_path, "a b.jpg", "b.jpg")
    path = tmp_path / "list.txt"
    path.write_bytes("\ufeff1 2 3  4\t5 6 a b.jpg\r\n\r\n  \r\n6 5 4 3 2 1 b.jpg  \r\n".encode())
    data = wflw.read(path, scheme=scheme_of(3))
    assert [face.image.path.name for face in data] == ["a b.jpg", "b.jpg"]
    assert data.report.left_out == ()


def test_several_faces_in_one_photo(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    data = wflw.read(write_list(tmp_path, "1 2 3 4 5 6 a.jpg", "7 8 9 8 7 6 a.jpg"), scheme=scheme_of(3))
    assert len(data) == 2
    assert len(data.by_image()) == 1


def test_photos_are_looked_for_below_the_given_root(tmp_path: Path) -> None:
    photos(tmp_path / "elsewhere", "a.jpg")
    path = write_list(tmp_path, "1 2 3 4 5 6 a.jpg")
    assert len(wflw.read(path, scheme=scheme_of(3))) == 0
    data = wflw.read(path, scheme=scheme_of(3), images=tmp_path / "elsewhere")
    assert data[0].image.path == tmp_path / "elsewhere" / "a.jpg"
    assert data.root == tmp_path / "elsewhere"
    with pytest.raises(InputError, match="no such folder of images"):
        wflw.read(path, scheme=scheme_of(3), images=tmp_path / "nowhere")


# Where the path begins, and how many points there are


@pytest.mark.parametrize("name", ["2019 party/1.jpg", "7 8 9 10 0 1 0 1 0 1 x.jpg", "nan.jpg", "12 .5 1e3"])
@pytest.mark.parametrize("middle", ["", f"{BOX} {FLAGS} "])
def test_a_path_may_begin_with_numbers(tmp_path: Path, name: str, middle: str) -> None:
    photos(tmp_path, name)
    data = wflw.read(write_list(tmp_path, f"{coordinates(points(5))} {middle}{name}"), scheme=scheme_of(5))
    assert [face.image.path for face in data] == [tmp_path / name]
    assert len(data[0].attributes) == (6 if middle else 0)


@pytest.mark.parametrize(("count", "name"), [(68, "ibug68"), (98, "wflw98"), (41, None)])
@pytest.mark.parametrize("middle", ["", f"{BOX} {FLAGS} "])
def test_the_scheme_is_guessed(tmp_path: Path, count: int, name: str | None, middle: str) -> None:
    photos(tmp_path, "7 a.jpg", "b.jpg")
    lines = [f"{coordinates(points(count, seed))} {middle}b.jpg" for seed in range(3)]
    bad = f"{coordinates(points(count - 1))} {middle}b.jpg"
    data = wflw.read(write_list(tmp_path, bad, *lines, f"{coordinates(points(count))} {middle}7 a.jpg"))
    assert len(data) == 4
    assert only_problem(data).line == 1
    assert (data.scheme.name if data.scheme else None) == name
    assert data[0].landmarks is not None
    assert data[0].landmarks.scheme == (name or "points41")


def test_one_good_line_outweighs_one_bad_line(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    bad, good = (f"{coordinates(points(count))} {BOX} {FLAGS} a.jpg" for count in (97, 98))
    data = wflw.read(write_list(tmp_path, bad, good))
    assert data.scheme is not None
    assert data.scheme.name == "wflw98"
    assert only_problem(data).line == 1


# The release


def release(root: Path) -> Path:
    """The folders of WFLW: a face for training, two for testing, of which one in large pose."""
    photos(root / "WFLW_images", "a.jpg", "b.jpg", "c.jpg")
    whole = root / "WFLW_annotations" / "list_98pt_rect_attr_train_test"
    short = root / "WFLW_annotations" / "list_98pt_test"
    for folder in (whole, short):
        folder.mkdir(parents=True)
    line = f"{coordinates(points(98))} {BOX}"
    (whole / "list_98pt_rect_attr_train.txt").write_text(f"{line} 1 0 0 0 0 0 a.jpg\n")
    (whole / "list_98pt_rect_attr_test.txt").write_text(
        f"{line} 1 0 0 0 0 0 b.jpg\n{line} 0 0 0 1 0 0 c.jpg\n"
    )
    (short / "list_98pt_test_largepose.txt").write_text(f"{coordinates(points(98))} b.jpg\n")
    return root


@pytest.mark.parametrize(
    "folder", ["", "WFLW_annotations", "WFLW_annotations/list_98pt_rect_attr_train_test"]
)
def test_the_folders_of_the_release(tmp_path: Path, folder: str) -> None:
    data = wflw.read(release(tmp_path) / folder, strict=True)
    assert [(face.image.path.name, face.attributes["split"]) for face in data] == [
        ("a.jpg", "train"), ("b.jpg", "test"), ("c.jpg", "test"),
    ]  # fmt: skip
    assert data.root == tmp_path / "WFLW_images"
    assert data.report.read == 3
    assert wflw.looks_like(tmp_path / folder)


@pytest.mark.parametrize(
    ("subset", "names"),
    [("train", "a"), ("test", "bc"), ("largepose", "b"), ("makeup", "c"), ("blur", ""), (None, "abc")],
)
def test_subsets_of_the_release(tmp_path: Path, subset: str | None, names: str) -> None:
    data = wflw.read(release(tmp_path), subset=subset, strict=True)
    assert "".join(face.image.path.stem for face in data) == names


def test_the_list_of_a_subset(tmp_path: Path) -> None:
    path = release(tmp_path) / "WFLW_annotations/list_98pt_test/list_98pt_test_largepose.txt"
    (face,) = wflw.read(path, strict=True)
    assert face.image.path == tmp_path / "WFLW_images/b.jpg"
    assert face.attributes == {"split": "test", "subset": "largepose"}
    assert len(wflw.read(path, subset="largepose")) == 1
    assert len(wflw.read(path, subset="makeup")) == 0


def test_a_bad_line_of_the_release_is_named_by_its_list(tmp_path: Path) -> None:
    path = release(tmp_path) / "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_test.txt"
    with path.open("a") as file:
        file.write("nonsense\n")
    data = wflw.read(tmp_path)
    assert len(data) == 3
    assert (only_problem(data).path, only_problem(data).line) == (path, 3)


def test_subsets_that_nothing_tells(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    path = write_list(tmp_path, f"{coordinates(points(98))} {BOX} 1 0 0 0 0 0 a.jpg")
    assert len(wflw.read(path, subset="largepose")) == 1
    with pytest.raises(FormatError, match="does not say which of its faces are for train: it is no list of"):
        wflw.read(path, subset="train")
    with pytest.raises(InputError, match="WFLW has no subset 'night'; it has train, test, largepose"):
        wflw.read(path, subset="night")
    with pytest.raises(FormatError, match=r"is a folder without list_98pt_rect_attr_train\.txt; name a list"):
        wflw.read(tmp_path, subset="train")


# What is wrong

GOOD = "1 2 3 4 5 6 7 8 9 1 2 3 a.jpg"
BAD_LINES = {
    "one point too few": ("1 2 3 4 5 6 7 8 9 1 a.jpg", "has 10 numbers; 6 points are 12, or 22"),
    "one point too many": ("1 2 3 4 5 6 7 8 9 1 2 3 4 5 a.jpg", "has 14 numbers"),
    "one too many, full": (f"1 2 3 4 5 6 7 8 9 1 2 3 4 {BOX} {FLAGS} a.jpg", "has more than 22 numbers"),
    "one too few, full": (f"1 2 3 4 5 6 7 8 9 1 2 {BOX} {FLAGS} a.jpg", "has 11 coordinates before"),
    "five points too few, full": (f"1 2 {BOX} {FLAGS} a.jpg", "has 2 coordinates before rectangle"),
    "not a number": ("1 2 3 4 5 6 x 8 9 1 2 3 a.jpg", "has 6 numbers"),
    "digits with a line between": ("1 2 3 4 5 6 1_0 8 9 1 2 3 a.jpg", "has 6 numbers"),
    "nan": ("1 2 3 4 NaN 6 7 8 9 1 2 3 a.jpg", "point 2 has the coordinate 'NaN', which is not finite"),
    "infinity": ("1 2 3 4 5 6 7 8 9 -inf 2 3 a.jpg", "point 4 has the coordinate '-inf'"),
    "too large": ("1 2 3 4 5 6 7 8 9 1 2 1e999 a.jpg", "point 5 has the coordinate '1e999'"),
    "nan in the rectangle": (
        f"1 2 3 4 5 6 7 8 9 1 2 3 1 nan 3 4 {FLAGS} a.jpg",
        "the rectangle has the coordinate 'nan'",
    ),
    "rectangle without area": (f"1 2 3 4 5 6 7 8 9 1 2 3 5 5 5 9 {FLAGS} a.jpg", "has no area"),
    "attribute of two": (
        f"1 2 3 4 5 6 7 8 9 1 2 3 {BOX} 0 1 2 0 1 0 a.jpg",
        "has '0 1 2 0 1 0' where six attributes belong",
    ),
    "cut off": ("1 2 3 4 5 6 7 8", "names no photo after its 8 numbers"),
    "no path": ("1 2 3 4 5 6 7 8 9 1 2 3", "names no photo"),
    "missing photo": ("1 2 3 4 5 6 7 8 9 1 2 3 lost.jpg", "image 'lost.jpg' is missing in the folder"),
    "missing photo, full": (f"1 2 3 4 5 6 7 8 9 1 2 3 {BOX} {FLAGS} lost.jpg", "image 'lost.jpg' is missing"),
    "folder for a photo": ("1 2 3 4 5 6 7 8 9 1 2 3 folder.jpg", "image 'folder.jpg' is missing"),
    "out of the root": ("1 2 3 4 5 6 7 8 9 1 2 3 ../out.jpg", "image '../out.jpg' lies outside"),
    "out of the root, from /": ("1 2 3 4 5 6 7 8 9 1 2 3 /etc/passwd", "image '/etc/passwd' lies outside"),
    "endless name": ("1 2 3 4 5 6 7 8 9 1 2 3 " + 9000 * "x", "xxx...' is missing"),
    "words": ("these are not the numbers you are looking for", "has 0 numbers"),
    "twice": (GOOD, "is the same face as line 1"),
}  # fmt: skip


@pytest.mark.parametrize(("line", "problem"), BAD_LINES.values(), ids=BAD_LINES)
def test_a_bad_line_is_named_and_the_rest_is_read(tmp_path: Path, line: str, problem: str) -> None:
    root = tmp_path / "root"
    photos(root, "a.jpg", "folder.jpg/b.jpg", "../out.jpg")
    path = write_list(root, GOOD, "", line, "9 2 3 4 5 6 7 8 9 1 2 3 a.jpg")
    data = wflw.read(path, scheme=scheme_of(6))
    assert len(data) == data.report.read == 2
    left_out = only_problem(data)
    assert (left_out.path, left_out.line) == (path, 3)
    assert problem in left_out.problem
    assert len(str(left_out)) < 400
    with pytest.raises(FormatError) as caught:
        wflw.read(path, scheme=scheme_of(6), strict=True)
    assert str(caught.value) == str(left_out)
    assert "\n" not in str(caught.value)


BAD_FILES = {
    "empty": (b"", "is empty"),
    "blank": (b"\r\n \n", "is empty"),
    "binary": (bytes(range(256)) * 9, "is not text in UTF-8"),
    "zeros": (b"1 2 3 4 5 6 a.jpg\n\0\0\0", "zero bytes"),
    "UTF-16": ("1 2 3 4 5 6 a.jpg".encode("utf-16"), "is not text in UTF-8"),
    "Latin-1": ("1 2 3 4 5 6 é.jpg".encode("latin-1"), "is not text in UTF-8"),
    "prose": (b"Call me Ishmael.\nSome years ago\n", "is no WFLW list"),
}


@pytest.mark.parametrize(("content", "problem"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_no_list(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=problem) as caught:
        wflw.read(path)
    assert caught.value.path == path
    assert "\n" not in str(caught.value)


def test_a_folder_or_nothing_instead_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="is a folder"):
        wflw.read(tmp_path)
    with pytest.raises(FormatError, match="cannot be read"):
        wflw.read(tmp_path / "nothing.txt")
    with pytest.raises(FormatError, match="is a folder"):
        wflw.write(data_set(tmp_path, ("a.jpg", points(3))), tmp_path)


def test_absurdly_long_lines(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    path = write_list(tmp_path, GOOD, "9" * 2_000_000 + " 1 a.jpg", "1 " * 500_000 + "a.jpg")
    data = wflw.read(path, scheme=scheme_of(6))
    assert [face.line for face in data.report.left_out] == [2, 3]
    assert len(data) == 1


# Writing


def plain_reader(
    path: Path, count: int
) -> list[tuple[list[tuple[float, float]], list[float], list[int], str]]:
    """What somebody writes who knows the format and nothing of us."""
    faces = []
    with open(path, encoding="utf-8") as file:  # noqa: PTH123  (plain Python is the point)
        for line in file:
            parts = line.rstrip("\n").split(" ", 2 * count + 10)
            numbers = [float(part) for part in parts[: 2 * count + 4]]
            xy = list(zip(numbers[: 2 * count : 2], numbers[1 : 2 * count : 2], strict=True))
            flags = [int(part) for part in parts[2 * count + 4 : -1]]
            faces.append((xy, numbers[2 * count :], flags, parts[-1]))
    return faces


def test_a_stranger_reads_what_we_write(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    faces = [rng.normal(200, 300, (98, 2)) for _ in range(5)]
    attributes = {name: int(i % 2) for i, name in enumerate(wflw.ATTRIBUTES)}
    samples = [
        Sample(
            ImageFile(tmp_path / "a b" / f"{i % 3} é.jpg"),
            Box(1.25, 2, 300, 400.0004, kind="user") if i else None,
            Landmarks("wflw98", xy),
            attributes,
        )
        for i, xy in enumerate(faces)
    ]
    wflw.write(Dataset(tuple(samples)), tmp_path / "list.txt", images=tmp_path)
    read = plain_reader(tmp_path / "list.txt", 98)
    for i, (xy, (points_read, box, flags, name)) in enumerate(zip(faces, read, strict=True)):
        np.testing.assert_allclose(points_read, xy, rtol=0, atol=1e-3)
        expected = (1.25, 2, 300, 400.0004) if i else (*xy.min(axis=0), *xy.max(axis=0))
        np.testing.assert_allclose(box, expected, rtol=0, atol=1e-3)
        assert flags == [0, 1, 0, 1, 0, 1]
        assert name == f"a b/{i % 3} é.jpg"


NAMES = st.text(
    st.sampled_from(string.ascii_letters + string.digits + " .-_,;'\"#%&()[]{}é漢\u2028\x0b\x85\xa0"),
    min_size=1,
    max_size=20,
).map(lambda name: f"{name.strip()}.jpg")  # fmt: skip
COORDINATES = st.floats(-1e5, 1e5).map(lambda value: round(value, 6))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.integers(1, 8))
def test_what_is_written_is_read_again(data: st.DataObject, count: int) -> None:
    shapes = st.lists(COORDINATES, min_size=2 * count, max_size=2 * count)
    faces = data.draw(
        st.lists(st.tuples(NAMES, shapes), min_size=1, max_size=4, unique_by=lambda face: tuple(face[1]))
    )
    flags = {name: data.draw(st.integers(0, 1)) for name in wflw.ATTRIBUTES}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "photos")
        photos(root, *(name for name, _ in faces))
        arrays = [(name, np.array(xy).reshape(-1, 2)) for name, xy in faces]
        before = data_set(root, *arrays, attributes=flags)
        report = wflw.write(before, Path(folder, "list.txt"))
        after = wflw.read(Path(folder, "list.txt"), scheme=before.scheme, images=report.images, strict=True)
    assert report.losses == ()
    assert [face.image for face in after] == [face.image for face in before]
    assert all(face.attributes == flags for face in after)
    for one, other in zip(before, after, strict=True):
        assert one.landmarks is not None
        assert other.landmarks is not None
        np.testing.assert_allclose(one.landmarks.xy, other.landmarks.xy, rtol=0, atol=1e-6)
        assert other.box is None or (other.box.kind, other.box.source) == ("landmarks", f"drawn{count}")


def test_reading_and_writing_again_changes_nothing(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg", "b.jpg")
    lines = [
        f"{coordinates(points(98, i))} {BOX} {FLAGS} {name}" for i, name in enumerate(("a.jpg", "b.jpg"))
    ]
    data = wflw.read(write_list(tmp_path, *lines))
    report = wflw.write(data, tmp_path / "again.txt")
    assert wflw.read(tmp_path / "again.txt") == data
    assert report == type(report)(2, (tmp_path / "again.txt",), tmp_path, ())


@pytest.mark.parametrize("gap", [np.nan, None])
def test_a_missing_point_is_refused_with_the_face_and_nothing_is_written(
    tmp_path: Path, gap: float | None
) -> None:
    xy = points(3)
    data = data_set(tmp_path, ("a.jpg", xy), ("sub/b.jpg", xy), ("sub/b.jpg", xy + 9))
    holed = xy.copy()
    holed[1, 0] = np.nan
    last = Sample(data[2].image, landmarks=None if gap is None else Landmarks(data.scheme, holed))
    path = tmp_path / "list.txt"
    path.write_text("old")
    with pytest.raises(InputError, match=r"'sub/b\.jpg', face 2: .*nothing was written"):
        wflw.write(Dataset((data[0], data[1], last), data.scheme, tmp_path), path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["list.txt"]


def test_what_gets_lost_is_said_once(tmp_path: Path) -> None:
    xy = points(4)
    samples = (
        Sample(
            ImageFile(tmp_path / "a.jpg"),
            Box(1, 2, 3, 4, kind="detector", source="haar", score=0.9),
            Landmarks("drawn4", xy, State.PREDICTED, Visibility.OCCLUDED),
            {"pose": 1, "age": 30},
        ),
        Sample(
            ImageFile(tmp_path / "b.jpg"), None, Landmarks("drawn4", xy), dict.fromkeys(wflw.ATTRIBUTES, 0)
        ),
    )
    report = wflw.write(Dataset(samples), tmp_path / "list.txt")
    assert report.written == 2
    assert report.losses == (
        "which points are visible is lost (1 of 2 faces)",
        "which points nobody has confirmed is lost (1 of 2 faces)",
        f"unknown attributes are written as 0 (1 of 2 faces: {', '.join(wflw.ATTRIBUTES[1:])})",
        "attributes that a WFLW list has no place for are lost: age",
        "where the box comes from is lost (1 of 2 faces)",
    )  # fmt: skip


@pytest.mark.parametrize("value", [2, 0.5, "yes", float("nan")])
def test_an_attribute_that_is_no_flag_is_refused(tmp_path: Path, value: float | str) -> None:
    data = data_set(tmp_path, ("a.jpg", points(3)), attributes={"blur": value})
    with pytest.raises(InputError, match=r"'a\.jpg': attribute 'blur' is"):
        wflw.write(data, tmp_path / "list.txt")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a\nb.jpg", "a\rb.jpg", "a\tb.jpg", " a.jpg", "a.jpg ", "\udc80.jpg"])
def test_a_name_that_a_line_cannot_hold_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="name"):
        wflw.write(data_set(tmp_path, (name, points(3))), tmp_path / "list.txt")
    assert list(tmp_path.iterdir()) == []


def test_photos_outside_of_the_root_are_refused(tmp_path: Path) -> None:
    data = data_set(tmp_path, ("a.jpg", points(3)))
    with pytest.raises(InputError, match=r"a\.jpg: lies outside of the image root"):
        wflw.write(data, tmp_path / "list.txt", images=tmp_path / "photos")


def test_without_a_root_the_photos_common_folder_is_it(tmp_path: Path) -> None:
    data = data_set(tmp_path, ("x/a.jpg", points(3)), ("x/y/b.jpg", points(3)))
    report = wflw.write(Dataset(data.samples), tmp_path / "list.txt")
    assert report.images == tmp_path / "x"
    assert [line.split()[-1] for line in (tmp_path / "list.txt").read_text().splitlines()] == [
        "a.jpg",
        "y/b.jpg",
    ]


def test_nothing_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no face to write"):
        wflw.write(Dataset(()), tmp_path / "list.txt")
