from __future__ import annotations

import pytest

from labelkit.errors import InputError
from labelkit.geometry import Box
from labelkit.landmarks import Face
from labelkit.project import Project
from labelkit.project.describing import DescribingCalls
from labelkit.store import Store


class Calls(DescribingCalls):
    def __init__(self, store: Store) -> None:
        self.store = store


@pytest.fixture
def calls(project: Project) -> Calls:
    project.add_face("a.png", Box(10, 10, 60, 60, "user"), "ann")
    return Calls(project.store)


def test_attributes_are_added_changed_and_taken_back(calls: Calls) -> None:
    calls.set_attributes(Face("a.png"), {"person": "ann", "age": 30}, author="bob")
    known = calls.set_attributes(Face("a.png"), {"age": None, "glasses": True}, author="bob")
    assert known.attributes == {"person": "ann", "glasses": True}


def test_a_face_and_an_author_are_needed(calls: Calls) -> None:
    with pytest.raises(InputError, match="no face 2"):
        calls.set_attributes(Face("a.png", 1), {"person": "ann"}, author="bob")
    with pytest.raises(InputError, match="author"):
        calls.set_attributes(Face("a.png"), {"person": "ann"}, author=" ")
