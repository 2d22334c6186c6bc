"""Many faces at once for a Panel page: 24 of them with their points, to be looked over and decided.

The component knows values only. Whoever embeds it fills `FaceGrid.tiles` and hears what the person
wants, as dictionaries with a ``type``:

- ``decide``: ``name`` (accept, reject or flag), ``keys``, and ``turn``: whether to turn the page after it;
- ``undo``; ``page`` with ``by`` -1 or 1; ``open`` with the ``key`` of a face for the editor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import param

from labelkit.editor.bundle import bundle
from labelkit.editor.component import Component
from labelkit.geometry import Array
from labelkit.scheme import Scheme

#: So many faces are shown at once.
PER_PAGE = 24


@dataclass(frozen=True)
class Tile:
    """A face of the grid.

    ``src`` and ``large`` are addresses of pictures of the ``square`` (left and upper edge and side,
    image px); ``xy`` (N) pairs in image px or None. ``reason`` says why it is looked at, ``doubt``
    how unsure the model is, in a word.
    """

    key: str
    name: str
    src: str
    large: str
    square: tuple[float, float, float]
    xy: Sequence[tuple[float, float] | None]
    reason: str = ""
    doubt: str = ""


class FaceGrid(Component):
    """The grid of a page, see ``static/grid.js``. ``marks`` are states by key, ``info`` says where in
    the whole this is (``place``) and whether there is something before, behind and to undo."""

    scheme = param.Dict(default={})
    tiles = param.List(default=[])
    marks = param.Dict(default={})
    ahead = param.List(default=[])
    info = param.Dict(default={"place": "", "undo": False, "back": False, "next": False})

    _esm = bundle("grid.js")

    heard: Callable[[dict[str, Any]], None] | None = None

    def __init__(self, **params: Any) -> None:
        shape = {"sizing_mode": "stretch_both", "min_height": 360, "margin": 0}
        super().__init__(**{**shape, **params})  # type: ignore[no-untyped-call]  # it has no types

    def load(self, scheme: Scheme, tiles: Sequence[Tile], ahead: Sequence[str] = ()) -> None:
        """Show other faces; ``ahead`` are pictures that will be wanted next."""
        shape = scheme.to_dict()
        self.param.update(
            scheme={name: shape[name] for name in ("points", "curves")},
            ahead=list(ahead),
            marks={},
            tiles=[asdict(tile) for tile in tiles],
        )

    def _handle_msg(self, data: Any) -> None:
        if self.heard is not None and isinstance(data, dict):
            self.heard(data)


def pairs(points: Array) -> list[tuple[float, float] | None]:
    """Points (N, 2) in image px as pairs, to a tenth of a pixel; None where one is not there."""
    there = np.asarray(np.isfinite(points).all(axis=1))
    rounded = np.where(there[:, None], points, 0.0).round(1).tolist()
    return [(x, y) if known else None for (x, y), known in zip(rounded, there, strict=True)]
