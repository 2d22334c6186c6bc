"""``labelkit scheme fit``: a scheme from faces that somebody annotated."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelkit.cli.output import AsJson, Device, ModelName, counting_bar, note, note_all, say, say_json, shown
from labelkit.cli.reading import LabelFormat, LabelImages, read_labels
from labelkit.errors import InputError

if TYPE_CHECKING:
    from labelkit.dataset import Dataset
    from labelkit.models.fitted import SchemeFit


class BoxSource(StrEnum):
    """Where the faces' boxes come from."""

    DETECTOR = "detector"
    ANNOTATIONS = "annotations"


def fit(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="An annotation file or folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The scheme file to write: NAME.json.")],
    file_format: LabelFormat = None,
    name: Annotated[
        str | None, typer.Option("--name", help="The scheme's name; by default that of the file.")
    ] = None,
    anchors: Annotated[
        str,
        typer.Option(
            help="Points that are known, such as 18=ibug68:36,27=ibug68:45 (numbers from 0, or names). "
            "With them no model is needed."
        ),
    ] = "",
    symmetric: Annotated[
        bool, typer.Option("--symmetric", help="Make left and right exact mirror images.")
    ] = False,
    model: ModelName = "base",
    boxes: Annotated[
        BoxSource,
        typer.Option(
            help="Where faces begin: as a detector finds them, or around their points, if these cover the "
            "face about from the brows to the chin."
        ),
    ] = BoxSource.DETECTOR,
    faces: Annotated[int, typer.Option(min=1, help="How many faces to use at most, spread over DATA.")] = 100,
    images: LabelImages = None,
    figure: Annotated[Path | None, typer.Option("--figure", help="Draw the scheme, as .png or .svg.")] = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Find out where on the plane the points of annotated faces lie, so that models can place them.

    Nothing needs to be known about the points: a model reads every face backwards, from photo to plane.
    """
    name = _checked(data, out, name, figure)
    labelled = _read(data, file_format, images, faces)
    if anchors.strip():
        result = _by_anchors(labelled, anchors, name, symmetric)
    else:
        result = _by_model(labelled, model, device, boxes, name, symmetric)
    _write(result, out, figure)
    _tell(result, out, figure, as_json)


def _checked(data: Path, out: Path, name: str | None, figure: Path | None) -> str:
    """The scheme's name; refuses at once what would fail after the work."""
    if out.suffix != ".json":
        raise typer.BadParameter(f"{out}: a scheme file ends in .json", param_hint="--out")
    if out.is_dir():
        raise InputError(f"{out}: is a folder; a scheme is written to a file")
    if out.resolve() == data.resolve():
        raise InputError(f"{out}: is the file to read; choose another name with -o")
    if figure is not None and figure.suffix.lower() not in (".png", ".svg"):
        raise typer.BadParameter(f"{figure}: pictures are written as .png or .svg", param_hint="--figure")
    return name if name is not None else out.stem


def _read(data: Path, file_format: str | None, images: Path | None, faces: int) -> Dataset:
    from labelkit.models.fit import evenly

    labelled = read_labels(data, file_format, images=images)
    if len(labelled) > faces:
        note(f"{data}: {faces} of {len(labelled)} faces are used (--faces)")
    return evenly(labelled, faces)


def _by_anchors(labelled: Dataset, anchors: str, name: str, symmetric: bool) -> SchemeFit:
    from labelkit.models.fit import fit_by_anchors, read_anchors
    from labelkit.models.fitted import point_names

    marks = next((sample.landmarks for sample in labelled if sample.landmarks is not None), None)
    known = read_anchors(anchors, point_names(None, len(marks) if marks is not None else 0))
    return fit_by_anchors(labelled, known, name=name, symmetric=symmetric)


def _by_model(
    labelled: Dataset, model: str, device: str, boxes: BoxSource, name: str, symmetric: bool
) -> SchemeFit:
    from labelkit.detect import detect_faces
    from labelkit.models.fit import fit_by_model, trained_on
    from labelkit.models.registry import load_model

    network = load_model(model, device)
    with counting_bar("faces") as heard:
        return fit_by_model(
            labelled,
            network,
            detect_faces if boxes is BoxSource.DETECTOR else None,
            name=name,
            symmetric=symmetric,
            trained=trained_on(network.card),
            heard=heard,
        )


def _write(result: SchemeFit, out: Path, figure: Path | None) -> None:
    from labelkit.atomic import write_text
    from labelkit.figures import draw_scheme

    if figure is not None:
        draw_scheme(result.scheme, figure)
    write_text(out, result.scheme.to_json())


def _tell(result: SchemeFit, out: Path, figure: Path | None, as_json: bool) -> None:
    note_all(result.problems)
    if as_json:
        say_json({"out": out, "figure": figure, **result.to_dict()})
        return
    scheme, mirror = result.scheme, result.mirror
    say(f"{scheme.name}: {len(scheme)} points, fitted to {result.faces} faces -> {shown(out)}")
    if figure is not None:
        say(f"drawn: {shown(figure)}")
    worst = int(result.spread.argmax())
    say(
        f"single faces differ by {result.spread.mean():.3f} plane units, "
        f"most at {scheme.names[worst]} ({result.spread[worst]:.3f}); the eyes are 0.76 apart"
    )
    beyond = [name for name, far in zip(scheme.names, result.extrapolated, strict=True) if far]
    if beyond:
        say(f"extrapolated, to be checked: {_shortened(beyond)}")
    if mirror.index is None:
        say(f"asymmetric: {mirror.problem}")
    elif not scheme.mirror:
        say(f"symmetric up to {mirror.asymmetry:.3f}: --symmetric makes it exact and keeps the mirror pairs")
    if mirror.doubtful:
        doubtful = [scheme.names[i] for i in mirror.doubtful]
        say(f"mirror partners to be checked, as others lie as near: {_shortened(doubtful)}")
    normalizers = ", ".join(scheme.normalizers) or "the plane (no point lies at the outer eye corners)"
    say(f"errors are divided by: {normalizers}")


def _shortened(names: list[str], most: int = 12) -> str:
    shown_names = ", ".join(names[:most])
    return f"{shown_names} and {len(names) - most} more" if len(names) > most else shown_names
