from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labelkit.store.part import chunks


@given(st.lists(st.integers()), st.integers(1, 5))
def test_chunks_hold_everything_in_order(items: list[int], size: int) -> None:
    parts = list(chunks(iter(items), size))
    assert [item for part in parts for item in part] == items
    assert all(len(part) == size for part in parts[:-1])
    assert all(0 < len(part) <= size for part in parts)
