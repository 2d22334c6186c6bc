from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageColor

from labelkit.errors import FormatError, InputError
from labelkit.figures import Tile, contact_sheet, draw_scheme, draw_tile, place_labels, training_curves
from labelkit.landmarks import Landmarks
from labelkit.scheme import Curve, Point, Scheme, load_scheme
from labelkit.scheme.drawing import PALETTE, group_colours

TITLE = 20  # height of a tile's title bar


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def has_colour(picture: np.ndarray, colour: str, tolerance: int = 40) -> np.ndarray:
    """Which pixels (H, W) show the colour."""
    return np.abs(picture.astype(int) - ImageColor.getrgb(colour)).max(axis=2) <= tolerance


def one_point(x: float = 0.0, y: float = 0.0) -> Scheme:
    return Scheme("one", (Point("tip", x, y),))


def square() -> Scheme:
    corners = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
    points = tuple(Point(f"corner_{i}", x, y, "frame") for i, (x, y) in enumerate(corners))
    return Scheme("square", points, curves=(Curve("frame", (0, 1, 2, 3), closed=True),))


def photo(height: int = 120, width: int = 160) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def test_importing_figures_loads_neither_matplotlib_nor_torch() -> None:
    code = "import sys, labelkit.figures; print([m for m in ('matplotlib', 'torch') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["ibug68", "wflw98"])
def test_a_scheme_is_drawn_in_the_colours_of_its_groups(tmp_path: Path, name: str) -> None:
    scheme = load_scheme(name)
    draw_scheme(scheme, tmp_path / "scheme.png")
    picture = pixels(tmp_path / "scheme.png")
    assert picture.shape[0] > 1600
    assert picture.shape[1] > 1600
    for colour in set(group_colours(scheme).values()):
        assert has_colour(picture, colour, 10).sum() > 50, colour


def test_axes_are_equal_and_y_points_down(tmp_path: Path) -> None:
    """Three points, found again by their colours: two axes of equal length, y downwards."""
    places = {"a": (-0.5, -0.5), "b": (0.5, -0.5), "c": (-0.5, 0.5)}
    scheme = Scheme("three", tuple(Point(n, x, y, n) for n, (x, y) in places.items()))
    draw_scheme(scheme, tmp_path / "three.png", numbers=False)
    # The legend at the right has the same colours.
    picture = pixels(tmp_path / "three.png")[:, :1650]
    a, b, c = (
        np.argwhere(has_colour(picture, colour, 10)).mean(axis=0)[::-1]
        for colour in group_colours(scheme).values()
    )
    np.testing.assert_allclose(b - a, (750, 0), atol=1)  # 5 inches a unit, 150 px an inch
    np.testing.assert_allclose(c - a, (0, 750), atol=1)


def test_an_svg_holds_the_drawing(tmp_path: Path) -> None:
    draw_scheme(load_scheme("ibug68"), tmp_path / "scheme.svg")
    root = ET.parse(tmp_path / "scheme.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert PALETTE[0].lower() in (tmp_path / "scheme.svg").read_text()


def test_numbers_and_names_are_written_as_they_are(tmp_path: Path) -> None:
    """Neither a formula of matplotlib ($) nor markup of the SVG."""
    names = ("$\\frac{a$", "<b>&bold</b>", "a_b^c", "--")
    points = tuple(Point(name, 0.2 * i, 0.1, name) for i, name in enumerate(names))
    scheme = Scheme("odd", points, title="$x_")
    for numbers, shown in ((False, False), (True, False), (False, True), (True, True)):
        draw_scheme(scheme, tmp_path / "odd.svg", numbers=numbers, names=shown)
        ET.parse(tmp_path / "odd.svg")


def test_numbers_make_a_difference(tmp_path: Path) -> None:
    draw_scheme(square(), tmp_path / "with.png")
    draw_scheme(square(), tmp_path / "without.png", numbers=False)
    assert (pixels(tmp_path / "with.png") != pixels(tmp_path / "without.png")).any(axis=2).sum() > 100


def test_a_scheme_beyond_the_square_is_shown_whole_and_not_huge(tmp_path: Path) -> None:
    draw_scheme(one_point(1e4, -1e5), tmp_path / "far.png")
    assert max(pixels(tmp_path / "far.png").shape) < 3000


def test_a_scheme_of_many_groups_and_an_empty_curve_is_drawn(tmp_path: Path) -> None:
    points = tuple(Point(f"p{i}", 0.1 * (i % 9), 0.1 * (i // 9), f"g{i}") for i in range(40))
    scheme = Scheme("many", points, curves=(Curve("none", ()), Curve("dot", (3,), closed=True)))
    draw_scheme(scheme, tmp_path / "many.png")
    assert len(set(group_colours(scheme).values())) == len(PALETTE)


@pytest.mark.parametrize("name", ["scheme.jpg", "scheme", "scheme.png.txt"])
def test_other_kinds_of_files_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(InputError, match=r"pictures are written as \.png or \.svg"):
        draw_scheme(one_point(), path)
    with pytest.raises(InputError, match=r"written as \.png"):
        contact_sheet([(photo(), [], "")], path)
    with pytest.raises(InputError, match=r"written as \.png"):
        training_curves(tmp_path / "log.csv", path)
    assert list(tmp_path.iterdir()) == []


def test_a_drawing_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.figure import Figure

    def break_off(self: Figure, path: Path, **_: object) -> None:
        path.write_bytes(b"half")
        raise OSError("no space left on device")

    target = tmp_path / "scheme.png"
    target.write_bytes(b"old")
    monkeypatch.setattr(Figure, "savefig", break_off)
    with pytest.raises(OSError, match="no space"):
        draw_scheme(one_point(), target)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("scheme.png", b"old")]


@settings(max_examples=30)
@given(st.lists(st.tuples(*[st.integers(-200, 200)] * 2), min_size=1, max_size=20, unique=True))
def test_a_label_never_covers_its_own_point(places: list[tuple[int, int]]) -> None:
    dots = np.array(places, np.float64)
    sizes = np.array([(5.0 * len(str(i)), 5.0) for i in range(len(dots))])
    centres = place_labels(dots, sizes, np.empty((0, 2)), radius=2.0)
    outside = np.maximum(np.abs(centres - dots) - sizes / 2, 0)
    assert (np.hypot(*outside.T) >= 2.0).all()


@pytest.mark.parametrize("name", ["ibug68", "wflw98"])
def test_numbers_cover_neither_points_nor_one_another(name: str) -> None:
    dots = load_scheme(name).plane * 360
    sizes = np.full_like(dots, (8.4, 5.3))
    centres = place_labels(dots, sizes, np.empty((0, 2)))
    to_dots = np.maximum(np.abs(dots[None] - centres[:, None]) - sizes / 2, 0)
    assert np.hypot(*to_dots.transpose(2, 0, 1)).min() >= 2.4
    apart = (np.abs(centres[None] - centres[:, None]) >= sizes).any(axis=2)
    assert (apart | np.eye(len(dots), dtype=bool)).all()


def test_a_point_shows_in_its_colour_where_it_lies() -> None:
    """Four corners 40 px apart make a view of 60 px, drawn on 240: the photo's pixel (60, 40) has
    its centre 10.5 px from the view's edge, 4 tile px each."""
    xy = np.array([[60, 40], [100, 40], [100, 80], [60, 80]], np.float64)
    tile = draw_tile((photo(), [(xy, square(), "#FF0000")], "face"), 240)
    assert tile.shape == (240 + TITLE, 240, 3)
    red = has_colour(tile[TITLE:], "#FF0000")
    dots = np.array([[39.5, 39.5], [199.5, 39.5], [199.5, 199.5], [39.5, 199.5]]).round().astype(int)
    assert all(red[y, x] for x, y in dots)
    assert red[120, 40], "the closed curve's last side"
    assert not red[100:140, 100:140].any()
    assert (tile[TITLE:][100:140, 100:140] == 128).all()
    dark = (tile[TITLE:] < 60).all(axis=2)
    assert dark[36:44, 30:50].any(), "a rim, seen on every skin"


def test_groups_have_their_colours_unless_one_is_given() -> None:
    scheme = load_scheme("ibug68")
    xy = 100 + 60 * scheme.plane
    by_group = draw_tile((photo(200, 200), [(Landmarks(scheme, xy), scheme)], ""))
    assert all(has_colour(by_group, colour, 20).any() for colour in group_colours(scheme).values())
    plain = draw_tile((photo(200, 200), [(xy, scheme, "lime")], ""))
    assert has_colour(plain, "#00FF00").any()
    assert not has_colour(plain, PALETTE[1], 20).any()


def test_the_photo_is_cut_at_its_own_resolution() -> None:
    image = photo(1000, 1000)
    image[490:510, 490:510:2] = 255  # lines that would be lost in a smaller copy of the photo
    xy = np.array([[490, 490], [510, 490], [510, 510], [490, 510]], np.float64)
    tile = draw_tile((image, [(xy, square())], ""), 300)[TITLE:]
    assert np.ptp(tile[150, 130:170, 0].astype(int)) > 100


def test_beyond_the_photo_is_padding_and_missing_points_are_not_drawn() -> None:
    xy = np.array([[-10, -10], [50, -10], [np.nan, 50], [-10, np.inf]])
    tile = draw_tile((np.full((60, 60, 3), 250, np.uint8), [(xy, square(), "red")], ""), 200)[TITLE:]
    assert 100 < tile[3, 3].mean() < 150
    assert has_colour(tile, "red").any()
    nobody = draw_tile((photo(), [(np.full((4, 2), np.nan), square(), "red")], "no face"), 200)[TITLE:]
    assert not has_colour(nobody, "red").any()


def test_a_face_without_points_shows_the_whole_photo() -> None:
    image = photo(100, 200)
    image[:, :5] = image[:, -5:] = (0, 0, 255)
    tile = draw_tile((image, [], "no face"), 200)[TITLE:]
    assert has_colour(tile, "blue")[100, [0, 199]].all()


@pytest.mark.parametrize("title", ["", "x" * 300, "two\nlines", "名前 <b>"])
def test_any_title_fits(title: str) -> None:
    assert draw_tile((photo(), [], title), 160).shape == (160 + TITLE, 160, 3)


def test_a_long_title_keeps_its_end() -> None:
    long, other = (draw_tile((photo(), [], "a/" * 90 + end), 160)[:TITLE] for end in ("1.jpg", "2.jpg"))
    assert (long != other).any()


def test_a_sheet_is_a_grid(tmp_path: Path) -> None:
    tiles = [(photo(), [], f"face {i}") for i in range(5)]
    contact_sheet(tiles, tmp_path / "new" / "sheet.png", columns=3, size=100)
    assert pixels(tmp_path / "new" / "sheet.png").shape == (2 * (100 + TITLE), 300, 3)
    contact_sheet(tiles[:1], tmp_path / "one.png", size=100)
    assert pixels(tmp_path / "one.png").shape == (100 + TITLE, 100, 3)


def test_a_sheet_holds_one_photo_at_a_time(tmp_path: Path) -> None:
    def tiles() -> Iterator[Tile]:
        for i in range(12):
            yield np.zeros((1500, 2000, 3), np.uint8), [], f"{i}"

    tracemalloc.start()
    contact_sheet(tiles(), tmp_path / "sheet.png", size=64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 1500 * 2000 * 3


def test_a_sheet_that_breaks_off_is_not_written(tmp_path: Path) -> None:
    def tiles() -> Iterator[Tile]:
        yield photo(), [], "fine"
        raise InputError("the second photo is broken")

    with pytest.raises(InputError, match="second photo"):
        contact_sheet(tiles(), tmp_path / "sheet.png")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_drawn_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no face to draw"):
        contact_sheet([], tmp_path / "sheet.png")
    with pytest.raises(InputError, match="0 columns"):
        contact_sheet([(photo(), [], "")], tmp_path / "sheet.png", columns=0)
    with pytest.raises(InputError, match="'square' has 4 points, not an array of \\(3, 2\\)"):
        draw_tile((photo(), [(np.zeros((3, 2)), square())], ""))
    with pytest.raises(InputError, match="'infrared' is no colour"):
        draw_tile((photo(), [(np.zeros((4, 2)), square(), "infrared")], ""))
    with pytest.raises(InputError, match="a photo is uint8"):
        draw_tile((np.zeros((5, 5), np.uint8), [], ""))


def training_log(folder: Path, rows: str) -> Path:
    file = folder / "log.csv"
    file.write_text("step,passes,seconds,loss,lr,val_nme\n" + rows)
    return file


def test_training_curves_show_loss_and_nme(tmp_path: Path) -> None:
    rows = "".join(
        f"{i},{i / 10},{i},{10 / i},0.001,{9 - i / 10 if i % 5 == 0 else ''}\n" for i in range(1, 21)
    )
    log = training_log(tmp_path, rows)
    training_curves(log, tmp_path / "curves.png")
    picture = pixels(tmp_path / "curves.png")
    assert picture.shape == (900, 1200, 3)
    loss, nme = (np.argwhere(has_colour(picture, colour, 10)) for colour in PALETTE[:2])
    assert len(loss) > 300
    assert len(nme) > 100
    assert loss[:, 0].max() < nme[:, 0].min(), "one above the other"


def test_training_curves_before_the_first_measurement(tmp_path: Path) -> None:
    training_curves(training_log(tmp_path, "1,0,1,2.5,0.001,\n2,0,2,2.25"), tmp_path / "curves.png")
    picture = pixels(tmp_path / "curves.png")
    assert has_colour(picture, PALETTE[0], 10).any()
    assert not has_colour(picture, PALETTE[1], 10).any()


def test_a_bad_log_is_named_with_its_line(tmp_path: Path) -> None:
    png = tmp_path / "curves.png"
    with pytest.raises(FormatError, match=r"log\.csv:3: 'oops' is not a number"):
        training_curves(training_log(tmp_path, "1,0,1,2.5,0.001,\n2,0,2,oops,0.001,\n"), png)
    with pytest.raises(FormatError, match=r"log\.csv: holds no step yet"):
        training_curves(training_log(tmp_path, ""), png)
    (tmp_path / "other.csv").write_text("step,lr\n1,2\n")
    with pytest.raises(FormatError, match=r"other\.csv:1: has no column 'loss'"):
        training_curves(tmp_path / "other.csv", png)
    with pytest.raises(InputError, match=r"gone\.csv: cannot be read"):
        training_curves(tmp_path / "gone.csv", png)
    assert not png.exists()
