from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from labelkit.store.tables import Json, Time, now

DIALECT = sqlite.dialect()  # type: ignore[no-untyped-call]
ZONES = st.integers(-720, 720).map(lambda minutes: timezone(timedelta(minutes=minutes)))
# The zone may take a moment near the ends of the calendar out of it.
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2900, 1, 1), timezones=ZONES)  # noqa: DTZ001
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(MOMENTS, MOMENTS)
def test_times_come_back_in_utc_and_sort_as_text(first: datetime, second: datetime) -> None:
    texts = [Time().process_bind_param(moment, DIALECT) for moment in (first, second)]
    assert Time().process_result_value(texts[0], DIALECT) == first
    assert all(text is not None and text.endswith("+00:00") for text in texts)
    assert (first < second) == (str(texts[0]) < str(texts[1]))


def test_the_present_moment_has_a_zone() -> None:
    assert now().tzinfo == UTC


@given(VALUES)
def test_json_values_come_back_as_they_were(value: object) -> None:
    text = Json().process_bind_param(value, DIALECT)
    assert (text is None) == (value is None)
    assert Json().process_result_value(text, DIALECT) == value
