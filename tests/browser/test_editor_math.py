"""The editor's own arithmetic against NumPy's and labelkit's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from labelkit.geometry import Similarity
from labelkit.scheme import load_scheme
from labelkit.scheme.curves import Arc

from .harness import Harness

Call = Callable[..., Any]


@pytest.fixture
def call(page: Page, harness: Harness) -> Call:
    """``call("fit.js", "(m, a) => m.f(a)", argument)`` in the browser."""
    page.goto(harness.url + "blank")

    def called(module: str, body: str, argument: Any = None) -> Any:
        load = f"async (a) => {{ const m = await import('/bundle/{module}'); return ({body})(m, a); }}"
        return page.evaluate(load, argument)

    return called


def test_similarities_are_those_of_python(call: Call) -> None:
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(9, 2)), rng.normal(size=(9, 2))
    fitted = call("geometry.js", "(m, [p, q]) => m.fitSimilarity(p, q)", [source.tolist(), target.tolist()])
    truth = Similarity.fit(source, target)
    assert [fitted[k] for k in ("a", "b", "tx", "ty")] == pytest.approx(
        [truth.a, truth.b, truth.tx, truth.ty]
    )
    back = call(
        "geometry.js",
        "(m, [s, p]) => m.applySimilarity(m.invertSimilarity(s), m.applySimilarity(s, p))",
        [fitted, [3, 4]],
    )
    assert back == pytest.approx([3, 4])


def test_equations_are_solved(call: Call) -> None:
    rng = np.random.default_rng(1)
    A, B = rng.normal(size=(12, 12)), rng.normal(size=(12, 3))
    A[0, 0] = 0  # needs a pivot
    solved = call("geometry.js", "(m, [A, B]) => m.solveLinear(A, B)", [A.tolist(), B.tolist()])
    np.testing.assert_allclose(np.array(solved), np.linalg.solve(A, B), atol=1e-9)
    assert call("geometry.js", "(m, A) => m.solveLinear(A, [[1], [1]])", [[1, 2], [2, 4]]) is None


def test_ellipses_have_the_axes_of_the_covariance(call: Call) -> None:
    cov = np.array([[9.0, 3.0], [3.0, 4.0]])
    axes = call("geometry.js", "(m, c) => m.ellipseAxes(c)", [9, 3, 4])
    values, vectors = np.linalg.eigh(cov)
    assert [axes["minor"], axes["major"]] == pytest.approx(np.sqrt(values))
    direction = np.array([np.cos(axes["angle"]), np.sin(axes["angle"])])
    assert abs(direction @ vectors[:, 1]) == pytest.approx(1)
    assert call("geometry.js", "(m, p) => m.ellipseRadius(p)", 0.39) == pytest.approx(0.994, abs=1e-3)


@pytest.mark.parametrize("closed", [False, True])
def test_curves_have_the_length_of_those_of_schemes(call: Call, *, closed: bool) -> None:
    scheme = load_scheme("ibug68")
    curve = next(c for c in scheme.curves if c.closed == closed)
    control = 100 * scheme.plane[list(curve.points)]
    length = call("curves.js", "(m, [p, c]) => new m.Arc(p, c).length", [control.tolist(), closed])
    assert length == pytest.approx(Arc(control, closed=closed).length, rel=5e-3)


def test_a_straight_line_is_spread_evenly(call: Call) -> None:
    line = [[0, 0], [1, 0], [7, 0], [8, 0], [20, 0]]
    spread = call("curves.js", "(m, p) => m.spreadEvenly(p, false, () => false)", line)
    np.testing.assert_allclose(np.array(spread), [[0, 0], [5, 0], [10, 0], [15, 0], [20, 0]], atol=0.05)
    anchored = call("curves.js", "(m, p) => m.spreadEvenly(p, false, (i) => i === 2)", line)
    np.testing.assert_allclose(np.array(anchored), [[0, 0], [3.5, 0], [7, 0], [13.5, 0], [20, 0]], atol=0.05)


def test_thin_plates_are_those_of_scipy(call: Call) -> None:
    interpolate = pytest.importorskip("scipy.interpolate")
    rng = np.random.default_rng(2)
    plane, image, asked = rng.normal(size=(8, 2)), 50 * rng.normal(size=(8, 2)), rng.normal(size=(5, 2))
    ours = call(
        "fit.js",
        "(m, [p, q, r]) => { const map = m.thinPlateMap(p, q); return r.map(map); }",
        [plane.tolist(), image.tolist(), asked.tolist()],
    )
    theirs = interpolate.RBFInterpolator(plane, image, kernel="thin_plate_spline", degree=1)(asked)
    np.testing.assert_allclose(np.array(ours), theirs, atol=1e-6)


def test_points_on_a_line_give_no_thin_plate(call: Call) -> None:
    line = [[0, 0], [1, 0.001], [2, 0], [3, 0]]
    assert call("fit.js", "(m, p) => m.thinPlateMap(p, p) === null", line) is True


ELASTIC = """(m, { plane, kept, spread, reach }) => {
  const found = m.followers({ plane, dragged: [0], fixed: (i) => kept.includes(i), spread, reach });
  const weights = plane.map(() => 0);
  for (const { index, weight } of found) weights[index] = weight;
  return weights;
}"""


def elastic(call: Call, plane: list[list[float]], kept: list[int], spread: Any = None) -> list[float]:
    return call("elastic.js", ELASTIC, {"plane": plane, "kept": kept, "spread": spread, "reach": 0.1})


def test_followers_follow_a_gaussian_of_the_distance(call: Call) -> None:
    plane = [[0.0, 0.0], [0.05, 0.0], [0.0, 0.1], [0.2, 0.0], [0.9, 0.0]]
    distance = np.linalg.norm(np.array(plane), axis=1)
    expected = np.exp(-(distance**2) / (2 * 0.1**2))
    weights = elastic(call, plane, [])
    np.testing.assert_allclose(weights[1:4], expected[1:4], rtol=2e-3)
    assert weights[4] == 0


def test_what_is_kept_holds_its_neighbours_back(call: Call) -> None:
    plane = [[0.0, 0.0], [0.05, 0.0], [0.1, 0.0], [-0.05, 0.0]]
    free, held = elastic(call, plane, []), elastic(call, plane, [2])
    assert held[2] == 0
    assert held[1] < free[1]  # between the dragged and the kept
    assert abs(held[3] - free[3]) < abs(held[1] - free[1])  # on the other side


def test_uncertain_points_follow_more_than_sure_ones(call: Call) -> None:
    plane = [[0.0, 0.0], [0.05, 0.0], [-0.05, 0.0]]
    weights = elastic(call, plane, [], [2.0, 2.0, 1.0])
    assert weights[1] > weights[2] > 0


LONG = """(m, { plane, curves, reach }) => {
  const found = m.followers({ plane, dragged: [0], fixed: () => false, reach, curves });
  return plane.map((_, i) => found.find(({ index }) => index === i)?.weight ?? 0);
}"""


def test_a_long_curve_follows_as_a_whole(call: Call) -> None:
    plane = [[0.3 * i, 0.0] for i in range(8)] + [[0.0, 0.3]]
    outline = {"points": list(range(8)), "closed": False}

    def weights(*curves: dict[str, Any]) -> list[float]:
        return call("elastic.js", LONG, {"plane": plane, "curves": list(curves), "reach": 0.12})

    ratio = 1.25 * 2.1  # the outline is 2.1 long
    share, distance = 1 / ratio**2, 0.3
    expected = share * np.exp(-(distance**2) / (2 * 0.12**2))
    expected += (1 - share) * np.exp(-(distance**2) / (2 * (0.12 * ratio) ** 2))
    found, plain = weights(outline), weights()
    assert found[1] == pytest.approx(expected, rel=5e-3)
    assert found[1] > 5 * plain[1]
    assert found[1] > found[2] > found[3] > 0.01
    assert found[8] < plain[8]  # what does not lie on it goes less with it
    short = {"points": [0, 1], "closed": False}
    assert weights(short) == plain
    assert weights({**outline, "points": [0, 1, 2, 3], "closed": True}) == plain


def test_tone_tables(call: Call) -> None:
    same = call("photo.js", "(m) => m.toneTable(1, 1, 1)")
    np.testing.assert_allclose(same, np.linspace(0, 1, 33))
    lifted = call("photo.js", "(m) => m.toneTable(1, 1, 2)")
    np.testing.assert_allclose(lifted, np.sqrt(np.linspace(0, 1, 33)))
    assert max(call("photo.js", "(m) => m.toneTable(4, 4, 1)")) == 1
