"""Whether landmarks fit, and what accepting them means."""

from __future__ import annotations

from labelkit.errors import InputError
from labelkit.landmarks import Landmarks, State
from labelkit.store.values import FINISHED, FaceState, SchemeRevision, StoredFace

#: The states that a face can be in after an annotation.
ANNOTATED = (FaceState.PREDICTED, FaceState.IN_PROGRESS, *FINISHED)


def check_fits(landmarks: Landmarks, scheme: SchemeRevision, face: StoredFace) -> None:
    """Raise `InputError` unless ``landmarks`` are of this scheme."""
    expected, given = (scheme.scheme.name, len(scheme.scheme)), (landmarks.scheme, len(landmarks))
    if expected != given:
        raise InputError(
            f"{face.face.image}: landmarks of {given[0]!r} with {given[1]} points do not fit the "
            f"project's scheme {expected[0]!r} with {expected[1]}"
        )


def accepted(landmarks: Landmarks, state: FaceState) -> Landmarks:
    """``landmarks`` as they are stored when the face goes to ``state``: to finish a face is to
    confirm all of its points, those that the model predicted and those that the person placed (one
    without a place as "not there")."""
    if state not in ANNOTATED:
        allowed = ", ".join(repr(one.value) for one in ANNOTATED)
        raise InputError(f"an annotated face can be {allowed}, not {state.value!r}")
    if state not in FINISHED:
        return landmarks
    return Landmarks(landmarks.scheme, landmarks.xy, State.CONFIRMED, landmarks.visibility)
