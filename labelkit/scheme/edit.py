"""Changes to a scheme, each a function from one scheme to another.

Points are called by their names. Curves, normalizers and the mirror table follow every change.
A scheme with a mirror table stays symmetric: what would break that is refused with the point's
name, and `without_mirror` gives the table up. `labelkit.scheme.change.plan_change` says what
a change means for annotations, and which curves and normalizers went with it.

Every function raises `SchemeError` for a name that the scheme does not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from labelkit.errors import SchemeError
from labelkit.geometry import Array
from labelkit.scheme.curves import Arc, along
from labelkit.scheme.scheme import SYMMETRY_TOLERANCE, Curve, Point, Scheme, pairs_from_index
from labelkit.scheme.symmetry import pair_by_place

Places = Mapping[str, tuple[float, float]]


def add_point(scheme: Scheme, point: Point, partner: str | None = None) -> Scheme:
    """``point`` at the end of the order, followed by its mirror image under the name ``partner``.

    In a symmetric scheme a point on the midline needs no partner and any other does; in an
    asymmetric one the partner is merely a second point.
    """
    points = [point]
    if partner is not None:
        if abs(point.x) <= SYMMETRY_TOLERANCE / 2:
            raise SchemeError(f"point {point.name!r} lies on the midline: it is its own mirror image")
        points.append(replace(point, name=partner, x=-point.x))
    return add_points(scheme, points)


def add_points(scheme: Scheme, points: Sequence[Point]) -> Scheme:
    """``points`` at the end of the order.

    In a symmetric scheme each must lie on the midline or have its mirror image among the new
    ones; they are paired by their places.
    """
    mirror = scheme.mirror
    if mirror:
        partner = pair_by_place([(point.x, point.y) for point in points], SYMMETRY_TOLERANCE)
        if (partner < 0).any():
            lonely = points[int((partner < 0).argmax())].name
            raise SchemeError(
                f"point {lonely!r} has no mirror image: scheme {scheme.name!r} is symmetric, so it needs "
                "a partner, or the mirror table given up first"
            )
        mirror += tuple((len(scheme) + i, len(scheme) + j) for i, j in pairs_from_index(partner.tolist()))
    return replace(scheme, points=(*scheme.points, *points), mirror=mirror)


def move_points(scheme: Scheme, places: Places, *, mirrored: bool = True) -> Scheme:
    """Points at new places on the plane, their partners at the mirror image of these.

    With ``mirrored`` False, or where a partner has a place of its own in ``places``, only the
    named points move; in a symmetric scheme the places must then be symmetric themselves.
    Raises `SchemeError` for a midline point of a symmetric scheme that would leave the midline.
    """
    index = {name: _index(scheme, name) for name in places}
    wanted = {index[name]: place for name, place in places.items()}
    if scheme.mirror and mirrored:
        partner = scheme.mirror_index
        for i, (x, y) in list(wanted.items()):
            if partner[i] == i and abs(x) > SYMMETRY_TOLERANCE / 2:
                raise SchemeError(
                    f"point {scheme.names[i]!r} is its own mirror image: it must stay on the midline, x = 0"
                )
            wanted.setdefault(int(partner[i]), (-x, y))
    points = list(scheme.points)
    for i, (x, y) in wanted.items():
        points[i] = replace(points[i], x=float(x), y=float(y))
    return replace(scheme, points=tuple(points))


def rename_points(scheme: Scheme, names: Mapping[str, str]) -> Scheme:
    """Points under new names (old to new), all at once, so that two may swap."""
    for name in names:
        _index(scheme, name)
    return replace(scheme, points=tuple(replace(p, name=names.get(p.name, p.name)) for p in scheme.points))


def describe_points(
    scheme: Scheme, names: Iterable[str], *, group: str | None = None, definition: str | None = None
) -> Scheme:
    """The group, the definition or both of some points; None leaves what is there."""
    points = list(scheme.points)
    for name in names:
        i = _index(scheme, name)
        old = points[i]
        points[i] = replace(
            old,
            group=old.group if group is None else group,
            definition=old.definition if definition is None else definition,
        )
    return replace(scheme, points=tuple(points))


def remove_points(scheme: Scheme, names: Iterable[str], *, mirrored: bool = True) -> Scheme:
    """The scheme without some points and, with ``mirrored``, without their partners.

    Curves lose them, and a curve of which fewer than two points are left goes; a normalizer
    goes when nothing is left of one of its ends. Raises `SchemeError` when no point would be
    left, or when a symmetric scheme would keep only one of a pair.
    """
    gone = {_index(scheme, name) for name in names}
    if scheme.mirror:
        partners = {int(scheme.mirror_index[i]) for i in gone}
        if not mirrored and partners - gone:
            widow = min(partners - gone)
            raise SchemeError(
                f"point {scheme.names[widow]!r} would lose its mirror image: remove both, "
                "or give up the mirror table first"
            )
        gone |= partners
    if len(gone) == len(scheme):
        raise SchemeError(f"scheme {scheme.name!r} needs at least one point: not all can be removed")
    return _select(scheme, [i for i in range(len(scheme)) if i not in gone])


def reorder_points(scheme: Scheme, order: Sequence[str]) -> Scheme:
    """The same points in the order of these names, of which each must stand once."""
    indices = [_index(scheme, name) for name in order]
    if len(set(indices)) < len(indices):
        twice = next(name for name in order if list(order).count(name) > 1)
        raise SchemeError(f"point {twice!r} stands twice in the new order")
    if len(indices) < len(scheme):
        missing = next(name for i, name in enumerate(scheme.names) if i not in set(indices))
        raise SchemeError(f"point {missing!r} is missing in the new order")
    return _select(scheme, indices)


def space_evenly(
    scheme: Scheme,
    curve: str,
    through: ArrayLike | None = None,
    *,
    keep: Iterable[str] = (),
    smooth: bool = True,
    mirrored: bool = True,
) -> Scheme:
    """The points of a curve at equal arc length, ends included unless it is closed.

    They are laid on the curve through ``through`` (K, 2), or on the one through the points
    themselves; there the points in ``keep`` stay (corners, say), and the spacing is even
    between one and the next. With ``mirrored`` the partners follow. A closed curve begins at
    its first place. Raises `SchemeError` where a symmetric scheme would become asymmetric: keep
    points on both sides then.
    """
    drawn = _curve(scheme, curve)
    members = [scheme.names[i] for i in drawn.points]
    if len(set(members)) < len(members):
        twice = next(name for name in members if members.count(name) > 1)
        raise SchemeError(f"point {twice!r} stands twice on the curve {curve!r}: it cannot be spaced")
    if through is not None:
        if set(keep):
            raise SchemeError("points can be kept on the curve's own line only, not on another")
        places = along(through, len(members), smooth=smooth, closed=drawn.closed)
    else:
        places = _between_kept(scheme, drawn, set(keep), smooth)
    return move_points(
        scheme,
        {name: (x, y) for name, (x, y) in zip(members, places.tolist(), strict=True)},
        mirrored=mirrored,
    )


def add_curve_points(
    scheme: Scheme,
    curve: str,
    through: ArrayLike,
    names: Sequence[str],
    *,
    smooth: bool = True,
    closed: bool = False,
    group: str = "",
    partner: tuple[str, Sequence[str]] | None = None,
) -> Scheme:
    """New points at equal arc length on a new curve through ``through`` (K, 2), one per name.

    ``partner`` gives the name of the mirrored curve and of its points. A symmetric scheme needs
    it unless the curve is its own mirror image.
    """
    places = along(through, len(names), smooth=smooth, closed=closed)
    halves = [(curve, names, places)]
    if partner is not None:
        if len(partner[1]) != len(names):
            raise SchemeError(f"curve {partner[0]!r} needs a name for each of its {len(names)} points")
        halves.append((partner[0], partner[1], places * (-1, 1)))
    points = [
        Point(name, x, y, group)
        for _, some, at in halves
        for name, (x, y) in zip(some, at.tolist(), strict=True)
    ]
    grown = add_points(scheme, points)
    for name, some, _ in halves:
        grown = add_curve(grown, name, some, closed=closed)
    return grown


def add_curve(scheme: Scheme, curve: str, names: Sequence[str], *, closed: bool = False) -> Scheme:
    """A line drawn through at least two points; raises `SchemeError` when its name is taken."""
    if any(known.name == curve for known in scheme.curves):
        raise SchemeError(f"scheme {scheme.name!r} has a curve {curve!r} already")
    if not curve or len(names) < 2:
        raise SchemeError(f"curve {curve!r} needs a name and at least two points")
    new = Curve(curve, tuple(_index(scheme, name) for name in names), closed)
    return replace(scheme, curves=(*scheme.curves, new))


def remove_curve(scheme: Scheme, curve: str) -> Scheme:
    """The scheme without a curve; its points stay."""
    gone = _curve(scheme, curve)
    return replace(scheme, curves=tuple(known for known in scheme.curves if known is not gone))


def set_normalizer(scheme: Scheme, name: str, first: Sequence[str], second: Sequence[str]) -> Scheme:
    """The distance, called ``name``, between the averages of two lists of points."""
    if not name:
        raise SchemeError("a normalizer needs a name")
    ends = tuple(_index(scheme, point) for point in first), tuple(_index(scheme, point) for point in second)
    return replace(scheme, normalizers={**scheme.normalizers, name: ends})


def remove_normalizer(scheme: Scheme, name: str) -> Scheme:
    """The scheme without a normalizer."""
    if name not in scheme.normalizers:
        raise SchemeError(f"scheme {scheme.name!r} has no normalizer {name!r}")
    return replace(scheme, normalizers={k: v for k, v in scheme.normalizers.items() if k != name})


def without_mirror(scheme: Scheme) -> Scheme:
    """The same points without a mirror table, so that each can go its own way."""
    return replace(scheme, mirror=())


def _select(scheme: Scheme, indices: Sequence[int]) -> Scheme:
    """The points of these old indices in this order, and what is left of everything else."""
    place = {old: new for new, old in enumerate(indices)}

    def left(points: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(place[i] for i in points if i in place)

    curves = ((curve, replace(curve, points=left(curve.points))) for curve in scheme.curves)
    ends = {name: (left(a), left(b)) for name, (a, b) in scheme.normalizers.items()}
    return replace(
        scheme,
        points=tuple(scheme.points[i] for i in indices),
        mirror=tuple((place[i], place[j]) for i, j in scheme.mirror if i in place),
        curves=tuple(new for old, new in curves if len(new.points) >= min(2, len(old.points))),
        normalizers={name: pair for name, pair in ends.items() if all(pair)},
    )


def _between_kept(scheme: Scheme, curve: Curve, keep: set[str], smooth: bool) -> Array:
    """Places (K, 2) of a curve's points, evenly spaced between those in ``keep`` and the ends."""
    members = [scheme.names[i] for i in curve.points]
    if stray := sorted(keep - set(members)):
        raise SchemeError(f"point {stray[0]!r} is not on the curve {curve.name!r}")
    try:
        arc = Arc(scheme.plane[list(curve.points)], smooth=smooth, closed=curve.closed)
    except SchemeError as error:
        raise SchemeError(f"curve {curve.name!r}: {error}") from error
    count = len(arc.knots)  # one more than points where the curve comes back to its first
    stay = [i for i in range(count) if i in (0, count - 1) or members[i] in keep]
    return arc.at(np.interp(np.arange(len(members)), stay, arc.knots[stay]))


def _index(scheme: Scheme, name: str) -> int:
    try:
        return scheme.names.index(name)
    except ValueError:
        raise SchemeError(f"scheme {scheme.name!r} has no point {name!r}") from None


def _curve(scheme: Scheme, name: str) -> Curve:
    for curve in scheme.curves:
        if curve.name == name:
            return curve
    raise SchemeError(f"scheme {scheme.name!r} has no curve {name!r}")
