"""LaPa and JD-106 .txt files: what is written can be read, by us and by others; errors are named."""

from __future__ import annotations

import string
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelkit import formats
from labelkit.dataset import Dataset, LeftOut, Sample
from labelkit.errors import FormatError, InputError
from labelkit.formats import lapa
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks, State, Visibility

from .made import scheme_of, write

GOOD = "3\n1 2\n3.5 4\n5 7\n"


def data_set(root: Path, *names: str, count: int = 3) -> Dataset:
    samples = []
    for i, name in enumerate(names):
        xy = np.arange(2.0 * count).reshape(-1, 2) ** 2 + i
        samples.append(Sample(ImageFile(write(root, name)), None, Landmarks(f"drawn{count}", xy)))
    return Dataset(tuple(samples), scheme_of(count), root)


def photos(data: Dataset) -> list[str]:
    assert data.root is not None
    return [face.image.path.relative_to(data.root).as_posix() for face in data]


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


# Reading

CONTENTS = {
    "as usual": GOOD,
    "CRLF": GOOD.replace("\n", "\r\n"),
    "byte-order mark": "\ufeff" + GOOD,
    "blank lines and blanks": "\n 3 \n\n1\t2\n 3.5   4 \n5 7\n\n",
    "no last line end": GOOD.strip(),
    "a blank that no number may have": GOOD.replace("3\n", "3\x1e\n", 1),
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_points_are_zero_based(tmp_path: Path, content: str) -> None:
    write(tmp_path, "a b.txt", content)
    write(tmp_path, "a b.jpg")
    (face,) = lapa.read(tmp_path, scheme=scheme_of(3), strict=True)
    assert face.landmarks == Landmarks("drawn3", [[1, 2], [3.5, 4], [5, 7]])
    assert face.box == Box(1, 2, 5, 7, kind="landmarks", source="drawn3")


@pytest.mark.parametrize(
    ("file", "photo", "read"),
    [
        ("a.txt", "a.png", "."),
        ("train/landmarks/a.txt", "train/images/a.jpg", "."),
        ("train/landmarks/a.txt", "train/images/a.jpg", "train"),
        ("train/landmarks/a.txt", "train/images/a.jpg", "train/landmarks"),
        ("train/landmarks/a.txt", "train/images/a.jpg", "train/landmarks/a.txt"),
        ("train/landmarks/a.txt", "train/landmarks/a.jpg", "train"),
        ("landmark/a_1_0.jpg.txt", "picture/a_1_0.jpg", "."),
        ("landmark/a_1_0.jpg.txt", "picture/a_1_0.jpg", "landmark"),
    ],
)
def test_photos_beside_the_files_or_in_a_folder_beside_theirs(
    tmp_path: Path, file: str, photo: str, read: str
) -> None:
    write(tmp_path, file, GOOD)
    write(tmp_path, photo)
    (face,) = lapa.read(tmp_path / read, strict=True)
    assert face.image.path.resolve() == (tmp_path / photo).resolve()


@pytest.mark.parametrize("images", ["photos", "photos/images"])
def test_photos_below_a_given_root(tmp_path: Path, images: str) -> None:
    write(tmp_path, "labels/landmarks/a.txt", GOOD)
    write(tmp_path, "photos/images/a.jpg")
    data = lapa.read(tmp_path / "labels/landmarks", images=tmp_path / images, strict=True)
    assert data[0].image.path == tmp_path / "photos/images/a.jpg"
    with pytest.raises(InputError, match="no such folder of images"):
        lapa.read(tmp_path / "labels", images=tmp_path / "nowhere")


def test_106_points_are_of_jd106(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "106\n" + "1.5 2\n" * 106)
    write(tmp_path, "a.jpg")
    data = lapa.read(tmp_path, strict=True)
    assert data.scheme is not None
    assert data.scheme.name == "jd106"


def test_a_number_at_the_end_of_a_name_belongs_to_the_name(tmp_path: Path) -> None:
    write(tmp_path, "a_1.txt", GOOD)
    write(tmp_path, "a.jpg")
    data = lapa.read(tmp_path)
    assert data.report.left_out == (
        LeftOut(tmp_path / "a_1.txt", None, f"its image 'a_1.*' is missing in the folder {tmp_path}"),
    )


BAD_FILES: dict[str, tuple[str | bytes, int | None, str]] = {
    "empty": ("", None, "is empty"),
    "one point short": ("3\n1 2\n3 4\n", None, "says 3 points, but holds 2"),
    "one point more": (GOOD + "1 2\n", None, "says 3 points, but holds 4"),
    "cut in a line": ("3\n1 2\n3 4\n5", 4, "'5' is no point"),
    "another number": ("2\n1 2\n3 4\n", None, "holds 2 points, drawn3 has 3"),
    "no points": ("0\n", None, "holds no point"),
    "no count": ("1 2\n3 4\n5 6\n", 1, "'1 2' is no number of points"),
    "a broken count": ("3.0\n1 2\n3 4\n5 6\n", 1, "'3.0' is no number of points"),
    "a count below none": ("-3\n1 2\n3 4\n5 6\n", 1, "'-3' is no number of points"),
    "an endless count": ("9" * 9999 + "\n1 2\n", 1, "is no number of points"),
    "a count of another script": ("٣\n1 2\n3 4\n5 6\n", 1, "is no number of points"),
    "nan": ("3\n1 2\nnan 4\n5 6\n", 3, "'nan 4' is not finite"),
    "infinity": ("3\n1 2\n3 inf\n5 6\n", 3, "'3 inf' is not finite"),
    "words": ("read me\n", 1, "'read me' is no number of points"),
    "binary": (bytes(range(256)), None, "is not text in UTF-8"),
    "zeros": (b"3\n" + b"\0" * 99, None, "zero bytes"),
}


@pytest.mark.parametrize(("content", "line", "problem"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_named_and_the_rest_is_read(
    tmp_path: Path, content: str | bytes, line: int | None, problem: str
) -> None:
    for stem, text in (("a", GOOD), ("b", content), ("c", GOOD)):
        write(tmp_path, f"landmarks/{stem}.txt", text)
        write(tmp_path, f"images/{stem}.jpg")
    data = lapa.read(tmp_path, scheme=scheme_of(3))
    assert photos(data) == ["images/a.jpg", "images/c.jpg"]
    (left_out,) = data.report.left_out
    assert (left_out.path, left_out.line) == (tmp_path / "landmarks/b.txt", line)
    assert problem in left_out.problem
    with pytest.raises(FormatError) as caught:
        lapa.read(tmp_path, scheme=scheme_of(3), strict=True)
    assert str(caught.value) == str(left_out)
    assert "\n" not in str(caught.value)


def test_points_outside_the_photo_are_kept(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "2\n-7.5 0\n1e5 -99999\n")
    write(tmp_path, "a.jpg")
    (face,) = lapa.read(tmp_path, strict=True)
    assert face.landmarks is not None
    assert face.landmarks.xy.tolist() == [[-7.5, 0], [1e5, -99999]]


def test_two_photos_that_a_file_could_belong_to(tmp_path: Path) -> None:
    write(tmp_path, "landmarks/a.txt", GOOD)
    write(tmp_path, "images/a.jpg")
    write(tmp_path, "landmarks/a.png")
    data = lapa.read(tmp_path)
    assert data.report.left_out[0].problem == "could belong to a.png or a.jpg"


def test_a_list_cannot_lead_out_of_the_root(tmp_path: Path) -> None:
    write(tmp_path, "root/a.txt", GOOD)
    write(tmp_path, "root/images.tsv", "txt\timage\na.txt\t../secret.jpg\n")
    write(tmp_path, "secret.jpg")
    data = lapa.read(tmp_path / "root")
    assert len(data) == 0
    assert "image '../secret.jpg' lies outside" in data.report.left_out[0].problem


# Writing


def plain_reader(path: Path) -> np.ndarray:
    """What numpy reads that is told to skip the count."""
    assert int(path.read_text("ascii").split("\n")[0]) == len(np.loadtxt(path, skiprows=1, ndmin=2))
    return np.loadtxt(path, skiprows=1, ndmin=2)


def test_a_stranger_reads_what_we_write(tmp_path: Path) -> None:
    data = data_set(tmp_path, "train/images/a.jpg", "val/b c.jpg", count=106)
    report = lapa.write(data, tmp_path / "out")
    assert files(tmp_path / "out") == ["images.tsv", "train/landmarks/a.txt", "val/b c.txt"]
    assert (report.written, report.images) == (2, tmp_path)
    for file, face in zip(report.files, data, strict=True):
        assert face.landmarks is not None
        np.testing.assert_allclose(plain_reader(file), face.landmarks.xy, rtol=0, atol=1e-6)
    for folder in (tmp_path / "out", tmp_path / "out"):
        assert photos(lapa.read(folder, images=tmp_path, strict=True)) == [
            "train/images/a.jpg",
            "val/b c.jpg",
        ]
        (tmp_path / "out/images.tsv").unlink(missing_ok=True)


def test_photos_of_one_stem_keep_their_suffix(tmp_path: Path) -> None:
    data = data_set(tmp_path, "images/a.jpg", "images/a.png")
    lapa.write(data, tmp_path / "out")
    assert files(tmp_path / "out") == ["images.tsv", "landmarks/a.jpg.txt", "landmarks/a.png.txt"]
    (tmp_path / "out/images.tsv").unlink()
    assert lapa.read(tmp_path / "out", scheme=scheme_of(3), images=tmp_path, strict=True) == Dataset(
        tuple(Sample(face.image, face.landmarks.box, face.landmarks) for face in data if face.landmarks),
        data.scheme,
        tmp_path,
    )


NAMES = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "images/", "s u b/s.ub/"]),
    st.text(st.sampled_from(string.ascii_letters[:5] + "12_ .'#é漢"), min_size=1, max_size=6).filter(
        lambda name: name.strip(". ") != ""
    ),
    st.sampled_from([".jpg", ".png"]),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(NAMES, min_size=1, max_size=4, unique_by=str.casefold), st.integers(1, 5))
def test_what_is_written_is_read_again(names: list[str], count: int) -> None:
    rng = np.random.default_rng(count)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "photos")
        samples = [
            Sample(
                ImageFile(write(root, name)),
                None,
                Landmarks(f"drawn{count}", rng.normal(0, 1e3, (count, 2)).round(6)),
            )
            for name in names
        ]
        report = lapa.write(Dataset(tuple(samples), scheme_of(count), root), Path(folder, "out"))
        after = lapa.read(Path(folder, "out"), scheme=scheme_of(count), images=report.images, strict=True)
        again = {face.image: face.landmarks for face in after}
    assert len(again) == len(samples)
    for sample in samples:
        found = again[sample.image]
        assert found is not None
        assert sample.landmarks is not None
        np.testing.assert_allclose(found.xy, sample.landmarks.xy, rtol=0, atol=2e-6)


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    data = data_set(tmp_path, "a.jpg", "a.jpg", "b.jpg")
    with pytest.raises(InputError, match=r"'a\.jpg': has 2 faces, a LaPa file holds one a photo"):
        lapa.write(data, tmp_path / "out")
    missing = Dataset((Sample(ImageFile(tmp_path / "a.jpg"), None, Landmarks("x", [[1, np.nan]])),))
    with pytest.raises(InputError, match=r"'a\.jpg', face 1: point 0 is missing, which a LaPa file"):
        lapa.write(missing, tmp_path / "out")
    with pytest.raises(FormatError, match=r"a\.jpg: is a file; \.txt files go into a folder"):
        lapa.write(data[2:], tmp_path / "a.jpg")
    write(tmp_path, "own/read me.txt", "mine")
    with pytest.raises(FormatError, match=r"own: holds 'read me\.txt', which is not of our making"):
        lapa.write(data[2:], tmp_path / "own")
    assert files(tmp_path) == ["a.jpg", "b.jpg", "own/read me.txt"]


def test_a_second_writing_replaces_the_first(tmp_path: Path) -> None:
    lapa.write(data_set(tmp_path, "a.jpg", "b.jpg"), tmp_path / "out")
    lapa.write(data_set(tmp_path, "b.jpg"), tmp_path / "out")
    assert files(tmp_path / "out") == ["b.txt", "images.tsv"]


def test_losses_are_said(tmp_path: Path) -> None:
    face = Landmarks("drawn1", [[1, 2]], State.PLACED, Visibility.OCCLUDED)
    sample = Sample(ImageFile(write(tmp_path, "a.jpg")), Box(0, 0, 9, 9, kind="user"), face, {"age": 3})
    assert lapa.write(Dataset((sample,), None, tmp_path), tmp_path / "out").losses == (
        "which points are visible is lost (1 of 1 faces)",
        "which points nobody has confirmed is lost (1 of 1 faces)",
        "the box is lost (1 of 1 faces)",
        "attributes are lost: age",
    )


def test_it_is_told_by_a_count_and_a_point(tmp_path: Path) -> None:
    write(tmp_path, "train/landmarks/a.txt", GOOD)
    write(tmp_path, "train/a.txt", "read me")
    for path in (tmp_path, tmp_path / "train/landmarks", tmp_path / "train/landmarks/a.txt"):
        assert formats.guess_format(path).name == "lapa"
    assert not lapa.looks_like(tmp_path / "train/a.txt")
    assert not lapa.looks_like(write(tmp_path, "a.dat", GOOD))
    assert not lapa.looks_like(write(tmp_path, "list.txt", "0 1 2 3 4 6 a.jpg\n"))
