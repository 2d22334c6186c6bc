"""Jobs in processes of their own; what they do is tested with those who start them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from labelkit.store import Store
from labelkit.store.process import ChildJob

#: Says who it is, and ends when it is told to.
CHILD = """
import os, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
(folder / "draft").write_text(str(os.getpid()))
(folder / "draft").rename(folder / "pid")
while not (folder / "end").exists():
    time.sleep(0.01)
"""


class Waiting(ChildJob):
    kind = "wait"
    what = "waiting"


@pytest.mark.skipif(not hasattr(os, "getpriority"), reason="Windows has other priorities")
def test_a_job_stands_back_behind_those_who_label(tmp_path: Path, store: Store) -> None:
    job = Waiting.begin(tmp_path, store, {}, ["-c", CHILD])
    try:
        pid = waited(tmp_path / "pid")
        mine = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, int(pid)) == min(19, mine + 5)
    finally:
        (tmp_path / "end").touch()
        job._process.wait()


def waited(file: Path) -> str:
    end = time.monotonic() + 30
    while not file.exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    return file.read_text()
