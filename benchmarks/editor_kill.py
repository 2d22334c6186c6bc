"""Somebody drags points in Chromium while server and tab are killed at random moments: what is lost?

    python benchmarks/editor_kill.py [--kills 100] [--seed 0]

Every second kill is a SIGKILL of the server, the others close the tab, some of them in mid-drag.
An edit counts from the release of the pointer, whether or not the editor had called it saved.
Prints JSON: kills of each kind, edits, faces accepted, how many edits were on their way when
something was killed, and what was lost. Exit code 1 when anything was. Linux and macOS only.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from browser.conftest import launch
from browser.hosts import PanelServer, made_project
from browser.kills import Kills


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began = time.monotonic()
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = launch(playwright)
        if browser is None:
            sys.exit("no Chromium was found")
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(120_000)
        with made_project(Path(folder), copies=20) as project:
            server = PanelServer(project.folder)
            server.start()
            kills = Kills(context, project, server, random.Random(options.seed))
            kills.run(options.kills)
            lost = kills.lost()
            server.close()
        browser.close()
    report = {
        "servers_killed": kills.servers,
        "tabs_closed": kills.tabs,
        "edits": len(kills.made),
        "accepted": len(kills.accepted),
        "on_their_way_when_killed": kills.unsaved,
        "lost": lost,
        "seconds": round(time.monotonic() - began, 1),
    }
    print(json.dumps(report, indent=1))
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
