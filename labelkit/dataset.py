"""Faces in memory: which photo, where in it, what is known, and what reading left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import overload

from labelkit.errors import InputError
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks
from labelkit.scheme import Scheme

#: What files say about a face besides where its points are.
Attribute = bool | int | float | str


@dataclass(frozen=True)
class Sample:
    """One face in one photo. The photo is not opened before it is asked for.

    ``box`` and ``landmarks`` are None where nobody has said; ``attributes`` by name, among them
    WFLW's pose, expression, illumination, make_up, occlusion and blur (0 or 1).
    """

    image: ImageFile
    box: Box | None = None
    landmarks: Landmarks | None = None
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True)
class LeftOut:
    """A face that could not be read: where (``line`` from 1, None for the whole file) and why."""

    path: Path
    line: int | None
    problem: str

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line is not None else f"{self.path}"
        return f"{where}: {self.problem}"


@dataclass(frozen=True)
class ReadReport:
    """How many faces were read, and which were left out."""

    read: int = 0
    left_out: tuple[LeftOut, ...] = ()

    def __str__(self) -> str:
        rest = f", {len(self.left_out)} left out" if self.left_out else ""
        return f"{self.read} faces read{rest}"


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

    def filter(self, keep: Callable[[Sample], bool]) -> Dataset:
        """The faces for which ``keep`` says True, in the same order."""
        return replace(self, samples=tuple(sample for sample in self.samples if keep(sample)))

    def by_image(self) -> dict[ImageFile, list[Sample]]:
        """The faces of every photo, in the order in which the photos first occur."""
        photos: dict[ImageFile, list[Sample]] = {}
        for sample in self.samples:
            photos.setdefault(sample.image, []).append(sample)
        return photos
