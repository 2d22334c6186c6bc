"""Scheme files, from reading to all that is done with a scheme; and a project's settings."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from labelkit.errors import LabelkitError
from labelkit.project.settings import FILE, read_settings, write_settings
from labelkit.scheme import Point, Scheme, load_scheme, scheme_from_dict
from labelkit.scheme.change import plan_change
from labelkit.scheme.convert import Converter
from labelkit.scheme.drawing import scheme_html
from labelkit.scheme.edit import add_point, move_points, remove_points, rename_points, reorder_points
from labelkit.scheme.symmetry import make_symmetric, mirror_half

from .mutate import json_values, words
from .rules import Emptied, Target, check_line

SMALL = Scheme(
    "small",
    (Point("a", -0.5, 0.0, "eyes"), Point("b", 0.5, 0.0, "eyes"), Point("c", 0.0, 0.5, "nose", "The <tip>.")),
    ((0, 1), (2, 2)),
    normalizers={"inter_ocular": ((0,), (1,))},
)


def _scheme(data: bytes, folder: Path) -> None:
    with Emptied(folder):
        place = folder / "drawn.json"
        place.write_bytes(data)
        scheme = load_scheme(place)
        place.write_text(scheme.to_json(), encoding="utf-8")
        assert load_scheme(place) == scheme, "another scheme came back"
    if len(scheme) <= 200:
        _use(scheme)


def _use(scheme: Scheme) -> None:
    """What the app, the commands and the studio do with a scheme; each may refuse it in one line."""
    name = scheme.names[0]
    for work in (
        lambda: plan_change(SMALL, scheme, guess=True).describe(),
        lambda: plan_change(scheme, SMALL).inverse().to_dict(),
        lambda: Converter(scheme, SMALL)(scheme.plane),
        lambda: Converter(SMALL, scheme)(np.stack([SMALL.plane * 50, SMALL.plane * np.nan])),
        lambda: scheme.normalizer(scheme.plane * 30 + 40),
        lambda: scheme.align(scheme.plane * 30 + 40),
        lambda: scheme_html(scheme),
        lambda: make_symmetric(scheme).to_json(),
        lambda: mirror_half(scheme, "left"),
        lambda: add_point(scheme, Point("new", 0.25, 0.5), "partner"),
        lambda: move_points(scheme, {name: (0.25, 0.125)}),
        lambda: remove_points(scheme, [name]),
        lambda: rename_points(scheme, {name: "another"}),
        lambda: reorder_points(scheme, list(reversed(scheme.names))),
    ):
        try:
            work()
        except LabelkitError as error:
            check_line(str(error))


def _seeds(folder: Path) -> Iterable[bytes]:
    yield SMALL.to_json().encode()
    yield json.dumps({"name": "x", "points": [{"name": "p", "x": 0, "y": 0}]}).encode()
    yield json.dumps(
        {
            **SMALL.to_dict(),
            "mirror": [],
            "curves": [{"name": "line", "points": [0, 2, 1], "closed": True}],
        }
    ).encode()
    scheme = load_scheme("celeba5")
    scheme_from_dict(scheme.to_dict())
    yield scheme.to_json().encode()


def _settings(data: bytes, folder: Path) -> None:
    with Emptied(folder):
        (folder / FILE).write_bytes(data)
        settings = read_settings(folder)
        settings.image_root(folder)
        write_settings(folder, settings)
        assert read_settings(folder) == settings, "other settings came back"


_SETTINGS = (
    b'version = 1\nname = "work"\nimages = "../photos"\nmodel = "base"\nattributes = ["pose", "blur"]\n',
    b'version = 1\nname = """a\nb"""\nimages = \'x\'\n',
)

TARGETS = (
    Target(
        "scheme",
        _scheme,
        _seeds,
        mutate=json_values("p", "a", "b", [0, 1], [[0], [1]]),
        share=4.0,
        longest=4096,
        names_file="drawn.json",
    ),
    Target(
        "settings",
        _settings,
        lambda folder: _SETTINGS,
        mutate=words("version = 1", "[", '"""', "\\u0000"),
        share=2.0,
        longest=1024,
    ),
)
