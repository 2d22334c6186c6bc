"""One face in one photo, and what reading has left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks

#: What files say about a face besides where its points are.
Attribute = bool | int | float | str


@dataclass(frozen=True)
class Sample:
    """One face in one photo. The photo is not opened before it is asked for.

    ``box`` and ``landmarks`` are None where nobody has said; ``attributes`` by name, among them
    WFLW's pose, expression, illumination, make_up, occlusion and blur (0 or 1), and ``person``,
    who it is.
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
