"""What people confirmed: append-only revisions, and what they amount to in the present scheme."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from labelkit.landmarks import Annotation, Landmarks
from labelkit.store.values import FaceState, ImportCounts, NewAnnotation, StoredFace


class AnnotationCalls:
    """The part of `Store` about annotations."""

    def annotate(
        self,
        face_id: int,
        landmarks: Landmarks,
        author: str,
        *,
        state: FaceState = FaceState.DONE,
        started_from: int | None = None,
        base_revision: int | None = None,
        scheme_revision: int | None = None,
        session: str | None = None,
        source: str = "person",
    ) -> Annotation:
        """Store ``landmarks`` as the next revision of a face and move it to ``state``.

        ``state`` is one of ``predicted``, ``in progress``, ``done``, ``reviewed``; the last two
        confirm the points that are still ``predicted``. ``started_from`` is the id of the
        prediction that the author began with, ``base_revision`` the revision that they saw (0
        for none): when another has been stored since, both are kept, this one is the newest, the
        result's ``crossed`` is True and the history has an event. ``scheme_revision`` is the one
        that ``landmarks`` are of, the present one by default; when points were added since, a
        finished face becomes ``predicted`` with the reason "new points". ``session`` names the
        journal that this closes. Raises `InputError` when the landmarks do not fit the scheme.
        """
        raise NotImplementedError

    def import_annotations(
        self,
        annotations: Iterable[NewAnnotation],
        author: str,
        *,
        state: FaceState = FaceState.DONE,
        source: str = "import",
        reason: str = "",
    ) -> ImportCounts:
        """Store many annotations of the present scheme at once, all or none.

        As `annotate`, except that a face whose newest annotation is equal in value is left
        alone, so that an import can be repeated.
        """
        raise NotImplementedError

    def history(self, face_id: int) -> list[Annotation]:
        """Every annotation of a face, the oldest first, each in the scheme of its time."""
        raise NotImplementedError

    def current(self, face_id: int, *, fill: bool = False) -> Landmarks:
        """What is known about a face, in the project's present scheme.

        Each point has the newest value that a revision gives it, so that one that was removed
        and brought back is as it was. A point that nobody has annotated is NaN and ``predicted``
        or, with ``fill``, where the newest prediction puts it; ``fill`` also renews points that
        were stored as ``predicted`` before that prediction was made.
        """
        raise NotImplementedError

    def currents(self, face_ids: Iterable[int], *, fill: bool = False) -> dict[int, Landmarks]:
        """`current` for many faces, by id, with a handful of queries."""
        raise NotImplementedError

    def iter_current(
        self, states: Collection[FaceState] | None = None, *, fill: bool = False, chunk: int = 1000
    ) -> Iterator[tuple[StoredFace, Landmarks]]:
        """Every face, or those in ``states``, with its `current` landmarks, by id.

        All of it is as it was when the iteration began (one read transaction, which ends with
        the iteration): for exports, not for work that takes hours.
        """
        raise NotImplementedError

    def annotators(self, states: Collection[FaceState] | None = None) -> dict[str, int]:
        """How many faces (of all, or of those in ``states``) carry whose newest annotation."""
        raise NotImplementedError
