"""300-W .pts files: what is written can be read, by us and by others; what is wrong is named."""

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
from labelkit.formats import pts
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks, State, Visibility

from .made import scheme_of, write

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

HEAD = "version: 1\nn_points:  3\n{\n"
GOOD = HEAD + "1 2\n3 4\n5 7\n}\n"


def fill(folder: Path, **files: str | bytes) -> Path:
    """``a_pts="..."`` writes a.pts; photos are empty files."""
    for key, content in files.items():
        stem, _, suffix = key.rpartition("_")
        write(folder, f"{stem}.{suffix}", content)
    return folder


def data_set(root: Path, *names: str, count: int = 3) -> Dataset:
    """A face for every name, each a little to the right of the one before."""
    samples = [
        Sample(
            ImageFile(root / name),
            None,
            Landmarks(f"drawn{count}", np.arange(2.0 * count).reshape(-1, 2) ** 2 + i),
        )
        for i, name in enumerate(names)
    ]
    return Dataset(tuple(samples), scheme_of(count), root)


def only_problem(data: Dataset) -> LeftOut:
    assert len(data.report.left_out) == 1
    return data.report.left_out[0]


def pairs(data: Dataset) -> list[tuple[str, list[list[float]]]]:
    """Photos and points, in an order of their own."""
    assert data.root is not None
    found = []
    for face in data:
        assert face.landmarks is not None
        found.append((face.image.path.relative_to(data.root).as_posix(), face.landmarks.xy.tolist()))
    return sorted(found)


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


# Reading

LAYOUTS = {
    "as usual": GOOD,
    "without header": "1 2\n3 4\n5 7\n",
    "without header, no last line end": "1.0 2.0\n3 4\n5 7",
    "CRLF": GOOD.replace("\n", "\r\n"),
    "byte-order mark": "\ufeff" + GOOD,
    "blank lines and blanks": "version:1\n\n n_points :3 \n{\n\n 1\t2 \n\n3   4\n5 7\n\n}\n\n",
    "no count": "version: 1\n{\n1 2\n3 4\n5 7\n}",
    "exponents": HEAD + "1e0 2\n.3e1 4.\n+5 7\n}",
}


@pytest.mark.parametrize("content", LAYOUTS.values(), ids=LAYOUTS)
def test_points_are_one_based_in_the_file(tmp_path: Path, content: str) -> None:
    fill(tmp_path, a_pts=content, a_jpg="")
    data = pts.read(tmp_path, scheme=scheme_of(3), strict=True)
    (face,) = data
    assert face.landmarks == Landmarks("drawn3", [[0, 1], [2, 3], [4, 6]])
    assert face.box == Box(0, 1, 4, 6, kind="landmarks", source="drawn3")
    assert face.image == ImageFile(tmp_path / "a.jpg")
    assert data.root == tmp_path


def test_points_outside_the_photo_are_kept(tmp_path: Path) -> None:
    fill(tmp_path, a_pts="-7.5 0\n1e5 4\n5 -99999", a_jpg="")
    assert pairs(pts.read(tmp_path, scheme=scheme_of(3))) == [("a.jpg", [[-8.5, -1], [99999, 3], [4, -1e5]])]


def test_folders_are_read_with_the_folders_in_them(tmp_path: Path) -> None:
    for name in ("b/x.pts", "a/y.PTS", "z.pts"):
        write(tmp_path, name, GOOD)
        write(tmp_path, name[:-4] + ".JPG")
    write(tmp_path, "a/._y.pts", b"\x00\x05\x16\x07")
    data = pts.read(tmp_path, strict=True)
    assert [name for name, _ in pairs(data)] == ["a/y.JPG", "b/x.JPG", "z.JPG"]
    assert data.scheme is None
    assert data[0].landmarks is not None
    assert data[0].landmarks.scheme == "points3"


def test_photos_may_lie_elsewhere(tmp_path: Path) -> None:
    write(tmp_path / "labels", "sub/a.pts", GOOD)
    write(tmp_path / "photos", "sub/a.png")
    assert len(pts.read(tmp_path / "labels")) == 0
    data = pts.read(tmp_path / "labels", images=tmp_path / "photos", strict=True)
    assert data[0].image.path == tmp_path / "photos" / "sub" / "a.png"
    with pytest.raises(InputError, match="no such folder of images"):
        pts.read(tmp_path / "labels", images=tmp_path / "nowhere")


def test_the_exact_stem_goes_before_the_number_of_a_face(tmp_path: Path) -> None:
    fill(tmp_path, a_1_pts=GOOD, a_2_pts=GOOD, b_10_pts=GOOD, a_jpg="", a_1_jpg="", b_png="")
    data = pts.read(tmp_path, strict=True)
    assert [face.image.path.name for face in data] == ["a_1.jpg", "a.jpg", "b.png"]


def test_a_stem_of_two_photos_is_left_out(tmp_path: Path) -> None:
    fill(tmp_path, a_pts=GOOD, a_jpg="", a_png="", b_pts=GOOD, b_jpg="")
    data = pts.read(tmp_path)
    assert [face.image.path.name for face in data] == ["b.jpg"]
    assert only_problem(data) == LeftOut(tmp_path / "a.pts", None, "could belong to a.jpg or a.png")


def test_a_single_file_is_read(tmp_path: Path) -> None:
    fill(tmp_path, a_pts=GOOD, a_jpg="", b_pts="nonsense")
    assert pairs(pts.read(tmp_path / "a.pts")) == [("a.jpg", [[0, 1], [2, 3], [4, 6]])]
    with pytest.raises(FormatError, match=r"b\.pts:1: 'nonsense' is no point"):
        pts.read(tmp_path / "b.pts")


@pytest.mark.parametrize(("count", "name"), [(68, "ibug68"), (98, "wflw98"), (41, None)])
def test_the_most_frequent_number_of_points_decides(tmp_path: Path, count: int, name: str | None) -> None:
    for stem, number in (("a", count - 1), ("b", count), ("c", count)):
        write(tmp_path, f"{stem}.pts", "1 2\n" * number)
        write(tmp_path, f"{stem}.jpg")
    data = pts.read(tmp_path)
    assert (data.scheme.name if data.scheme else None) == name
    assert len(data) == 2
    expected = f"holds {count - 1} points, {name or 'points41'} has {count}"
    assert only_problem(data) == LeftOut(tmp_path / "a.pts", None, expected)


BAD_FILES: dict[str, tuple[str | bytes, int | None, str]] = {
    "empty": ("", None, "is empty"),
    "blank": ("\r\n\n", None, "is empty"),
    "fewer points than said": (HEAD + "1 2\n3 4\n}\n", None, "says n_points: 3, but holds 2 points"),
    "more points than said": (HEAD + "1 2\n3 4\n5 6\n7 8\n}\n", None, "says n_points: 3, but holds 4 points"),
    "no header, one short": ("1 2\n3 4\n", None, "holds 2 points, drawn3 has 3"),
    "header of another scheme": (GOOD.replace("3\n{", "2\n{").replace("5 7\n", ""), None, "holds 2 points"),
    "cut off": (HEAD + "1 2\n3 4\n", None, "is it cut off?"),
    "cut off in the header": ("version: 1\nn_points:  3\n", None, "is it cut off?"),
    "no points": ("version: 1\n{\n}\n", None, "holds no point"),
    "something after the end": (GOOD + "1 2\n", None, "one '{' and one '}'"),
    "two faces": (GOOD + GOOD, None, "one '{' and one '}'"),
    "nan": (HEAD + "1 2\nnan 4\n5 6\n}\n", 5, "'nan 4' is not finite"),
    "infinity": ("1 2\n3 -Inf\n5 6\n", 2, "'3 -Inf' is not finite"),
    "too large": ("1 2\n3 4\n5 1e999\n", 3, "'5 1e999' is not finite"),
    "words": (HEAD + "1 2\n3 four\n5 6\n}\n", 5, "'3 four' is no point"),
    "one number": ("1 2\n3\n5 6\n", 2, "'3' is no point"),
    "three numbers": ("1 2 0\n3 4 0\n5 6 0\n", 1, "'1 2 0' is no point"),
    "decimal commas": ("1,5 2\n3 4\n5 6\n", 1, "'1,5 2' is no point"),
    "another version": (GOOD.replace("version: 1", "version: 2"), 1, "'version: 2' is neither"),
    "a count that is none": (GOOD.replace("3\n{", "many\n{"), 2, "'n_points:  many' is neither"),
    "binary": (bytes(range(256)), None, "is not text in UTF-8"),
    "zeros": (b"\0" * 99, None, "zero bytes"),
    "endless line": ("9" * 1_000_000 + " 1\n3 4\n5 6", 1, "is no point"),
}


@pytest.mark.parametrize(("content", "line", "problem"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_named_and_the_rest_is_read(
    tmp_path: Path, content: str | bytes, line: int | None, problem: str
) -> None:
    fill(tmp_path, a_pts=GOOD, a_jpg="", b_pts=content, b_jpg="", c_pts=GOOD, c_jpg="")
    data = pts.read(tmp_path, scheme=scheme_of(3))
    assert len(data) == data.report.read == 2
    left_out = only_problem(data)
    assert (left_out.path, left_out.line) == (tmp_path / "b.pts", line)
    assert problem in left_out.problem
    assert len(str(left_out)) < 400
    with pytest.raises(FormatError) as caught:
        pts.read(tmp_path, scheme=scheme_of(3), strict=True)
    assert str(caught.value) == str(left_out)
    assert "\n" not in str(caught.value)


def test_a_missing_photo_is_named_and_counted(tmp_path: Path) -> None:
    fill(tmp_path, a_pts=GOOD, a_jpg="", b_pts=GOOD, b_txt="")
    data = pts.read(tmp_path)
    assert len(data) == 1
    assert only_problem(data).path == tmp_path / "b.pts"
    assert "its image 'b.*' is missing" in only_problem(data).problem
    with pytest.raises(FormatError, match=r"b\.pts: its image"):
        pts.read(tmp_path, strict=True)


def test_a_folder_without_files_or_nothing_at_all(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"holds no \.pts file"):
        pts.read(tmp_path)
    with pytest.raises(FormatError, match="cannot be read"):
        pts.read(tmp_path / "nothing")


def test_a_folder_in_which_no_file_is_good_gives_no_face(tmp_path: Path) -> None:
    fill(tmp_path, a_pts="nonsense", a_jpg="")
    data = pts.read(tmp_path)
    assert (len(data), len(data.report.left_out), data.scheme) == (0, 1, None)


# Lists and the parts of 300-W

FOLDERS = ("afw", "helen/trainset", "helen/testset", "lfpw/trainset", "lfpw/testset", "ibug", "more")


def release(root: Path) -> Path:
    """The folders of 300-W, with a face each."""
    for folder in FOLDERS:
        write(root, f"{folder}/a.pts", GOOD)
        write(root, f"{folder}/a.jpg")
    return root


@pytest.mark.parametrize(
    ("subset", "folders"),
    [
        ("train", ["afw", "helen/trainset", "lfpw/trainset"]),
        ("common", ["helen/testset", "lfpw/testset"]),
        ("challenge", ["ibug"]),
        ("full", ["helen/testset", "lfpw/testset", "ibug"]),
    ],
)
def test_the_parts_of_300w(tmp_path: Path, subset: str, folders: list[str]) -> None:
    data = pts.read(release(tmp_path), subset=subset, strict=True)
    assert [name for name, _ in pairs(data)] == sorted(f"{folder}/a.jpg" for folder in folders)
    assert data.root == tmp_path


def test_parts_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="has no folder ibug, which belongs to the subset 'challenge'"):
        pts.read(tmp_path, subset="challenge")
    with pytest.raises(InputError, match="300-W has no subset 'half'; it has train, common, challenge, full"):
        pts.read(tmp_path, subset="half")


def test_a_list_says_what_is_read(tmp_path: Path) -> None:
    fill(
        release(tmp_path),
        b_1_pts=GOOD,
        b_2_pts=GOOD,
        b_x_pts=GOOD,
        b_jpg="",
        b_x_jpg="",
        c_jpg="",
    )
    write(tmp_path, "c.jpg.pts", GOOD)
    lines = ["# a comment", "ibug/a.jpg", "", " helen/testset/a.pts ", "b.jpg", "c.jpg", "ibug/a.pts"]
    path = write(tmp_path, "list.txt", "\ufeff" + "\r\n".join(lines))
    data = pts.read(path, strict=True)
    names = ["ibug/a.jpg", "helen/testset/a.jpg", "b.jpg", "b.jpg", "c.jpg"]
    assert [face.image.path.relative_to(tmp_path).as_posix() for face in data] == names
    assert pts.looks_like(path)


def test_photos_of_a_list_may_lie_elsewhere(tmp_path: Path) -> None:
    write(tmp_path, "labels/x/a.pts", GOOD)
    path = write(tmp_path, "labels/list.txt", "x/a.png\n")
    write(tmp_path, "photos/x/a.png")
    data = pts.read(path, images=tmp_path / "photos", strict=True)
    assert pairs(data)[0][0] == "x/a.png"


BAD_LINES = {
    "lost.jpg": "'lost.jpg' has no .pts file in the folder",
    "lost.pts": "'lost.pts' has no .pts file",
    "nowhere/a.jpg": "'nowhere/a.jpg' has no .pts file",
    "../out.pts": "'../out.pts' lies outside of the folder",
    "/etc/passwd": "'/etc/passwd' lies outside of the folder",
    "x" * 9000: "xxx...' has no .pts file",
    "ibug": "'ibug' has no .pts file",
}


@pytest.mark.parametrize(("line", "problem"), BAD_LINES.items(), ids=range(len(BAD_LINES)))
def test_a_bad_line_of_a_list_is_named(tmp_path: Path, line: str, problem: str) -> None:
    write(tmp_path, "out.pts", GOOD)
    path = write(release(tmp_path / "root"), "list.txt", f"afw/a.jpg\n{line}\n")
    data = pts.read(path)
    assert len(data) == 1
    left_out = only_problem(data)
    assert (left_out.path, left_out.line) == (path, 2)
    assert problem in left_out.problem
    with pytest.raises(FormatError, match=r"list\.txt:2: "):
        pts.read(path, strict=True)


def test_lists_of_something_else(tmp_path: Path) -> None:
    assert not pts.looks_like(write(release(tmp_path), "wflw.txt", "1 2 3 4 5 6 afw/a.jpg\n"))
    assert not pts.looks_like(write(tmp_path, "empty.txt", ""))
    assert not pts.looks_like(write(tmp_path, "a.dat", "afw/a.jpg\n"))
    with pytest.raises(FormatError, match=r"empty\.txt: names no \.pts file"):
        pts.read(tmp_path / "empty.txt")


# Writing


def plain_reader(path: Path) -> list[tuple[float, float]]:
    """What somebody writes who knows the format and nothing of us."""
    with open(path, encoding="ascii") as file:  # noqa: PTH123  (plain Python is the point)
        lines = file.read().split("\n")
    assert lines[0] == "version: 1"
    assert lines[1].startswith("n_points:")
    assert lines[2] == "{"
    end = lines.index("}")
    assert int(lines[1].split(":")[1]) == end - 3
    found = []
    for line in lines[3:end]:
        x, y = line.split()
        found.append((float(x) - 1, float(y) - 1))
    return found


def test_a_stranger_reads_what_we_write(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    faces = [rng.normal(200, 300, (68, 2)) for _ in range(3)]
    names = ("x/a b.jpg", "x/é.jpg", "x/é.jpg")
    samples = [
        Sample(ImageFile(tmp_path / name), None, Landmarks("ibug68", xy))
        for name, xy in zip(names, faces, strict=True)
    ]
    report = pts.write(Dataset(tuple(samples)), tmp_path / "out", images=tmp_path)
    assert files(tmp_path / "out") == ["images.tsv", "x/a b.pts", "x/é_1.pts", "x/é_2.pts"]
    for file, xy in zip(report.files, faces, strict=True):
        np.testing.assert_allclose(plain_reader(file), xy, rtol=0, atol=1e-3)
    rows = [line.split("\t") for line in (tmp_path / "out" / "images.tsv").read_text("utf-8").splitlines()]
    assert rows == [
        ["pts", "image"],
        ["x/a b.pts", "x/a b.jpg"],
        ["x/é_1.pts", "x/é.jpg"],
        ["x/é_2.pts", "x/é.jpg"],
    ]


NAMES = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "sub/", "s u b/s.ub/"]),
    st.text(
        st.sampled_from(string.ascii_letters[:5] + "12_ .'#é漢\u2028\x85"), min_size=1, max_size=6
    ).filter(lambda name: name.strip(". ") != ""),
    st.sampled_from([".jpg", ".png", ".JPEG"]),
)
COORDINATES = st.floats(-1e5, 1e5).map(lambda value: round(value, 6))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.integers(1, 4))
def test_what_is_written_is_read_again(data: st.DataObject, count: int) -> None:
    shapes = st.lists(COORDINATES, min_size=2 * count, max_size=2 * count)
    names = data.draw(st.lists(NAMES, min_size=1, max_size=4, unique_by=str.casefold))
    faces = data.draw(st.lists(st.tuples(st.sampled_from(names), shapes), min_size=1, max_size=5))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "photos")
        for name in names:
            write(root, name)
        samples = [
            Sample(ImageFile(root / name), None, Landmarks(f"drawn{count}", np.reshape(xy, (-1, 2))))
            for name, xy in faces
        ]
        before = Dataset(tuple(samples), scheme_of(count), root)
        report = pts.write(before, Path(folder, "out"))
        after = pts.read(Path(folder, "out"), scheme=before.scheme, images=report.images, strict=True)
        assert report.written == len(faces)
        assert len(files(Path(folder, "out"))) == len(faces) + 1
    assert [name for name, _ in pairs(after)] == sorted(name for name, _ in faces)
    for (_, one), (_, other) in zip(pairs(before), pairs(after), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=2e-6)


COLLISIONS = {
    "two suffixes": (
        ["a.jpg", "a.png", "b.jpg"],
        {"a.jpg.pts": "a.jpg", "a.png.pts": "a.png", "b.pts": "b.jpg"},
    ),
    "suffix and case": (["A.jpg", "a.png"], {"A.jpg.pts": "A.jpg", "a.png.pts": "a.png"}),
    "a number that is a name": (
        ["a.jpg", "a.jpg", "a_1.jpg"],
        {"a.jpg_1.pts": "a.jpg", "a.jpg_2.pts": "a.jpg", "a_1.jpg.pts": "a_1.jpg"},
    ),
    "a number that is a name of several": (
        ["a.jpg", "a.jpg", "a_1.jpg", "a_1.jpg"],
        {"a.jpg_1.pts": "a.jpg", "a.jpg_2.pts": "a.jpg", "a_1_1.pts": "a_1.jpg", "a_1_2.pts": "a_1.jpg"},
    ),
    "a name in another folder": (["x/a.jpg", "y/a.png"], {"x/a.pts": "x/a.jpg", "y/a.pts": "y/a.png"}),
}


@pytest.mark.parametrize(("photos", "expected"), COLLISIONS.values(), ids=COLLISIONS)
@pytest.mark.parametrize("with_list", [True, False])
def test_no_file_stands_for_two_photos(
    tmp_path: Path, photos: list[str], expected: dict[str, str], with_list: bool
) -> None:
    root, out = tmp_path / "photos", tmp_path / "out"
    for name in photos:
        write(root, name)
    data = data_set(root, *photos)
    report = pts.write(data, out)
    assert files(out) == sorted([*expected, "images.tsv"])
    assert any("keep the photo's suffix" in loss for loss in report.losses) == any(
        ".jpg" in name for name in expected
    )
    if not with_list:
        (out / "images.tsv").unlink()
    assert pairs(pts.read(out, images=root, strict=True)) == pairs(data)


def test_a_photo_may_be_called_like_a_leftover_of_macos(tmp_path: Path) -> None:
    write(tmp_path, "._a.jpg")
    pts.write(data_set(tmp_path, "._a.jpg"), tmp_path)
    assert len(pts.read(tmp_path, scheme=scheme_of(3), strict=True)) == 1


def test_a_photo_that_has_no_face_takes_no_face_of_another(tmp_path: Path) -> None:
    write(tmp_path / "photos", "a.jpg")
    write(tmp_path / "photos", "a_1.jpg")
    data = data_set(tmp_path / "photos", "a.jpg", "a.jpg")
    pts.write(data, tmp_path / "out")
    assert files(tmp_path / "out") == ["a.jpg_1.pts", "a.jpg_2.pts", "images.tsv"]


@pytest.mark.parametrize("photos", [("a.jpg", "a.png", "a.jpg.png"), ("a.jpg", "A.jpg")])
def test_names_that_cannot_be_told_apart_are_refused(tmp_path: Path, photos: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=r"'a\.jpg\.pts' would stand for the faces of two photos"):
        pts.write(data_set(tmp_path, *photos), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_beside_the_photos(tmp_path: Path) -> None:
    for name in ("x/a.jpg", "x/b.jpg"):
        write(tmp_path, name)
    data = data_set(tmp_path, "x/a.jpg", "x/b.jpg", "x/b.jpg")
    pts.write(data, tmp_path)
    assert pairs(pts.read(tmp_path, strict=True)) == pairs(data)
    assert pairs(pts.read(tmp_path / "x", strict=True))[0][0] == "a.jpg"


def test_an_earlier_export_is_replaced_as_a_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    pts.write(data_set(tmp_path, "a.jpg", "b.jpg"), out)
    write(out, "notes.txt", "mine")
    pts.write(data_set(tmp_path, "b.jpg", "b.jpg"), out)
    assert files(out) == ["b_1.pts", "b_2.pts", "images.tsv", "notes.txt"]


@pytest.mark.parametrize("name", ["a.pts", "sub/z.pts", "images.tsv"])
def test_files_of_others_are_never_replaced(tmp_path: Path, name: str) -> None:
    write(tmp_path / "out", name, "somebody's work")
    with pytest.raises(FormatError, match=f"holds '{name}', which is not of our making"):
        pts.write(data_set(tmp_path, "a.jpg"), tmp_path / "out")
    assert files(tmp_path / "out") == [name]
    assert (tmp_path / "out" / name).read_text() == "somebody's work"


def test_a_file_instead_of_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="is a file"):
        pts.write(data_set(tmp_path, "a.jpg"), write(tmp_path, "out", "old"))


@pytest.mark.parametrize("landmarks", [None, Landmarks("drawn3", [[1, 2], [np.nan, np.nan], [5, 6]])])
def test_a_missing_point_is_refused_with_the_face_and_nothing_is_written(
    tmp_path: Path, landmarks: Landmarks | None
) -> None:
    data = data_set(tmp_path, "a.jpg", "sub/b.jpg", "sub/b.jpg")
    last = Sample(data[2].image, landmarks=landmarks)
    with pytest.raises(InputError, match=r"'sub/b\.jpg', face 2: .*nothing was written"):
        pts.write(Dataset((*data[:2], last), data.scheme, tmp_path), tmp_path / "out")
    assert files(tmp_path) == []


def test_a_disk_that_fails_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def fail(self: Path, *args: object, **kwargs: object) -> int:
        written.append(self)
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        return original(self, *args, **kwargs)

    original = Path.write_text
    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(OSError, match="No space"):
        pts.write(data_set(tmp_path, *(f"{i}.jpg" for i in range(9))), tmp_path / "out")
    assert files(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_what_gets_lost_is_said_once(tmp_path: Path) -> None:
    xy = np.array([[1, 2], [3, 4], [5, 0]])
    known = Landmarks("drawn3", xy, State.PLACED, Visibility.VISIBLE)
    plain = Landmarks("drawn3", xy)
    samples = (
        Sample(ImageFile(tmp_path / "a.jpg"), Box(1, 2, 3, 4, kind="user"), known, {"pose": 1, "age": 30}),
        Sample(ImageFile(tmp_path / "b.jpg"), plain.box, plain),
    )
    assert pts.write(Dataset(samples), tmp_path / "out").losses == (
        "which points are visible is lost (1 of 2 faces)",
        "which points nobody has confirmed is lost (1 of 2 faces)",
        "the box is lost (1 of 2 faces)",
        "attributes are lost: age, pose",
    )


# The list that pairs files and photos


def test_the_list_goes_before_the_stem(tmp_path: Path) -> None:
    fill(tmp_path, a_pts=GOOD, a_jpg="", b_jpg="", images_tsv="pts\timage\na.pts\tb.jpg\n")
    assert [name for name, _ in pairs(pts.read(tmp_path, strict=True))] == ["b.jpg"]


def test_a_list_of_somebody_else_is_not_ours(tmp_path: Path) -> None:
    fill(tmp_path, a_pts=GOOD, a_jpg="", images_tsv="a.jpg\nb.jpg\n")
    assert len(pts.read(tmp_path, strict=True)) == 1


BAD_ROWS = {
    "no tab": ("c.pts", "images.tsv", 3, "is no file and its photo"),
    "no photo": ("c.pts\t", "images.tsv", 3, "is no file and its photo"),
    "twice": ("a.pts\tb.jpg", "images.tsv", 3, "stands twice"),
    "file not there": ("lost.pts\ta.jpg", "lost.pts", None, "is missing, but images.tsv names it"),
    "photo not there": ("b.pts\tlost.jpg", "b.pts", None, "image 'lost.jpg' is missing"),
    "photo outside": ("b.pts\t../out.jpg", "b.pts", None, "image '../out.jpg' lies outside"),
}


@pytest.mark.parametrize(("row", "file", "line", "problem"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_is_named(tmp_path: Path, row: str, file: str, line: int | None, problem: str) -> None:
    root = tmp_path / "root"
    write(tmp_path, "out.jpg")
    fill(root, a_pts=GOOD, a_jpg="", b_pts=GOOD, b_jpg="", images_tsv=f"pts\timage\na.pts\ta.jpg\n{row}\n")
    data = pts.read(root)
    left_out = only_problem(data)
    assert (left_out.path, left_out.line) == (root / file, line)
    assert problem in left_out.problem
    with pytest.raises(FormatError, match=r"root/"):
        pts.read(root, strict=True)


# Real files


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no shared data at {SHARED}")
@pytest.mark.parametrize(("folder", "count"), [("ibug68/val", 196), ("photos", 24)])
def test_real_files_are_all_read(folder: str, count: int) -> None:
    data = pts.read(SHARED / folder, strict=True)
    assert data.scheme is not None
    assert (len(data), data.scheme.name) == (count, "ibug68")
