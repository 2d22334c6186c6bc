"""A server of the scheme studio with example faces made here: python studio_host.py PORT [SCHEME]

Every point of the plane is found at the same place of every face, a little lower on each. What is
saved is printed as one line of JSON. ``/slow``: every answer takes a quarter of a second. Says
``ready`` when it answers.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import panel as pn

from labelkit.editor.studio import Gallery, Picture
from labelkit.editor.studio_panel import StudioPane
from labelkit.errors import InputError
from labelkit.geometry import Array
from labelkit.scheme import Scheme, load_scheme

FACES = 12


@dataclass
class Map:
    wander: Array
    edges: tuple[float, float, float, float] = (-1.0, -1.0, 1.0, 1.0)


class Row:
    """Grey squares."""

    def __init__(self, delay: float = 0.0) -> None:
        self.delay = delay

    def gallery(self) -> Gallery:
        faces = [Picture(f"face {i}", picture(40 + 15 * i)) for i in range(FACES)]
        return Gallery(tuple(faces), (Picture("mean", picture(150)), Picture("<i>one</i>", picture(90))), 1.2)

    def place(self, plane: Array) -> Array:
        time.sleep(self.delay)
        return np.stack([(plane + 1.2) / 2.4 + (0, 0.005 * i) for i in range(FACES)])

    def ambiguity(self, heard: Callable[[int, int], None]) -> Map:
        heard(1, 1)
        return Map(np.linspace(0.01, 0.05, 25).reshape(5, 5))


def picture(grey: int) -> bytes:
    return cv2.imencode(".jpg", np.full((96, 96, 3), grey, np.uint8))[1].tobytes()


def say(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def plan(scheme: Scheme, renamed: Mapping[str, str]) -> Sequence[str]:
    return [f"{len(scheme)} points", f"{len(renamed)} renamed", "<b>not markup</b>"]


def save(scheme: Scheme, renamed: Mapping[str, str]) -> str:
    if scheme.title == "refuse":
        raise InputError("somebody else changed the scheme")
    say(saved=scheme.to_dict(), renamed=dict(renamed))
    return "kept by the host"


def page(scheme: str, delay: float) -> pn.viewable.Viewable:
    ghosts = [load_scheme("ibug68"), load_scheme("cofw29")]
    pane = StudioPane(load_scheme(scheme), Row(delay), ghosts=ghosts, plan=plan, save=save)
    return pn.Column(pane, sizing_mode="stretch_both", margin=0)


def main(port: str, scheme: str = "celeba5") -> None:
    pages = {"/": lambda: page(scheme, 0.0), "/slow": lambda: page(scheme, 0.25)}
    server = pn.serve(pages, port=int(port), address="127.0.0.1", show=False, start=False)
    server.io_loop.add_callback(lambda: say(ready=True))
    server.start()
    server.io_loop.start()


if __name__ == "__main__":
    main(*sys.argv[1:])
