from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.editor.edits import Draft, read_edit, read_patch
from labelkit.errors import InputError
from labelkit.landmarks import Landmarks, State, Visibility

POINTS = 4


def draft() -> Draft:
    return Draft(Landmarks("made", np.arange(8).reshape(4, 2), State.PREDICTED), None, {"pose": 1}, "dark")


def test_a_patch_changes_what_it_names_and_nothing_else() -> None:
    patch = read_patch(
        {
            "xy": {"1": [10.5, -3], "2": None},
            "state": {"1": 1},
            "visibility": {"3": 2},
            "locked": {"0": True},
            "attributes": {"blur": 1, "pose": None},
            "box": [0, 1, 20, 30],
            "note": "turned",
        },
        POINTS,
    )
    after = draft().patched(patch)
    np.testing.assert_array_equal(after.landmarks.xy, [[0, 1], [10.5, -3], [np.nan, np.nan], [6, 7]])
    assert after.landmarks.state.tolist() == [0, State.PLACED, 0, 0]
    assert after.landmarks.visibility.tolist() == [0, 0, 0, Visibility.OCCLUDED]
    assert after.locked == {0}
    assert after.attributes == {"blur": 1}
    assert after.box is not None
    assert (after.box.xyxy, after.box.kind, after.note) == ((0, 1, 20, 30), "user", "turned")
    assert read_patch(json.loads(json.dumps(patch.to_json())), POINTS) == patch
    assert draft().patched(read_patch({}, POINTS)) == draft()


def test_a_patch_can_take_back_what_was_not_there() -> None:
    after = draft().patched(read_patch({"box": [0, 0, 5, 5], "locked": {"2": True}}, POINTS))
    before = after.patched(read_patch({"box": None, "locked": {"2": False}}, POINTS))
    assert before == draft()


def test_an_edit_follows_its_points_through_a_change_of_the_scheme() -> None:
    edit = read_edit(
        {
            "id": "e",
            "label": "drag",
            "before": {"xy": {"0": [1, 1], "3": [2, 2]}},
            "after": {"state": {"3": 2}},
        },
        POINTS,
    )
    moved = edit.moved((-1, 0, 1, 2))
    assert moved.before.to_json() == {"xy": {"2": (2.0, 2.0)}}
    assert moved.after.to_json() == {"state": {"2": 2}}


HOSTILE: list[Any] = [
    None,
    [],
    "xy",
    {"points": {}},
    {"xy": [[1, 2]]},
    {"xy": {"4": [1, 2]}},
    {"xy": {"-1": [1, 2]}},
    {"xy": {"1.0": [1, 2]}},
    {"xy": {" 1": [1, 2]}},
    {"xy": {"1_0": [1, 2]}},
    {"xy": {"²": [1, 2]}},
    {"xy": {"9" * 500: [1, 2]}},
    {"xy": {"1": [1]}},
    {"xy": {"1": [1, 2, 3]}},
    {"xy": {"1": "12"}},
    {"xy": {"1": [1, None]}},
    {"xy": {"1": [1, True]}},
    {"xy": {"1": [1, "2"]}},
    {"xy": {"1": [1, float("nan")]}},
    {"xy": {"1": [float("inf"), 1]}},
    {"xy": {"1": [10**400, 1]}},
    {"xy": {"1": [1e7, 1]}},
    {"state": {"1": 3}},
    {"state": {"1": -1}},
    {"state": {"1": 1.0}},
    {"state": {"1": True}},
    {"state": {"1": [1]}},
    {"visibility": {"1": 4}},
    {"locked": {"1": 1}},
    {"box": [0, 0, 0, 5]},
    {"box": [5, 0, 0, 5]},
    {"box": [0, 0, 5]},
    {"box": [0, 0, 5, float("nan")]},
    {"box": {}},
    {"note": 5},
    {"note": "x" * 10_001},
    {"note": "\ud800"},
    {"attributes": {"": 1}},
    {"attributes": {"a": [1]}},
    {"attributes": {"a": float("inf")}},
    {"attributes": {"a": "x" * 1000}},
    {"attributes": {str(i): 1 for i in range(101)}},
]


@pytest.mark.parametrize("raw", HOSTILE, ids=lambda raw: repr(raw)[:40])
def test_a_hostile_patch_is_refused_in_one_line(raw: Any) -> None:
    with pytest.raises(InputError) as error:
        read_patch(raw, POINTS)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["0", "1", "xy", "box"]), inner)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["xy", "state", "visibility", "locked", "box", "note", "attributes"]),
        JSON,
        max_size=4,
    )
)
def test_any_patch_is_applied_or_refused(raw: dict[str, Any]) -> None:
    try:
        patch = read_patch(raw, POINTS)
    except InputError:
        return
    after = draft().patched(patch)
    assert not np.isinf(after.landmarks.xy).any()
    assert set(after.landmarks.state) <= set(State)
    json.dumps(patch.to_json(), allow_nan=False)


@pytest.mark.parametrize("key", ["id", "after"])
def test_an_edit_needs_an_id_and_what_it_does(key: str) -> None:
    raw = {"id": "e", "label": "drag", "before": {}, "after": {}}
    del raw[key]
    with pytest.raises(InputError):
        read_edit(raw, POINTS)
