from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from labelkit.errors import InputError
from labelkit.landmarks import Landmarks, State, Visibility
from labelkit.store import blobs

COORDINATES = arrays(
    np.float64, st.tuples(st.integers(1, 12), st.just(2)), elements=st.floats(allow_infinity=False)
)


@given(COORDINATES, st.data())
def test_points_survive_to_the_last_bit(xy: np.ndarray, data: st.DataObject) -> None:
    states = data.draw(arrays(np.int8, len(xy), elements=st.sampled_from([int(one) for one in State])))
    seen = data.draw(arrays(np.int8, len(xy), elements=st.sampled_from([int(one) for one in Visibility])))
    columns = blobs.landmark_columns(Landmarks("made", xy, states, seen))
    back = Landmarks(
        "made",
        blobs.points(columns["xy"]),
        blobs.numbers(columns["states"], State),
        blobs.numbers(columns["visibility"], Visibility),
    )
    assert back == Landmarks("made", xy, states, seen)
    assert columns["complete"] == int(all(state != State.PREDICTED for state in states))


def test_the_bytes_are_the_same_on_every_machine() -> None:
    columns = blobs.landmark_columns(Landmarks("made", [[1.5, -2.0]], State.PLACED, Visibility.SELF_OCCLUDED))
    assert columns["xy"] == struct.pack("<dd", 1.5, -2.0)
    assert (columns["states"], columns["visibility"]) == (b"\x01", b"\x03")


@pytest.mark.parametrize(("stored", "kind"), [(b"\x00\x03", State), (b"\xff", State), (b"\x04", Visibility)])
def test_numbers_that_stand_for_nothing_are_refused(stored: bytes, kind: type[State | Visibility]) -> None:
    with pytest.raises(ValueError, match="stand for no"):
        blobs.numbers(stored, kind)


@pytest.mark.parametrize("bad", [math.inf, -math.inf])
def test_infinite_coordinates_are_refused(bad: float) -> None:
    with pytest.raises(InputError, match="infinite"):
        blobs.landmark_columns(Landmarks("made", [[0.0, bad]]))
