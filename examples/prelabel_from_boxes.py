"""Label the faces of many photos whose boxes are known, as a face tracker or another tool gave them.

    python examples/prelabel_from_boxes.py photos/ boxes.csv --scheme wflw98 --format wflw -o labels.txt

``boxes.csv`` has the columns image, x0, y0, x1, y1 (0-based pixels) and one row a face. Its boxes are
taken to be what somebody drew from the brows to the chin, and the face is then looked for around
there; boxes that are tight around the scheme's points say so in a column ``kind``: landmarks. Photos
without a row are left out. What cannot be read is named, and the rest goes on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import labelkit as lk
from labelkit.models.stream import Photo
from labelkit.prelabel.boxtable import BoxRow, boxes_by_photo, read_boxes
from labelkit.prelabel.predict import find_photos, label_photos, write_labels


def label(
    photos: Path, table: Path, scheme: str, out: Path, label_format: str, model: str, device: str
) -> None:
    """Write the labels of the faces in ``table`` to ``out``, and print what came of them."""
    files = find_photos([photos])
    boxes, unused = boxes_by_photo(table, _drawn(read_boxes(table)), files)
    if not boxes:
        raise lk.LabelkitError(f"{table}: not one of its rows is about a photo in {photos}")
    chosen = lk.load_scheme(scheme)
    boxed = [Photo(file, boxes[file]) for file in files if file in boxes]
    labelled = label_photos(lk.load_model(model, device), boxed, chosen)
    report = write_labels(labelled.faces, chosen, out, label_format)
    for line in (*labelled.problems, *report.losses):
        print(line, file=sys.stderr)
    print(f"{len(labelled.faces)} faces in {labelled.photos} photos -> {out}")
    if unused:
        print(f"{len(unused)} rows are about other photos", file=sys.stderr)


def _drawn(rows: Sequence[BoxRow]) -> list[BoxRow]:
    """A row that does not say what its box is holds one that is not tight around the points."""
    return [
        replace(row, box=replace(row.box, kind="user"))
        if row.box.kind == "landmarks" and row.box.source is None
        else row
        for row in rows
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path, help="a folder of photos")
    parser.add_argument("boxes", type=Path, help="a CSV table of boxes")
    parser.add_argument("--scheme", required=True, help="a scheme's name or .json file")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--format", default="json", help="json, wflw, 300w, coco, csv, ...")
    parser.add_argument("--model", default="base")
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    try:
        label(given.photos, given.boxes, given.scheme, given.out, given.format, given.model, given.device)
    except lk.LabelkitError as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
