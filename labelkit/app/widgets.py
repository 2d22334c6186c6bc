"""Components of our own: a page of photos, a row of faces, and a place for files."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from typing import Any

import param

from labelkit.editor.component import Component


def source(name: str) -> str:
    """A module of ``static/``."""
    return resources.files("labelkit.app").joinpath("static", name).read_text("utf-8")


class Talking(Component):
    """A component whose messages go to the function ``heard``."""

    __abstract = True

    heard: Callable[[dict[str, Any]], None] | None = None

    def __init__(self, **params: Any) -> None:
        super().__init__(**{"margin": 0, **params})  # type: ignore[no-untyped-call]  # it has no types

    def say(self, data: dict[str, Any]) -> None:
        """A message to the browser."""
        self._send_msg(data)

    def _handle_msg(self, data: Any) -> None:
        if self.heard is not None and isinstance(data, dict):
            self.heard(data)


class Gallery(Talking):
    """Photos with the boxes of their faces, see ``static/gallery.js``.

    ``items`` have id, version, name, width and height in px, ``boxes`` as x0, y0, x1, y1 and a kind
    (good, warn, bad or nothing), a ``chip`` with its ``kind``, the ``face`` to open or None, whether
    it is ``vacant`` (nobody was found), and a ``problem``, which is empty for photos that can be shown.
    """

    items = param.List()
    page = param.Integer(0)
    pages = param.Integer(1)

    _esm = source("gallery.js")


class OddFaces(Talking):
    """Faces as small pictures, see ``static/odd.js``.

    ``items`` have the number of the ``face``, the ``source`` of its picture, a ``name``, ``why`` it
    is shown, and ``points`` as shares of the picture's sides.
    """

    items = param.List()

    _esm = source("odd.js")


class LogTable(Talking):
    """Entries of the log, see ``static/log.js``.

    ``rows`` have time, person, what, photo, index and face (None for what is about none), text, and
    whether the face can be brought ``back``; ``more`` is whether there are older ones.
    """

    rows = param.List()
    page = param.Integer(0)
    more = param.Boolean(False)

    _esm = source("log.js")


class Drop(Talking):
    """A place for files of a ``kind``, photo or labels, see ``static/drop.js``."""

    kind = param.String()
    title = param.String()
    hint = param.String()

    _esm = source("drop.js")
