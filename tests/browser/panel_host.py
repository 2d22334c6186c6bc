"""A server of the editor, to be killed: python panel_host.py PROJECT PORT

The page's query ``?author=ann`` says who works there. Says ``ready`` when it answers.
"""

from __future__ import annotations

import sys

import panel as pn

from labelkit.editor.panel import Editor
from labelkit.project import Project
from labelkit.project.editing import open_desk


def main(folder: str, port: str) -> None:
    project = Project.open(folder)

    def page() -> pn.viewable.Viewable:
        author = (pn.state.session_args.get("author") or [b"ann"])[0].decode()
        return Editor(open_desk(project, author), sizing_mode="stretch_width", height=640)

    def ready() -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    server = pn.serve({"/": page}, port=int(port), address="127.0.0.1", show=False, start=False)
    server.io_loop.add_callback(ready)
    server.start()
    server.io_loop.start()


if __name__ == "__main__":
    main(*sys.argv[1:])
