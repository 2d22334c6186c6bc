"""How two people differ, drawn on the plane and as a notebook shows it."""

from __future__ import annotations

from html import escape

import numpy as np

from labelkit.geometry import PLANE_IOD
from labelkit.quality.agreement import Agreement
from labelkit.scheme.drawing import picture_html, scheme_svg

#: Habits are drawn so many times as long as they are.
LONGER = 4


def agreement_svg(one: Agreement) -> str:
    """The scheme, the points coloured by how far apart the two are, with a line for each habit,
    `LONGER` times as long as it is."""
    high = max(float(np.nanmax(one.distance)), 1e-9) if np.isfinite(one.distance).any() else 1.0
    weights = np.nan_to_num(one.distance / high).tolist()
    titles = [
        f"{name}: {distance:.2f} % apart" if np.isfinite(distance) else f"{name}: not compared"
        for name, distance in zip(one.scheme.names, one.distance, strict=True)
    ]
    arrows = np.where(one.sure[:, None], np.nan_to_num(one.habit), 0.0) * LONGER * PLANE_IOD / 100
    return scheme_svg(one.scheme, weights, titles, arrows)


def agreement_html(one: Agreement) -> str:
    """The drawing with the habits in words below it."""
    lead = (
        f"<b>{escape(one.first)} and {escape(one.second)}</b> on {one.faces} faces: {one.mean:.2f} % of the "
        f"eye distance apart on average. Lines: habits, {LONGER} times as long as they are."
    )
    habits = "".join(f"<br/>{escape(line)}" for line in one.in_words())
    return picture_html(agreement_svg(one), f"{one.first} and {one.second}", lead + habits)
