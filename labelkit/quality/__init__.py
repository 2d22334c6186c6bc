"""How good labels are: shapes that cannot be, and how far people agree. No torch here."""

from __future__ import annotations

from labelkit.quality.agreement import Agreement, compare_people
from labelkit.quality.outliers import Oddities, Oddity, find_oddities
from labelkit.quality.shapes import Judge, Judged, ShapeSpace, fit_shapes

__all__ = [
    "Agreement",
    "Judge",
    "Judged",
    "Oddities",
    "Oddity",
    "ShapeSpace",
    "compare_people",
    "find_oddities",
    "fit_shapes",
]
