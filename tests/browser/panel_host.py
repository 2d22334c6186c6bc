"""A server of the editor, to be killed: python panel_host.py PROJECT PORT

Each line "start" on its standard input forks a server (what takes long, the imports, is done by
then), which says "ready PID" when it answers; "kill" ends it by SIGKILL. The page's query
``?author=ann`` says who works there.
"""

from __future__ import annotations

import os
import signal
import sys

import panel as pn

from labelkit.editor.panel import Editor
from labelkit.project import Project
from labelkit.project.editing import open_desk


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def serve(folder: str, port: int) -> None:
    project = Project.open(folder)

    def page() -> pn.viewable.Viewable:
        author = (pn.state.session_args.get("author") or [b"ann"])[0].decode()
        return Editor(open_desk(project, author), sizing_mode="stretch_width", height=640)

    server = pn.serve({"/": page}, port=port, address="127.0.0.1", show=False, start=False, verbose=False)
    server.io_loop.add_callback(say, f"ready {os.getpid()}")
    server.start()
    server.io_loop.start()


def main(folder: str, port: str) -> None:
    child = 0
    for line in iter(sys.stdin.readline, ""):
        if line == "start\n":
            child = os.fork()
            if not child:
                serve(folder, int(port))
        elif line == "kill\n" and child:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            child = 0
            say("killed")
    if child:
        os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
