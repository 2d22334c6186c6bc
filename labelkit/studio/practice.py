"""Pictures to try everything on, where nobody has photos at hand."""

from __future__ import annotations

from collections import Counter
from itertools import chain, islice
from pathlib import Path

from labelkit.atomic import replacing
from labelkit.boxrules import REFERENCE_SCHEME, landmark_box
from labelkit.detect import detect_faces
from labelkit.errors import InputError
from labelkit.geometry import Crop
from labelkit.scheme import load_scheme
from labelkit.studio.faces import Example, Framed, portraits, variations
from labelkit.studio.pictures import cut, jpeg

#: More would be changes of changes of changes.
MOST = 60

_PEOPLE = {"astronaut.png": "collins", "grace_hopper.jpg": "hopper"}


def example_photos(folder: str | Path, count: int = 14) -> list[Path]:
    """Write ``count`` pictures of faces into ``folder`` and return where they are.

    They are made of the two portraits in the public domain that scikit-image and matplotlib bring along
    (Eileen Collins, by NASA; Grace Hopper, by the US Navy): each as it is, then changed in light, turn,
    width and sharpness. The same every time, and one face in each; ``collins-01.jpg`` and
    ``hopper-01.jpg`` are the portraits. Two people are enough to try everything and far too few to learn
    anything about faces. Raises `InputError` for more than 60 or fewer than 1.
    """
    if not 1 <= count <= MOST:
        raise InputError(f"{count} example photos cannot be made: there are 1 to {MOST}")
    originals = [_framed(example) for example in portraits()]
    # What the detector takes for a second face would be one more to explain.
    single = (face for face in variations(originals) if len(detect_faces(face.image)) == 1)
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    numbers: Counter[str] = Counter()
    for face in islice(chain(originals, single), count):
        numbers[face.label] += 1
        files.append(place / f"{face.label}-{numbers[face.label]:02d}.jpg")
        with replacing(files[-1]) as draft:
            draft.write_bytes(jpeg(face.image, 92))
    return files


def _framed(example: Example) -> Framed:
    """The part of a portrait around its face, which is taken to look like the plane."""
    scheme = load_scheme(REFERENCE_SCHEME)
    image, crop = cut(example.image, Crop.from_box(landmark_box(example.box), scheme.plane_box))
    return Framed(_PEOPLE[example.label], image, crop, scheme.plane)
