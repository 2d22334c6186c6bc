from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.errors import InputError, SchemeError
from labelkit.scheme import Curve, Point, Scheme, load_scheme
from labelkit.scheme.change import SchemeChange, guess_renames, plan_change

IBUG = load_scheme("ibug68")


def named(*names: str, **places: tuple[float, float]) -> Scheme:
    """Points of these names, each at its own place unless one is given."""
    return Scheme(
        "own",
        tuple(Point(n, *places.get(n, (sum(map(ord, n)) / 1000, len(n) / 10))) for n in names),
    )


names = st.lists(st.sampled_from("abcdefgh"), min_size=1, unique=True)


@given(names, names)
def test_points_of_one_name_are_one_point(before: list[str], after: list[str]) -> None:
    change = plan_change(named(*before), named(*after))
    assert set(change.added) == set(after) - set(before)
    assert set(change.removed) == set(before) - set(after)
    assert change.renamed == ()
    assert change.moved == ()
    both = [name for name in after if name in before]
    assert change.reordered == (both != [name for name in before if name in after])
    assert change.is_empty == (before == after)
    for name, index in zip(after, change.lineage, strict=True):
        assert index == (before.index(name) if name in before else -1)


@given(names, names)
def test_there_and_back_keeps_what_stays(before: list[str], after: list[str]) -> None:
    change = plan_change(named(*before), named(*after))
    back = change.inverse()
    assert back == plan_change(named(*after), named(*before))
    assert back.inverse() == change
    xy = np.arange(2.0 * len(before)).reshape(-1, 2)
    state, visibility = np.full(len(before), 2), np.full(len(before), 1)
    there = back.carry(*change.carry(xy, state, visibility))
    stays = np.isin(before, after)
    np.testing.assert_array_equal(there[0], np.where(stays[:, None], xy, np.nan))
    np.testing.assert_array_equal(there[1], np.where(stays, 2, 0))
    np.testing.assert_array_equal(there[2], np.where(stays, 1, 0))


def test_faces_are_carried_together() -> None:
    change = plan_change(named("a", "b", "c"), named("c", "new", "a"))
    xy = np.random.default_rng(0).normal(size=(4, 5, 3, 2))
    state = np.random.default_rng(1).integers(0, 3, (4, 5, 3))
    points, states, seen = change.carry(xy, state, state)
    np.testing.assert_array_equal(points[..., [0, 2], :], xy[..., [2, 0], :])
    assert np.isnan(points[..., 1, :]).all()
    np.testing.assert_array_equal(states[..., [0, 2]], state[..., [2, 0]])
    assert (states[..., 1] == 0).all()
    np.testing.assert_array_equal(states, seen)
    assert states.dtype == seen.dtype == np.int8


def test_the_change_of_the_issue_is_told_before_it_is_made() -> None:
    old = named("a", "b", "c", "d", "e", "f", "g")
    points = [p for p in old.points if p.name not in ("a", "b")]
    points = [replace(p, x=p.x + 0.05) if p.name in "def" else p for p in points]
    points = [replace(p, name="gee") if p.name == "g" else p for p in points]
    new = Scheme("own", (*points, *(Point(f"n{i}", 0, i) for i in range(5))))
    change = plan_change(old, new, {"g": "gee"})
    assert change.describe() == [
        "5 points added: n0, n1, n2, n3, n4 (to be predicted on every face)",
        "2 points removed: a, b (their annotations stay in the history)",
        "1 point renamed: g -> gee (annotations go with them)",
        "3 points moved on the plane: d by 0.050, e by 0.050, f by 0.050 (annotations stay where they are)",
    ]
    assert change.to_dict() == {
        "old": "own",
        "new": "own",
        "lineage": [2, 3, 4, 5, 6, -1, -1, -1, -1, -1],
        "added": ["n0", "n1", "n2", "n3", "n4"],
        "removed": ["a", "b"],
        "renamed": [["g", "gee"]],
        "moved": pytest.approx({"d": 0.05, "e": 0.05, "f": 0.05}),
        "reordered": False,
        "parts": [],
    }


def test_long_lists_are_cut() -> None:
    new = Scheme("own", (*named("a").points, *(Point(f"n{i}", 0, i) for i in range(20))))
    (line,) = plan_change(named("a"), new).describe()
    assert line.startswith("20 points added: n0, n1, ")
    assert "n11 and 8 more" in line


def test_nothing_changes() -> None:
    change = plan_change(IBUG, IBUG)
    assert change.is_empty
    assert change.describe() == ["no point changes"]


def test_names_may_swap_and_a_removed_name_may_be_used_again() -> None:
    swap = plan_change(named("a", "b"), named("a", "b"), {"a": "b", "b": "a"})
    assert swap.lineage == (1, 0)
    assert not swap.added
    assert swap.reordered
    taken = plan_change(named("a", "b"), named("b"), {"a": "b"})
    assert taken.lineage == (0,)
    assert taken.removed == ("b",)
    fresh = plan_change(named("a"), named("b", "a"), {"a": "b"})
    assert fresh.lineage == (0, -1)
    assert fresh.added == ("a",)


@pytest.mark.parametrize(
    ("renamed", "problem"),
    [
        ({"z": "c"}, "'z' cannot be renamed: scheme 'own' has no such point"),
        ({"a": "z"}, "'a' cannot be renamed to 'z'"),
        ({"a": "c", "b": "c"}, "two points cannot both be renamed to 'c'"),
    ],
)
def test_a_rename_must_make_sense(renamed: dict[str, str], problem: str) -> None:
    with pytest.raises(SchemeError, match=problem):
        plan_change(named("a", "b"), named("c", "b"), renamed)


def test_renames_are_guessed_from_exact_places() -> None:
    old = named("a", "b", "c", "d", a=(0, 0), b=(0.1, 0), c=(0.2, 0), d=(0.2, 0))
    new = named("alpha", "b", "beta", "gamma", alpha=(0, 0), b=(0.3, 0), beta=(0.1, 0), gamma=(0.2, 0))
    assert guess_renames(old, new) == {"a": "alpha"}, "b kept its name; two points lay at 0.2"
    assert guess_renames(old, old) == {}
    moved = named("alpha", alpha=(1e-9, 0))
    assert guess_renames(old, moved) == {}


def test_what_is_said_goes_before_what_is_guessed() -> None:
    old = named("a", "b", a=(0, 0), b=(1, 0))
    new = named("c", "d", c=(0, 0), d=(1, 0))
    assert plan_change(old, new).renamed == ()
    assert plan_change(old, new, guess=True).renamed == (("a", "c"), ("b", "d"))
    crossed = plan_change(old, new, {"a": "d"}, guess=True)
    assert crossed.renamed == (("a", "d"),)
    assert crossed.removed == ("b",)


@given(st.permutations(range(68)), st.integers(0, 2**68 - 1))
def test_guessed_renames_find_every_point_again(order: list[int], which: int) -> None:
    points = [IBUG.points[i] for i in order]
    new = Scheme("own", tuple(replace(p, name=p.name * (1 + (which >> i & 1))) for i, p in enumerate(points)))
    change = plan_change(IBUG, new, guess_renames(IBUG, new))
    assert change.lineage == tuple(order)
    assert len(change.renamed) == which.bit_count()


def test_curves_normalizers_and_the_mirror_table_are_told() -> None:
    points = tuple(Point(n, x, 0) for n, x in (("a", -1), ("b", 1), ("c", 0)))
    old = Scheme(
        "own", points, ((0, 1), (2, 2)), (Curve("u", (0, 1)), Curve("v", (0, 2, 1))), {"n": ((0,), (1,))}
    )
    new = replace(old, mirror=(), curves=(Curve("v", (0, 2, 1), True), Curve("w", (0, 1))), normalizers={})
    assert plan_change(old, new).parts == (
        "the curve 'u' is removed",
        "the normalizer 'n' is removed",
        "the curve 'w' is added",
        "the curve 'v' is changed",
        "the mirror table is removed",
    )
    assert plan_change(old, new).is_empty
    renamed = replace(old, points=(replace(points[0], name="z"), *points[1:]))
    assert plan_change(old, renamed, {"a": "z"}).parts == (), "a curve's points may have new names"


def test_another_number_of_points_is_refused() -> None:
    change = plan_change(named("a", "b"), named("a"))
    for xy, state in ((np.zeros((3, 2)), np.zeros(3)), (np.zeros((2, 2)), np.zeros(3)), (np.zeros(2), 0)):
        with pytest.raises(InputError, match="'own' has 2 points"):
            change.carry(xy, state, state)


@pytest.mark.parametrize("lineage", [(0,), (0, 0), (0, 2), (0, -2), (0, 1, -1)])
def test_a_lineage_that_leads_nowhere_is_refused(lineage: tuple[int, ...]) -> None:
    with pytest.raises(SchemeError, match="does not lead from 'own' to 'own'"):
        SchemeChange(named("a", "b"), named("b", "c"), lineage)
