"""The points of single faces, in the process that shows them: of one that somebody has just boxed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from labelkit.errors import InputError
from labelkit.landmarks import Face
from labelkit.prelabel.child import Loaded, keep_card, load_named
from labelkit.prelabel.work import place
from labelkit.store import Store


class FacePlacer:
    """Has a model place the points of one face of a project and stores them as its prediction.

    ``images`` is the image root and ``model`` says which model, asked at every face: it may be
    changed meanwhile. Models (and torch) are loaded when the first face is placed, and kept.
    Several threads may use one.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        images: Path,
        model: Callable[[], str],
        load: Callable[[Path, str], Loaded] = load_named,
    ) -> None:
        self._store, self._folder, self._images = store, folder, images
        self._model, self._load = model, load
        self._loaded: dict[str, Loaded] = {}
        self._lock = threading.Lock()

    def __call__(self, face: Face) -> None:
        """Place the points that nobody has confirmed; raises `InputError`, saying why, for a face
        that cannot be placed, and what loading a model raises."""
        with self._lock:
            model = self._ready(self._model())
            known = self._store.find_face(face.image, face.index)
            if known is None:
                raise InputError(f"{face.image}: the project has no face {face.index + 1} in it")
            tally = place(self._store, self._images, model.predict, {known.image_id: (known.id,)})
        if tally.problems:
            raise InputError(tally.problems[0])

    def _ready(self, name: str) -> Loaded:
        if name not in self._loaded:
            self._loaded = {name: self._load(self._folder, name)}
            keep_card(self._folder, self._loaded[name])
        return self._loaded[name]
