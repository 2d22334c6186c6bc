"""Faces in a fixed order."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np

from labelkit.dataset.parts import By, divide, shares_of
from labelkit.dataset.reexpress import reexpress
from labelkit.dataset.sample import Attribute, ReadReport, Sample
from labelkit.dataset.table import Rows, point_names, scheme_said, to_frame
from labelkit.errors import InputError
from labelkit.images import ImageFile
from labelkit.landmarks import State
from labelkit.scheme import Scheme, builtin_schemes, load_scheme

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class Dataset(Sequence[Sample]):
    """Faces in a fixed order, whose landmarks all belong to one scheme.

    ``scheme`` is None where it is unknown or there are no landmarks; ``root`` is the folder to
    which the photos' names are relative, where one is known; ``report`` is about the whole
    reading, also after `filter` or slicing. Raises `InputError`, naming the photo, when the
    landmarks of two faces, or of a face and the scheme, do not fit together.
    """

    samples: tuple[Sample, ...]
    scheme: Scheme | None = None
    root: Path | None = None
    report: ReadReport = field(default_factory=ReadReport, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", tuple(self.samples))
        kind = (self.scheme.name, len(self.scheme)) if self.scheme is not None else None
        for sample in self.samples:
            if sample.landmarks is None:
                continue
            own = (sample.landmarks.scheme, len(sample.landmarks))
            kind = kind or own
            if own != kind:
                expected, found = (f"{name!r} with {count} points" for name, count in (kind, own))
                raise InputError(
                    f"{sample.image.path}: the data set is of scheme {expected}, this is {found}"
                )

    def __repr__(self) -> str:
        kind = f" of {self.scheme.name!r}" if self.scheme is not None else ""
        return f"<Dataset: {len(self)} faces{kind}, images in {self.root}>"

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> Dataset: ...

    def __getitem__(self, index: int | slice) -> Sample | Dataset:
        if isinstance(index, slice):
            return replace(self, samples=self.samples[index])
        return self.samples[index]

    def filter(
        self,
        keep: Callable[[Sample], bool] | None = None,
        *,
        attributes: Mapping[str, Attribute | Collection[Attribute]] | None = None,
        box_side: tuple[float, float] | None = None,
        state: State | None = None,
    ) -> Dataset:
        """The faces that meet all conditions, in the same order.

        ``keep`` says True for them; every one of ``attributes`` has the given value, or one of a
        list or set of values; the longer side of the box lies within ``box_side``, (least, most)
        px; all points are there and at least of this ``state``, predicted before placed before
        confirmed. A face without the attribute, box or landmarks that are asked for is not kept.
        """

        def kept(sample: Sample) -> bool:
            return (
                (keep is None or keep(sample))
                and (attributes is None or _has(sample, attributes))
                and (box_side is None or box_side[0] <= _side(sample) <= box_side[1])
                and (state is None or _is_complete(sample, state))
            )

        return replace(self, samples=tuple(filter(kept, self.samples)))

    def split(self, ratios: Sequence[float], by: By = "photo", seed: int = 0) -> tuple[Dataset, ...]:
        """Parts with sizes in these ratios, such as (80, 10, 10), that share no photo.

        ``by="person"``: nor a person, whom the attribute ``person`` names. The sizes are as near
        to the ratios as moving whole photos or persons brings them. The same faces, photos called
        the same below the root, and ``seed`` give the same parts everywhere, and most stay where
        they are when faces are added. Raises `InputError`, naming the photo, for a face of which
        the person is unknown.
        """
        shares = shares_of(ratios)
        persons = None if by == "photo" else [_person(sample) for sample in self.samples]
        part = divide(self._names(), persons, shares, seed)
        return tuple(
            replace(
                self, samples=tuple(sample for sample, own in zip(self, part, strict=True) if own == number)
            )
            for number in range(len(shares))
        )

    @classmethod
    def concat(cls, datasets: Sequence[Dataset], scheme: str | Path | Scheme | None = None) -> Dataset:
        """The faces of several data sets as one, in ``scheme``, by default the first that is known.

        Landmarks of another scheme are re-expressed (`labelkit.scheme.convert`): all their points
        are then of state ``predicted``, since nobody has confirmed them where they are now. The
        root is the deepest folder that holds all roots. Raises `InputError` for landmarks of
        another scheme that is not known, `SchemeError` for a scheme that cannot be converted.
        """
        target = load_scheme(scheme) if scheme is not None else _first_scheme(datasets)
        samples = [sample for data in datasets for sample in _in_scheme(data, target)]
        left_out = tuple(face for data in datasets for face in data.report.left_out)
        report = ReadReport(sum(data.report.read for data in datasets), left_out)
        return cls(tuple(samples), target, _common_root(datasets), report)

    def to_pandas(self) -> pd.DataFrame:
        """One row a face, as `labelkit.dataset.table` describes it.

        Raises `InputError` for an attribute that is called like another column.
        """
        return to_frame(self.samples, self._names(), self._point_names())

    @classmethod
    def from_pandas(
        cls,
        frame: pd.DataFrame,
        scheme: str | Path | Scheme | None = None,
        root: str | Path | None = None,
    ) -> Dataset:
        """The faces of a table such as `to_pandas` gives; only images, x and y are needed.

        Without a scheme it is the built-in one that has points of these names; else the landmarks
        are called as the column ``scheme`` says, or ``points<N>``. ``root`` is the folder to which
        the photos' names are relative; photos are not looked for. Raises `InputError`, naming the
        row from 0, for what is no face.
        """
        names = point_names(frame)
        kind = load_scheme(scheme) if scheme is not None else _scheme_with(names)
        called = kind.name if kind is not None else scheme_said(frame) or f"points{len(names)}"
        rows = Rows(frame, called, names if kind is None else kind.names)
        folder = Path(root) if root is not None else None
        samples = []
        for row in range(len(rows)):
            try:
                samples.append(rows.sample(row, ImageFile((folder or Path()) / rows.image(row))))
            except InputError as error:
                raise InputError(f"row {row}: {error}") from error
        return cls(tuple(samples), kind, folder, ReadReport(len(samples)))

    def by_image(self) -> dict[ImageFile, list[Sample]]:
        """The faces of every photo, in the order in which the photos first occur."""
        photos: dict[ImageFile, list[Sample]] = {}
        for sample in self.samples:
            photos.setdefault(sample.image, []).append(sample)
        return photos

    def _names(self) -> list[str]:
        """What the photo of every face is called: its path below the root, else its whole path."""
        names = {image: _name(image.path, self.root) for image in self.by_image()}
        return [names[sample.image] for sample in self.samples]

    def _point_names(self) -> tuple[str, ...]:
        if self.scheme is not None:
            return self.scheme.names
        first = next((face for sample in self.samples if (face := sample.landmarks) is not None), None)
        return () if first is None else tuple(map(str, range(len(first))))


def _name(path: Path, root: Path | None) -> str:
    below = Path(os.path.relpath(path, root)) if root is not None else path
    return path.as_posix() if below.parts[:1] == ("..",) else below.as_posix()


def _has(sample: Sample, attributes: Mapping[str, Attribute | Collection[Attribute]]) -> bool:
    return all(
        name in sample.attributes
        and (
            sample.attributes[name] == wanted
            if isinstance(wanted, Attribute)
            else sample.attributes[name] in wanted
        )
        for name, wanted in attributes.items()
    )


def _side(sample: Sample) -> float:
    return math.nan if sample.box is None else max(sample.box.width, sample.box.height)


def _is_complete(sample: Sample, state: State) -> bool:
    face = sample.landmarks
    return face is not None and bool(face.present.all() and (face.state >= state).all())


def _person(sample: Sample) -> str:
    if "person" not in sample.attributes:
        raise InputError(f"{sample.image.path}: the person is unknown (attribute 'person'); split by photo")
    return str(sample.attributes["person"])


def _first_scheme(datasets: Sequence[Dataset]) -> Scheme | None:
    return next((data.scheme for data in datasets if data.scheme is not None), None)


def _in_scheme(data: Dataset, target: Scheme | None) -> Sequence[Sample]:
    if data.scheme is None or target is None or _same_points(data.scheme, target):
        return data.samples  # whether landmarks of an unknown scheme fit is checked with the others
    return reexpress(data.samples, data.scheme, target)


def _same_points(one: Scheme, other: Scheme) -> bool:
    return (one.name, one.names) == (other.name, other.names) and np.array_equal(one.plane, other.plane)


def _common_root(datasets: Sequence[Dataset]) -> Path | None:
    roots = list(dict.fromkeys(data.root for data in datasets))
    if len(roots) == 1:
        return roots[0]
    known = [root.absolute() for root in roots if root is not None]
    try:
        return Path(os.path.commonpath(known)) if len(known) == len(roots) else None
    except ValueError:
        return None  # no roots, or on several drives


def _scheme_with(names: Sequence[str]) -> Scheme | None:
    schemes = map(load_scheme, builtin_schemes())
    return next((scheme for scheme in schemes if scheme.names == tuple(names)), None)
