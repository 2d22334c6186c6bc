"""Mirror images: who is whose, and schemes made symmetric.

The person's right half is x < 0 on the plane. Partners are found by place: one point lies
where the other's mirror image is, within a tolerance; what finds none that way goes by its
name, "left" for "right".
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelkit.errors import SchemeError
from labelkit.geometry import Array
from labelkit.scheme.scheme import Curve, Point, Scheme, pairs_from_index

Side = Literal["right", "left"]

#: Two points drawn by hand, one meant to mirror the other, differ by less than this.
DRAWN_TOLERANCE = 0.02

_SIDES = re.compile(r"(?<![a-z])(left|right)(?![a-z])", re.IGNORECASE)


def mirrored_text(text: str) -> str:
    """A name or sentence with left and right exchanged, in the letters' own case."""

    def other(match: re.Match[str]) -> str:
        word = match[0]
        swapped = "right" if word.lower() == "left" else "left"
        return swapped.upper() if word.isupper() else swapped.title() if word[0].isupper() else swapped

    return _SIDES.sub(other, text)


def pair_by_place(plane: ArrayLike, tolerance: float) -> NDArray[np.intp]:
    """For each place (N, 2) the index of its mirror image, or -1, (N,).

    The closest pairs go first; a point may be its own mirror image. No two are paired whose
    distance after mirroring is above ``tolerance``.
    """
    places = np.asarray(plane, np.float64).reshape(-1, 2)
    away = np.linalg.norm((places * (-1, 1))[:, None] - places[None], axis=2)
    first, second = np.nonzero(np.triu(away <= tolerance))
    partner = np.full(len(places), -1, np.intp)
    for k in np.argsort(away[first, second], kind="stable"):
        i, j = first[k], second[k]
        if partner[i] < 0 and partner[j] < 0:
            partner[i], partner[j] = j, i
    return partner


def make_symmetric(scheme: Scheme, tolerance: float = DRAWN_TOLERANCE) -> Scheme:
    """A nearly symmetric scheme made exactly so, with its mirror table.

    Partners move to the mean of one and the other's mirror image, midline points to x = 0.
    Raises `SchemeError` naming a point that has no partner.
    """
    partner = _partners(scheme, tolerance)
    if (partner < 0).any():
        lonely = scheme.names[int((partner < 0).argmax())]
        raise SchemeError(f"point {lonely!r} has no mirror image within {tolerance:g}")
    mean = (scheme.plane + scheme.plane[partner] * (-1, 1)) / 2
    return replace(scheme, points=_placed(scheme, mean), mirror=pairs_from_index(partner.tolist()))


def mirror_half(scheme: Scheme, keep: Side, tolerance: float = DRAWN_TOLERANCE) -> Scheme:
    """The other half made from the person's right or left one, so that the scheme is symmetric.

    Points of the half that is kept, and their curves, stay; partners on the other half move to
    their mirror images, and where there are none they are added at the end of the order, named
    by `mirrored_text` (or with ``_mirrored`` behind). A curve that ends on the midline goes on
    beyond it, one with both ends there is closed, others get a partner. Raises `SchemeError`
    for a point of the other half without a partner: it would have no place in the result.
    """
    kept = scheme.plane[:, 0] * (-1 if keep == "right" else 1)
    partner = _partners(scheme, tolerance)
    alone = partner < 0
    middle = alone & (np.abs(kept) <= tolerance / 2)
    partner[middle] = np.flatnonzero(middle)
    lost = (partner < 0) & (kept < 0)
    if lost.any():
        name = scheme.names[int(lost.argmax())]
        raise SchemeError(f"point {name!r} mirrors none of the {keep} half: move or remove it")
    return _completed(scheme, partner, kept)


def _completed(scheme: Scheme, partner: NDArray[np.intp], kept: Array) -> Scheme:
    """`mirror_half` once partners (-1: to be added) are known; ``kept`` > 0 on the kept half."""
    own, plane = np.arange(len(scheme)), scheme.plane.copy()
    come = np.flatnonzero(partner < 0)
    pairs = own[(partner != own) & (partner >= 0)]
    clash = pairs[kept[pairs] * kept[partner[pairs]] > 0]
    if len(clash):
        first, second = scheme.names[clash[0]], scheme.names[partner[clash[0]]]
        raise SchemeError(f"points {first!r} and {second!r} are partners, but on one half")
    given = pairs[kept[pairs] > 0]
    plane[partner[given]] = plane[given] * (-1, 1)
    plane[partner == own, 0] = 0.0
    partner = np.concatenate([partner, come])
    partner[come] = len(scheme) + np.arange(len(come))
    taken = set(scheme.names)
    added = [_mirrored_point(scheme.points[i], plane[i], taken) for i in come]
    return replace(
        scheme,
        points=(*_placed(scheme, plane), *added),
        mirror=pairs_from_index(partner.tolist()),
        curves=_mirrored_curves(scheme.curves, partner),
    )


def _partners(scheme: Scheme, tolerance: float) -> NDArray[np.intp]:
    """The mirror table, or the partners by place and then by name; -1 where there is none."""
    if scheme.mirror:
        return scheme.mirror_index.copy()
    partner = pair_by_place(scheme.plane, tolerance)
    index = {name: i for i, name in enumerate(scheme.names)}
    for i, name in enumerate(scheme.names):
        j = index.get(mirrored_text(name), i)
        if i != j and partner[i] < 0 and partner[j] < 0:
            partner[i], partner[j] = j, i
    return partner


def _placed(scheme: Scheme, plane: Array) -> tuple[Point, ...]:
    return tuple(
        replace(point, x=x, y=y) for point, (x, y) in zip(scheme.points, plane.tolist(), strict=True)
    )


def _mirrored_point(point: Point, place: Array, taken: set[str]) -> Point:
    name = mirrored_text(point.name)
    if name in taken:
        name = f"{point.name}_mirrored"
    taken.add(name)
    x, y = (place * (-1, 1)).tolist()
    return Point(name, x, y, mirrored_text(point.group), mirrored_text(point.definition))


def _mirrored_curves(curves: tuple[Curve, ...], partner: NDArray[np.intp]) -> tuple[Curve, ...]:
    known = {frozenset(curve.points) for curve in curves}
    names = {curve.name for curve in curves}
    result: list[Curve] = []
    others: list[Curve] = []
    for curve in curves:
        image = tuple(partner[list(curve.points)].tolist())
        if frozenset(image) in known:
            result.append(curve)
            continue
        whole = _across(curve, image)
        result.append(whole or curve)
        if whole is None:
            name = mirrored_text(curve.name)
            name = f"{curve.name}_mirrored" if name in names else name
            names.add(name)
            others.append(replace(curve, name=name, points=image))
    return (*result, *others)


def _across(curve: Curve, image: tuple[int, ...]) -> Curve | None:
    """A curve that ends on the midline together with its mirror image, as one curve.

    A closed one, half of a whole, runs along the midline from one point to the next; it is cut
    there.
    """
    points = curve.points
    if curve.closed:
        middle = [k for k in range(len(points)) if points[k] == image[k]]
        if len(middle) != 2 or middle[1] - middle[0] not in (1, len(points) - 1):
            return None
        cut = middle[1] if middle[1] - middle[0] == 1 else 0
        points, image = points[cut:] + points[:cut], image[cut:] + image[:cut]
    begins, ends = points[0] == image[0], points[-1] == image[-1]
    if begins and ends:
        return replace(curve, points=points + image[-2:0:-1], closed=True)
    if ends:
        return replace(curve, points=points + image[-2::-1])
    return replace(curve, points=image[:0:-1] + points) if begins else None
