"""Dividing faces into parts, such as train and test, that share no photo and no person."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from labelkit.errors import InputError
from labelkit.geometry import Array

By = Literal["photo", "person"]

#: What rounding may make of a gain of no face at all.
_ROUNDING = 1e-6


def divide(
    photos: Sequence[str], persons: Sequence[str] | None, shares: Array, seed: int
) -> NDArray[np.intp]:
    """The part of every face, (n,) numbers of ``shares``.

    ``photos`` and ``persons`` name the photo and, where persons are not to be divided, the person
    of every face; ``shares`` (k,) sum to 1. Faces of one photo or one person, and of persons who
    share a photo, stay together. Where such a group comes to is drawn from its name and the seed
    alone: the same faces give the same parts everywhere, and most stay where they are when faces
    are added.
    """
    if not photos:
        return np.zeros(0, np.intp)
    group, names = _groups(photos, persons)
    sizes = np.bincount(group, minlength=len(names))
    part = np.empty(len(names), np.intp)
    order = sorted(range(len(names)), key=lambda number: _draw(names[number], seed))
    filled = np.cumsum(sizes[order]) - sizes[order] / 2
    # By the middle of the group: one that crosses a border goes where most of it lies.
    borders = np.cumsum(shares)[:-1] * len(photos)
    part[order] = np.searchsorted(borders, filled, side="right")
    return _levelled(part, sizes, shares * len(photos), order)[group]


def shares_of(ratios: Sequence[float]) -> Array:
    """Ratios such as (80, 10, 10) as shares that sum to 1; raises `InputError`."""
    shares = np.asarray(ratios, np.float64)
    if shares.ndim != 1 or not len(shares) or not (np.isfinite(shares).all() and (shares > 0).all()):
        raise InputError(f"{ratios!r} is no way to divide: positive numbers, as (80, 10, 10)")
    return np.asarray(shares / shares.sum())


def _groups(photos: Sequence[str], persons: Sequence[str] | None) -> tuple[NDArray[np.intp], list[str]]:
    """The number of every face's group, and for every group its first name in the alphabet."""
    root: dict[tuple[str, str], tuple[str, str]] = {}

    def find(node: tuple[str, str]) -> tuple[str, str]:
        while root.setdefault(node, node) != node:
            root[node] = root[root[node]]
            node = root[node]
        return node

    for row, photo in enumerate(photos):
        ends = find(("photo", photo)), find(("person", persons[row]) if persons else ("photo", photo))
        root[max(ends)] = min(ends)
    found = [find(("photo", photo)) for photo in photos]
    names = sorted(set(found))
    number = {name: index for index, name in enumerate(names)}
    return np.array([number[name] for name in found], np.intp), [":".join(name) for name in names]


def _draw(name: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{name}".encode("utf-8", "surrogatepass")).hexdigest()


def _levelled(
    part: NDArray[np.intp], sizes: NDArray[np.intp], wanted: Array, order: Sequence[int]
) -> NDArray[np.intp]:
    """The parts after moving single groups for as long as that brings sizes nearer to ``wanted``."""
    surplus = np.bincount(part, sizes, len(wanted)) - wanted
    while True:
        first: dict[tuple[int, int], int] = {}
        for group in order:
            first.setdefault((int(part[group]), int(sizes[group])), group)
        moves = [(_gains(surplus, *move), group) for move, group in first.items()]
        gains, group = max(moves, key=lambda move: float(move[0].max()))
        if gains.max() <= _ROUNDING:
            return part
        target = int(gains.argmax())
        surplus[part[group]] -= sizes[group]
        surplus[target] += sizes[group]
        part[group] = target


def _gains(surplus: Array, source: int, size: int) -> Array:
    """How much nearer the sizes come if a group of ``size`` goes from ``source`` to each part."""
    gains = np.abs(surplus[source]) - np.abs(surplus[source] - size)
    gains = gains + np.abs(surplus) - np.abs(surplus + size)
    gains[source] = -math.inf
    return np.asarray(gains)
