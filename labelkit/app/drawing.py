"""Charts in SVG that take their colours from the page, so that they suit light and dark alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labelkit.app.parts import esc


def histogram(
    counts: Sequence[int],
    edges: Sequence[float],
    label: str,
    colour: str = "var(--lk-accent)",
    marks: Sequence[tuple[float, str]] = (),
) -> str:
    """Bars over a scale; ``edges`` has one more than ``counts``, ``marks`` are places on the scale
    with what is there."""
    width, height, left, right, top, bottom = 560, 222, 34, 544, 26, 182
    high = max(max(counts, default=0), 1)
    step = (right - left) / max(len(counts), 1)

    def across(value: float) -> float:
        return left + (right - left) * (value - edges[0]) / ((edges[-1] - edges[0]) or 1)

    drawn = [
        _tag("line", {"class": "grid", "x1": left, "x2": right, "y1": top, "y2": top}),
        _tag("text", {"x": left - 6, "y": top + 4, "text-anchor": "end"}, str(high)),
        _tag("line", {"class": "axis", "x1": left, "x2": right, "y1": bottom, "y2": bottom}),
        _tag("text", {"x": (left + right) / 2, "y": height - 6, "text-anchor": "middle"}, label),
    ]
    for n, count in enumerate(counts):
        tall = (bottom - top) * count / high
        box = {"x": left + step * n + 1, "y": bottom - tall, "width": max(step - 2, 1), "height": tall}
        told = f"{edges[n]:g} to {edges[n + 1]:g}: {count}"
        drawn.append(_tag("rect", {**box, "rx": 2, "fill": colour}, title=told))
    drawn += [
        _tag("text", {"x": across(value), "y": bottom + 16, "text-anchor": "middle"}, f"{value:g}")
        for value in _ticks(edges[0], edges[-1])
    ]
    for at, what in marks:
        x = across(at)
        drawn.append(_tag("line", {"class": "mark", "x1": x, "x2": x, "y1": top - 12, "y2": bottom}))
        drawn.append(_tag("text", {"class": "value", "x": x + 5, "y": top - 8}, what))
    return _chart(drawn, width, height, label)


def bars(rows: Sequence[tuple[str, Sequence[tuple[float, str]]]], label: str, unit: str = "") -> str:
    """A horizontal bar a row: its name and pieces (length, colour)."""
    width, line, left, right = 560, 26, 150, 64
    high = max((sum(length for length, _ in pieces) for _, pieces in rows), default=0) or 1
    drawn = []
    for number, (name, pieces) in enumerate(rows):
        y, x = number * line, float(left)
        place: dict[str, str | float] = {"class": "value", "x": left - 10, "y": y + 17, "text-anchor": "end"}
        drawn.append(_tag("text", place, _short(name), title=name))
        for length, colour in pieces:
            long = (width - left - right) * length / high
            drawn.append(
                _tag(
                    "rect", {"x": x, "y": y + 5, "width": long, "height": line - 10, "rx": 2, "fill": colour}
                )
            )
            x += long
        total = sum(length for length, _ in pieces)
        drawn.append(_tag("text", {"x": x + 7, "y": y + 17}, f"{total:g}{unit}"))
    return _chart(drawn, width, line * len(rows) + 4, label)


def curve(points: Sequence[tuple[float, float]], label: str, end: float, unit: str = "") -> str:
    """A line through (x, y) from x = 0 to ``end``, with what the best, the lowest, is."""
    width, height, left, right, top, bottom = 560, 200, 44, 552, 18, 164
    low, high = min(y for _, y in points), max(y for _, y in points)
    room = (high - low) or 0.1 * high or 1.0
    low, high = low - 0.15 * room, high + 0.15 * room

    def place(x: float, y: float) -> tuple[float, float]:
        return left + (right - left) * x / (end or 1), bottom - (bottom - top) * (y - low) / (high - low)

    drawn = [
        _tag("line", {"class": "axis", "x1": left, "x2": right, "y1": bottom, "y2": bottom}),
        _tag("text", {"x": (left + right) / 2, "y": height - 4, "text-anchor": "middle"}, label),
    ]
    drawn += [
        _tag("text", {"x": place(x, low)[0], "y": bottom + 16, "text-anchor": "middle"}, f"{x:g}")
        for x in _ticks(0, end)
    ]
    line = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in points)
    shape: dict[str, str | float] = {"points": line, "fill": "none", "stroke": "var(--lk-accent)"}
    drawn.append(_tag("polyline", {**shape, "stroke-width": 2}))
    best = min(points, key=lambda point: point[1])
    for x, y in points:
        at, up = place(x, y)
        dot: dict[str, str | float] = {"cx": at, "cy": up, "r": 3.5, "fill": "var(--lk-accent)"}
        drawn.append(_tag("circle", dot, title=f"{x:g}: {y:.2f}{unit}"))
    at, up = place(*best)
    side = "end" if at > (left + right) / 2 else "start"
    shift = -8 if side == "end" else 8
    told: dict[str, str | float] = {"class": "value", "x": at + shift, "y": up - 8, "text-anchor": side}
    drawn.append(_tag("text", told, f"{best[1]:.2f}{unit}"))
    return _chart(drawn, width, height, label)


def _chart(drawn: Sequence[str], width: int, height: int, label: str) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{esc(label)}" '
        f'style="width:100%">{"".join(drawn)}</svg>'
    )


def _tag(tag: str, attributes: Mapping[str, str | float], text: str = "", title: str = "") -> str:
    """An element of a drawing; ``title`` is shown under the pointer."""
    told = " ".join(
        f'{name}="{esc(value) if isinstance(value, str) else f"{value:.6g}"}"'
        for name, value in attributes.items()
    )
    inside = f"<title>{esc(title)}</title>" if title else ""
    return f"<{tag} {told}>{esc(text)}{inside}</{tag}>"


def _ticks(low: float, high: float) -> list[float]:
    """About five round numbers."""
    span = (high - low) or 1.0
    size = 10.0 ** len(str(int(span))) / 10 if span >= 1 else 0.1
    step = next(
        (size * factor for factor in (0.1, 0.2, 0.25, 0.5, 1, 2) if span / (size * factor) <= 6), span
    )
    first = int(low / step) * step
    return [round(first + step * n, 6) for n in range(12) if low <= first + step * n <= high + 1e-9]


def _short(name: str) -> str:
    return name if len(name) <= 20 else f"{name[:9]}…{name[-9:]}"
