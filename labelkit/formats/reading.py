"""What all readers share: which scheme, which photos, which box, and what could not be read.

Photos are named by their path relative to an *image root*, with "/" between folders. A name that
leads out of the root is refused: an annotation file that somebody sent must not make us open
whatever it likes.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import ArrayLike

from labelkit.dataset import Dataset, LeftOut, ReadReport, Sample
from labelkit.errors import BoxError, FormatError, InputError
from labelkit.formats.plaintext import brief
from labelkit.geometry import Array, Box, tight_box
from labelkit.scheme import Scheme, builtin_schemes, load_scheme

#: Of several built-in schemes with one number of points, these are meant: merl68 has 68 too.
_USUAL = ("ibug68", "wflw98")

#: A rectangle this close (px) to the tight box of the points is that box: files are rounded.
_SAME = 1e-3


class FacesRead:
    """The faces of a file or folder: good ones are kept in order, bad ones are named.

    With ``strict`` the first bad one is raised instead.
    """

    def __init__(self, strict: bool) -> None:
        self._strict = strict
        self._samples: list[Sample] = []
        self._left_out: list[LeftOut] = []

    @contextmanager
    def entry(self, path: Path, line: int | None = None, name: str = "") -> Iterator[None]:
        """A block that reads what stands in one place; an `InputError` in it leaves that out.

        ``name`` says which entry it is in files that are not read by lines.
        """
        try:
            yield
        except FormatError as error:
            self.leave_out(error)
        except InputError as error:
            self.leave_out(FormatError(path, f"{name}: {error}" if name else str(error), line))

    def append(self, face: Sample) -> None:
        self._samples.append(face)

    def leave_out(self, error: FormatError) -> None:
        if self._strict:
            raise error
        self._left_out.append(LeftOut(error.path, error.line, error.problem))

    def dataset(self, scheme: Scheme | None, root: Path) -> Dataset:
        """The faces, with a report in the order of the files and lines."""
        left_out = sorted(self._left_out, key=lambda face: (face.path, face.line or 0))
        report = ReadReport(len(self._samples), tuple(left_out))
        return Dataset(tuple(self._samples), scheme, root, report)


def choose_scheme(given: str | Path | Scheme | None, votes: Iterable[int]) -> tuple[Scheme | None, int]:
    """The scheme and number of points that a file is about.

    It is the given one; else the ``votes``, one number of points a face, decide (`guess_scheme`).
    (None, 0) where nobody votes.
    """
    if given is not None:
        scheme = load_scheme(given)
        return scheme, len(scheme)
    counts = Counter(votes)
    return guess_scheme(counts) if counts else (None, 0)


def match_names(
    given: str | Path | Scheme | None, names: Sequence[str], called: str = ""
) -> tuple[Scheme | None, list[int]]:
    """The scheme of a file that names its points, and where in ``names`` each of its points stands.

    A given scheme is matched by names, of which the file may have more, or, where they have not one
    in common, by number and order. Without one it is the built-in scheme with these names; it must
    be the one that the file says (``called``), where it does. Where it does not, mere numbers ("0",
    "kpt-1") mean the built-in scheme with this number of points. Else the scheme is None. Raises
    `InputError` where the file names points and has not those of the given scheme.
    """
    in_order = list(range(len(names)))
    if given is None:
        return _builtin_with(names, called), in_order
    scheme = load_scheme(given)
    if not names:
        return scheme, []  # a file of boxes alone
    place = {name: index for index, name in enumerate(names)}
    missing = [name for name in scheme.names if name not in place]
    if not missing:
        return scheme, [place[name] for name in scheme.names]
    if len(missing) == len(scheme) == len(names):
        return scheme, in_order
    raise InputError(f"has {len(names)} points, and none called {missing[0]!r} as in scheme {scheme.name!r}")


def guess_scheme(counts: Counter[int]) -> tuple[Scheme | None, int]:
    """The scheme and number of points that a file is most likely about.

    ``counts`` says for how many faces each number of points was found. The most frequent wins; of
    equally frequent ones that of a built-in scheme, then the first. The scheme is None where no
    built-in one fits.
    """
    known = _builtin_by_count()
    count = max(counts, key=lambda n: (counts[n], n in known))
    return known.get(count), count


def known_counts() -> frozenset[int]:
    """The numbers of points that built-in schemes have."""
    return frozenset(_builtin_by_count())


def scheme_name(scheme: Scheme | None, count: int) -> str:
    """What landmarks are called whose scheme is not known: ``points<N>``."""
    return scheme.name if scheme is not None else f"points{count}"


def image_root(images: str | Path | None, default: Path) -> Path:
    """The folder to which names of photos are relative; raises `InputError` if there is none."""
    root = Path(images) if images is not None else default
    if not root.is_dir():
        raise InputError(f"{root}: there is no such folder of images")
    return root


def locate_image(root: Path, name: str) -> Path:
    """The path of the photo called ``name``; raises `InputError` where it is not there."""
    place = Path(os.path.normpath(root / name))
    if leads_out(os.path.relpath(place, root)):
        raise InputError(f"image {brief(name)} lies outside of the folder {root}")
    try:
        there = place.is_file()
    except (OSError, ValueError):  # too long a name, for one
        there = False
    if not there:
        raise InputError(f"image {brief(name)} is missing in the folder {root}")
    return place


def tight(xy: ArrayLike, scheme: str) -> Box | None:
    """The box of kind ``landmarks`` around points (N, 2); None where it would have no area."""
    try:
        return Box.around(xy, scheme)
    except BoxError:
        return None  # all points on one line, a single point or none


def box_read(rectangle: Array | None, xy: Array, scheme: str, source: str) -> Box | None:
    """The box that a file's rectangle (x0, y0, x1, y1) stands for, beside points (N, 2).

    None, or tight around the points: the box of kind ``landmarks``; any other is kind ``user``
    from ``source``. Raises `BoxError` for one without area.
    """
    if rectangle is None or _is_tight(rectangle, xy):
        return tight(xy, scheme)
    x0, y0, x1, y1 = rectangle.tolist()
    return Box(x0, y0, x1, y1, kind="user", source=source)


def _builtin_with(names: Sequence[str], called: str) -> Scheme | None:
    known = [called] if called in builtin_schemes() else [] if called else builtin_schemes()
    same = (scheme for scheme in map(load_scheme, known) if scheme.names == tuple(names))
    if called or not _are_mere_numbers(names):
        return next(same, None)
    return _builtin_by_count().get(len(names))


def _are_mere_numbers(names: Sequence[str]) -> bool:
    """Whether names count from 0 or 1, after a beginning that all share."""
    found = [re.fullmatch(r"(.*?)([0-9]{1,6})", name, re.DOTALL) for name in names]
    parts = [(match[1], int(match[2])) for match in found if match]
    first = parts[0][1] if len(parts) == len(names) > 0 else 2
    return first < 2 and parts == [(parts[0][0], first + i) for i in range(len(names))]


def leads_out(relative: str) -> bool:
    """Whether a path relative to a folder leads out of it."""
    return PurePath(relative).parts[:1] == ("..",) or PurePath(relative).is_absolute()


def _is_tight(rectangle: Array, xy: Array) -> bool:
    there = bool(np.isfinite(xy).all(axis=1).any())
    return there and np.allclose(rectangle, tight_box(xy), rtol=0, atol=_SAME)


def _builtin_by_count() -> dict[int, Scheme]:
    order = [name for name in _USUAL if name in builtin_schemes()]
    schemes: dict[int, Scheme] = {}
    for name in order + builtin_schemes():
        scheme = load_scheme(name)
        schemes.setdefault(len(scheme), scheme)
    return schemes
