"""A server that asks for a login though it listens on this machine alone, for `test_attacks`.

Run with the project's folder; prints its port. Limits are low, so that they are soon reached.
"""

from __future__ import annotations

import sys
from pathlib import Path

from labelkit.app import login, quota, server, users
from labelkit.app.proxy import Proxies
from labelkit.app.shared import Shared
from labelkit.app.users import read_users
from labelkit.project import Project

#: What stands before it, as far as it knows.
PROXIES = ("127.0.0.7", "10.9.0.0/16")


def main() -> None:
    login._PENALTY = 0.0
    quota.LARGEST = 600_000
    server._LOOK = 100
    server._CALM = 1e6  # nobody looks at the studio here, and torch takes its time
    users._DECOY |= {"n": 16, "r": 8, "p": 1}  # as those of the project
    folder = Path(sys.argv[1])
    with Project.open(folder) as project:
        made, door = server._server(Shared(project, read_users(folder)), 0, "127.0.0.1", (), Proxies(PROXIES))
        server._run(made, door, lambda: sys.stdout.write(f"{made.port}\n") and sys.stdout.flush())


if __name__ == "__main__":
    main()
