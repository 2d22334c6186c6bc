"""The part of `Project` that says where to look: the queue, odd shapes, and how people differ."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from labelkit.errors import InputError
from labelkit.landmarks import Face
from labelkit.prediction import Prediction
from labelkit.project import judging, waiting
from labelkit.project.judging import Outlier
from labelkit.project.settings import Settings
from labelkit.project.status import Status, look
from labelkit.quality import Agreement
from labelkit.queue import QueueItem, Way
from labelkit.store import Store, StoredFace

if TYPE_CHECKING:
    import pandas as pd


class LookingCalls:
    """Calls on the faces of ``store`` that change nothing about them."""

    folder: Path
    settings: Settings
    store: Store

    def status(self) -> Status:
        """How the project stands, in numbers."""
        return look(self.store, self.folder, self.settings)

    def _repr_html_(self) -> str:
        return self.status()._repr_html_()

    def queue(
        self,
        limit: int | None = None,
        *,
        order: Way = "uncertain",
        author: str | None = None,
        seed: int = 0,
    ) -> list[QueueItem]:
        """The faces that wait for a person: all, or the first ``limit``.

        ``order``: ``uncertain`` puts first what a correction is worth most, by the model's doubt and
        by what sets a face apart from those before it; ``teaching``, for a model to learn from, faces
        that speak for many others (`labelkit.queue.teaching`); ``worst`` goes by the doubt alone, ``oldest``
        by when faces were added, ``random`` by ``seed``, ``outliers`` by how odd the shapes are. For
        ``author`` (None: nobody in particular) what others have open is left out. Raises
        `InputError` for an unknown order.
        """
        return waiting.items(self.store, limit, order, author, seed)

    def table(self, faces: Iterable[Face | QueueItem | Outlier] | None = None) -> pd.DataFrame:
        """Faces as a table for pandas, one row each: all of them in the order in which they were added,
        or the given ones in theirs.

            project.table(project.queue(20))

        Columns: ``image`` and ``face`` (its number in the photo, from 0), ``state``, ``score`` (how
        uncertain its points are, 0 to 1), ``reason`` (why a queue would show it, or what is odd about an
        outlier), ``note`` and ``revision`` (0: nobody has annotated it). Raises `InputError` for a face
        that the project does not have.
        """
        import pandas as pd

        given = None if faces is None else list(faces)
        stored = self._everyone() if given is None else [self._stored(one) for one in given]
        reasons = [item.reason for item in waiting.described(self.store, stored)]
        for row, one in enumerate(given or ()):
            reasons[row] = one.reason if isinstance(one, Outlier) else reasons[row]
        rows = [
            (one.face.image, one.face.index, one.state.value, one.score, reason, one.note, one.revision)
            for one, reason in zip(stored, reasons, strict=True)
        ]
        names = ("image", "face", "state", "score", "reason", "note", "revision")
        return pd.DataFrame(rows, columns=pd.Index(names)).astype({"score": float})

    def _everyone(self) -> list[StoredFace]:
        found: list[StoredFace] = []
        while page := self.store.page(None, found[-1] if found else None, 1000):
            found += page
        return found

    def _stored(self, one: Face | QueueItem | Outlier) -> StoredFace:
        face = one if isinstance(one, Face) else one.face
        found = self.store.find_face(face.image, face.index)
        if found is None:
            raise InputError(f"{face.image}: the project has no face {face.index + 1} in it")
        return found

    def prediction(self, face: Face) -> Prediction | None:
        """The newest prediction of a face, with its spread where the model has one; None without any.

        It is of the scheme that the project had then. Raises `InputError` for a face that the project
        does not have.
        """
        stored = self.store.prediction(self._stored(face).id)
        return None if stored is None else stored.prediction

    def outliers(self, limit: int | None = None) -> list[Outlier]:
        """The faces whose shapes can hardly be right, predicted or annotated, the oddest first.

        Each is judged by what all the others look like, on the plane: left and right swapped, the
        points of a curve out of order, points where the others do not expect them. Takes some
        seconds for ten thousand faces.
        """
        return judging.outliers(self.store, limit)

    def agreement(self) -> list[Agreement]:
        """How far each two people agree on the faces that both annotated: by point, on the plane, what
        one of them always does otherwise, told from noise."""
        return judging.agreement(self.store)
