"""A server that asks for a login though it listens on this machine alone, with everything else as
``labelkit serve`` has it, and what can be seen of it from outside.

Run with the project's folder, after how many ms it is to forget browsers that were closed, and after how
many seconds to load the studio, it prints its port, and at SIGUSR1 a line of JSON: how many sessions and
documents it holds.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakSet

from bokeh.document import Document
from bokeh.server.server import Server
from tornado.ioloop import IOLoop

from labelkit.app import server
from labelkit.app.shared import Shared
from labelkit.app.users import read_users
from labelkit.project import Project

#: Documents that stay: one that Bokeh has of its own, and one in whose name a timer of Panel's runs.
KEPT = 2

_documents: WeakSet[Document] = WeakSet()

#: For how long a server may think about an answer, in seconds.
_PATIENCE = 60.0


class Serving:
    """The running server over a project: its ``origin``, its process, and the file of what it says."""

    def __init__(self, folder: Path, log: Path, forget: int, calm: float) -> None:
        self.log = log
        command = [sys.executable, __file__, str(folder), str(forget), str(calm)]
        with log.open("wb") as out:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=out)
        self.origin = f"http://127.0.0.1:{int(self._line())}"

    def held(self) -> dict[str, int]:
        """How many sessions and documents it holds."""
        self.process.send_signal(signal.SIGUSR1)
        return dict(json.loads(self._line()))

    def left(self, patience: float) -> dict[str, int]:
        """As `held`, when nobody is there any more or ``patience`` seconds have gone by."""
        end = time.monotonic() + patience
        while (held := self.held())["documents"] > KEPT and time.monotonic() < end:
            time.sleep(1)
        return held

    def end(self) -> str:
        """End it by Ctrl-C, and return what it has said."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        said = self.log.read_text("utf-8", "replace")
        return said if self.process.returncode == 0 else f"{said}\nended with {self.process.returncode}"

    def _line(self) -> str:
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], _PATIENCE)[0]:
            raise TimeoutError(f"the server says nothing: {self.log.read_text('utf-8', 'replace')}")
        return self.process.stdout.readline().decode()


@contextmanager
def serving(
    folder: Path, log: Path, forget: int = server._FORGET, calm: float = server._CALM
) -> Iterator[Serving]:
    """A server over the project in ``folder``, which is ended in any case."""
    one = Serving(folder, log, forget, calm)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.end()


def main() -> None:
    folder, server._FORGET, server._CALM = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    server._LOOK = min(server._LOOK, server._FORGET)
    _note_documents()
    with Project.open(folder) as project:
        made, door = server._server(Shared(project, read_users(folder)), 0, "127.0.0.1", ())
        loop = IOLoop.current()
        signal.signal(signal.SIGUSR1, lambda *_: loop.add_callback_from_signal(_tell, made))
        server._run(made, door, lambda: _say(made.port))


def _note_documents() -> None:
    """Keep a list of all documents that are in memory."""
    begin = Document.__init__

    def noted(document: Document, *options: object, **more: object) -> None:
        begin(document, *options, **more)
        _documents.add(document)

    Document.__init__ = noted


def _tell(made: Server) -> None:
    gc.collect()
    _say(json.dumps({"sessions": len(made.get_sessions()), "documents": len(_documents)}))


def _say(what: object) -> None:
    os.write(1, f"{what}\n".encode())


if __name__ == "__main__":
    main()
