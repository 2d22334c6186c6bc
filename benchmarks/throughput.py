"""Speed of `evaluate` against that of its network alone, on photos of 640 px.

    python benchmarks/throughput.py [--photos 400] [--model base] [--rounds 3] [--threads 2]
        [--precision bf16] [--no-refine]

Prints JSON: faces per second from file to points, of the network alone on crops that lie in
memory, and their ratio, each the median over the rounds. Both count the model's refinement head where
it has one, but with ``--no-refine``. Batches are of 16 faces; ``dtype`` and ``threads`` say what the
network computes in and on how many cores at most.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

import torch
from made_photos import SIDE, make_photos

from labelkit.models.registry import load_model
from labelkit.scheme import load_scheme
from labelkit.train.evaluate import evaluate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=400)
    parser.add_argument("--model", default="base")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, help="cores for the network, by default all")
    parser.add_argument("--precision", choices=("auto", "bf16", "fp16", "fp32"), default="auto")
    parser.add_argument("--no-refine", action="store_true", help="without the model's refinement head")
    options = parser.parse_args()
    refine = not options.no_refine
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    model = load_model(options.model, precision=options.precision)
    scheme = load_scheme("ibug68")
    with tempfile.TemporaryDirectory() as folder:
        data = make_photos(Path(folder), options.photos, model)
        evaluate(model, data[:32], scheme, refine=refine)
        rounds = [evaluate(model, data, scheme, refine=refine) for _ in range(options.rounds)]
    whole = [r.faces_per_s for r in rounds]
    network = [r.network_faces_per_s for r in rounds]
    print(
        json.dumps(
            {
                "model": model.id_of(refine),
                "photos": options.photos,
                "side": SIDE,
                "batch": 16,
                "dtype": str(model.dtype).removeprefix("torch."),
                "device": str(model.device),
                "threads": torch.get_num_threads(),
                "faces_per_s": statistics.median(whole),
                "network_faces_per_s": statistics.median(network),
                "ratio": statistics.median(a / b for a, b in zip(whole, network, strict=True)),
                "rounds": [[a, b] for a, b in zip(whole, network, strict=True)],
            }
        )
    )


if __name__ == "__main__":
    main()
