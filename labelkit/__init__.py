"""labelkit: draw the face-landmark scheme you need, get labels, correct them, export them.

Everything named here is imported when it is first asked for: ``import labelkit`` alone loads
neither torch nor OpenCV nor panel.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

# Between two products the threads of torch's GNU OpenMP spin for milliseconds, on cores that
# loaders of photos, the app and other processes wait for. OpenMP reads this when torch is loaded.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")

__version__ = "0.1.0"

__all__ = [
    "Box",
    "Dataset",
    "Evaluation",
    "LabelkitError",
    "Landmarks",
    "Prediction",
    "Project",
    "QueueItem",
    "Sample",
    "Scheme",
    "SchemeStudio",
    "__version__",
    "detect_faces",
    "draw",
    "evaluate",
    "example_photos",
    "gallery",
    "load_image",
    "load_model",
    "load_scheme",
    "read",
    "show_progress",
    "write",
]

#: Where each name is at home.
_HOMES = {
    "Box": "geometry",
    "Dataset": "dataset",
    "Evaluation": "train.evaluate",
    "LabelkitError": "errors",
    "Landmarks": "landmarks",
    "Prediction": "prediction",
    "Project": "project",
    "QueueItem": "queue",
    "Sample": "dataset",
    "Scheme": "scheme",
    "SchemeStudio": "studio",
    "detect_faces": "detect",
    "draw": "notebook.canvas",
    "evaluate": "train.evaluate",
    "example_photos": "studio.practice",
    "gallery": "notebook.gallery",
    "load_image": "images",
    "load_model": "models.registry",
    "load_scheme": "scheme",
    "read": "formats",
    "show_progress": "progress",
    "write": "formats",
}

if TYPE_CHECKING:
    from labelkit.dataset import Dataset, Sample
    from labelkit.detect import detect_faces
    from labelkit.errors import LabelkitError
    from labelkit.formats import read, write
    from labelkit.geometry import Box
    from labelkit.images import load_image
    from labelkit.landmarks import Landmarks
    from labelkit.models.registry import load_model
    from labelkit.notebook.canvas import draw
    from labelkit.notebook.gallery import gallery
    from labelkit.prediction import Prediction
    from labelkit.progress import show_progress
    from labelkit.project import Project
    from labelkit.queue import QueueItem
    from labelkit.scheme import Scheme, load_scheme
    from labelkit.studio import SchemeStudio
    from labelkit.studio.practice import example_photos
    from labelkit.train.evaluate import Evaluation, evaluate
else:
    # Hidden from type checkers, to which it would make every misspelt name look right.
    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module 'labelkit' has no attribute {name!r}")
        value = getattr(import_module(f"labelkit.{_HOMES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
