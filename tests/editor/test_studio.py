from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from labelkit.editor.latest import worker
from labelkit.editor.studio import (
    MOST_POINTS,
    Gallery,
    Picture,
    StudioSession,
    pack_answer,
    pack_gallery,
)
from labelkit.errors import InputError
from labelkit.geometry import Array
from labelkit.scheme import Scheme, load_scheme

SCHEME = load_scheme("celeba5")
FACES = 2


@dataclass
class Wander:
    wander: Array
    edges: tuple[float, float, float, float] = (-1.0, -1.0, 1.0, 1.0)


@dataclass
class Row:
    """Example faces that are quick, or fail when told so."""

    error: Exception | None = None
    asked: list[Array] = field(default_factory=list)

    def gallery(self) -> Gallery:
        if self.error is not None:
            raise self.error
        return Gallery((Picture("a", b"one"), Picture("<b>", b"three")), (Picture("mean", b"back"),), 1.25)

    def place(self, plane: Array) -> Array:
        self.asked.append(plane)
        return np.stack([plane / 2, plane / 4])

    def ambiguity(self, heard: Callable[[int, int], None]) -> Wander:
        if self.error is not None:
            raise self.error
        for face in range(FACES):
            heard(face + 1, FACES)
        return Wander(np.array([[0.01, 0.02], [0.03, 0.04]]))


@dataclass
class Page:
    """What a session has sent."""

    sent: list[tuple[str, Any]] = field(default_factory=list)

    def __call__(self, name: str, value: str | bytes) -> None:
        self.sent.append((name, value))

    def all(self, name: str) -> list[Any]:
        found = [value for sent, value in self.sent if sent == name]
        return [json.loads(value) if isinstance(value, str) else value for value in found]

    def wait(self, name: str, count: int = 1) -> list[Any]:
        end = time.monotonic() + 20
        while len(self.all(name)) < count and time.monotonic() < end:
            time.sleep(0.005)
        assert len(self.all(name)) >= count, f"{count} times {name} did not come"
        return self.all(name)


@pytest.fixture
def page() -> Page:
    return Page()


def session(page: Page, row: Row | None = None, **options: Any) -> StudioSession:
    return StudioSession(SCHEME, row if row is not None else Row(), page, **options)


def reply(page: Page, studio: StudioSession, name: str, **content: Any) -> dict[str, Any]:
    number = f"r{len(page.sent)}"
    studio.hear("requests", json.dumps([{"id": number, "name": name, **content}]))
    found: dict[str, Any] = page.all("replies")[-1][-1]
    assert found.pop("id") == number
    return found


def test_the_setup_holds_the_scheme_and_the_ghosts(page: Page) -> None:
    setup = json.loads(session(page, ghosts=[load_scheme("cofw29")]).setup)
    assert setup["scheme"] == SCHEME.to_dict()
    assert [ghost["name"] for ghost in setup["ghosts"]] == ["cofw29"]
    assert (setup["examples"], setup["can_save"]) == (True, False)


def test_a_gallery_is_packed_so_that_its_pictures_are_found(page: Page) -> None:
    studio = session(page)
    assert reply(page, studio, "examples") == {"started": True}
    packed = page.wait("gallery")[0]
    length = int.from_bytes(packed[:4], "little")
    head = json.loads(packed[4 : 4 + length])
    assert head == {
        "reach": 1.25,
        "faces": [{"label": "a", "bytes": 3}, {"label": "<b>", "bytes": 5}],
        "backdrops": [{"label": "mean", "bytes": 4}],
    }
    assert packed[4 + length :] == b"onethreeback"
    assert pack_gallery(Gallery((), (), 1.0))[4:] == b'{"reach": 1.0, "faces": [], "backdrops": []}'


def test_a_query_is_answered_with_its_number(page: Page) -> None:
    plane = [[0.5, -0.5], [0.25, 1.0], [0.0, 0.0]]
    session(page).hear("query", json.dumps({"seq": 7, "plane": plane}))
    packed = page.wait("answer")[0]
    assert np.frombuffer(packed[:12], "<u4").tolist() == [7, 2, 3]
    places = np.frombuffer(packed[12:], "<f4").reshape(2, 3, 2)
    assert places == pytest.approx(np.stack([np.array(plane) / 2, np.array(plane) / 4]))
    assert packed == pack_answer(7, places.astype(float))


def test_of_queries_that_wait_only_the_newest_is_worked_on(page: Page) -> None:
    row, hold = Row(), threading.Event()
    studio = session(page, row)
    worker("preview").submit(hold.wait, 20)
    for number in range(1, 40):
        studio.hear("query", json.dumps({"seq": number, "plane": [[number / 100, 0.0]]}))
    hold.set()
    packed = page.wait("answer")[0]
    worker("preview").submit(lambda: None).result(20)
    assert int.from_bytes(packed[:4], "little") == 39
    assert [asked.tolist() for asked in row.asked] == [[[0.39, 0.0]]]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("query", "no json"),
        ("query", "[]"),
        ("query", '{"seq": -1, "plane": []}'),
        ("query", '{"seq": "1", "plane": []}'),
        ("query", '{"seq": 1, "plane": [[1]]}'),
        ("query", '{"seq": 1, "plane": [["x", 2]]}'),
        ("query", '{"seq": 1, "plane": [[NaN, 2]]}'),
        ("query", json.dumps({"seq": 1, "plane": [[0, 0]] * (MOST_POINTS + 1)})),
        ("draft", '{"scheme": {}}'),
        ("requests", '{"id": 1}'),
        ("requests", "[1]"),
        ("query", "[" * 100_000),
    ],
)
def test_malformed_values_are_logged_and_not_answered(
    page: Page, caplog: pytest.LogCaptureFixture, name: str, text: str
) -> None:
    with caplog.at_level(logging.WARNING, "labelkit"):
        session(page).hear(name, text)
        worker("preview").submit(lambda: None).result(20)
    assert page.sent == []
    assert "scheme studio" in caplog.text


def test_a_draft_becomes_the_scheme_and_a_broken_one_does_not(page: Page) -> None:
    studio = session(page)
    drawn = {**SCHEME.to_dict(), "name": "drawn"}
    studio.hear("draft", json.dumps({"seq": 1, "scheme": drawn, "renamed": {"a": "b"}}))
    assert studio.scheme.name == "drawn"
    assert studio.renamed == {"a": "b"}
    broken = {**drawn, "points": [*drawn["points"], drawn["points"][0]]}
    studio.hear("draft", json.dumps({"seq": 2, "scheme": broken, "renamed": {}}))
    assert studio.scheme.name == "drawn"
    first, second = page.all("checked")
    assert first == {"seq": 1, "problem": None}
    assert second["seq"] == 2
    assert "stands twice" in second["problem"]


def test_a_request_that_is_repeated_is_done_once(page: Page) -> None:
    saved: list[Scheme] = []
    studio = session(page, save=lambda scheme, renamed: saved.append(scheme))
    request = {"id": "one", "name": "save", "scheme": SCHEME.to_dict(), "renamed": {}}
    studio.hear("requests", json.dumps([request]))
    studio.hear("requests", json.dumps([request, {**request, "id": "two"}]))
    assert len(saved) == 2
    assert [entry["id"] for entry in page.all("replies")[-1]] == ["one", "two"]


def test_saving_hands_over_scheme_and_renames(page: Page) -> None:
    seen: list[tuple[str, dict[str, str]]] = []

    def save(scheme: Scheme, renamed: Any) -> str:
        seen.append((scheme.name, dict(renamed)))
        return "kept"

    studio = session(page, save=save, plan=lambda scheme, renamed: [f"{len(scheme)} points"])
    content = {"scheme": SCHEME.to_dict(), "renamed": {"old": "new"}}
    assert reply(page, studio, "plan", **content) == {"lines": ["5 points"]}
    assert seen == []
    assert reply(page, studio, "save", **content) == {"saved": "kept"}
    assert seen == [("celeba5", {"old": "new"})]


def test_what_saving_refuses_is_said_in_its_own_words(page: Page) -> None:
    def refuse(scheme: Scheme, renamed: Any) -> None:
        raise InputError("somebody else changed the scheme")

    studio = session(page, save=refuse)
    assert reply(page, studio, "save", scheme=SCHEME.to_dict()) == {
        "error": "somebody else changed the scheme"
    }


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("fly", {}, "no such request"),
        ("save", {"scheme": SCHEME.to_dict()}, "nothing here keeps"),
        ("read", {"scheme": {"name": "x"}}, "missing"),
        ("read", {"scheme": None}, "JSON object"),
        ("mirror", {"scheme": SCHEME.to_dict(), "keep": "upper"}, "left or right"),
        ("plan", {"scheme": SCHEME.to_dict(), "renamed": {"a": 1}}, "pairs of names"),
    ],
)
def test_requests_that_make_no_sense_are_refused(
    page: Page, name: str, content: dict[str, Any], problem: str
) -> None:
    assert problem in reply(page, session(page), name, **content)["error"]


def test_a_half_is_mirrored_and_a_nearly_symmetric_scheme_made_so(page: Page) -> None:
    point = {"name": "eye_right", "x": -0.3, "y": -0.1}
    half = {"name": "half", "points": [point, {"name": "nose", "x": 0.0, "y": 0.2}]}
    whole = reply(page, session(page), "mirror", scheme=half, keep="right")["scheme"]
    assert [p["name"] for p in whole["points"]] == ["eye_right", "nose", "eye_left"]
    near = {**whole, "mirror": []}
    near["points"][2]["x"] = 0.31
    exact = reply(page, session(page), "symmetrise", scheme=near)["scheme"]
    assert exact["points"][2]["x"] == -exact["points"][0]["x"] == pytest.approx(0.305)


def test_the_ambiguity_map_comes_with_its_progress(page: Page) -> None:
    studio = session(page)
    assert reply(page, studio, "ambiguity") == {"started": True}
    heat = page.wait("heat", FACES + 1)
    assert heat[:2] == [{"done": 1, "total": 2}, {"done": 2, "total": 2}]
    assert heat[2] == {"edges": [-1.0, -1.0, 1.0, 1.0], "wander": [[0.01, 0.02], [0.03, 0.04]]}


def test_failures_of_slow_work_are_said_and_logged(page: Page, caplog: pytest.LogCaptureFixture) -> None:
    studio = session(page, Row(error=ValueError("/secret/path")))
    with caplog.at_level(logging.ERROR, "labelkit"):
        reply(page, studio, "examples")
        assert page.wait("heat")[0] == {"problem": "no example faces: ValueError"}
        reply(page, studio, "ambiguity")
        assert "ambiguity map failed" in page.wait("heat", 2)[1]["problem"]
    assert "/secret/path" in caplog.text


def test_a_studio_without_faces_says_so(page: Page) -> None:
    studio = session(page, Row(error=InputError("no face was found")))
    reply(page, studio, "examples")
    assert page.wait("heat")[0] == {"problem": "no example faces: no face was found"}


def test_a_closed_session_sends_nothing_and_ends_its_work(page: Page) -> None:
    row = Row()
    studio = session(page, row)
    studio.close()
    studio.hear("requests", '[{"id": "1", "name": "examples"}]')
    studio.hear("query", '{"seq": 1, "plane": [[0, 0]]}')
    for name in ("slow", "preview"):
        worker(name).submit(lambda: None).result(20)
    assert page.sent == []
    assert row.asked == []


def test_without_examples_queries_are_ignored_and_the_map_is_refused(page: Page) -> None:
    studio = StudioSession(SCHEME, None, page)
    studio.hear("query", '{"seq": 1, "plane": [[0, 0]]}')
    assert reply(page, studio, "examples") == {"error": "there are no example faces here"}
    assert reply(page, studio, "ambiguity") == {"error": "there are no example faces to measure"}
