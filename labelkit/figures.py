"""Pictures for people: a scheme on the plane, faces with their points, training curves.

Matplotlib is loaded only by the functions that draw with it, and used only through
`Figure` objects: no window, and no state that threads would share.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from labelkit.atomic import replacing
from labelkit.errors import FormatError, InputError
from labelkit.geometry import Array
from labelkit.overlay import Picture, Shape, draw_over, drawn, rgb
from labelkit.scheme import Scheme
from labelkit.scheme.drawing import PALETTE, group_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: A photo (H, W, 3) RGB uint8, the shapes to draw over it, and a title.
Tile = tuple[Picture, Sequence[Shape], str]

#: Beyond seven groups the colours come again with another mark.
MARKS = "osD^v"

_DPI = 150
#: Inches per plane unit, and the most inches a side of the plane may take.
_UNIT, _LONGEST = 5.0, 15.0
#: Radius of a dot and height of its number on the scheme's drawing, in 1/72 inch.
_DOT, _FONT = 2.4, 7.0


def draw_scheme(scheme: Scheme, path: str | Path, numbers: bool = True, names: bool = False) -> None:
    """The scheme on the plane, as PNG or SVG by the suffix of ``path``.

    ``numbers`` writes every point's index beside it, ``names`` its name. The square
    [-1, 1]² is marked. Raises `InputError` for another suffix.
    """
    _check_suffix(path, (".png", ".svg"))
    from matplotlib.figure import Figure

    low, high = _plane_view(scheme)
    unit = min(_UNIT, _LONGEST / float((high - low).max()))
    width, height = unit * (high - low)
    left, right, top, bottom = 0.8, 1.6, 0.5, 0.6
    figure = Figure((left + width + right, bottom + height + top))
    sides = (left / figure.get_figwidth(), bottom / figure.get_figheight())
    axes = figure.add_axes((*sides, width / figure.get_figwidth(), height / figure.get_figheight()))
    axes.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]), xlabel="x (plane units)", ylabel="y, down")
    _draw_plane(axes)
    _draw_points(axes, scheme)
    if numbers or names:
        _draw_labels(axes, scheme, _labels(scheme, numbers, names), 72 * unit)
    axes.set_title(f"{scheme.title or scheme.name}: {len(scheme)} points", parse_math=False)
    _save(figure, path)


def _plane_view(scheme: Scheme) -> tuple[Array, Array]:
    """The part of the plane that is drawn: the square and all points, with a margin."""
    x0, y0, x1, y1 = scheme.plane_box
    low, high = np.minimum((x0, y0), -1.0), np.maximum((x1, y1), 1.0)
    margin = 0.04 * float((high - low).max())
    return low - margin, high + margin


def _draw_plane(axes: Axes) -> None:
    """Grid, midline and the square [-1, 1]²."""
    axes.grid(color="0.9", linewidth=0.6)
    axes.axvline(0, color="0.75", linewidth=0.8, linestyle=":")
    axes.plot([-1, 1, 1, -1, -1], [-1, -1, 1, 1, -1], color="0.35", linewidth=1.2, linestyle="--")
    axes.set_axisbelow(True)


def _draw_points(axes: Axes, scheme: Scheme) -> None:
    colours = group_colours(scheme)
    for curve in scheme.curves:
        line = scheme.plane[drawn(curve.points, curve.closed)]
        shades = [rgb(colours[scheme.points[i].group]) for i in curve.points[:1]]
        for shade in shades:  # none for a curve without points; darker, for yellow on white
            axes.plot(*line.T, color=np.array(shade) / 340, linewidth=1.0, alpha=0.7, zorder=2)
    for i, (group, colour) in enumerate(colours.items()):
        places = scheme.plane[[point.group == group for point in scheme.points]]
        mark = MARKS[i // len(PALETTE) % len(MARKS)]
        axes.plot(
            *places.T,
            linestyle="",
            marker=mark,
            markersize=2 * _DOT,
            color=colour,
            markeredgecolor="black",
            markeredgewidth=0.5,
            label=group or "no group",
            zorder=3,
        )
    legend = axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)


def _labels(scheme: Scheme, numbers: bool, names: bool) -> list[str]:
    parts = [(str(i) if numbers else "", name if names else "") for i, name in enumerate(scheme.names)]
    return [" ".join(filter(None, part)) for part in parts]


def _draw_labels(axes: Axes, scheme: Scheme, labels: list[str], points_per_unit: float) -> None:
    """Each label beside its point, with a thin line to it where it had to move away."""
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=1.5, foreground="white")]
    sizes = np.array([(0.6 * _FONT * len(label), 0.75 * _FONT) for label in labels])
    lines = [_sampled(scheme.plane[drawn(c.points, c.closed)] * points_per_unit) for c in scheme.curves]
    dots = scheme.plane * points_per_unit
    centres = place_labels(dots, sizes, np.concatenate([np.empty((0, 2)), *lines]))
    for label, dot, centre, size in zip(labels, dots, centres, sizes, strict=True):
        if np.linalg.norm(np.maximum(np.abs(centre - dot) - size / 2, 0)) > 3 * _DOT:
            axes.plot(*np.array([dot, centre]).T / points_per_unit, color="0.5", linewidth=0.4, zorder=1)
        axes.text(
            centre[0] / points_per_unit,
            centre[1] / points_per_unit,
            label,
            ha="center",
            va="center_baseline",
            fontsize=_FONT,
            parse_math=False,
            path_effects=halo,
            zorder=4,
        )


def _sampled(line: Array, step: float = 3.0) -> Array:
    """Points along a polyline (N, 2), about ``step`` apart, (M, 2)."""
    parts = [np.empty((0, 2))]
    for start, end in pairwise(line):
        count = int(np.hypot(*(end - start)) / step) + 1
        parts.append(start + np.linspace(0, 1, count, endpoint=False)[:, None] * (end - start))
    return np.concatenate(parts)


def place_labels(dots: Array, sizes: Array, lines: Array, radius: float = _DOT) -> Array:
    """Centres (N, 2) of labels of ``sizes`` (N, 2) near their ``dots`` (N, 2).

    Greedy, the most crowded dot first: of 96 places around each dot the one that covers
    the least of the dots, the labels so far and the samples of ``lines`` (M, 2), and is near.
    """
    angles = np.arange(16) * (np.pi / 8)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    centres = np.full_like(dots, np.nan)
    distances = np.linalg.norm(dots[:, None] - dots[None], axis=2)
    for i in np.argsort(np.sort(distances, axis=1)[:, :5].sum(axis=1), kind="stable"):
        half = sizes[i] / 2
        with np.errstate(divide="ignore"):
            edge = (half / np.abs(directions)).min(axis=1)  # from the label's centre to its border
        steps = radius * np.array([2.0, 2.6, 4.0, 7.0, 12.0, 18.0])
        spots = dots[i] + (directions * (edge + steps[:, None])[..., None]).reshape(-1, 2)
        cost = np.repeat(steps / radius, len(directions))
        cost += 20 * (_gaps(spots, half, dots) < 1.5 * radius).sum(axis=1)
        cost += 20 * (_overlaps(spots, half, centres, sizes / 2)).sum(axis=1)
        cost += 0.5 * (_gaps(spots, half, lines) <= 0).sum(axis=1)
        centres[i] = spots[int(cost.argmin())]
    return centres


def _gaps(spots: Array, half: Array, points: Array) -> Array:
    """Distance of every point from the box of half size ``half`` at every spot, (S, P)."""
    outside = np.maximum(np.abs(points[None] - spots[:, None]) - half, 0)
    return np.asarray(np.hypot(outside[..., 0], outside[..., 1]))


def _overlaps(spots: Array, half: Array, centres: Array, halves: Array) -> NDArray[np.bool_]:
    """Which labels (S, N) a label at each spot would cover; those without a place yet, none."""
    return np.asarray((np.abs(centres[None] - spots[:, None]) < half + halves[None]).all(axis=2))


def contact_sheet(tiles: Iterable[Tile], path: str | Path, columns: int = 6, size: int = 320) -> None:
    """A PNG grid of faces with their points; every tile is ``size`` pixels a side.

    The tiles are taken one by one and only their drawings kept, so that an iterator over
    photos needs no more memory than one of them. Raises `InputError` when there is none.
    """
    _check_suffix(path, (".png",))
    if columns < 1 or size < 32:
        raise InputError(f"a contact sheet of {columns} columns and {size} px a tile cannot be drawn")
    drawn = [draw_tile(tile, size) for tile in tiles]
    if not drawn:
        raise InputError(f"{path}: there is no face to draw")
    columns = min(columns, len(drawn))
    height, width = drawn[0].shape[:2]
    sheet = np.full((-(-len(drawn) // columns) * height, columns * width, 3), 255, np.uint8)
    for i, picture in enumerate(drawn):
        y, x = i // columns * height, i % columns * width
        sheet[y : y + height, x : x + width] = picture
    with replacing(path) as draft:
        Image.fromarray(sheet).save(draft, format="PNG")


def draw_tile(tile: Tile, size: int = 320) -> Picture:
    """One face of a contact sheet, (size + title bar, size, 3): the part of the photo around
    its points, cut at the photo's own resolution; the whole photo where there are none."""
    image, shapes, title = tile
    picture, _ = draw_over(image, shapes, size)
    return np.concatenate([_title_bar(title, size), picture])


def _title_bar(title: str, width: int, height: int = 20) -> Picture:
    """White, with the title in black, shortened at the front where it is too long (the end
    of a path says more than its beginning)."""
    bar = Image.new("RGB", (width, height), "white")
    font = ImageFont.load_default(12)
    text = " ".join(title.split())
    while text and font.getlength("…" + text) > width - 8:
        text = text[1:]
    shown = text if text == " ".join(title.split()) else "…" + text
    ImageDraw.Draw(bar).text((4, height // 2), shown, fill="black", font=font, anchor="lm")
    return np.asarray(bar)


def draw_attention(
    image: Picture,
    places: Array,
    layers: Sequence[Array],
    path: str | Path,
    strongest: int = 2,
    size: int = 420,
) -> None:
    """Which point looks at which, as a PNG: the face once for every layer, a line from every point to
    the ``strongest`` others from which it takes most, the thicker the more; a ring the wider the more a
    point takes from itself (DSLPT, section 5.5).

    ``places`` (N, 2) in image px; ``layers`` the weights (N, N), a row for every point that looks.
    """
    _check_suffix(path, (".png",))
    from matplotlib.figure import Figure

    low, high = places.min(axis=0), places.max(axis=0)
    margin = 0.15 * float((high - low).max())
    figure = Figure((len(layers) * size / _DPI, size / _DPI * 1.08), layout="constrained")
    panels = figure.subplots(1, len(layers), squeeze=False)[0]
    for number, (axes, weights) in enumerate(zip(panels, layers, strict=True)):
        axes.imshow(image, alpha=0.65, interpolation="bilinear")
        others = weights * (1 - np.eye(len(weights)))
        for i, row in enumerate(others):
            for j in np.argsort(row)[-strongest:]:
                line = places[[i, j]].T
                axes.plot(*line, color=PALETTE[1], linewidth=3 * row[j], alpha=min(1, 0.25 + row[j]))
        rings = 60 * np.diag(weights)
        axes.scatter(*places.T, s=rings, facecolors="none", edgecolors=PALETTE[0], linewidths=0.8)
        axes.scatter(*places.T, s=2, color=PALETTE[0])
        axes.set(xlim=(low[0] - margin, high[0] + margin), ylim=(high[1] + margin, low[1] - margin))
        axes.set_title(f"layer {number + 1}", fontsize=8)
        axes.set_axis_off()
    _save(figure, path)


def training_curves(csv_path: str | Path, png_path: str | Path) -> None:
    """Loss and validation NME over the steps of a training run, as PNG.

    The CSV has the columns step, passes, seconds, loss, lr and val_nme (percent; empty where
    it was not measured). Raises `FormatError` naming file and line.
    """
    _check_suffix(png_path, (".png",))
    from matplotlib.figure import Figure

    columns = _read_columns(Path(csv_path), ("step", "loss", "val_nme"))
    measured = np.isfinite(columns["val_nme"])
    figure = Figure((8, 6 if measured.any() else 3.5), layout="constrained")
    panels = figure.subplots(2 if measured.any() else 1, 1, sharex=True, squeeze=False)[:, 0]
    panels[0].plot(columns["step"], columns["loss"], color=PALETTE[0], linewidth=1)
    # A likelihood's logarithm falls below zero, where there is no scale of powers.
    scale = "log" if (columns["loss"] > 0).all() else "linear"
    panels[0].set(yscale=scale, ylabel="training loss")
    if measured.any():
        step, nme = columns["step"][measured], columns["val_nme"][measured]
        best = int(nme.argmin())
        panels[1].plot(step, nme, color=PALETTE[1], marker="o", markersize=3, linewidth=1)
        label = f"best {nme[best]:.2f}"
        panels[1].annotate(label, (step[best], nme[best]), (0, 8), textcoords="offset points", ha="right")
        panels[1].set(ylabel="NME on held-out faces, %")
    panels[-1].set_xlabel("step")
    for panel in panels:
        panel.grid(color="0.9", which="both", linewidth=0.6)
    _save(figure, png_path)


def _read_columns(path: Path, names: Sequence[str]) -> dict[str, Array]:
    """The named columns of a CSV file as numbers, NaN for an empty field."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [name for name in names if name not in (reader.fieldnames or ())]
            if missing:
                raise FormatError(path, f"has no column {missing[0]!r}", 1)
            rows = [[_number(row[name], path, reader.line_num) for name in names] for row in reader]
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    if not rows:
        raise FormatError(path, "holds no step yet")
    return dict(zip(names, np.array(rows).T, strict=True))


def _number(text: str | None, path: Path, line: int) -> float:
    try:
        return float(text) if text else float("nan")
    except ValueError:
        raise FormatError(path, f"{text!r} is not a number", line) from None


def _check_suffix(path: str | Path, suffixes: tuple[str, ...]) -> None:
    if Path(path).suffix.lower() not in suffixes:
        raise InputError(f"{path}: pictures are written as {' or '.join(suffixes)}")


def _save(figure: Figure, path: str | Path) -> None:
    with replacing(path) as draft:
        figure.savefig(draft, dpi=_DPI)
