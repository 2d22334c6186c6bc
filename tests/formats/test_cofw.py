"""COFW .mat files: what is written can be read, by us and by h5py alone; what is wrong is named."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from labelkit.dataset import Dataset, Sample
from labelkit.errors import FormatError, ImageError, InputError, UnavailableError
from labelkit.formats import cofw
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks, State, Visibility

from .made import scheme_of


def picture(seed: int, width: int = 6, height: int = 4, grey: bool = False) -> np.ndarray:
    shape = (height, width) if grey else (height, width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def photo(path: Path, seed: int) -> ImageFile:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(seed)).save(path)
    return ImageFile(path)


def as_matlab(path: Path, letters: str = "Tr", count: int = 2, points: int = 3) -> Path:
    """A file as MATLAB writes it: rows and columns exchanged, photos as object references."""
    rows = np.arange(count * points * 2.0).reshape(count, 2 * points) + 1
    hidden = np.zeros((count, points))
    hidden[:, 1] = 1
    with h5py.File(path, "w", userblock_size=512) as file:
        refs = [file.create_dataset(f"#refs#/{i}", data=picture(i).T).ref for i in range(count)]
        file.create_dataset(f"Is{letters}", data=np.array([refs], h5py.ref_dtype), dtype=h5py.ref_dtype)
        file[f"bboxes{letters}"] = np.tile([[11.0, 21, 30, 40]], (count, 1)).T
        file[f"phis{letters}"] = np.concatenate([rows, hidden], axis=1).T
    return path


def data_set(root: Path, *faces: Landmarks, **known: Any) -> Dataset:
    samples = [
        Sample(photo(root / f"photo {i}.png", i), landmarks=face, **known) for i, face in enumerate(faces)
    ]
    return Dataset(tuple(samples), None, root)


# Reading


@pytest.mark.parametrize("letters", ["Tr", "T"])
def test_a_file_of_matlab(tmp_path: Path, letters: str) -> None:
    data = cofw.read(
        as_matlab(tmp_path / "a.mat", letters), scheme=scheme_of(3), images=tmp_path / "out", strict=True
    )
    first, second = data
    hidden = [Visibility.VISIBLE, Visibility.OCCLUDED, Visibility.VISIBLE]
    assert first.landmarks == Landmarks("drawn3", [[0, 3], [1, 4], [2, 5]], visibility=hidden)
    assert second.landmarks == Landmarks("drawn3", [[6, 9], [7, 10], [8, 11]], visibility=hidden)
    assert first.box == Box(10, 20, 40, 60, kind="user", source="cofw")
    assert data.root == tmp_path / "out"
    assert [face.image.path for face in data] == [tmp_path / "out/0001.png", tmp_path / "out/0002.png"]
    for seed, face in enumerate(data):
        np.testing.assert_array_equal(face.image.load(), picture(seed))


def test_training_faces_stand_before_test_faces(tmp_path: Path) -> None:
    path = as_matlab(tmp_path / "a.mat", "T", count=1)
    with h5py.File(as_matlab(tmp_path / "b.mat", "Tr", count=2)) as other, h5py.File(path, "a") as file:
        for name in ("phisTr", "bboxesTr"):
            file[name] = other[name][()]
        refs = [file.create_dataset(f"more/{i}", data=picture(7 + i).T).ref for i in range(2)]
        file.create_dataset("IsTr", data=np.array([refs], h5py.ref_dtype), dtype=h5py.ref_dtype)
    data = cofw.read(path, images=tmp_path / "out", strict=True)
    for seed, face in zip((7, 8, 0), data, strict=True):
        np.testing.assert_array_equal(face.image.load(), picture(seed))


def test_grey_photos_and_a_scheme_by_the_number_of_points(tmp_path: Path) -> None:
    path = as_matlab(tmp_path / "a.mat", count=1, points=68)
    with h5py.File(path, "a") as file:
        cell = file.create_dataset("grey", data=picture(5, grey=True).T)
        file["IsTr"][0, 0] = cell.ref
    data = cofw.read(path, images=tmp_path, strict=True)
    assert data.scheme is not None
    assert data.scheme.name == "ibug68"
    np.testing.assert_array_equal(data[0].image.load(), np.repeat(picture(5, grey=True)[..., None], 3, 2))


def test_without_a_folder_for_the_photos_it_says_so(tmp_path: Path) -> None:
    path = as_matlab(tmp_path / "a.mat")
    with pytest.raises(InputError, match=r"a\.mat: holds the photos inside; give a folder for images"):
        cofw.read(path)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file: is a file; the photos inside"):
        cofw.read(path, images=tmp_path / "file")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.mat", "file"]


def test_photos_are_written_once_and_never_over_others(tmp_path: Path) -> None:
    path, out = as_matlab(tmp_path / "a.mat"), tmp_path / "out"
    cofw.read(path, images=out)
    before = {entry.name: entry.stat().st_mtime_ns for entry in out.iterdir()}
    assert len(cofw.read(path, images=out, strict=True)) == 2
    assert {entry.name: entry.stat().st_mtime_ns for entry in out.iterdir()} == before
    for content in (picture(9), picture(9, 3, 3)):
        Image.fromarray(content).save(out / "0002.png")
        data = cofw.read(path, images=out)
        assert (len(data), len(data.report.left_out)) == (1, 1)
        assert "face 2: " in data.report.left_out[0].problem
        assert "is there already and shows another photo" in data.report.left_out[0].problem
        np.testing.assert_array_equal(ImageFile(out / "0002.png").load(), content)


def test_points_outside_the_photo_are_kept(tmp_path: Path) -> None:
    path = as_matlab(tmp_path / "a.mat", count=1)
    with h5py.File(path, "a") as file:
        file["phisTr"][:6, 0] = [-7.5, 0, 1e5, 4, -99999, 6]
    (face,) = cofw.read(path, images=tmp_path, strict=True)
    assert face.landmarks is not None
    assert face.landmarks.xy.tolist() == [[-8.5, 3], [-1, -1e5], [99999, 5]]


# What is wrong

Damage = Callable[[h5py.File], object]


def put(file: h5py.File, name: str, data: Any) -> None:
    del file[name]
    file.create_dataset(name, data=data)


def cells(file: h5py.File, *refs: h5py.Reference) -> None:
    del file["IsTr"]
    file.create_dataset("IsTr", data=np.array([refs], h5py.ref_dtype), dtype=h5py.ref_dtype)


def external(file: h5py.File, name: str) -> None:
    shape, kind = file[name].shape, file[name].dtype
    del file[name]
    file.create_dataset(name, shape, kind, external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)])


def virtual(file: h5py.File, name: str) -> None:
    shape, kind = file[name].shape, file[name].dtype
    layout = h5py.VirtualLayout(shape, kind)
    layout[...] = h5py.VirtualSource("other.mat", "secret", shape, kind)
    del file[name]
    file.create_virtual_dataset(name, layout)


def odd_numbers(file: h5py.File, name: str) -> None:
    """Floating point of a kind that no computer has."""
    kind = h5py.h5t.IEEE_F64LE.copy()
    kind.set_ebias(0)
    space = h5py.h5s.create_simple(file[name].shape)
    del file[name]
    h5py.h5d.create(file.id, name.encode(), kind, space)


def link(file: h5py.File, name: str, target: Any) -> None:
    del file[name]
    file[name] = target


BAD_FILES: dict[str, tuple[Damage, str]] = {
    "another file": (lambda f: f.pop("phisTr"), "is no COFW file: it holds neither phisTr nor phisT"),
    "no photos": (lambda f: f.pop("IsTr"), "holds no IsTr"),
    "no boxes": (lambda f: f.pop("bboxesTr"), "holds no bboxesTr"),
    "a number short": (lambda f: put(f, "phisTr", np.ones((8, 2))), "phisTr has 8 numbers a face"),
    "not transposed": (lambda f: put(f, "bboxesTr", np.ones((2, 4))), "bboxesTr has 4 rows of 2, not 2 of 4"),
    "no matrix": (lambda f: put(f, "phisTr", np.ones(9)), "phisTr is an array (9,)"),
    "no numbers": (lambda f: put(f, "phisTr", np.full((9, 2), b"x")), "phisTr is an array (9, 2) of |S1"),
    "no faces": (lambda f: put(f, "phisTr", np.ones((9, 0))), "phisTr is an array (9, 0)"),
    "one photo short": (lambda f: cells(f, f["#refs#/0"].ref), "IsTr has 1 photos for 2 faces"),
    "numbers for photos": (lambda f: put(f, "IsTr", np.ones((1, 2))), "IsTr is no cell array of photos"),
    "a group for numbers": (lambda f: link(f, "phisTr", f["#refs#"]), "phisTr is no array"),
    "a link elsewhere": (lambda f: link(f, "phisTr", h5py.ExternalLink("b.mat", "x")), "phisTr is a link"),
    "a link in a circle": (lambda f: link(f, "phisTr", h5py.SoftLink("/phisTr")), "phisTr is a link"),
    "numbers elsewhere": (lambda f: external(f, "phisTr"), "phisTr lies in another file"),
    "numbers put together": (lambda f: virtual(f, "phisTr"), "phisTr lies in another file"),
    "numbers of no known kind": (lambda f: odd_numbers(f, "phisTr"), "phisTr is damaged"),
    "more than there is memory": (
        lambda f: (f.pop("phisTr"), f.create_dataset("phisTr", (9, 1 << 40), "f8", chunks=(9, 1024))),
        "phisTr is an array (9, 1099511627776)",
    ),
}


@pytest.mark.parametrize(("damage", "problem"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, damage: Damage, problem: str) -> None:
    with h5py.File(as_matlab(tmp_path / "a.mat"), "a") as file:
        damage(file)
    with pytest.raises(FormatError) as caught:
        cofw.read(tmp_path / "a.mat", images=tmp_path / "out")
    assert str(caught.value).startswith(f"{tmp_path / 'a.mat'}: ")
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def photo_is(data: Any) -> Damage:
    return lambda file: put(file, "#refs#/0", data) or cells(file, file["#refs#/0"].ref, file["#refs#/1"].ref)


def bomb(file: h5py.File) -> None:
    cell = file.create_dataset("bomb", (3, 1 << 20, 1 << 20), np.uint8, chunks=(1, 1 << 10, 1 << 10))
    cells(file, cell.ref, file["#refs#/1"].ref)


def hollow(file: h5py.File) -> None:
    """A photo of which not one pixel is stored."""
    cell = file.create_dataset("hollow", (3, 5000, 5000), np.uint8, chunks=(1, 100, 100))
    cells(file, cell.ref, file["#refs#/1"].ref)


BAD_FACES: dict[str, tuple[Damage, str]] = {
    "nan": (lambda f: f["phisTr"].__setitem__((2, 0), np.nan), "point 2 has a coordinate that is not finite"),
    "infinity": (lambda f: f["phisTr"].__setitem__((3, 0), -np.inf), "point 0 has a coordinate"),
    "a mark of 2": (lambda f: f["phisTr"].__setitem__((8, 0), 2), "other marks of hidden points than 0"),
    "no area": (lambda f: f["bboxesTr"].__setitem__((2, 0), 0), "has no area"),
    "nan in the box": (lambda f: f["bboxesTr"].__setitem__((0, 0), np.nan), "that is not a number"),
    "no reference": (lambda f: cells(f, h5py.Reference(), f["#refs#/1"].ref), "has no photo"),
    "a reference in a circle": (lambda f: cells(f, f["IsTr"].ref, f["#refs#/1"].ref), "its photo is"),
    "a reference to a group": (lambda f: cells(f, f["#refs#"].ref, f["#refs#/1"].ref), "photo is no array"),
    "a photo of numbers": (photo_is(np.ones((3, 6, 4))), "its photo is an array (3, 6, 4) of float64"),
    "a photo of four colours": (photo_is(np.ones((4, 6, 4), np.uint8)), "its photo is an array (4, 6, 4)"),
    "a photo without pixels": (photo_is(np.ones((3, 0, 4), np.uint8)), "its photo has 0 x 4 pixels"),
    "a photo larger than memory": (bomb, "its photo has 1048576 x 1048576 pixels"),
    "a photo that is not there": (hollow, "claims to be 75000000 bytes, of which the file holds 0"),
    "a photo elsewhere": (
        lambda f: external(f, "#refs#/0") or cells(f, f["#refs#/0"].ref, f["#refs#/1"].ref),
        "its photo lies in another file",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "problem"), BAD_FACES.values(), ids=BAD_FACES)
def test_a_bad_face_is_named_and_the_rest_is_read(tmp_path: Path, damage: Damage, problem: str) -> None:
    path = as_matlab(tmp_path / "a.mat")
    with h5py.File(path, "a") as file:
        damage(file)
    data = cofw.read(path, images=tmp_path / "out")
    assert [face.image.path.name for face in data] == ["0002.png"]
    (left_out,) = data.report.left_out
    assert left_out.path == path
    assert left_out.problem.startswith("face 1: ")
    assert problem in left_out.problem
    with pytest.raises(FormatError) as caught:
        cofw.read(path, images=tmp_path / "other", strict=True)
    assert str(caught.value) == str(left_out)
    assert "\n" not in str(caught.value)


def test_a_photo_whose_tables_are_damaged_is_named(tmp_path: Path) -> None:
    path = as_matlab(tmp_path / "a.mat")
    with h5py.File(path, "a") as file:
        put(file, "#refs#/0", np.zeros((3, 6, 4), np.uint8))
        packed = file.create_dataset("packed", data=np.zeros((3, 6, 4), np.uint8), chunks=(3, 6, 4))
        cells(file, packed.ref, file["#refs#/1"].ref)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"TREE\x01", b"TREX\x01"))
    problems = {one.problem for one in cofw.read(path, images=tmp_path / "out").report.left_out}
    assert any("its photo is damaged" in problem for problem in problems)


def test_faces_that_are_claimed_and_not_stored(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file.create_dataset("phisTr", (87, 700_000), np.float64, chunks=(87, 1000))
        file.create_dataset("bboxesTr", (4, 700_000), np.float64, chunks=(4, 1000))
        file.create_dataset("IsTr", (1, 700_000), h5py.ref_dtype, chunks=(1, 1000))
    with pytest.raises(FormatError, match=r"phisTr claims to be 487200000 bytes, of which the file holds 0"):
        cofw.read(tmp_path / "a.mat", images=tmp_path / "out")


def test_a_reference_to_nowhere_is_named(tmp_path: Path) -> None:
    path = as_matlab(tmp_path / "a.mat")
    with h5py.File(path) as file:
        at = 512 + h5py.h5o.get_info(file["#refs#/0"].id).addr
    content = bytearray(path.read_bytes())
    content[at : at + 16] = b"\xff" * 16
    path.write_bytes(content)
    data = cofw.read(path, images=tmp_path / "out")
    assert len(data) == 1
    assert data.report.left_out[0].problem.startswith("face 1: its photo is damaged")


def test_files_of_another_kind(tmp_path: Path) -> None:
    whole = as_matlab(tmp_path / "whole.mat").read_bytes()
    contents = {
        "empty": b"",
        "text": b"1 2 3\n",
        "old": b"MATLAB 5.0 MAT-file".ljust(999),
        "cut": whole[:-900],
    }
    for name, content in contents.items():
        (tmp_path / f"{name}.mat").write_bytes(content)
        with pytest.raises(FormatError, match=rf"{name}\.mat: is no MATLAB file of version 7\.3 \(HDF5\)"):
            cofw.read(tmp_path / f"{name}.mat", images=tmp_path)
    with pytest.raises(FormatError, match="is a folder, not a file"):
        cofw.read(tmp_path, images=tmp_path)
    with pytest.raises(FormatError, match="cannot be read \\(No such file"):
        cofw.read(tmp_path / "nothing.mat", images=tmp_path)


@pytest.mark.parametrize("at", range(600, 6000, 450))
def test_damage_anywhere_is_one_line_or_none(tmp_path: Path, at: int) -> None:
    path = as_matlab(tmp_path / "a.mat")
    content = bytearray(path.read_bytes())
    content[at : at + 64] = bytes(64)
    path.write_bytes(content)
    problem, found = "", 2
    try:
        data = cofw.read(path, images=tmp_path / "out")
        found = len(data) + len(data.report.left_out)
    except FormatError as error:
        problem = str(error)
    assert found == 2
    assert "\n" not in problem


def test_another_number_of_points_than_the_scheme_has(tmp_path: Path) -> None:
    data = cofw.read(as_matlab(tmp_path / "a.mat"), scheme="ibug68", images=tmp_path)
    assert [str(face.problem) for face in data.report.left_out] == [
        "face 1: has 3 points, ibug68 has 68",
        "face 2: has 3 points, ibug68 has 68",
    ]


def test_without_h5py_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = data_set(tmp_path, Landmarks("drawn3", [[1, 2], [3, 4], [5, 7]]))
    monkeypatch.setitem(sys.modules, "h5py", None)
    for attempt in (
        lambda: cofw.read(tmp_path / "a.mat", images=tmp_path),
        lambda: cofw.write(data, tmp_path / "a.mat"),
    ):
        with pytest.raises(UnavailableError, match=r'h5py; pip install "labelkit\[formats\]"'):
            attempt()


# Writing


def plain_reader(path: Path, letters: str) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Photo, points, hidden and box of every face, by h5py and the description of the format."""
    found = []
    with h5py.File(path) as file:
        for i in range(file[f"phis{letters}"].shape[1]):
            x, y, hidden = np.split(file[f"phis{letters}"][:, i], 3)
            pixels = np.array(file[file[f"Is{letters}"][0, i]]).transpose()
            xy = np.stack([x, y], 1) - 1
            found.append((pixels, xy, hidden, file[f"bboxes{letters}"][:, i]))
    return found


@pytest.mark.parametrize(("name", "letters"), [("COFW_test.mat", "T"), ("COFW_train.mat", "Tr"), ("a", "Tr")])
def test_a_stranger_reads_what_we_write(tmp_path: Path, name: str, letters: str) -> None:
    rng = np.random.default_rng(1)
    shapes = rng.normal(200, 300, (3, 29, 2))
    marks = rng.integers(1, 3, (3, 29))
    faces = [Landmarks("cofw29", xy, visibility=mark) for xy, mark in zip(shapes, marks, strict=True)]
    box = Box(1.5, 2, 31.5, 42, kind="user", source="cofw")
    report = cofw.write(data_set(tmp_path / "photos", *faces, box=box), tmp_path / name)
    assert (report.written, report.files) == (3, (tmp_path / name,))
    assert report.losses == ("the names of the photos are lost: they are numbered",)
    for i, (pixels, xy, hidden, rectangle) in enumerate(plain_reader(tmp_path / name, letters)):
        np.testing.assert_array_equal(pixels, picture(i))
        np.testing.assert_allclose(xy, shapes[i], rtol=0, atol=1e-9)
        np.testing.assert_array_equal(hidden, marks[i] == Visibility.OCCLUDED)
        np.testing.assert_array_equal(rectangle, [2.5, 3, 30, 40])


def test_what_matlab_asks_of_a_file(tmp_path: Path) -> None:
    cofw.write(data_set(tmp_path, Landmarks("drawn3", [[1, 2], [3, 4], [5, 7]])), tmp_path / "a.mat")
    start = (tmp_path / "a.mat").read_bytes()[:520]
    assert start[:10] == b"MATLAB 7.3"
    assert start[124:128] == b"\x00\x02IM"
    assert start[512:] == b"\x89HDF\r\n\x1a\n"
    with h5py.File(tmp_path / "a.mat") as file:
        classes = {name: file[name].attrs["MATLAB_class"] for name in ("IsTr", "phisTr", "bboxesTr")}
    assert classes == {"IsTr": b"cell", "phisTr": b"double", "bboxesTr": b"double"}


COORDINATES = st.floats(-1e5, 1e5)


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.integers(1, 5), st.integers(1, 4))
def test_what_is_written_is_read_again(data: st.DataObject, points: int, count: int) -> None:
    shapes = data.draw(st.lists(st.lists(COORDINATES, min_size=2 * points, max_size=2 * points),
                                min_size=count, max_size=count))  # fmt: skip
    marks = data.draw(st.lists(st.sampled_from([Visibility.VISIBLE, Visibility.OCCLUDED]),
                               min_size=points, max_size=points))  # fmt: skip
    which = data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    faces = [Landmarks(f"drawn{points}", np.reshape(xy, (-1, 2)), visibility=marks) for xy in shapes]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "photos é")
        photos = [photo(root / f"{i} b.png", i) for i in range(3)]
        samples = [Sample(photos[i], landmarks=face) for i, face in zip(which, faces, strict=True)]
        report = cofw.write(Dataset(tuple(samples), scheme_of(points), root), Path(folder, "a b.mat"))
        after = cofw.read(report.files[0], scheme=scheme_of(points), images=report.images, strict=True)
        for face, i, before in zip(after, which, faces, strict=True):
            np.testing.assert_array_equal(face.image.load(), picture(i))
            assert face.landmarks is not None
            np.testing.assert_allclose(face.landmarks.xy, before.xy, rtol=0, atol=1e-9)
            assert face.landmarks.visibility.tolist() == before.visibility.tolist()
            assert face.box is None or face.box.kind == "landmarks"
        assert len(after.by_image()) == len(set(which))


def test_losses_are_said(tmp_path: Path) -> None:
    marks = [Visibility.UNKNOWN, Visibility.SELF_OCCLUDED, Visibility.VISIBLE]
    face = Landmarks("drawn3", [[1, 2], [3, 4], [5, 7]], State.PREDICTED, marks)
    box = Box(0, 0, 9, 9, kind="detector", source="haar", score=0.5)
    data = data_set(tmp_path, face, box=box, attributes={"person": "A", "age": 3})
    assert cofw.write(data, tmp_path / "a.mat").losses == (
        "the names of the photos are lost: they are numbered",
        "points whose visibility is unknown are written as visible (1 of 1 faces)",
        "points that the face itself hides are written as hidden by something else (1 of 1 faces)",
        "which points nobody has confirmed is lost (1 of 1 faces)",
        "attributes are lost: age, person",
        "where the box comes from is lost (1 of 1 faces)",
    )
    (again,) = cofw.read(tmp_path / "a.mat", images=tmp_path / "out")
    assert again.landmarks is not None
    assert again.landmarks.visibility.tolist() == [1, 2, 1]


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    good = data_set(tmp_path, Landmarks("drawn3", [[1, 2], [3, 4], [5, 7]]))
    missing = data_set(tmp_path, Landmarks("drawn3", [[1, 2], [np.nan, np.nan], [5, 7]]))
    with pytest.raises(InputError, match=r"'photo 0\.png', face 1: point 1 is missing, which a COFW file"):
        cofw.write(missing, tmp_path / "a.mat")
    with pytest.raises(InputError, match="there is no face to write"):
        cofw.write(good[:0], tmp_path / "a.mat")
    with pytest.raises(FormatError, match="is a folder; a COFW file is a file"):
        cofw.write(good, tmp_path)
    (tmp_path / "photo 0.png").write_bytes(b"nonsense")
    with pytest.raises(ImageError, match=r"photo 0\.png: is not a picture"):
        cofw.write(good, tmp_path / "a.mat")
    assert [entry.name for entry in tmp_path.iterdir()] == ["photo 0.png"]


@pytest.mark.parametrize("room", [0, 3 * 8 * 6])
def test_a_disk_too_full_is_an_error_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    good = data_set(tmp_path, Landmarks("drawn3", [[1, 2], [3, 4], [5, 7]]))
    (tmp_path / "a.mat").write_text("old")
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=room))
    with pytest.raises(OSError, match="No space left") as error:
        cofw.write(good, tmp_path / "a.mat")
    assert error.value.filename == str(tmp_path / "a.mat")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.mat", "photo 0.png"]
    assert (tmp_path / "a.mat").read_text() == "old"


def test_the_room_that_is_asked_for_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Photos of noise cannot be compressed."""
    rng = np.random.default_rng(0)
    asked: list[int] = []
    faces = []
    for number in range(30):
        path = tmp_path / f"{number}.png"
        Image.fromarray(rng.integers(0, 256, (5 + number, 40, 3), dtype=np.uint8)).save(path)
        faces.append(Sample(ImageFile(path), landmarks=Landmarks("drawn3", [[1, 2], [3, 4], [5, 7]])))
    least = sum(3 * 40 * (5 + number) for number in range(30)) + 31 * cofw._FURTHER
    monkeypatch.setattr("shutil.disk_usage", lambda folder: asked.append(1) or SimpleNamespace(free=least))
    cofw.write(Dataset(tuple(faces), root=tmp_path), tmp_path / "a.mat")
    assert asked
    assert (tmp_path / "a.mat").stat().st_size < least


def test_it_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    assert cofw.looks_like(as_matlab(tmp_path / "a.mat"))
    with h5py.File(tmp_path / "plain", "w"):
        assert cofw.looks_like(tmp_path / "plain")
    assert not cofw.looks_like(tmp_path / "nothing")
    (tmp_path / "b.mat").write_bytes(b"MATLAB 5.0 MAT-file")
    assert not cofw.looks_like(tmp_path / "b.mat")
    (tmp_path / "c.mat").mkdir()
    assert not cofw.looks_like(tmp_path / "c.mat")
