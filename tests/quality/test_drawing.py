from __future__ import annotations

import base64
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from labelkit.quality import Agreement, compare_people
from labelkit.quality.drawing import agreement_svg
from labelkit.scheme import Scheme

from .conftest import make_faces
from .test_agreement import BROWS, redrawn

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def found(ibug68: Scheme) -> Agreement:
    faces = make_faces(ibug68, 12)
    habit = np.zeros((68, 2))
    habit[BROWS, 1] = -0.03
    return compare_people(faces, redrawn(faces, ibug68, habit), ibug68, ("ann", "<bob>"))


def test_habits_are_lines_up_and_nothing_else_is(found: Agreement) -> None:
    lines = ET.fromstring(agreement_svg(found)).findall(f"{SVG}line")
    assert len(lines) == found.sure.sum()
    up = [float(str(line.get("y2"))) < float(str(line.get("y1"))) for line in lines]
    assert sum(up) >= len(BROWS)


def test_a_notebook_shows_the_drawing_and_the_words(found: Agreement) -> None:
    html = found._repr_html_()
    image = ET.fromstring(html).find("img")
    assert image is not None
    ET.fromstring(base64.b64decode(str(image.get("src")).partition(",")[2]))
    assert "&lt;bob&gt; places all points of brow_left" in html
    assert repr(found).startswith("<Agreement of ann and <bob> on 12 faces: ")


def test_a_table_has_a_row_for_every_point(found: Agreement, ibug68: Scheme) -> None:
    table = found.to_pandas()
    assert tuple(table.index) == ibug68.names
    assert table["sure"].sum() == found.sure.sum()
    np.testing.assert_array_equal(table[["habit_x", "habit_y"]].to_numpy(), found.habit)
