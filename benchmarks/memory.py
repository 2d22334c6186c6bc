"""Memory while thousands of photos go through a model.

    python benchmarks/memory.py [--photos 2000] [--model base] [--detect]

Prints JSON: resident memory in MB at the 500th photo, at the last one, the most in between,
and the growth from the 500th to the last in percent.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
from pathlib import Path

from made_photos import make_photos

from labelkit.dataset import Sample
from labelkit.detect import detect_faces
from labelkit.geometry import Box
from labelkit.models.registry import load_model
from labelkit.models.stream import Photo, predict_photos
from labelkit.scheme import load_scheme


def resident() -> float:
    """Resident memory of this process in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def _box(sample: Sample) -> tuple[Box, ...]:
    return () if sample.landmarks is None else (Box.around(sample.landmarks.xy, "ibug68"),)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--model", default="base")
    parser.add_argument("--detect", action="store_true", help="find the faces instead of giving their boxes")
    options = parser.parse_args()
    model = load_model(options.model)
    scheme = load_scheme("wflw98")
    with tempfile.TemporaryDirectory() as folder:
        data = make_photos(Path(folder), options.photos, model)
        photos = [Photo(sample.image, None if options.detect else _box(sample)) for sample in data]
        used = [resident() for _ in predict_photos(model, photos, scheme, find=detect_faces)]
    start = min(500, len(used) // 2)
    print(
        json.dumps(
            {
                "photos": len(used),
                "mb_at_500": used[start - 1],
                "mb_at_end": used[-1],
                "mb_most_after_500": max(used[start:]),
                "growth_percent": 100 * (used[-1] / used[start - 1] - 1),
            }
        )
    )


if __name__ == "__main__":
    main()
