"""Several people at once on one server, over its web sockets, as browsers come and go."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from labelkit.app import users
from labelkit.project import Project

from ..browser.app_server import make_project  # noqa: TID252 - tests have no names of their own
from .kept import lost
from .labeller import Desks, Labeller
from .loaded import KEPT, serving
from .wire import Browser

#: Whose connection is lost, and who stays.
PEOPLE = ("ann", "ben", "eve")


def test_nobody_loses_anything_and_nobody_is_given_what_another_one_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "_COST", {"n": 16, "r": 8, "p": 1})
    folder = make_project(tmp_path, 40, 40)
    for name in PEOPLE:
        users.add_user(folder, name, "correct horse")
    desks = Desks()

    async def work() -> list[Labeller]:
        people = [
            Labeller(
                Browser(server.origin),
                name,
                "correct horse",
                desks,
                pace=0.1,
                drops=name == "ann",
                seed=number,
            )
            for number, name in enumerate(PEOPLE)
        ]
        await asyncio.gather(*(one.work(lambda one: one.rounds == 2) for one in people))
        return people

    with serving(folder, tmp_path / "log", forget=1000, calm=1e6) as server:
        with ThreadPoolExecutor(1) as pool:  # where browser tests ran before, this thread has a loop
            people = pool.submit(asyncio.run, work()).result()
        held = server.left(20)
        assert "Traceback" not in server.end()
    assert [problem for one in people for problem in one.problems] == []
    assert desks.twice == []
    assert all(one.faces and one.pages for one in people)
    assert people[0].drops
    assert held["sessions"] == 0
    assert held["documents"] <= KEPT < sum(one.pages for one in people)
    with Project.open(folder) as project:
        assert project.store.leases.held() == {}
        assert lost(project, people) == []
