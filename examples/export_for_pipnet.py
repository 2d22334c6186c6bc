"""Labels for PIPNet (github.com/jhb86253817/PIPNet): what its training reads, for any scheme.

    labelkit export work --format wflw -o labels.txt
    python examples/export_for_pipnet.py labels.txt -o PIPNet/data/mine --split 80/20

writes what PIPNet's own ``lib/preprocess.py`` makes of a published data set:

    images_train/mine_train_0001.jpg ...   each face cut out by its box made 1.2 times as large, 256 px
    train.txt                              a line each: the cut-out's name, then x y of every point,
                                           0 to 1 over the cut-out
    images_test, test.txt                  the same for the test part
    meanface.txt                           the mean of train.txt, by which PIPNet chooses neighbours

and ``experiments/mine/pip_32_16_60_r18_l2_l1_10_1_nb10.py``, a config, two folders above. PIPNet's
``lib/train.py`` and ``lib/test.py`` list the data sets that they know: add the lines that are printed.
PIPNet counts the left edge of the first pixel as 0 and labelkit its centre; as its own preprocessing
does, the coordinates are taken as they are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import labelkit as lk
from labelkit import atomic
from labelkit.geometry import tight_box

#: PIPNet's cut-outs are so large, and reach so much further than the box.
SIZE, MARGIN = 256, 1.2

CONFIG = """class Config():
    def __init__(self):
        self.det_head = 'pip'
        self.net_stride = 32
        self.batch_size = 16
        self.init_lr = 0.0001
        self.num_epochs = 60
        self.decay_steps = [30, 50]
        self.input_size = {size}
        self.backbone = 'resnet18'
        self.pretrained = True
        self.criterion_cls = 'l2'
        self.criterion_reg = 'l1'
        self.cls_loss_weight = 10
        self.reg_loss_weight = 1
        self.num_lms = {points}
        self.save_interval = self.num_epochs
        self.num_nb = {neighbours}
        self.use_gpu = True
        self.gpu_id = 0
"""


def export(data: lk.Dataset, out: Path, split: str) -> None:
    """Write cut-outs and lists of both parts, the mean face and a config."""
    scheme = data.scheme
    if scheme is None:
        raise lk.LabelkitError("the labels are of no scheme that is known; name it with --scheme")
    name = out.resolve().name
    parts = dict(zip(("train", "test"), data.split(_shares(split)), strict=True))
    for part, faces in parts.items():
        if not len(faces):
            raise lk.LabelkitError(
                f"{part}: the split leaves it without a face; there are {len(data)} in all"
            )
    lists = {part: _cut_out(faces, out, name, part) for part, faces in parts.items()}
    mean = np.mean([points for _, points in lists["train"]], axis=0)
    atomic.write_text(out / "meanface.txt", " ".join(map(str, mean.ravel().tolist())))
    config = out.parent.parent / "experiments" / name / "pip_32_16_60_r18_l2_l1_10_1_nb10.py"
    neighbours = min(10, len(scheme) - 1)
    atomic.write_text(config, CONFIG.format(size=SIZE, points=len(scheme), neighbours=neighbours))
    print(f"{config}: its config")
    _say_what_to_add(scheme, name)


def _shares(split: str) -> tuple[int, int]:
    try:
        train, test = (int(share) for share in split.split("/"))
    except ValueError:
        raise lk.LabelkitError(f"--split {split}: is not two shares such as 80/20") from None
    return train, test


def _cut_out(faces: lk.Dataset, out: Path, name: str, part: str) -> Sequence[tuple[str, NDArray[np.float64]]]:
    """Write the cut-outs of a part and its list; returns names and points (N, 2), 0 to 1."""
    (out / f"images_{part}").mkdir(parents=True, exist_ok=True)
    entries = []
    for number, face in enumerate(faces, start=1):
        if face.landmarks is None or not face.landmarks.present.all():
            raise lk.LabelkitError(
                f"{face.image.path}: a face lacks points, which PIPNet's lists cannot hold"
            )
        image = face.image.load()
        x0, y0, x1, y1 = _edges(face, image.shape)
        cut = image[int(y0) : int(y1), int(x0) : int(x1)]
        crop = cv2.resize(cut, (SIZE, SIZE))
        file = f"{name}_{part}_{number:04}.jpg"
        ok, code = cv2.imencode(".jpg", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))
        if not ok:
            raise lk.LabelkitError(f"{face.image.path}: its face cannot be written as JPEG")
        with atomic.replacing(out / f"images_{part}" / file) as draft:
            draft.write_bytes(code.tobytes())
        entries.append((file, (face.landmarks.xy - (x0, y0)) / (x1 - x0, y1 - y0)))
    lines = [" ".join([file, *map(str, points.ravel().tolist())]) for file, points in entries]
    atomic.write_text(out / f"{part}.txt", "".join(f"{line} \n" for line in lines))
    print(f"{out / f'{part}.txt'}: {len(entries)} faces")
    return entries


def _edges(face: lk.Sample, shape: Sequence[int]) -> tuple[float, float, float, float]:
    """The cut-out: the tight box of the points, enlarged, as far as the photo goes."""
    assert face.landmarks is not None
    x0, y0, x1, y1 = tight_box(face.landmarks.xy)
    more_x, more_y = (x1 - x0) * (MARGIN - 1) / 2, (y1 - y0) * (MARGIN - 1) / 2
    edges = (
        max(x0 - more_x, 0.0),
        max(y0 - more_y, 0.0),
        min(x1 + more_x, shape[1] - 1.0),
        min(y1 + more_y, shape[0] - 1.0),
    )
    if edges[2] - edges[0] < 2 or edges[3] - edges[1] < 2:
        raise lk.LabelkitError(f"{face.image.path}: a face lies outside of its photo")
    return edges


def _say_what_to_add(scheme: lk.Scheme, name: str) -> None:
    mirror = [int(j) for j in scheme.mirror_index] if scheme.mirror else list(range(len(scheme)))
    print("add to lib/train.py, before its 'else: No such data!':")
    print(f"elif cfg.data_name == '{name}':\n    points_flip = {mirror}")
    if not scheme.mirror:
        print("(the scheme is not symmetric: take random_flip out of lib/data_utils.py)")
    eyes = scheme.normalizers.get("inter_ocular")
    if eyes is not None and all(len(side) == 1 for side in eyes):
        print("and to lib/test.py, before its 'else: No such data!':")
        print(f"elif cfg.data_name == '{name}':\n    norm_indices = {[int(side[0]) for side in eyes]}")
        print("with the name in the condition below that computes norm from norm_indices")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("labels", type=Path, help="an annotation file or folder that labelkit reads")
    parser.add_argument("-o", "--out", type=Path, required=True, help="PIPNet/data/NAME")
    parser.add_argument("--split", default="80/20", help="shares of train and test")
    parser.add_argument("--format", help="of the labels; by default told by the file")
    parser.add_argument("--scheme", help="of the labels; by default told by the file")
    parser.add_argument("--images", type=Path, help="the folder to which photos are named")
    given = parser.parse_args()
    if any(sign.isspace() for sign in given.out.resolve().name):
        parser.error(f"{given.out}: PIPNet's lists cannot hold a name with a space")
    try:
        export(lk.read(given.labels, given.format, given.scheme, images=given.images), given.out, given.split)
    except lk.LabelkitError as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
