"""Of which points a model is unsure, in words that a labeller can act on."""

from __future__ import annotations

import math
import re

import numpy as np
from numpy.typing import NDArray

from labelkit import uncertainty
from labelkit.geometry import Array
from labelkit.prediction import Prediction
from labelkit.scheme import Scheme

#: From this doubt on a point is rather off than not; below this one a face is in no doubt.
_OFF, _SURE = 0.5, 0.1

#: From this mean doubt on it is rather no face at all: of 437 faces of `ibug68/dev` and `video68/dev`
#: none has more than 0.63, and what a detector took for one has 0.70 to 0.80.
_NO_FACE = 2 / 3

#: So many parts of the face are named, and only what has this share of the first one's errors.
_MOST, _WORTH = 2, 0.5

#: Points nearer to the midline than this (on the plane) are of neither side, and so is a part that
#: has fewer of its points on its better side.
_MIDLINE, _ONE_SIDED = 0.03, 0.8

#: So many times the errors of the other side are expected where only the one side is named.
_WORSE = 1.25

_SIDE = re.compile(r"(?<![a-z])(left|right)(?![a-z])", re.IGNORECASE)


def in_words(prediction: Prediction, scheme: Scheme) -> str:
    """Where on the face a model is unsure, as "left jaw, 6 points, about 4 px".

    Parts of the face are the scheme's groups and their sides (the person's own), the one with the
    largest expected errors first; the length is the expected error of a point there, in px of the
    photo. Where nearly every point is in doubt, that there is perhaps no face. Nothing from a model
    without spread or confidence.
    """
    doubts = uncertainty.doubts(prediction)
    if not np.isfinite(doubts).any():
        return ""
    if np.nanmax(doubts) < _SURE:
        return "no point in doubt"
    if np.nanmean(doubts) >= _NO_FACE:
        return "perhaps no face: nearly every point is in doubt"
    unsure = np.nan_to_num(doubts) >= min(_OFF, 0.5 * float(np.nanmax(doubts)))
    lengths = uncertainty.expected_errors(prediction)
    weights = np.where(np.isfinite(lengths), lengths, doubts)
    parts = sorted(_parts(scheme, unsure, weights).items(), key=lambda part: -float(weights[part[1]].sum()))
    least = _WORTH * float(weights[parts[0][1]].sum())
    told = [
        _part(name, points, lengths[points])
        for name, points in parts[:_MOST]
        if float(weights[points].sum()) >= least
    ]
    return "; ".join(told)


def _parts(scheme: Scheme, unsure: NDArray[np.bool_], weights: Array) -> dict[str, NDArray[np.intp]]:
    """The unsure points by the part of the face in which they lie."""
    groups: dict[str, list[int]] = {}
    for number in np.flatnonzero(unsure):
        groups.setdefault(scheme.points[number].group, []).append(int(number))
    worse = (
        (group, _worse_side(np.array(points, np.intp), scheme, weights)) for group, points in groups.items()
    )
    return {_name(group, scheme.plane[points, 0]): points for group, points in worse}


def _worse_side(points: NDArray[np.intp], scheme: Scheme, weights: Array) -> NDArray[np.intp]:
    """Those of a group's points that lie on the one side, where the errors are `_WORSE` there than on the
    other; else all of them."""
    x = scheme.plane[points, 0]
    sides = [points[x < -_MIDLINE], points[x > _MIDLINE]]
    if not all(map(len, sides)):
        return points
    better, worse = sorted(sides, key=lambda side: float(weights[side].mean()))
    return worse if weights[worse].mean() >= _WORSE * weights[better].mean() else points


def _name(group: str, x: Array) -> str:
    """What people call points of a group that lie at ``x`` (n,) on the plane: its side first."""
    text = group.replace("_", " ").strip()
    own = _SIDE.search(text)
    side = own[0].lower() if own else _side(x)
    rest = " ".join(_SIDE.sub(" ", text).split()) or ("side" if side else "face")
    return f"{side} {rest}".strip()


def _side(x: Array) -> str:
    for side, on_it in (("right", x < -_MIDLINE), ("left", x > _MIDLINE)):
        if on_it.mean() >= _ONE_SIDED:
            return side
    return ""


def _part(name: str, points: NDArray[np.intp], lengths: Array) -> str:
    count = f"{len(points)} {'point' if len(points) == 1 else 'points'}"
    known = lengths[np.isfinite(lengths)]
    if not len(known):
        return f"{name}, {count}"
    length = float(known.mean())
    return f"{name}, {count}, {'under 1' if length < 1 else f'about {math.floor(length + 0.5)}'} px"
