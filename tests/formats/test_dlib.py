"""dlib's imglab XML: what is written can be read, by us and by dlib's rules; what is wrong is named."""

from __future__ import annotations

import string
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelkit.dataset import Dataset, LeftOut, Sample
from labelkit.errors import FormatError, InputError
from labelkit.formats import dlib
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks, State, Visibility
from labelkit.scheme import Point, Scheme

from .made import photos, scheme_of

GAP = [np.nan, np.nan]


def drawn(xy: Any, **known: Any) -> Landmarks:
    return Landmarks(f"drawn{len(xy)}", xy, **known)


PARTS = "<part name='00' x='10' y='20'/><part name='01' x='30' y='40'/><part name='02' x='20' y='60'/>"


def box(inside: str = PARTS, **changes: object) -> str:
    """A box of three points; what is changed to None is left out."""
    given = {"top": 2, "left": 1, "width": 50, "height": 70, **changes}
    told = " ".join(f"{key}='{value}'" for key, value in given.items() if value is not None)
    return f"<box {told}>{inside}</box>"


def xml(*boxes: str, file: str = "a.jpg", name: str = "faces") -> str:
    """A file about one photo; the boxes begin in line 5."""
    lines = "\n".join(boxes)
    return (
        f"<?xml version='1.0' encoding='UTF-8'?>\n<dataset><name>{name}</name>\n<images>\n"
        f"<image file='{file}'>\n{lines}\n</image>\n</images></dataset>\n"
    )


def write_xml(folder: Path, text: str | bytes) -> Path:
    path = folder / "faces.xml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def only_problem(data: Dataset) -> LeftOut:
    assert len(data.report.left_out) == 1
    return data.report.left_out[0]


def points_of(data: Dataset) -> list[Any]:
    assert data[0].landmarks is not None
    return data[0].landmarks.xy.tolist()


# Reading


def test_a_box_is_a_face(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    (face,) = dlib.read(write_xml(tmp_path, xml(box())), scheme=scheme_of(3), strict=True)
    assert face.image == ImageFile(tmp_path / "a.jpg")
    assert face.landmarks == drawn([[10, 20], [30, 40], [20, 60]])
    assert face.box == Box(1, 2, 50, 71, kind="user", source="dlib")
    assert face.attributes == {}


def test_a_tight_box_is_known_as_such_and_includes_its_last_pixel(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    text = xml(box(left=10, top=20, width=21, height=41))
    (face,) = dlib.read(write_xml(tmp_path, text), scheme=scheme_of(3), strict=True)
    assert face.box == Box(10, 20, 30, 60, kind="landmarks", source="drawn3")


def test_parts_that_are_left_out_are_not_there(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    text = xml(box("<part name='01' x='30' y='40'/>"), box(""))
    first, second = dlib.read(write_xml(tmp_path, text), scheme=scheme_of(3), strict=True)
    assert first.landmarks == drawn([GAP, [30, 40], GAP])
    assert second.landmarks is None


def test_attributes(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    given = {"ignore": 1, "occluded": 0, "truncated": "true", "age": 30.5, "detection_score": -1, "pose": 2}
    text = xml(box("<label> face &amp; <b/>hat </label>", gender="female", **given))
    (face,) = dlib.read(write_xml(tmp_path, text), strict=True)
    expected = {"ignore": True, "occluded": False, "truncated": True, "age": 30.5, "detection_score": -1}
    assert face.attributes == {**expected, "gender": "female", "label": "face & hat"}


def test_points_outside_the_photo_and_between_pixels(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    text = xml(box("<part name='0' x='-5' y='1000000'/><part name='1' x='.5' y='-0.25'/>"))
    assert points_of(dlib.read(write_xml(tmp_path, text), strict=True)) == [[-5, 1e6], [0.5, -0.25]]


def test_several_faces_and_photos_below_the_given_root(tmp_path: Path) -> None:
    photos(tmp_path / "photos", "x y/a b.jpg", "b.jpg")
    first, second = xml(box(), box(), file="x y/a b.jpg"), xml(box(), file="b.jpg")
    text = first.replace("</images></dataset>\n", second[second.index("<image ") :])
    data = dlib.read(write_xml(tmp_path, text), images=tmp_path / "photos", strict=True)
    assert [face.image.path.name for face in data] == ["a b.jpg", "a b.jpg", "b.jpg"]
    assert len(dlib.read(tmp_path / "faces.xml")) == 0
    with pytest.raises(InputError, match="no such folder of images"):
        dlib.read(tmp_path / "faces.xml", images=tmp_path / "nowhere")


LAYOUTS = {
    "CRLF": xml(box()).replace("\n", "\r\n").encode(),
    "byte-order mark": b"\xef\xbb\xbf" + xml(box()).encode(),
    "UTF-16": xml(box()).replace("UTF-8", "UTF-16").encode("utf-16"),
    "no declaration": xml(box()).partition("\n")[2].encode(),
    "comments and style": xml(f"<!-- x -->{box()}")
    .replace("?>\n", "?>\n<?xml-stylesheet href='x'?>")
    .encode(),
    "other elements": xml(f"<more><deep/></more>{box(PARTS + '<odd/>')}").encode(),
    "double quotes": xml(box()).replace("'", '"').encode(),
}


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts(tmp_path: Path, text: bytes) -> None:
    photos(tmp_path, "a.jpg")
    data = dlib.read(write_xml(tmp_path, text), scheme=scheme_of(3), strict=True)
    assert points_of(data) == [[10, 20], [30, 40], [20, 60]]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_names_in_files_of_imglab_may_be_utf_8_whatever_it_says(tmp_path: Path, encoding: str) -> None:
    photos(tmp_path, "é.jpg")
    text = xml(box(), file="é.jpg").replace("UTF-8", "ISO-8859-1").encode(encoding)
    assert dlib.read(write_xml(tmp_path, text), strict=True)[0].image.path.name == "é.jpg"


# Which point a part is


def parts(*names: str) -> str:
    """Parts at (0, 1), (1, 3), (2, 5), ..."""
    return "".join(f"<part name='{name}' x='{i}' y='{2 * i + 1}'/>" for i, name in enumerate(names))


def test_numbers_count_from_0_or_from_1(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    for names in (["0", "1", "2"], ["00", "01", "02"], ["1", "2", "3"], ["001", "002", "003"]):
        path = write_xml(tmp_path, xml(box(parts(*names))))
        for scheme in (scheme_of(3), None):
            assert points_of(dlib.read(path, scheme=scheme, strict=True)) == [[0, 1], [1, 3], [2, 5]]
    path = write_xml(tmp_path, xml(box(parts("1", "2"))))
    assert points_of(dlib.read(path, scheme=scheme_of(4), strict=True))[:3] == [
        pytest.approx(GAP, nan_ok=True),
        [0, 1],
        [1, 3],
    ]


def test_numbers_without_zeros_are_numbers(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    path = write_xml(tmp_path, xml(box(parts(*map(str, range(68))))))
    data = dlib.read(path, strict=True)
    assert data.scheme is not None
    assert data.scheme.name == "ibug68"
    assert points_of(data) == [[i, 2 * i + 1] for i in range(68)]


def test_most_boxes_say_how_many_points_there_are(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    good = box(parts(*map(str, range(68))))
    data = dlib.read(write_xml(tmp_path, xml(good, box(parts("0", "99")), good, box(parts("3")))))
    assert (len(data), data.scheme.name if data.scheme else None) == (3, "ibug68")
    assert only_problem(data).problem == "has a part '99', but ibug68 has 68 points"


def test_the_files_name_may_be_that_of_the_scheme(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    data = dlib.read(write_xml(tmp_path, xml(box(parts("1", "2")), name="\n merl68 ")), strict=True)
    assert data.scheme is not None
    assert data.scheme.name == "merl68"


def test_other_names_are_sorted_as_text(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    path = write_xml(tmp_path, xml(box(parts("p2", "p10", "P", "é", "\U0001f600", "\uffee"))))
    expected = [[2, 5], [1, 3], [0, 1], [3, 7], [5, 11], [4, 9]]
    data = dlib.read(path, strict=True)
    assert (data.scheme, points_of(data)) == (None, expected)
    assert (
        points_of(dlib.read(path, scheme=Scheme("x", tuple(Point(f"q{i}", i, 0) for i in range(6)))))
        == expected
    )
    with pytest.raises(FormatError, match="has 6 points, and none called 'p0'"):
        dlib.read(path, scheme=scheme_of(3))


def test_names_of_the_given_scheme_are_found_among_more(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    path = write_xml(tmp_path, xml(box(parts("p2", "nose", "p0", "p1"))))
    assert points_of(dlib.read(path, scheme=scheme_of(3), strict=True)) == [[2, 5], [3, 7], [0, 1]]


# What is wrong

BAD_BOXES = {
    "too many points": (box(parts("00", "01", "02", "03")), "has a part '03', but drawn3 has 3 points"),
    "part twice": (box(parts("00", "00")), "has the part '00' twice"),
    "number twice": (box(parts("1", "01")), "has a point twice"),
    "part without name": (box("<part x='1' y='2'/>"), "has a part without name"),
    "part without y": (box("<part name='00' x='1'/>"), "has a part without y"),
    "words": (box("<part name='00' x='one' y='2'/>"), "x of part 00 is 'one', not a number"),
    "nan": (box("<part name='00' x='1' y='nan'/>"), "y of part 00 is 'nan', not a number"),
    "infinite": (box("<part name='00' x='-inf' y='1'/>"), "x of part 00 is '-inf', not a number"),
    "too large": (box("<part name='00' x='1e999' y='1'/>"), "x of part 00 is '1e999', not a number"),
    "endless number": (box(f"<part name='00' x='{'9' * 9999}' y='1'/>"), r"x of part 00 is '999.*\.\.\.'"),
    "no height": (box(height=None), "is a box without height"),
    "no left side": (box(left=None), "is a box without left"),
    "width in words": (box(width="wide"), "width is 'wide', not a number"),
    "no width": (box(width=0), "has no area"),
    "one pixel wide": (box(width=1), "has no area"),
    "half ignored": (box(ignore="maybe"), "ignore is 'maybe', neither 0 nor 1"),
    "age in words": (box(age="old"), "age is 'old', not a number"),
    "missing photo": (f"</image><image file='lost.jpg'>{box()}", "image 'lost.jpg' is missing in the folder"),
    "folder for a photo": (f"</image><image file='folder'>{box()}", "image 'folder' is missing"),
    "out of the root": (f"</image><image file='../out.jpg'>{box()}", "image '../out.jpg' lies outside"),
    "out of the root, from /": (f"</image><image file='/etc/passwd'>{box()}", "'/etc/passwd' lies outside"),
    "endless name": (f"</image><image file='{'x' * 9000}'>{box()}", r"xxx\.\.\.' is missing"),
    "no name": (f"</image><image>{box()}", "is a box of no image, or of one without a file"),
    "no photo": (f"</image>{box()}<image file='a.jpg'>", "is a box of no image"),
}  # fmt: skip


@pytest.mark.parametrize(("bad", "problem"), BAD_BOXES.values(), ids=BAD_BOXES)
def test_a_bad_box_is_named_and_the_rest_is_read(tmp_path: Path, bad: str, problem: str) -> None:
    root = tmp_path / "root"
    photos(root, "a.jpg", "folder/b.jpg", "../out.jpg")
    path = write_xml(root, xml(box(), bad, f"</image><image file='a.jpg'>{box()}"))
    data = dlib.read(path, scheme=scheme_of(3))
    assert len(data) == data.report.read == 2
    left_out = only_problem(data)
    assert (left_out.path, left_out.line) == (path, 6)
    assert len(str(left_out)) < 400
    with pytest.raises(FormatError, match=problem) as caught:
        dlib.read(path, scheme=scheme_of(3), strict=True)
    assert str(caught.value) == str(left_out)
    assert "\n" not in str(caught.value)


CUTS = {
    "inside a part": xml(box(), box()).partition("y='60'")[0] + "y='60'/></box>\n<box top='2'",
    "before the end": xml(box()).partition("</images>")[0],
    "an ampersand as imglab writes it": xml(box(), "</image><image file='a&b.jpg'>" + box()),
    "an unknown reference": xml(box(), "</image><image file='&x;.jpg'>" + box()),
    "something after the end": xml(box()) + "<dataset/>",
    "a byte that is no UTF-8": xml(box(), "@").encode().replace(b"@", b"\xff"),
}


@pytest.mark.parametrize("text", CUTS.values(), ids=CUTS)
def test_what_stands_before_the_damage_is_read(tmp_path: Path, text: str | bytes) -> None:
    photos(tmp_path, "a.jpg", "a&b.jpg")
    path = write_xml(tmp_path, text)
    data = dlib.read(path, scheme=scheme_of(3))
    assert len(data) == 1
    assert "is no XML from here on" in only_problem(data).problem
    assert only_problem(data).line is not None
    with pytest.raises(FormatError, match=r"faces\.xml:\d+: is no XML from here on"):
        dlib.read(path, scheme=scheme_of(3), strict=True)


LAUGHS = "".join(f"<!ENTITY l{i + 1} '{f'&l{i};' * 10}'>" for i in range(9))
BAD_FILES: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "is no XML from here on"),
    "blank": (" \r\n", "is no XML from here on"),
    "prose": ("Call me Ishmael.", "is no XML from here on"),
    "binary": (bytes(range(256)), "is no XML from here on"),
    "zeros": (bytes(99), "is no XML from here on"),
    "JSON": ('{"images": []}', "is no XML from here on"),
    "unknown encoding": (xml(box()).replace("UTF-8", "klingon"), "is no XML from here on"),
    "other XML": ("<html><body/></html>", r"xml:1: is no imglab file: it holds <html>, not <dataset>"),
    "billion laughs": (
        f"<!DOCTYPE dataset [<!ENTITY l0 'ha'>{LAUGHS}]>" + xml(box(), "&l9;").partition("\n")[2],
        r"xml:1: has a document type",
    ),
    "a file of the machine": (
        "<!DOCTYPE dataset [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>\n<dataset><name>&x;</name></dataset>",
        "has a document type",
    ),
    "a document type elsewhere": (
        "<!DOCTYPE dataset SYSTEM 'http://127.0.0.1/x'><dataset/>",
        "has a document type",
    ),
}


@pytest.mark.parametrize(("text", "problem"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_none_of_imglab(tmp_path: Path, text: str | bytes, problem: str) -> None:
    photos(tmp_path, "a.jpg")
    path = write_xml(tmp_path, text)
    with pytest.raises(FormatError, match=problem) as caught:
        dlib.read(path)
    assert caught.value.path == path
    assert "\n" not in str(caught.value)


def test_parts_that_are_numbered_far_beyond_what_is_there(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    path = write_xml(tmp_path, xml(*[box("<part name='9999' x='1' y='1'/>")] * 200))
    with pytest.raises(FormatError, match="numbers parts up to 9999 in 200 boxes: too many to be there"):
        dlib.read(path)


def test_a_deeply_nested_file_is_read(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    deep = "<x>" * 50_000 + "</x>" * 50_000
    assert len(dlib.read(write_xml(tmp_path, xml(deep, box())), strict=True)) == 1


def test_a_folder_or_nothing_instead_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="is a folder"):
        dlib.read(tmp_path)
    with pytest.raises(FormatError, match="cannot be read"):
        dlib.read(tmp_path / "nothing.xml")
    with pytest.raises(FormatError, match="is a folder"):
        dlib.write(Dataset((Sample(ImageFile(tmp_path / "a.jpg")),)), tmp_path)


def test_a_file_without_faces_is_empty(tmp_path: Path) -> None:
    data = dlib.read(write_xml(tmp_path, xml()), strict=True)
    assert (len(data), data.scheme, data.report.left_out) == (0, None, ())


# Writing


def as_dlib(
    path: Path,
) -> list[tuple[str, tuple[int, int, int, int], bool, str, list[tuple[int, int] | None]]]:
    """The faces as dlib's own reader gives them: rectangles by left, top, right and bottom, and
    parts numbered by the order of all their names as text."""
    document = ET.parse(path)
    assert document.getroot().tag == "dataset"
    names = sorted({part.attrib["name"].encode() for part in document.iter("part")})
    index = {name.decode(): number for number, name in enumerate(names)}
    faces = []
    for image in document.getroot().iterfind("images/image"):
        for found in image.iterfind("box"):
            left, top, width, height = (int(found.attrib[key]) for key in ("left", "top", "width", "height"))
            places: list[tuple[int, int] | None] = [None] * len(names)
            for part in found.iterfind("part"):
                assert places[index[part.attrib["name"]]] is None
                places[index[part.attrib["name"]]] = (int(part.attrib["x"]), int(part.attrib["y"]))
            rectangle = (left, top, left + width - 1, top + height - 1)
            ignore = found.attrib.get("ignore", "0") == "1"
            faces.append((image.attrib["file"], rectangle, ignore, found.findtext("label", ""), places))
    return faces


def test_dlib_reads_what_we_write(tmp_path: Path) -> None:
    xy = np.stack([np.arange(12.0), 100 - np.arange(12.0) ** 2], axis=1)
    gap = np.where((np.arange(12) == 3)[:, None], np.nan, xy)
    samples = (
        Sample(ImageFile(tmp_path / "x y/é, 'b'.jpg"), None, drawn(xy + 0.4), {"label": "a < b"}),
        Sample(ImageFile(tmp_path / "c.jpg"), Box(1, 2, 30, 40.6), None, {"ignore": True}),
        Sample(ImageFile(tmp_path / "x y/é, 'b'.jpg"), Box(-5, 0, 9, 9, kind="user"), drawn(gap)),
    )
    report = dlib.write(Dataset(samples, scheme_of(12), tmp_path), tmp_path / "faces.xml")
    assert report.written == 3
    expected = [(int(x), int(y)) for x, y in xy.tolist()]
    assert as_dlib(tmp_path / "faces.xml") == [
        ("x y/é, 'b'.jpg", (0, -21, 11, 100), False, "a < b", expected),
        ("x y/é, 'b'.jpg", (-5, 0, 9, 9), False, "", [*expected[:3], None, *expected[4:]]),
        ("c.jpg", (1, 2, 30, 41), True, "", [None] * 12),
    ]


SIGNS = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\ufffe\uffff") | st.sampled_from(
    string.ascii_letters + "12 .&<>'\"\x85"
)
NAMES = st.builds(
    "{}{}.jpg".format, st.sampled_from(["", "sub/", "s u b/s.ub/"]), st.text(SIGNS, max_size=10)
)
WHOLE = st.integers(-(2**30), 2**30).map(float)
ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional={
        "ignore": st.booleans(),
        "occluded": st.booleans(),
        "age": st.floats(allow_nan=False, allow_infinity=False),
        "gender": st.sampled_from(["male", "female"]),
        "label": st.text(SIGNS, min_size=1).filter(lambda text: text == text.strip() != ""),
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.integers(1, 12))
def test_what_is_written_is_read_again(data: st.DataObject, count: int) -> None:
    places = st.lists(st.none() | st.tuples(WHOLE, WHOLE), min_size=count, max_size=count)
    names = data.draw(st.lists(NAMES, min_size=1, max_size=3, unique_by=str.casefold))
    faces = data.draw(st.lists(st.tuples(st.sampled_from(names), places, ATTRIBUTES), min_size=1, max_size=4))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "photos")
        photos(root, *names)
        samples = []
        for i, (name, found, attributes) in enumerate(faces):
            landmarks = drawn([GAP if place is None else place for place in found]) if any(found) else None
            own = Box(0, 0, i + 1, 7, kind="user", source="dlib") if i % 2 or landmarks is None else None
            samples.append(Sample(ImageFile(root / name), own, landmarks, attributes))
        before = Dataset(tuple(samples), scheme_of(count), root)
        report = dlib.write(before, Path(folder, "faces.xml"))
        after = dlib.read(Path(folder, "faces.xml"), scheme=before.scheme, images=report.images, strict=True)
        strangers = as_dlib(Path(folder, "faces.xml"))
    together = [face for faces in before.by_image().values() for face in faces]
    assert len(after) == len(strangers) == report.written == len(together)
    for one, other, stranger in zip(together, after, strangers, strict=True):
        assert (one.image, one.landmarks, one.attributes) == (other.image, other.landmarks, other.attributes)
        assert stranger[0] == one.image.path.relative_to(root).as_posix()
        if other.box is not None:
            assert stranger[1] == other.box.xyxy
        if one.box is not None and other.box is not None:
            assert one.box.xyxy == other.box.xyxy


def test_reading_and_writing_again_changes_nothing(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg", "b.jpg")
    samples = (
        Sample(ImageFile(tmp_path / "b.jpg"), None, drawn([[1, 2], GAP, [5, 7]]), {"label": "x", "age": 3.5}),
        Sample(ImageFile(tmp_path / "a.jpg"), Box(1, 2, 3, 4, kind="user", source="dlib"), None),
    )
    dlib.write(Dataset(samples, scheme_of(3), tmp_path), tmp_path / "faces.xml")
    data = dlib.read(tmp_path / "faces.xml", scheme=scheme_of(3), strict=True)
    report = dlib.write(data, tmp_path / "again.xml")
    assert report.losses == ("no face has point 'p1': dlib numbers the points after it anew",)
    assert (tmp_path / "again.xml").read_bytes() == (tmp_path / "faces.xml").read_bytes()
    assert dlib.read(tmp_path / "again.xml", scheme=scheme_of(3), strict=True) == data


NOWHERE = Landmarks("drawn2", np.full((2, 2), np.nan))
BAD_FACES: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "'bad.jpg': a face has neither a box nor points"),
    "no point": ({"landmarks": NOWHERE}, "'bad.jpg': a face has neither a box nor points"),
    "large": ({"box": Box(0, 0, 3e9, 1)}, "'bad.jpg': a coordinate is larger than dlib's integers"),
    "small": ({"box": Box(0.1, 0.1, 0.2, 9)}, "'bad.jpg': a box is smaller than a pixel"),
    "control": ({"box": Box(0, 0, 1, 1), "image": "\x01.jpg"}, "an imglab file cannot hold this name"),
    "line": ({"box": Box(0, 0, 1, 1), "image": "a\nb.jpg"}, "cannot hold a name with a line break"),
    "not Unicode": ({"box": Box(0, 0, 1, 1), "image": "\udc80.jpg"}, "the name is not Unicode"),
    "outside": ({"box": Box(0, 0, 1, 1), "image": "../x.jpg"}, "lies outside of the image root"),
    "a list": ({"box": Box(0, 0, 1, 1), "attributes": {"a": []}}, "attribute 'a' is"),
}


@pytest.mark.parametrize(("known", "problem"), BAD_FACES.values(), ids=BAD_FACES)
def test_what_cannot_be_held_is_refused_and_nothing_is_written(
    tmp_path: Path, known: dict[str, Any], problem: str
) -> None:
    path = write_xml(tmp_path, "old")
    good = Sample(ImageFile(tmp_path / "a.jpg"), Box(0, 0, 1, 1))
    known = {"image": "bad.jpg", **known}
    image = ImageFile(tmp_path / known.pop("image"))
    with pytest.raises(InputError, match=problem):
        dlib.write(Dataset((good, Sample(image, **known)), root=tmp_path), path)
    assert [file.name for file in tmp_path.iterdir()] == ["faces.xml"]
    assert path.read_text() == "old"


def test_what_gets_lost_is_said_once(tmp_path: Path) -> None:
    known = drawn([GAP, [1.5, 2], [3, 4]], state=State.PREDICTED, visibility=Visibility.OCCLUDED)
    says = {"pose": 1, "label": " x ", "ignore": 2, "age": float("nan"), "gender": "other", "angle": True}
    samples = (
        Sample(ImageFile(tmp_path / "a&b.jpg"), Box(1, 2, 3, 4, kind="detector", score=0.5), known, says),
        Sample(ImageFile(tmp_path / "b.jpg"), None, drawn([GAP, [1, 2], [3, 4]]), {"ignore": False}),
    )
    report = dlib.write(Dataset(samples, scheme_of(3), tmp_path), tmp_path / "faces.xml")
    assert report.losses == (
        "coordinates are rounded to whole pixels (1 of 2 faces)",
        "which points are visible is lost (1 of 2 faces)",
        "which points nobody has confirmed is lost (1 of 2 faces)",
        "where the box comes from is lost (1 of 2 faces)",
        "attributes that imglab has no place for are lost: age, angle, gender, ignore, label, pose",
        "no face has point 'p0': dlib numbers the points after it anew",
        "dlib looks for other names where a photo's holds '&', '<' or '>' (1 of 2 photos)",
    )


def test_nothing_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no face to write"):
        dlib.write(Dataset(()), tmp_path / "faces.xml")
