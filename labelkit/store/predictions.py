"""What models said. Never touches what people said."""

from __future__ import annotations

from collections.abc import Iterable

from labelkit.store.values import NewPrediction, StoredPrediction


class PredictionCalls:
    """The part of `Store` about predictions."""

    def put_predictions(
        self, predictions: Iterable[NewPrediction], scheme_revision: int | None = None
    ) -> None:
        """Store predictions as the newest of their faces, with their scores.

        Faces that are ``todo`` become ``predicted``; the state of others stays. Of a face's
        older predictions the newest one and those from which an annotation started are kept.
        ``scheme_revision`` is the one they were made for, the present one by default. Raises
        `InputError` for an unknown face or when a prediction does not fit the scheme.
        """
        raise NotImplementedError

    def prediction(self, face_id: int) -> StoredPrediction | None:
        """The newest prediction of a face."""
        raise NotImplementedError

    def predictions(self, face_ids: Iterable[int]) -> dict[int, StoredPrediction]:
        """The newest prediction of each face that has one, by face id."""
        raise NotImplementedError

    def models(self) -> dict[str, int]:
        """How many faces carry whose newest prediction, by model id."""
        raise NotImplementedError
