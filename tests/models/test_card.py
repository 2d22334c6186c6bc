"""Cards as people read them: what stands where, and cards that somebody else has written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.models.card import as_markdown, as_text, sections

FIGURES = {
    "faces": 10,
    "found": 9,
    "nme_io": 4.5678,
    "nme_io_interval": [4.1, 5.0],
    "fr10": 1.25,
    "auc10": 0.5123,
    "points": {"jaw": {"count": 17, "mean_io": 7.1, "within3": 19.5, "within5": 40.9}},
}
MEASURED = {
    "date": "2030-01-02",
    "precision": "bfloat16",
    "detector": "own",
    "sets": {
        "faces/dev": {
            "annotations": FIGURES,
            "detector": {**FIGURES, "nme_io": 9.87},
            "note": "noisy labels",
            "kinds": {"turned": {"0-15": {**FIGURES, "nme_io": 3.21}, "45+": {"faces": 0, "nme_io": None}}},
        }
    },
    "robustness": {"given": {"nme_io": 5.0, "worst": {"moved": 33.4, "scaled": 7.5, "turned": -0.2}}},
    "test_time": {"options": {"flip": {"nme_io": 4.4, "gain": 2.5, "gain_interval": [1.0, 4.0]}}},
    "one_face": {"fitted": {"facial": 3.31}, "baseline": {"facial": 3.99}, "ratio": {"facial": 0.83}},
    "independence": {"worst_mean_io": 0.00001},
}
CARD = {
    "kind": "tufa",
    "name": "mine",
    "labelkit": "1.2.3",
    "date": "2030-01-01",
    "hash": "0123456789abcdef",
    "terms": "not for sale",
    "training": {
        "data": [{"name": "faces", "scheme": "ibug68", "faces": 12, "source": "a web"}],
        "passes": 7,
    },
    "uses": {"for": ["first labels"], "not_for": ["watching people"], "unknown": ["whom it fails"]},
    "architecture": {"size": 128, "anchors": [[0.0, 0.0]] * 25},
    "measured": MEASURED,
}


def row(lines: list[str], *begin: str) -> str:
    """The one line that starts with these words, whatever is between them."""
    found = [line for line in lines if line.split()[: len(begin)] == list(begin)]
    assert len(found) == 1, found
    return found[0]


def test_a_card_says_what_a_model_is_for_and_what_it_reaches() -> None:
    lines = list(as_text(CARD))
    assert lines[0] == "mine"
    assert "terms: not for sale" in lines[2]
    assert lines[lines.index("Must not be used for") + 1] == "  - watching people"
    assert row(lines, "faces/dev", "annotations").split()[2:6] == ["9", "of", "10", "4.57"]
    assert "noisy labels" in row(lines, "faces/dev", "annotations")
    assert "9.87 %" in row(lines, "faces/dev", "detector")
    assert "3.21 %" in row(lines, "turned", "by,", "degrees", "0-15")
    assert row(lines, "jaw").split() == ["jaw", "17", "7.10", "%", "19.5", "%", "40.9", "%"]
    assert row(lines, "believed,").split()[3:] == ["5.00", "%", "+33.4", "%", "+7.5", "%", "-0.2", "%"]
    assert "1.00 to 4.00" in row(lines, "flip")
    assert any("error 3.31 % on the other faces, 3.99 % when" in line for line in lines)
    assert "  anchors: 25 entries" in lines


def test_columns_are_below_one_another() -> None:
    lines = list(as_text(CARD))
    first = lines.index("Accuracy") + 2
    header, *rows = lines[first : first + 3]
    end = header.index("mean error") + len("mean error")
    assert [line[:end].endswith(" %") for line in rows] == [True, True]


def test_an_unmeasured_card_tells_of_its_training_alone() -> None:
    card = {key: value for key, value in CARD.items() if key not in ("measured", "uses")}
    titles = [part.title for part in sections({**card, "metrics": {"dev_nme_io": 4.8773}})]
    assert titles == ["mine", "Training", "Architecture"]
    assert any("4.88 %" in line for line in as_text({**card, "metrics": {"dev_nme_io": 4.8773}}))


def test_markdown_has_tables_and_takes_names_for_text() -> None:
    page = as_markdown({**CARD, "terms": "<script>a|b</script>\n# c"})
    assert page.startswith("# mine\n")
    assert "| faces/dev | annotations | 9 of 10 | 4.57 % |" in page
    assert "<script>" not in page
    assert "\n# c" not in page
    for line in page.splitlines():
        if line.startswith("| ---"):
            assert set(line) == set("| -")


@pytest.mark.parametrize("key", ["measured", "uses", "training", "metrics", "architecture", "terms", "name"])
@pytest.mark.parametrize(
    "value", [None, 3, "text", [1, {}], {"sets": 4, "for": {}, "data": [3]}, float("nan")]
)
def test_entries_of_another_kind_are_no_error(key: str, value: Any) -> None:
    card = {**CARD, key: value}
    assert list(as_text(card))
    assert as_markdown(card).startswith("# ")


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["sets", "kinds", "points", "options", "worst", "given", "a", "data"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(list(CARD)), JSON))
def test_no_card_is_an_error(card: dict[str, Any]) -> None:
    list(as_text(card))
    as_markdown(card)


def test_the_curve_of_fine_tuning_is_a_table_for_every_set() -> None:
    def figure(mean: float) -> dict[str, Any]:
        return {"mean": mean, "interval": [mean - 0.1, mean + 0.1]}

    part = {
        "zero_shot_head": figure(2.5),
        "tuned": figure(2.3),
        "tuned_head": figure(2.2),
        "oracle": figure(3.1),
    }
    without = {"zero_shot": figure(5.0), "tuned": figure(4.0)}
    curves = {
        "portraits": {"model": "m@1", "date": "2030-01-03", "curve": [{"faces": 10, "facial": part}]},
        "others": {"model": "n@2", "date": "2030-01-04", "curve": [{"faces": 1, **without}]},
    }
    found = {s.title: s for s in sections({**CARD, "measured": {"few_shot": curves}})}
    one, other = (found[f"Fine-tuned to few faces, {name}"].table for name in curves)
    assert one is not None
    assert other is not None
    assert one.rows == (("10 faces", "facial", "2.50 %", "2.20 %", "2.10 to 2.30", "2.30 %", "3.10 %"),)
    assert other.rows == (("1 face", "all", "5.00 %", "4.00 %", "3.90 to 4.10", "-", "-"),)
    assert "of m@1, measured 2030-01-03" in found["Fine-tuned to few faces, portraits"].lines[0]


def test_a_head_tells_of_its_model_and_a_model_of_its_ellipses() -> None:
    head = {"kind": "dslpt", "name": "refine", "base": {"name": "mine", "hash": "ab" * 32}}
    shares = {"p39": 38.2, "p68": 67.1, "p86": 84.9, "p95": 94.0}
    head["metrics"] = {"dev_nme_io": 3.5, "dev_base_nme_io": 4.1, "dev_calibration": shares}
    told = "\n".join(as_text(head))
    assert "refinement head of mine@abababababab" in told
    assert "3.50 %, of its model alone 4.10 %" in told
    assert "ellipses: 38.2 %, 67.1 %, 84.9 %, 94.0 %" in told
    sets = {"faces/val": {"annotations": {**FIGURES, "calibration": shares}}}
    lines = list(as_text({**CARD, "measured": {**MEASURED, "sets": sets}}))
    assert row(lines, "faces/val", "annotations", "38.2").split()[2::2] == ["38.2", "67.1", "84.9", "94.0"]


def test_a_card_that_steers_a_terminal_is_shown_as_letters() -> None:
    card = {"name": "mine\x1b[2J", "note": "two\nlines", "labelkit": {"\x1b]0;title\x07": ["a\rb"]}}
    lines = list(as_text(card))
    assert all(line.isprintable() for line in lines)
    assert "mine\\x1b[2J" in lines
    assert "\x1b" not in as_markdown(card)
