"""Makes the pictures of the page about the plane, from labelkit itself.

    python docs/making/plane_pictures.py [-o docs/images]

The photos are the two portraits in the public domain that come with the installed packages. The
points on them are those that the bundled model finds.
"""

from __future__ import annotations

import argparse
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

import labelkit as lk
from labelkit.geometry import Array, Crop
from labelkit.images import example_faces, shrunk
from labelkit.overlay import drawn
from labelkit.scheme import Scheme, scheme_from_dict
from labelkit.scheme.drawing import PALETTE, group_colours

_SQUARE = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)], float)
_WIDTH = 640  # px of a photo's longer side


def plane(out: Path) -> None:
    """``ibug68`` with axes, square and eye corners."""
    scheme = lk.load_scheme("ibug68")
    figure, (axes,) = _figure(1, 6.4)
    _plane_axes(axes)
    _scheme(axes, scheme, group_colours(scheme))
    for index, side in ((36, -1), (45, 1)):
        x, y = scheme.plane[index]
        place = {"xytext": (x + side * 0.2, y - 0.32), "ha": "center"}
        arrow = {"arrowstyle": "-", "color": "0.3", "lw": 0.8}
        axes.annotate(f"({x:.2f}, {y:.2f})", (x, y), arrowprops=arrow, fontsize=10, **place)
    axes.set(xlabel="x, to the viewer's right", ylabel="y, down")
    _save(figure, out)


def schemes(out: Path) -> None:
    """Three schemes side by side, on one scale."""
    figure, panels = _figure(3, 4.2)
    for axes, name in zip(panels, ("wflw98", "cofw29", "dense"), strict=True):
        scheme = lk.load_scheme(name)
        _plane_axes(axes)
        _scheme(axes, scheme, group_colours(scheme), 2.2 if len(scheme) > 100 else 3.2)
        axes.set_title(f"{name}: {len(scheme)} points", fontsize=11)
        axes.set(xlim=(-1.15, 1.15), ylim=(1.25, -1.25))
    _save(figure, out)


def crop(out: Path) -> None:
    """A photo with the crop's square, the plane laid over it and what the model says."""
    scheme, model = lk.load_scheme("ibug68"), lk.load_model("base", device="cpu")
    figure, panels = _figure(2, 4.8)
    for axes, portrait in zip(panels, example_faces(), strict=True):
        photo = shrunk(portrait.load(), _WIDTH)
        said = model.predict([photo], lk.detect_faces(photo)[:1], scheme)[0]
        fitted = Crop.from_landmarks(scheme.plane, said.xy)
        _photo(axes, photo, fitted)
        axes.plot(*fitted.points_to_image(_SQUARE).T, color="white", lw=1.6)
        for curve in scheme.curves:
            line = drawn(curve.points, curve.closed)
            axes.plot(*fitted.points_to_image(scheme.plane)[line].T, color=PALETTE[6], lw=0.8, alpha=0.8)
        hollow = {"mfc": "none", "mec": PALETTE[6], "ms": 4.5, "mew": 1}
        axes.plot(*fitted.points_to_image(scheme.plane).T, "o", **hollow)
        axes.plot(*said.xy.T, "o", color=PALETTE[4], mec="black", mew=0.4, ms=4)
    _save(figure, out)


def offset(out: Path) -> None:
    """The same step of one point, on the plane and on a face."""
    scheme, model = lk.load_scheme("ibug68"), lk.load_model("base", device="cpu")
    photo = shrunk(example_faces()[0].load(), _WIDTH)
    box = lk.detect_faces(photo)[:1]
    steps = np.linspace(0, 1, 5)[:, None] * np.array([(0.0, 0.3)]) + np.array([(-0.42, 0.05)])
    path = _path_scheme(steps)
    said = model.predict([photo], box, path)[0]
    base = model.predict([photo], box, scheme)[0]
    figure, (left, right) = _figure(2, 4.8)
    _plane_axes(left)
    _scheme(left, scheme, dict.fromkeys(group_colours(scheme), "#999999"))
    _photo(right, photo, Crop.from_landmarks(scheme.plane, base.xy))
    for axes, points in ((left, steps), (right, said.xy)):
        axes.annotate(
            "",
            points[-1],
            points[0],
            arrowprops={"arrowstyle": "-|>", "color": PALETTE[1], "lw": 2, "shrinkA": 0, "shrinkB": 0},
        )
        axes.plot(*points.T, "o", color=PALETTE[1], mec="black", mew=0.6, ms=6)
    _save(figure, out)


def _path_scheme(places: Array) -> Scheme:
    """Points along a way over the plane."""
    points = [{"name": f"step_{n}", "x": float(x), "y": float(y)} for n, (x, y) in enumerate(places)]
    return scheme_from_dict({"name": "steps", "points": points})


def _figure(panels: int, side: float) -> tuple[Figure, list[Axes]]:
    figure = Figure((panels * side, side), layout="constrained", dpi=110)
    return figure, [figure.add_subplot(1, panels, n + 1) for n in range(panels)]


def _plane_axes(axes: Axes) -> None:
    axes.set(xlim=(-1.15, 1.15), ylim=(1.15, -1.15), aspect="equal")
    axes.grid(color="0.9", lw=0.6)
    axes.plot(*_SQUARE.T, color="0.4", lw=1, ls="--")
    axes.set_axisbelow(True)


def _scheme(axes: Axes, scheme: Scheme, colours: dict[str, str], size: float = 4.5) -> None:
    for curve in scheme.curves:
        axes.plot(*scheme.plane[drawn(curve.points, curve.closed)].T, color="0.6", lw=0.8, zorder=1)
    for (x, y), point in zip(scheme.plane, scheme.points, strict=True):
        axes.plot(x, y, "o", color=colours[point.group], mec="black", mew=0.4, ms=size)


def _photo(axes: Axes, photo: np.ndarray, around: Crop) -> None:
    """The part of a photo around a crop."""
    axes.imshow(photo)
    corners = around.corners
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    margin = 0.06 * (x1 - x0)
    height, width = photo.shape[:2]
    axes.set(
        xlim=(max(-0.5, x0 - margin), min(width - 0.5, x1 + margin)),
        ylim=(min(height - 0.5, y1 + margin), max(-0.5, y0 - margin)),
    )
    axes.set_axis_off()


def _save(figure: Figure, out: Path) -> None:
    drawing = BytesIO()
    figure.savefig(drawing, format="png", facecolor="white")
    Image.open(drawing).convert("RGB").save(out, quality=80, method=6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).parents[1] / "images")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for draw in (plane, schemes, crop, offset):
        draw(out / f"{draw.__name__}.webp")


if __name__ == "__main__":
    main()
