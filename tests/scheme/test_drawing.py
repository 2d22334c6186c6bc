from __future__ import annotations

import base64
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from labelkit.scheme import Point, Scheme, load_scheme
from labelkit.scheme.drawing import PALETTE, group_colours, heat, scheme_svg

SVG = "{http://www.w3.org/2000/svg}"


def drawn(html: str) -> ET.Element:
    """The drawing in a notebook's HTML."""
    image = ET.fromstring(html).find("img")
    assert image is not None
    kind, _, data = str(image.get("src")).partition(",")
    assert kind == "data:image/svg+xml;base64"
    return ET.fromstring(base64.b64decode(data))


@pytest.mark.parametrize("name", ["ibug68", "celeba5", "dense"])
def test_every_point_and_curve_is_drawn(name: str) -> None:
    scheme = load_scheme(name)
    svg = drawn(scheme._repr_html_())
    assert len(svg.findall(f"{SVG}circle")) == len(scheme)
    lines = [*svg.findall(f"{SVG}polyline"), *svg.findall(f"{SVG}polygon")]
    assert len(lines) == len(scheme.curves)


def test_a_notebook_is_told_the_groups_and_how_many_points_they_have() -> None:
    html = load_scheme("ibug68")._repr_html_()
    assert "68 points" in html
    assert "jaw 17" in html


def test_names_from_outside_are_not_taken_for_html() -> None:
    scheme = Scheme("s", (Point("<b>", 0, 0, "<i>", "</title><script>"),), title="<script>x</script>")
    assert "<script>" not in scheme._repr_html_()
    assert ET.fromstring(scheme_svg(scheme)).find(f"{SVG}circle/{SVG}title") is not None


def test_points_are_where_the_plane_has_them_and_arrows_lead_from_there() -> None:
    scheme = replace(load_scheme("celeba5"), curves=())
    arrows = scheme.plane * 0 + (0.1, 0.0)
    svg = ET.fromstring(scheme_svg(scheme, arrows=arrows))
    first, line = svg.findall(f"{SVG}circle")[0], svg.findall(f"{SVG}line")[0]
    x, y = float(str(first.get("cx"))), float(str(first.get("cy")))
    assert (x / y) == pytest.approx(scheme.points[0].x / scheme.points[0].y, rel=0.01)
    assert float(str(line.get("x1"))) == x
    assert float(str(line.get("x2"))) > x
    left, _, width, _ = (float(value) for value in str(svg.get("viewBox")).split())
    assert max(float(str(one.get("x2"))) for one in svg.findall(f"{SVG}line")) < left + width


def test_groups_have_colours_that_begin_again_after_the_last() -> None:
    points = tuple(Point(str(i), i, 0, f"g{i}") for i in range(len(PALETTE) + 1))
    colours = list(group_colours(Scheme("many", points)).values())
    assert colours == [*PALETTE, PALETTE[0]]


def test_heat_stays_in_its_range() -> None:
    assert heat(-1) == heat(0) != heat(1) == heat(2)


def test_a_scheme_says_in_a_line_what_it_is() -> None:
    assert repr(load_scheme("ibug68")) == "<Scheme 'ibug68': 68 points>"
