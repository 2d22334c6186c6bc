"""Labels for MMPose: annotations that its face data sets read, and the description of the scheme.

    labelkit export work --format wflw -o labels.txt
    python examples/export_for_mmpose.py labels.txt -o mmpose-data --name mine --split 80/20

writes

    mmpose-data/annotations/face_landmarks_mine_train.json   and ..._test.json
    mmpose-data/mine.py                                      for configs/_base_/datasets/
    mmpose-data/images                                       a copy of the photos, unless --no-copy

The annotations are COCO's, with what `WFLWDataset`, `Face300WDataset` and the other face data sets of
MMPose (0.x and 1.x) take beside: ``center``, and ``scale``, the longer side of the box by 200 px, which
their pipelines enlarge by a quarter. In a config of WFLW change

    dataset_type = 'WFLWDataset'
    data_root = 'mmpose-data/'
    train_dataloader = dict(dataset=dict(
        metainfo=dict(from_file='configs/_base_/datasets/mine.py'),
        ann_file='annotations/face_landmarks_mine_train.json', data_prefix=dict(img='images/')))

and the number of keypoints in the head. Pixels are 0-based there as here. A point that is absent has
visibility 0 and counts for nothing.
"""

from __future__ import annotations

import argparse
import json
import pprint
import shutil
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import labelkit as lk
from labelkit import atomic

#: MMPose's face data sets give the scale of a box in units of so many px.
PIXEL_STD = 200.0


def export(data: lk.Dataset, out: Path, name: str, split: str, copy: bool) -> None:
    """Write the annotations of both parts, the scheme and the photos."""
    if data.scheme is None:
        raise lk.LabelkitError("the labels are of no scheme that is known; name it with --scheme")
    for part, faces in zip(("train", "test"), data.split(_shares(split)), strict=True):
        if not len(faces):
            raise lk.LabelkitError(
                f"{part}: the split leaves it without a face; there are {len(data)} in all"
            )
        path = out / "annotations" / f"face_landmarks_{name}_{part}.json"
        for loss in lk.write(faces, path, "coco").losses:
            print(f"{part}: {loss}", file=sys.stderr)
        atomic.write_text(path, json.dumps(_with_boxes(json.loads(path.read_text(encoding="utf-8")))))
        print(f"{path}: {len(faces)} faces")
    atomic.write_text(out / f"{name}.py", f"dataset_info = {pprint.pformat(_info(data.scheme, name))}\n")
    if copy:
        _copy_photos(data, out / "images")


def _shares(split: str) -> tuple[int, int]:
    try:
        train, test = (int(share) for share in split.split("/"))
    except ValueError:
        raise lk.LabelkitError(f"--split {split}: is not two shares such as 80/20") from None
    return train, test


def _with_boxes(content: dict[str, Any]) -> dict[str, Any]:
    """The annotations with the box as center and scale, which MMPose's face data sets read."""
    for face in content["annotations"]:
        x, y, width, height = face["bbox"]
        face["center"] = [x + width / 2, y + height / 2]
        face["scale"] = max(width, height) / PIXEL_STD
    return content


def _info(scheme: lk.Scheme, name: str) -> dict[str, Any]:
    """The scheme as a ``dataset_info`` of MMPose: names, mirror partners, lines."""
    names = scheme.names
    partner = [int(j) for j in scheme.mirror_index] if scheme.mirror else list(range(len(scheme)))
    lines = [(*curve.points, *curve.points[: curve.closed]) for curve in scheme.curves]
    links = [pair for line in lines for pair in pairwise(line)]
    return {
        "dataset_name": name,
        "paper_info": {"title": scheme.title, "author": "", "container": "", "year": "", "homepage": ""},
        "keypoint_info": {
            i: {
                "name": names[i],
                "id": i,
                "color": [255, 255, 255],
                "type": "",
                "swap": names[partner[i]] if partner[i] != i else "",
            }
            for i in range(len(scheme))
        },
        "skeleton_info": {
            k: {"link": (names[a], names[b]), "id": k, "color": [255, 255, 255]}
            for k, (a, b) in enumerate(links)
        },
        "joint_weights": [1.0] * len(scheme),
        # Of use for OKS and AP alone; faces are measured by NME.
        "sigmas": [0.025] * len(scheme),
    }


def _copy_photos(data: lk.Dataset, folder: Path) -> None:
    root = data.root or Path()
    for image in data.by_image():
        target = folder / image.path.absolute().relative_to(root.absolute())
        with atomic.replacing(target) as draft:
            shutil.copyfile(image.path, draft)
    print(f"{folder}: {len(data.by_image())} photos")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("labels", type=Path, help="an annotation file or folder that labelkit reads")
    parser.add_argument("-o", "--out", type=Path, required=True, help="a folder")
    parser.add_argument("--name", default="mine", help="of the data set, as in WFLW")
    parser.add_argument("--split", default="80/20", help="shares of train and test")
    parser.add_argument("--format", help="of the labels; by default told by the file")
    parser.add_argument("--scheme", help="of the labels; by default told by the file")
    parser.add_argument("--images", type=Path, help="the folder to which photos are named")
    parser.add_argument("--no-copy", action="store_true", help="leave the photos where they are")
    given = parser.parse_args()
    if not given.name.isidentifier():
        parser.error(f"{given.name!r} is no name for a data set: letters, digits and _")
    try:
        data = lk.read(given.labels, given.format, given.scheme, images=given.images)
        export(data, given.out, given.name, given.split, not given.no_copy)
    except lk.LabelkitError as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
