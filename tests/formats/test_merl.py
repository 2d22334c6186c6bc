"""MERL-RAV .pts files: signs say what hides a point; what they cannot say is refused."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelkit import formats
from labelkit.dataset import Dataset, LeftOut, Sample
from labelkit.errors import FormatError, InputError
from labelkit.formats import merl
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks, State, Visibility
from labelkit.scheme import load_scheme

from .made import scheme_of, write

NAN = float("nan")
VISIBLE, OCCLUDED, SELF_OCCLUDED = Visibility.VISIBLE, Visibility.OCCLUDED, Visibility.SELF_OCCLUDED

HEAD = "version: 1\nn_points:  4\n{\n"
GOOD = HEAD + "3 5.5\n-1 -1\n-1443.54 -474.32\n1 1\n}\n"


def pair(folder: Path, stem: str, content: str | bytes) -> None:
    write(folder, f"{stem}.pts", content)
    write(folder, f"{stem}.jpg")


def data_set(root: Path, xy: Any, visibility: Any = VISIBLE, **known: Any) -> Dataset:
    face = Landmarks(f"drawn{len(xy)}", xy, visibility=visibility)
    return Dataset((Sample(ImageFile(write(root, "a b.jpg")), landmarks=face, **known),), None, root)


# Reading


@pytest.mark.parametrize("content", [GOOD, GOOD.replace("\n", "\r\n"), "\ufeff" + GOOD, GOOD[len(HEAD) : -2]])
def test_signs_are_taken_off_before_the_pixel_base(tmp_path: Path, content: str) -> None:
    pair(tmp_path, "a", content)
    (face,) = merl.read(tmp_path, scheme=scheme_of(4), strict=True)
    assert face.landmarks is not None
    np.testing.assert_allclose(
        face.landmarks.xy, [[2, 4.5], [NAN, NAN], [1442.54, 473.32], [0, 0]], atol=1e-9
    )
    assert face.landmarks.visibility.tolist() == [VISIBLE, SELF_OCCLUDED, OCCLUDED, VISIBLE]
    assert face.box == Box(0, 0, 1442.54, 473.32, kind="landmarks", source="drawn4")


def test_points_at_the_edge(tmp_path: Path) -> None:
    pair(tmp_path, "a", "0 5\n-0 -5\n-5 0\n0 0\n-1 -1.5\n-0.5 -0.25\n99999 1e5")
    (face,) = merl.read(tmp_path, scheme=scheme_of(7), strict=True)
    assert face.landmarks is not None
    assert face.landmarks.xy.tolist() == [
        [-1, 4], [-1, 4], [4, -1], [-1, -1], [0, 0.5], [-0.5, -0.75], [99998, 99999],
    ]  # fmt: skip
    assert face.landmarks.visibility.tolist() == [1, 2, 2, 1, 2, 2, 1]


def test_several_faces_of_a_photo_and_folders(tmp_path: Path) -> None:
    write(tmp_path, "left/testset/image1_1.pts", GOOD)
    write(tmp_path, "left/testset/image1_2.pts", GOOD)
    write(tmp_path, "left/testset/image1.jpg")
    data = merl.read(tmp_path, strict=True)
    assert len(data) == 2
    assert len(data.by_image()) == 1


def test_files_of_68_points_are_of_merl68(tmp_path: Path) -> None:
    pair(tmp_path, "a", "5 6\n" * 68)
    data = merl.read(tmp_path, strict=True)
    assert data.scheme is not None
    assert data.scheme.name == "merl68"
    assert data[0].box is None
    assert merl.read(tmp_path, scheme="ibug68").scheme == load_scheme("ibug68")


BAD_FILES: dict[str, tuple[str | bytes, int | None, str]] = {
    "empty": ("", None, "is empty"),
    "one point short": (HEAD + "1 2\n3 4\n-5 -6\n}\n", None, "says n_points: 4, but holds 3 points"),
    "another number": ("1 2\n3 4\n", None, "holds 2 points, drawn4 has 4"),
    "cut off": (GOOD[:-3], None, "is it cut off?"),
    "x alone": (HEAD + "1 2\n-3 4\n5 6\n7 8\n}\n", None, "point 1 has one negative coordinate"),
    "y alone": ("1 2\n3 4\n5 -6e-9\n7 8\n", None, "point 2 has one negative coordinate"),
    "nan": ("1 2\nnan 4\n5 6\n7 8", 2, "'nan 4' is not finite"),
    "infinity": ("1 2\n-inf -inf\n5 6\n7 8", 2, "is not finite"),
    "words": ("1 2\nx y\n5 6\n7 8", 2, "'x y' is no point"),
    "binary": (bytes(range(256)), None, "is not text in UTF-8"),
}


@pytest.mark.parametrize(("content", "line", "problem"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_named_and_the_rest_is_read(
    tmp_path: Path, content: str | bytes, line: int | None, problem: str
) -> None:
    pair(tmp_path, "a", GOOD)
    pair(tmp_path, "b", content)
    data = merl.read(tmp_path, scheme=scheme_of(4))
    assert len(data) == 1
    (left_out,) = data.report.left_out
    assert (left_out.path, left_out.line) == (tmp_path / "b.pts", line)
    assert problem in left_out.problem
    with pytest.raises(FormatError) as caught:
        merl.read(tmp_path, scheme=scheme_of(4), strict=True)
    assert str(caught.value) == str(left_out)


def test_missing_photos_and_folders_without_files(tmp_path: Path) -> None:
    write(tmp_path, "sub/a.pts", GOOD)
    data = merl.read(tmp_path)
    assert data.report.left_out == (
        LeftOut(tmp_path / "sub/a.pts", None, f"its image 'a.*' is missing in the folder {tmp_path / 'sub'}"),
    )
    (tmp_path / "sub/a.pts").unlink()
    with pytest.raises(FormatError, match=r"holds no \.pts file"):
        merl.read(tmp_path)


# Writing


def plain_reader(path: Path) -> list[tuple[str, float, float]]:
    """What the data set's own description says of a file, in plain Python."""
    found = []
    for line in path.read_text("ascii").split("{")[1].split("}")[0].strip().split("\n"):
        x, y = map(float, line.split())
        if (x, y) == (-1, -1):
            found.append(("self-occluded", NAN, NAN))
        elif x < 0 or y < 0:
            found.append(("externally occluded", -x - 1, -y - 1))
        else:
            found.append(("unoccluded", x - 1, y - 1))
    return found


def test_a_stranger_reads_what_we_write(tmp_path: Path) -> None:
    xy = [[0, 0], [2.25, 7], [NAN, NAN], [0, 0.5], [-1, 5], [8, -1]]
    data = data_set(tmp_path, xy, [VISIBLE, OCCLUDED, SELF_OCCLUDED, OCCLUDED, VISIBLE, OCCLUDED])
    report = merl.write(data, tmp_path / "out")
    assert report.files == (tmp_path / "out/a b.pts",)
    assert report.losses == ()
    found = plain_reader(report.files[0])
    assert [kind for kind, _, _ in found] == [
        "unoccluded", "externally occluded", "self-occluded", "externally occluded", "unoccluded",
        "externally occluded",
    ]  # fmt: skip
    np.testing.assert_array_equal([place for _, *place in found], xy)


REFUSED: dict[str, tuple[list[float], Visibility, str]] = {
    "missing": ([NAN, NAN], VISIBLE, "is missing, which is said of points alone that the face hides"),
    "missing, hidden": ([NAN, NAN], OCCLUDED, "is missing"),
    "half missing": ([3, NAN], VISIBLE, "is missing"),
    "left of the photo": ([-1.5, 4], VISIBLE, "has a negative coordinate, whose sign would say hidden"),
    "above the photo, hidden": ([4, -1.5], OCCLUDED, "has a negative coordinate"),
    "outside at the corner": ([-3, -4], VISIBLE, "has a negative coordinate"),
    "hidden in the first pixel": (
        [0, 0],
        OCCLUDED,
        "is hidden at (1, 1), where it would be hidden by the face",
    ),
    "hidden nearly there": ([1e-9, -1e-9], OCCLUDED, "is hidden at (1, 1)"),
    "hidden where nothing has a sign": ([-1, -1], OCCLUDED, "is hidden at (0, 0), which has no sign"),
}


@pytest.mark.parametrize(("place", "visibility", "problem"), REFUSED.values(), ids=REFUSED)
def test_what_signs_cannot_say_is_refused(
    tmp_path: Path, place: list[float], visibility: Visibility, problem: str
) -> None:
    data = data_set(tmp_path, [[3, 4], place], [VISIBLE, visibility])
    with pytest.raises(InputError) as caught:
        merl.write(data, tmp_path / "out")
    assert str(caught.value).startswith(f"'a b.jpg': point 1 {problem}")
    assert not (tmp_path / "out").exists()


def test_losses_are_said(tmp_path: Path) -> None:
    face = Landmarks("drawn3", [[1, 2], [3, 4], [5, 7]], State.PREDICTED, [0, SELF_OCCLUDED, VISIBLE])
    box = Box(0, 0, 9, 9, kind="user")
    sample = Sample(ImageFile(write(tmp_path, "a.jpg")), box, face, {"person": "A"})
    assert merl.write(Dataset((sample,), None, tmp_path), tmp_path / "out").losses == (
        "points whose visibility is unknown are written as visible (1 of 1 faces)",
        "where points lie that the face itself hides is lost (1 of 1 faces)",
        "which points nobody has confirmed is lost (1 of 1 faces)",
        "the box is lost (1 of 1 faces)",
        "attributes are lost: person",
    )
    (again,) = merl.read(tmp_path / "out", images=tmp_path)
    assert again.landmarks == Landmarks(
        "points3", [[1, 2], [NAN, NAN], [5, 7]], visibility=[VISIBLE, SELF_OCCLUDED, VISIBLE]
    )


def holdable(x: float, y: float, visibility: Visibility) -> bool:
    return visibility is VISIBLE or (x, y) not in ((0, 0), (-1, -1))


COORDINATES = st.floats(-1, 1e5).map(lambda value: round(value, 6))
POINTS = st.one_of(
    st.just((NAN, NAN, SELF_OCCLUDED)),
    st.tuples(COORDINATES, COORDINATES, st.sampled_from([VISIBLE, OCCLUDED])).filter(lambda p: holdable(*p)),
    st.tuples(st.sampled_from([-1.0, 0.0, 1.0]), st.sampled_from([-1.0, 0.0, 1.0]),
              st.sampled_from([VISIBLE, OCCLUDED])).filter(lambda p: holdable(*p)),
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(POINTS, min_size=1, max_size=6))
def test_what_is_written_is_read_again(points: list[tuple[float, float, Visibility]]) -> None:
    xy = np.array([place for *place, _ in points])
    with tempfile.TemporaryDirectory() as folder:
        data = data_set(Path(folder, "photos"), xy, [visibility for *_, visibility in points])
        report = merl.write(data, Path(folder, "out"))
        kind = scheme_of(len(points))
        (face,) = merl.read(Path(folder, "out"), scheme=kind, images=report.images, strict=True)
    assert face.landmarks is not None
    np.testing.assert_allclose(face.landmarks.xy, xy, rtol=0, atol=2e-6)
    assert face.landmarks.visibility.tolist() == [visibility for *_, visibility in points]


# Told from 300-W


def test_it_is_told_from_300w_by_a_point_that_the_face_hides_or_by_its_folder(tmp_path: Path) -> None:
    pair(tmp_path / "x", "a", "5 6\n7 8\n9 9")
    assert formats.guess_format(tmp_path / "x").name == "300w"
    pair(tmp_path / "x", "b", "5 6\n  -1   -1 \n9 9")
    assert formats.guess_format(tmp_path / "x").name == "merl"
    assert formats.guess_format(tmp_path / "x/b.pts").name == "merl"
    assert formats.guess_format(tmp_path / "x/a.pts").name == "300w"
    pair(tmp_path / "merl_rav_organized/left", "a", "5 6\n7 8\n9 9")
    for path in ("merl_rav_organized", "merl_rav_organized/left", "merl_rav_organized/left/a.pts"):
        assert formats.guess_format(tmp_path / path).name == "merl"
    (tmp_path / "MERL-RAV").mkdir()
    assert not merl.looks_like(tmp_path / "MERL-RAV")


@pytest.mark.parametrize("value", [1e308, -1e13])
def test_a_coordinate_that_nothing_could_read_again_is_not_written(tmp_path: Path, value: float) -> None:
    data = data_set(tmp_path, [[1.0, value], [2, 3]])
    beyond = r"'a b.jpg', face 1: a coordinate is beyond 1e\+12 px, which a MERL"
    with pytest.raises(InputError, match=beyond):
        merl.write(data, tmp_path / "out")
    assert not (tmp_path / "out").exists()
