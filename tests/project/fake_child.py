"""As `labelkit.prelabel.child`, with a model that needs no torch: python fake_child.py DIR JOB

The job's ``model`` says how the model behaves: ``slow`` takes its time over every photo, ``refused``
cannot be loaded, ``crash`` breaks in the middle.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fake_model import FakeModel, Result

from labelkit.errors import CheckpointError
from labelkit.prelabel import work as prelabelling
from labelkit.prelabel.child import Loaded, work
from labelkit.scheme import Scheme

# Every photo is kept at once, so that a kill at any moment tells something.
prelabelling._PATIENCE = -1.0


class Slow(FakeModel):
    def __call__(self, photos: Any, scheme: Scheme) -> Iterator[Result]:
        for result in super().__call__(photos, scheme):
            time.sleep(0.05)
            yield result


class Crash(FakeModel):
    def __call__(self, photos: Any, scheme: Scheme) -> Iterator[Result]:
        for number, result in enumerate(super().__call__(photos, scheme)):
            if number == 2:
                raise RuntimeError("out of memory")
            yield result


def load(arguments: Mapping[str, Any]) -> Loaded:
    kind = arguments["model"]
    if kind == "refused":
        raise CheckpointError("refused.safetensors: is no model")
    model = {"slow": Slow, "crash": Crash}.get(kind, FakeModel)()
    return Loaded(model.id, model, {"name": "fake", "terms": "for tests only", "weights": [1] * 99})


if __name__ == "__main__":
    sys.exit(0 if work(Path(sys.argv[1]), int(sys.argv[2]), load) else 1)
