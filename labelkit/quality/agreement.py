"""How far two people agree who annotated the same faces, point by point.

Differences are taken back to the plane: turned and scaled by the similarity between plane and face,
so that "higher" means towards the forehead however the head is held. What then remains on average
is a *habit*: one of the two places that point elsewhere. What is left around it is *scatter*. A
habit counts when chance would hardly give a mean difference so far from zero (Hotelling 1931), and
of all habits that are told one in twenty is chance (Benjamini and Hochberg 1995).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import fdtrc, fdtri  # scipy.stats has them too, and takes a second to import

from labelkit.errors import InputError
from labelkit.geometry import PLANE_IOD, Array
from labelkit.quality.shapes import place
from labelkit.scheme import Scheme

if TYPE_CHECKING:
    import pandas as pd

#: Of fewer faces nothing can be said about habits.
LEAST_FACES = 3

#: How sure intervals are, and the share of the habits that may be chance.
LEVEL, CHANCE = 0.95, 0.05

#: A habit of less than this is not worth a word, in % of the eye distance.
SMALL = 0.5

#: So many of a group's points have to lean the same way for it to be told as one habit.
_TOGETHER = 0.6


@dataclass(frozen=True)
class Agreement:
    """What ``second`` did with the points of faces that ``first`` annotated as well.

    All in % of the eye distance, on the plane (x to the viewer's right, y down): ``habit`` (N, 2),
    the mean of second less first; ``interval`` (N, 2), half the width of its 95 % interval on each
    axis; ``scatter`` (N,), the root mean square distance of single differences from the habit;
    ``distance`` (N,), the mean distance between the two; ``sure`` (N,), whether the habit is one.
    ``counts`` (N,) faces. NaN where too few faces tell. ``faces`` is how many both annotated; on
    ``seen`` of them one of the two began with what the other had saved, and may have left it.
    """

    scheme: Scheme
    first: str
    second: str
    faces: int
    habit: Array
    interval: Array
    scatter: Array
    distance: Array
    sure: NDArray[np.bool_]
    counts: NDArray[np.intp]
    seen: int = 0

    @property
    def mean(self) -> float:
        """The mean distance between the two over all points, in % of the eye distance; NaN without
        points that both placed."""
        known = self.distance[np.isfinite(self.distance)]
        return float(known.mean()) if len(known) else float("nan")

    def __repr__(self) -> str:
        return f"<Agreement of {self.first} and {self.second} on {self.faces} faces: {self.mean:.2f} % apart>"

    def _repr_html_(self) -> str:
        from labelkit.quality.drawing import agreement_html  # which draws what this module defines

        return agreement_html(self)

    def to_pandas(self) -> pd.DataFrame:
        """A row for every point, in % of the eye distance: ``habit_x`` and ``habit_y`` (mean of second
        less first; x to the viewer's right, y down), ``scatter``, ``distance``, ``sure`` and ``faces``."""
        import pandas as pd

        columns = {
            "habit_x": self.habit[:, 0],
            "habit_y": self.habit[:, 1],
            "scatter": self.scatter,
            "distance": self.distance,
            "sure": self.sure,
            "faces": self.counts,
        }
        return pd.DataFrame(columns, index=pd.Index(self.scheme.names, name="point"))

    def in_words(self) -> list[str]:
        """The habits, a line each: "bob places all points of brow_left 2.1 % higher than ann"."""
        told: list[tuple[float, str]] = []
        groups: dict[str, list[int]] = {}
        for number, point in enumerate(self.scheme.points):
            groups.setdefault(point.group, []).append(number)
        for group, points in groups.items():
            told += self._of_group(group, np.array(points, np.intp))
        return [line for _, line in sorted(told, key=lambda entry: -entry[0])]

    def _of_group(self, group: str, points: NDArray[np.intp]) -> list[tuple[float, str]]:
        leaning = points[self.sure[points] & (self._lengths(points) >= SMALL)]
        if not len(leaning):
            return []
        known = points[np.isfinite(self.habit[points]).all(axis=1)]
        common = self.habit[leaning].mean(axis=0)
        along = self.habit[leaning] @ common > 0.5 * np.linalg.norm(self.habit[leaning], axis=1) * np.hypot(
            *common
        )
        if group and along.all() and len(leaning) >= max(_TOGETHER * len(known), 2):
            which = "all points" if len(leaning) == len(known) else f"{len(leaning)} of {len(known)} points"
            return [self._line(f"{which} of {group}", common)]
        return [self._line(self.scheme.names[i], self.habit[i]) for i in leaning]

    def _lengths(self, points: NDArray[np.intp]) -> Array:
        return np.asarray(np.nan_to_num(np.linalg.norm(self.habit[points], axis=1)))

    def _line(self, what: str, habit: Array) -> tuple[float, str]:
        length = float(np.hypot(*habit))
        return length, f"{self.second} places {what} {_way(habit)} than {self.first}"


def _way(habit: Array) -> str:
    """A direction for people: the larger axis, or both where they are about equal. Left and right are
    those of the picture."""
    x, y = habit.tolist()
    ways = [(abs(y), "higher" if y < 0 else "lower"), (abs(x), "further left" if x < 0 else "further right")]
    most = max(size for size, _ in ways)
    return " and ".join(f"{size:.1f} % {way}" for size, way in ways if size > 0.4 * most)


def compare_people(
    first: ArrayLike, second: ArrayLike, scheme: Scheme, names: tuple[str, str] = ("first", "second")
) -> Agreement:
    """Two people's points (M, N, 2) in image px of the same faces, NaN for what is not there.

    A face's similarity to the plane is that of the mean of both, so that neither is the measure.
    Raises `InputError` when the arrays do not fit the scheme or one another.
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.shape != b.shape or a.shape[1:] != (len(scheme), 2):
        raise InputError(f"scheme {scheme.name!r} has {len(scheme)} points, not {a.shape} and {b.shape}")
    both = np.asarray(np.isfinite(a + b).all(axis=2))
    on_plane = place(np.where(both[..., None], (a + b) / 2, np.nan), scheme)
    # A similarity without its shift takes differences along.
    way = (b - a)[..., 0] + 1j * (b - a)[..., 1]
    turned = way / on_plane[:, None]
    moved = 100 / PLANE_IOD * np.stack([turned.real, turned.imag], axis=2)
    moved[~(both & np.isfinite(on_plane.real)[:, None])] = np.nan
    return _summed(moved, scheme, names)


def _summed(moved: Array, scheme: Scheme, names: tuple[str, str]) -> Agreement:
    """Differences (M, N, 2) in % of the eye distance, put together by point."""
    there = np.asarray(np.isfinite(moved).all(axis=2))
    counts = there.sum(axis=0)
    enough = counts >= LEAST_FACES
    total = np.maximum(counts, 1)
    filled = np.where(there[..., None], moved, 0.0)
    habit = filled.sum(axis=0) / total[:, None]
    rest = np.where(there[..., None], moved - habit, 0.0)
    covariance = np.einsum("mni,mnj->nij", rest, rest) / np.maximum(counts - 1, 1)[:, None, None]
    distance = np.where(there, np.linalg.norm(filled, axis=2), 0.0).sum(axis=0) / total
    # Hotelling: n d' S^-1 d is 2 (n - 1) / (n - 2) times an F variable of 2 and n - 2.
    limit = 2 * (total - 1) / np.maximum(total - 2, 1) * fdtri(2, np.maximum(total - 2, 1), LEVEL)
    ridge = 1e-9 * np.eye(2)
    size = total * np.einsum("ni,nij,nj->n", habit, np.linalg.inv(covariance + ridge), habit)
    interval = np.sqrt(limit[:, None] * np.diagonal(covariance, axis1=1, axis2=2) / total[:, None])
    scatter = np.sqrt(np.trace(covariance, axis1=1, axis2=2))
    return Agreement(
        scheme,
        names[0],
        names[1],
        int(there.any(axis=1).sum()),
        np.where(enough[:, None], habit, np.nan),
        np.where(enough[:, None], interval, np.nan),
        np.where(enough, scatter, np.nan),
        np.where(counts > 0, distance, np.nan),
        _sure(size, total, enough),
        np.asarray(counts, np.intp),
    )


def _sure(size: Array, total: NDArray[np.intp], enough: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which habits are told, by Hotelling's statistic of each point and its number of faces."""
    rest = np.maximum(total - 2, 1)
    chance = np.where(enough, fdtrc(2, rest, size * rest / (2 * np.maximum(total - 1, 1))), 1.0)
    order = np.argsort(chance, kind="stable")
    count = max(int(enough.sum()), 1)
    good = np.flatnonzero(chance[order] <= CHANCE * np.arange(1, len(order) + 1) / count)
    sure = np.zeros(len(order), bool)
    sure[order[: good[-1] + 1 if len(good) else 0]] = True
    return np.asarray(sure & enough)
