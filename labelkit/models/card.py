"""A model's card for people: from its JSON to sections, and these as text or Markdown.

A card comes with a file that anybody may have written. What is missing in it is left out here, and
what is of another kind than expected is shown as it is, or as "-": never an error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from labelkit.errors import printable

#: Entries that stand in sections of their own, or that say nothing to people.
_TOLD = {"kind", "name", "labelkit", "date", "hash", "terms", "training", "uses", "measured", "metrics"}

#: Lists longer than this (anchors, names of points) are counted.
_LONGEST = 20

_GOOD, _BAD, _UNKNOWN = "Made for", "Must not be used for", "Not known"
_SET_COLUMNS = ("faces", "boxes from", "found", "mean error", "95 % interval", "above 10 %", "auc10", "note")
_ELLIPSE_COLUMNS = ("faces", "boxes from", "in the 39 % ellipse", "68 %", "86 %", "95 %")
_KIND_COLUMNS = ("kind", "of faces", "found", "mean error", "95 % interval", "above 10 %")
_GROUP_COLUMNS = ("group", "points", "mean error", "within 3 %", "within 5 %")
_CHANGE_COLUMNS = ("box", "mean error", "moved by 10 %", "scaled by 10 %", "photo turned by 15 degrees")
_OPTION_COLUMNS = (
    "option",
    "mean error",
    "gain",
    "95 % interval",
    "above 10 %",
    "runs of the network",
    "faces a second",
    "of the network",
)
_FEW_COLUMNS = (
    "learnt from",
    "points",
    "before",
    "after",
    "95 % interval",
    "without its head",
    "mean shape, oracle",
)
_KINDS = {"turned": "turned by, degrees", "size": "size of the face, px", "sharpness": "sharpness"}


@dataclass(frozen=True)
class Table:
    """Rows of cells under a header, all of one length."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """A heading with lines of text, items of a list and a table."""

    title: str
    lines: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    table: Table | None = field(default=None)


def sections(card: Mapping[str, Any]) -> list[Section]:
    """What a card says, in the order in which people ask for it; empty sections are left out."""
    measured = _mapping(card.get("measured"))
    found = [
        _head(card),
        *_uses(_mapping(card.get("uses"))),
        _training(_mapping(card.get("training"))),
        *_sets(measured),
        *_options(measured),
        *_few_shot(_mapping(measured.get("few_shot"))),
        *_details(card),
    ]
    return [part for part in found if part.lines or part.items or (part.table and part.table.rows)]


def as_text(card: Mapping[str, Any]) -> Iterator[str]:
    """The card as lines for a terminal, whatever somebody has written into it."""
    return map(printable, _lines(card))


def _lines(card: Mapping[str, Any]) -> Iterator[str]:
    for part in sections(card):
        yield part.title
        yield from (f"  {line}" for line in part.lines)
        yield from (f"  - {item}" for item in part.items)
        if part.table is not None:
            yield from (f"  {line}" for line in _columns(part.table))
        yield ""


def as_markdown(card: Mapping[str, Any]) -> str:
    """The card as a Markdown page."""
    blocks: list[str] = []
    for level, part in enumerate(sections(card)):
        blocks.append(f"{'##' if level else '#'} {_escaped(part.title)}")
        blocks += ["  \n".join(map(_escaped, part.lines))] * bool(part.lines)
        blocks += ["\n".join(f"- {_escaped(item)}" for item in part.items)] * bool(part.items)
        if part.table is not None:
            rows = [part.table.header, ("---",) * len(part.table.header), *part.table.rows]
            rows = [rows[0], rows[1], *(tuple(map(_escaped, row)) for row in rows[2:])]
            blocks.append("\n".join(f"| {' | '.join(row)} |" for row in rows))
    return "\n\n".join(blocks) + "\n"


def _head(card: Mapping[str, Any]) -> Section:
    made = f"labelkit {_text(card.get('labelkit'))}, {_text(card.get('date'))}"
    lines = [f"{_text(card.get('kind'))}, made by {made}, hash {_text(card.get('hash'))[:12]}"]
    base = _mapping(card.get("base"))
    if base:
        lines.append(f"refinement head of {_text(base.get('name'))}@{_text(base.get('hash'))[:12]}")
    lines.append(f"terms: {card.get('terms') or 'none are stated'}")
    metrics = _mapping(card.get("metrics"))
    dev = metrics.get("dev_nme_io")
    if not card.get("measured") and _is_number(dev):
        lines.append(
            f"mean error at the end of its training, on the faces it was watched by: {_percent(dev)}"
            + (f", of its model alone {_percent(metrics.get('dev_base_nme_io'))}" if base else "")
        )
    shares = _mapping(metrics.get("dev_calibration"))
    if shares:
        lines.append(f"points of those inside the 39, 68, 86 and 95 % ellipses: {', '.join(_shares(shares))}")
    return Section(_text(card.get("name")), tuple(lines))


def _uses(uses: Mapping[str, Any]) -> Iterator[Section]:
    for key, title in (("for", _GOOD), ("not_for", _BAD), ("unknown", _UNKNOWN)):
        yield Section(title, items=tuple(_text(entry) for entry in _sequence(uses.get(key))))


def _training(training: Mapping[str, Any]) -> Section:
    data = [_mapping(entry) for entry in _sequence(training.get("data"))]
    rows = [tuple(_text(entry.get(key)) for key in ("name", "scheme", "faces", "source")) for entry in data]
    lines = [
        f"{key.replace('_', ' ')}: {_value(value)}"
        for key, value in training.items()
        if key != "data" and value not in (None, "", [], {})
    ]
    table = Table(("data", "scheme", "faces", "source and terms"), tuple(rows)) if rows else None
    return Section("Training", tuple(lines), table=table)


def _sets(measured: Mapping[str, Any]) -> Iterator[Section]:
    """The figures of every set, then how they differ by kinds of faces and groups of points."""
    sets = {str(name): _mapping(entry) for name, entry in _mapping(measured.get("sets")).items()}
    rows = []
    for name, entry in sets.items():
        for boxes in ("annotations", "detector"):
            figures = _mapping(entry.get(boxes))
            if figures:
                rows.append((name, boxes, *_figures(figures), _text(entry.get("note"), "")))
    about = (
        (
            f"measured {_text(measured.get('date'))} in {_text(measured.get('precision'))}, "
            f"with the detector {_text(measured.get('detector'))}; errors in percent of the distance of the "
            "outer eye corners"
        ),
    )
    yield Section("Accuracy", about if rows else (), table=Table(_SET_COLUMNS, tuple(rows)))
    inside = [
        (name, boxes, *_shares(_mapping(_mapping(entry.get(boxes)).get("calibration"))))
        for name, entry in sets.items()
        for boxes in ("annotations", "detector")
        if _mapping(entry.get(boxes)).get("calibration")
    ]
    yield Section(
        "Points inside the ellipses that the model gives", table=Table(_ELLIPSE_COLUMNS, tuple(inside))
    )
    for name, entry in sets.items():
        kinds = list(_kinds(_mapping(entry.get("kinds"))))
        yield Section(f"Kinds of faces, {name}", table=Table(_KIND_COLUMNS, tuple(kinds)))
    for name, entry in sets.items():
        points = _mapping(_mapping(entry.get("annotations")).get("points"))
        groups = [(str(group), *_group(_mapping(values))) for group, values in points.items()]
        yield Section(f"Points, {name}", table=Table(_GROUP_COLUMNS, tuple(groups)))


def _figures(figures: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        f"{_text(figures.get('found'))} of {_text(figures.get('faces'))}",
        _percent(figures.get("nme_io")),
        _interval(figures.get("nme_io_interval")),
        _percent(figures.get("fr10"), 1),
        _number(figures.get("auc10"), 3),
    )


def _shares(calibration: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(_percent(calibration.get(f"p{level}"), 1) for level in (39, 68, 86, 95))


def _kinds(kinds: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for what, bands in kinds.items():
        for name, entry in _mapping(bands).items():
            yield (_KINDS.get(what, str(what)), str(name), *_figures(_mapping(entry))[:-1])


def _group(values: Mapping[str, Any]) -> tuple[str, ...]:
    shares = [_percent(values.get(key), 1) for key in ("within3", "within5")]
    return (_text(values.get("count")), _percent(values.get("mean_io")), *shares)


def _options(measured: Mapping[str, Any]) -> Iterator[Section]:
    """Robustness, test-time options, and the figures that are a line each."""
    robust = _mapping(measured.get("robustness"))
    names = {"given": "believed, one pass", "drawn": "as drawn or detected, two passes"}
    rows = [
        (names[key], _percent(entry.get("nme_io")), *_worst(_mapping(entry.get("worst"))))
        for key, entry in ((key, _mapping(robust.get(key))) for key in names)
        if entry
    ]
    title = "When the box is off or the photo turned: growth of the mean error, worst direction"
    yield Section(title, table=Table(_CHANGE_COLUMNS, tuple(rows)))
    options = _mapping(_mapping(measured.get("test_time")).get("options"))
    yield Section(
        "Test-time options",
        table=Table(_OPTION_COLUMNS, tuple(_option(name, options[name]) for name in options)),
    )
    yield Section("Schemes that were never trained", tuple(_schemes(measured)))


def _worst(worst: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(_signed(worst.get(key)) for key in ("moved", "scaled", "turned"))


def _option(name: str, entry: object) -> tuple[str, ...]:
    values = _mapping(entry)
    rates = [_number(values.get(key), 1) for key in ("faces_per_s", "network_faces_per_s")]
    gain = (_signed(values.get("gain")), _interval(values.get("gain_interval")))
    cost = (_percent(values.get("fr10"), 1), _text(values.get("runs")))
    return (str(name), _percent(values.get("nme_io")), *gain, *cost, *rates)


def _schemes(measured: Mapping[str, Any]) -> Iterator[str]:
    one = _mapping(measured.get("one_face"))
    if one:
        fitted, plain, ratio = (_mapping(one.get(key)) for key in ("fitted", "baseline", "ratio"))
        yield (
            f"a scheme fitted to one face: error {_percent(fitted.get('facial'))} on the other faces, "
            f"{_percent(plain.get('facial'))} when that face's points are moved to them by a similarity "
            f"({_number(ratio.get('facial'), 2)} times)"
        )
    alone = _mapping(measured.get("independence"))
    if alone:
        yield (
            "when another point is added, removed or dragged, a point moves by "
            f"{_number(alone.get('worst_mean_io'), 4)} % on average"
        )


def _few_shot(curves: Mapping[str, Any]) -> Iterator[Section]:
    """What fine-tuning to few faces gains, a table for every set."""
    for name, curve in curves.items():
        entries = [_mapping(entry) for entry in _sequence(_mapping(curve).get("curve"))]
        rows = [row for entry in entries for row in _few_rows(entry)]
        model, date = (_text(_mapping(curve).get(key)) for key in ("model", "date"))
        lines = (f"of {model}, measured {date}; errors in percent of the distance of the outer eye corners",)
        table = Table(_FEW_COLUMNS, tuple(rows))
        yield Section(f"Fine-tuned to few faces, {name}", lines if rows else (), table=table)


def _few_rows(entry: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    parts = {part: _mapping(entry.get(part)) for part in ("facial", "rest") if entry.get(part)}
    for part, found in (parts or {"all": entry}).items():
        kind = "_head" if found.get("tuned_head") else ""
        before, after = (_mapping(found.get(f"{name}{kind}")) for name in ("zero_shot", "tuned"))
        alone = _mapping(found.get("tuned")).get("mean") if kind else None
        faces = _text(entry.get("faces"))
        yield (
            f"{faces} face{'' if faces == '1' else 's'}",
            part,
            _percent(before.get("mean")),
            _percent(after.get("mean")),
            _interval(after.get("interval")),
            _percent(alone),
            _percent(_mapping(found.get("oracle")).get("mean")),
        )


def _details(card: Mapping[str, Any]) -> Iterator[Section]:
    """Whatever else the card holds, an entry a line."""
    plain = {key: value for key, value in card.items() if key not in _TOLD and not isinstance(value, Mapping)}
    if plain:
        yield Section("Other", tuple(_listed(plain)))
    for key, value in card.items():
        if key not in _TOLD and isinstance(value, Mapping):
            yield Section(str(key).capitalize(), tuple(_listed(value)))


def _listed(values: Mapping[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            inner = ", ".join(f"{name} {_value(entry)}" for name, entry in value.items())
            yield f"{key}: {inner}"
        else:
            yield f"{key}: {_value(value)}"


def _value(value: object) -> str:
    if isinstance(value, (list, tuple)) and len(value) > _LONGEST:
        return f"{len(value)} entries"
    if isinstance(value, (list, tuple)):
        return ", ".join(_value(entry) for entry in value) or "-"
    return "-" if value in (None, "", {}) else str(value)


def _columns(table: Table) -> Iterator[str]:
    """The table in columns: the first to the left, figures to the right."""
    rows = [table.header, *table.rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.header))]
    right = [all(_looks_like_figure(row[i]) for row in table.rows) for i in range(len(widths))]
    for row in rows:
        cells = (
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        )
        yield "  ".join(cells).rstrip()


def _looks_like_figure(cell: str) -> bool:
    return not cell or cell[0] in "+-0123456789"


def _escaped(text: str) -> str:
    """Text that Markdown takes for nothing but text."""
    for mark in "\\|<>*_`#[]":
        text = text.replace(mark, f"\\{mark}" if mark != "<" else "&lt;")
    return printable(text)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: object) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else ()


def _text(value: object, missing: str = "-") -> str:
    return missing if value in (None, "") else " ".join(str(value).split())


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _number(value: Any, decimals: int) -> str:
    return f"{value:.{decimals}f}" if _is_number(value) else "-"


def _percent(value: Any, decimals: int = 2) -> str:
    return f"{value:.{decimals}f} %" if _is_number(value) else "-"


def _signed(value: Any) -> str:
    return f"{value:+.1f} %" if _is_number(value) else "-"


def _interval(value: object) -> str:
    limits = [_number(limit, 2) for limit in _sequence(value)]
    return " to ".join(limits) if len(limits) == 2 and "-" not in limits else "-"
