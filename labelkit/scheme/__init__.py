"""Schemes: named landmarks on the plane, their mirror pairs, curves and normalizers.

``scheme`` holds the values, ``files`` reads them, ``edit`` and ``symmetry`` change them, with
``curves`` to measure lines; ``change`` says what a change means for annotations that exist,
``convert`` re-expresses a face in another scheme.
"""

from labelkit.scheme.files import builtin_schemes, load_scheme, read_scheme, scheme_from_dict, scheme_schema
from labelkit.scheme.scheme import (
    SYMMETRY_TOLERANCE,
    Curve,
    Point,
    Scheme,
    pairs_from_index,
)

__all__ = [
    "SYMMETRY_TOLERANCE",
    "Curve",
    "Point",
    "Scheme",
    "builtin_schemes",
    "load_scheme",
    "pairs_from_index",
    "read_scheme",
    "scheme_from_dict",
    "scheme_schema",
]
