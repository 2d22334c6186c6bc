"""Twenty kills of the server and the tab while somebody drags points: nothing is lost."""

from __future__ import annotations

import random
from pathlib import Path

from playwright.sync_api import BrowserContext

from .hosts import PanelServer, made_project
from .kills import Kills


def test_no_edit_is_lost_over_twenty_kills(context: BrowserContext, tmp_path: Path) -> None:
    with made_project(tmp_path, copies=4) as project:
        server = PanelServer(project.folder)
        server.start()
        kills = Kills(context, project, server, random.Random(5))
        try:
            kills.run(20)
            assert kills.lost() == []
        finally:
            server.close()
    assert (kills.servers, kills.tabs) == (10, 10)
    assert len(kills.made) > 20
    assert kills.unsaved > 0, "no kill has met an edit on its way"
