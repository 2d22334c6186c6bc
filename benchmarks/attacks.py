"""What somebody who means ill would try on a running server: how many attacks, and how many succeed.

The list is in ``tests/app/test_attacks.py`` and ``test_attacks_logins.py``; this runs it, counts, and
prints JSON. Every case of a test is an attack; ``tried`` counts the requests and messages of all of
them. Exits with 1 when one succeeds.

    python benchmarks/attacks.py
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import pytest

LISTS = ("test_attacks.py", "test_attacks_logins.py")
PLACE = Path(__file__).parents[1] / "tests" / "app"


class Count:
    """Hears of every case."""

    def __init__(self) -> None:
        self.cases, self.succeeded = 0, list[str]()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and not report.skipped:
            self.cases += 1
        if report.failed:
            self.succeeded.append(report.nodeid.partition("::")[2])


def main() -> int:
    began, count = time.monotonic(), Count()
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "tried")
        os.environ["LABELKIT_ATTACKS"] = str(told)
        with Path(os.devnull).open("w") as nowhere:
            out, sys.stdout = sys.stdout, nowhere
            try:
                files = [str(PLACE / name) for name in LISTS]
                code = pytest.main(["-q", "-p", "no:cacheprovider", *files], plugins=[count])
            finally:
                sys.stdout = out
        tried = sum(map(int, told.read_text().split())) if told.exists() else 0
    figures = {
        "attacks": count.cases,
        "tried": tried,
        "succeeded": len(count.succeeded),
        "which": count.succeeded,
        "bar": 0,
        "seconds": round(time.monotonic() - began, 1),
    }
    print(json.dumps(figures, indent=1))
    return 0 if code == 0 and count.cases and not count.succeeded else 1


if __name__ == "__main__":
    sys.exit(main())
