"""A short version of benchmarks/kill.py: a few SIGKILLs for every victim, and nothing is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
KILL = HERE.parent / "benchmarks" / "kill.py"

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")


def said(*command: str | Path) -> Any:
    done = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "victims",
    [
        ("editor", "annotate", "import", "scheme"),
        ("faces", "photos", "create", "migrate"),
        ("export", "backup", "restore"),
        ("prelabel", "train"),
    ],
)
def test_a_few_kills_lose_nothing(victims: tuple[str, ...]) -> None:
    kills = len(victims) if "train" in victims else 2 * len(victims)  # a network takes its time to load
    found = said(KILL, "--kills", str(kills), "--seed", "3", "--victim", *victims)
    assert found["kills"] == kills
    assert found["acknowledged"] > 0
    for kind in ("lost", "half_written", "unopenable", "stuck", "left_behind", "torn_unopenable"):
        assert found[kind] == 0, json.dumps(found["victims"], indent=1)


def test_whatever_goes_wrong_is_found() -> None:
    found = said(HERE / "liars.py")
    assert found["Forgets"]["lost"] > 0
    assert found["Halves"]["half_written"] > 0
    assert found["Breaks"]["unopenable"] > 0
    assert found["Hangs"]["stuck"] > 0
    assert found["Hangs"]["left_behind"] > 0
