"""A scheme that training never saw: wflw98's points against the labels of ibug68.

    python benchmarks/shared_points.py ../shared/data/ibug68/val [--faces 20] [--sheet sheet.png]

Takes every n-th face, predicts wflw98 from the tight box of the 68 labels, and compares the
points that both schemes have. Prints JSON: mean error in percent of IOD by kind of point,
and draws a contact sheet.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from labelkit.figures import contact_sheet
from labelkit.formats import read
from labelkit.geometry import Box
from labelkit.models.registry import load_model
from labelkit.scheme import load_scheme

#: wflw98 index -> ibug68 index, by kind.
SHARED = {
    "eye corners": {60: 36, 64: 39, 68: 42, 72: 45},
    "mouth corners": {76: 48, 82: 54},
    "brow ends": {33: 17, 37: 21, 42: 22, 46: 26},
    "chin": {16: 8},
    "nose tip": {54: 30},
    "nose bridge": {51: 27, 52: 28, 53: 29},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--faces", type=int, default=20)
    parser.add_argument("--model", default="base")
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    model, wflw, ibug = load_model(options.model), load_scheme("wflw98"), load_scheme("ibug68")
    data = read(options.data, format="300w", scheme=ibug)
    chosen = [data[int(i)] for i in np.linspace(0, len(data) - 1, options.faces).round()]
    tiles = []
    errors: dict[str, list[float]] = {kind: [] for kind in SHARED}
    for sample in chosen:
        assert sample.landmarks is not None
        image, true = sample.image.load(), sample.landmarks.xy
        found = model.predict([image], [Box.around(true, "ibug68")], wflw)[0].xy
        distance = ibug.normalizer(true)
        for kind, pairs in SHARED.items():
            away = np.linalg.norm(found[list(pairs)] - true[list(pairs.values())], axis=1)
            errors[kind] += (100 * away / distance).tolist()
        tiles.append((image, [(found, wflw)], sample.image.path.stem))
    if options.sheet:
        contact_sheet(tiles, options.sheet, columns=5)
    everything = [e for kind in errors.values() for e in kind]
    print(
        json.dumps(
            {
                "faces": len(chosen),
                "points_per_face": sum(len(pairs) for pairs in SHARED.values()),
                "error_io": float(np.mean(everything)),
                "by_kind": {kind: float(np.mean(values)) for kind, values in errors.items()},
            }
        )
    )


if __name__ == "__main__":
    main()
