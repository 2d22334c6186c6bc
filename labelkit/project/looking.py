"""The part of `Project` that says where to look: the queue, odd shapes, and how people differ."""

from __future__ import annotations

from labelkit.project import judging, waiting
from labelkit.project.judging import Outlier
from labelkit.quality import Agreement
from labelkit.queue import QueueItem, Way
from labelkit.store import Store


class LookingCalls:
    """Calls on the faces of ``store`` that change nothing about them."""

    store: Store

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
        by what sets a face apart from those before it; ``worst`` goes by the doubt alone, ``oldest``
        by when faces were added, ``random`` by ``seed``, ``outliers`` by how odd the shapes are. For
        ``author`` (None: nobody in particular) what others have open is left out. Raises
        `InputError` for an unknown order.
        """
        return waiting.items(self.store, limit, order, author, seed)

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
