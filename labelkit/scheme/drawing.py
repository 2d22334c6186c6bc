"""A scheme on the plane as SVG, for pages of the app and for notebooks.

Where a page has the app's colours as CSS variables the drawing takes them, so that it suits light and
dark alike; elsewhere lines are of a grey that is seen on both.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

import numpy as np

from labelkit.geometry import Array, tight_box
from labelkit.scheme.scheme import Scheme

#: Okabe and Ito's colours, which people with any kind of colour vision tell apart. Their black
#: is left out because it outlines the dots.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#F0E442")

#: What a place on the plane is multiplied by.
_UNIT = 300

#: Width in px of a drawing in a notebook.
_WIDTH = 420


def group_colours(scheme: Scheme) -> dict[str, str]:
    """A colour (#RRGGBB) for every group of the scheme, in the order of their first points."""
    groups = dict.fromkeys(point.group for point in scheme.points)
    return {group: PALETTE[i % len(PALETTE)] for i, group in enumerate(groups)}


def scheme_svg(
    scheme: Scheme,
    weights: Sequence[float] | None = None,
    titles: Sequence[str] = (),
    arrows: Array | None = None,
) -> str:
    """The points and curves of a scheme on the plane.

    ``weights`` (N,) 0 to 1 colour the points from calm to alarming instead of by their groups;
    ``titles`` are shown for the point under the pointer, by default its name and definition;
    ``arrows`` (N, 2) are drawn from the points, in plane units.
    """
    colours = group_colours(scheme)
    ends = scheme.plane if arrows is None else np.concatenate([scheme.plane, scheme.plane + arrows])
    x0, y0, x1, y1 = tight_box(ends)
    margin = 0.06 * max(x1 - x0, y1 - y0)
    view = " ".join(
        f"{_UNIT * value:.1f}"
        for value in (x0 - margin, y0 - margin, x1 - x0 + 2 * margin, y1 - y0 + 2 * margin)
    )
    lines = "".join(_curve(scheme.plane[list(curve.points)], curve.closed) for curve in scheme.curves)
    dots = []
    for number, point in enumerate(scheme.points):
        told = titles[number] if titles else f"{number} {point.name}: {point.definition}"
        colour = colours[point.group] if weights is None else heat(weights[number])
        dots.append(
            f'<circle cx="{_UNIT * point.x:.1f}" cy="{_UNIT * point.y:.1f}" r="4.2" fill="{colour}" '
            f'stroke="var(--lk-surface, #fff)" stroke-width="1"><title>{escape(told)}</title></circle>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart scheme" viewBox="{view}" role="img" '
        f'aria-label="{escape(scheme.name)}" '
        f'style="width:100%;max-height:620px;display:block;overflow:visible">'
        f"{lines}{_arrows(scheme, arrows)}{''.join(dots)}</svg>"
    )


def scheme_html(scheme: Scheme) -> str:
    """The scheme as a notebook shows it: drawn, with its groups and how many points they have."""
    counts = {group: sum(p.group == group for p in scheme.points) for group in group_colours(scheme)}
    legend = ", ".join(
        f'<span style="white-space:nowrap"><span style="color:{colour}">●</span> '
        f"{escape(group or 'no group')} {counts[group]}</span>"
        for group, colour in group_colours(scheme).items()
    )
    title = f"<b>{escape(scheme.title or scheme.name)}</b>, {len(scheme)} points: {legend}"
    return picture_html(scheme_svg(scheme), scheme.name, title)


def picture_html(svg: str, name: str, caption: str) -> str:
    """A drawing with a caption (HTML) below it, as a notebook shows it.

    As a picture of its own, since what shows notebooks on the web takes drawings out of HTML.
    """
    data = base64.b64encode(svg.encode()).decode("ascii")
    return (
        f'<figure style="margin:0;max-width:{_WIDTH}px"><img src="data:image/svg+xml;base64,{data}" '
        f'width="{_WIDTH}" alt="{escape(name)}"/><figcaption>{caption}</figcaption></figure>'
    )


def heat(share: float) -> str:
    """From blue over grey to yellow as in cividis, which reads alike for all kinds of sight; it begins
    lighter, so as to be seen on a dark page."""
    stops = ((58, 104, 180), (112, 122, 140), (172, 156, 98), (250, 208, 50))
    place = min(max(share, 0.0), 1.0) * (len(stops) - 1)
    low = min(int(place), len(stops) - 2)
    mixed = (a + (b - a) * (place - low) for a, b in zip(stops[low], stops[low + 1], strict=True))
    return "rgb({:.0f} {:.0f} {:.0f})".format(*mixed)


def _arrows(scheme: Scheme, arrows: Array | None) -> str:
    if arrows is None:
        return ""
    return "".join(
        f'<line x1="{_UNIT * x:.1f}" y1="{_UNIT * y:.1f}" x2="{_UNIT * (x + dx):.1f}" '
        f'y2="{_UNIT * (y + dy):.1f}" stroke="var(--lk-accent, #D55E00)" stroke-width="3" '
        'stroke-linecap="round"/>'
        for (x, y), (dx, dy) in zip(scheme.plane, arrows, strict=True)
        if dx or dy
    )


def _curve(points: Array, closed: bool) -> str:
    if len(points) < 2:
        return ""
    path = " ".join(f"{_UNIT * x:.1f},{_UNIT * y:.1f}" for x, y in points)
    tag = "polygon" if closed else "polyline"
    return f'<{tag} points="{path}" fill="none" stroke="var(--lk-strong, #8a8a8a)" stroke-width="1.4"/>'
