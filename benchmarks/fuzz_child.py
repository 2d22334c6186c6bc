"""One target under atheris, as ``fuzz.py`` starts it: libFuzzer ends its process when something dies.

    python benchmarks/fuzz_child.py MODULE TARGET --corpus DIR --out DIR [--inputs N] [--seconds S]
                                    [--merge DIR] [--seed N]

Writes ``report.json`` into ``--out``, and beside it the smallest input of every finding. ``--merge`` keeps
in its folder the fewest inputs of the corpus that reach all that the corpus reaches.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import os
import shlex
import sys
import time
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import atheris

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

#: What is instrumented: labelkit, and the parsers that are written in Python.
INSTRUMENTED = ["labelkit", "PIL", "scipy.io.matlab", "csv", "json", "tomllib", "zipfile", "xml"]

#: Seconds after which one input counts as a hang, and bytes of memory as a leak, whatever the harness says.
HANG, MEMORY_MB = 60, 3000

#: How often the report is written, in seconds, and after how many inputs the memory is first measured.
_EVERY, _WARM = 2.0, 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("module")
    parser.add_argument("target")
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--merge", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    options, options.flags = parser.parse_known_args()
    with atheris.instrument_imports(include=INSTRUMENTED, enable_loader_override=False):
        from fuzz import rules
        from fuzz.targets import targets_of

        target = targets_of(options.module)[options.target]
    with rules.prepared(target) as folder:
        _fuzz(rules, target, folder, options)


def _fuzz(rules: ModuleType, target: Any, folder: Path, options: argparse.Namespace) -> None:
    flags = [
        f"-seed={options.seed}",
        f"-timeout={HANG}",
        f"-rss_limit_mb={MEMORY_MB}",
        "-use_value_profile=0",
    ]
    flags += [f"-artifact_prefix={options.out}/died-", f"-max_len={target.longest}", "-len_control=20"]
    program = sys.argv[0]
    if options.merge is not None:
        program = _again(options)
        # libFuzzer's own where it has called itself.
        flags += options.flags or ["-merge=1", str(options.merge), str(options.corpus)]
        one = lambda data: rules.check(target, data, folder)  # noqa: E731 - nobody looks at what it says
    else:
        for seed in target.seeds(folder):
            (options.corpus / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
        flags.append(str(options.corpus))
        one = _Run(rules, target, folder, options).one
    mutate = {}
    if target.mutate is not None:
        mutate = {"custom_mutator": _mutator(target)}
    atheris.Setup([program, *flags], one, **mutate)
    atheris.Fuzz()


def _again(options: argparse.Namespace) -> str:
    """A program that does what this one does: to merge, libFuzzer calls itself with other flags."""
    program = options.out / "again"
    ours = [sys.executable, __file__, options.module, options.target, "--corpus", options.corpus]
    words = [*map(str, ours), "--out", str(options.out), "--merge", str(options.merge)]
    program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    program.chmod(0o700)
    return str(program)


def _mutator(target: Any) -> Any:
    def change(data: bytes, longest: int, seed: int) -> bytes:
        def other(some: bytes) -> bytes:
            return bytes(atheris.Mutate(some, max(len(some) * 2, 64)))

        try:
            changed = target.mutate(data, Random(seed), other)
        except (ValueError, RecursionError):  # what cannot be written any more, such as halves of characters
            return bytes(atheris.Mutate(data, longest))
        return changed if len(changed) <= longest else bytes(atheris.Mutate(data, longest))

    return change


class _Run:
    """Hands over inputs until their number or the time is reached, and then ends the process."""

    def __init__(self, rules: ModuleType, target: Any, folder: Path, options: argparse.Namespace) -> None:
        self._rules, self._target, self._folder, self._options = rules, target, folder, options
        self._began = self._told = time.monotonic()
        self._inputs, self._slowest = 0, 0.0
        self._found: dict[str, dict[str, Any]] = {}
        self._memory = 0

    def one(self, data: bytes) -> None:
        began = time.process_time()
        finding = self._rules.check(self._target, data, self._folder)
        self._slowest = max(self._slowest, time.process_time() - began)
        self._inputs += 1
        if finding is not None:
            self._keep(finding, data)
        if self._inputs == _WARM:
            self._memory = _resident()
        now = time.monotonic()
        over = self._inputs >= self._options.inputs or now - self._began >= self._options.seconds
        if over or now - self._told > _EVERY:
            self._told = now
            self._report()
        if over:
            sys.stderr.flush()
            self._rules.remove(self._folder.parent)
            os._exit(0)

    def _keep(self, finding: Any, data: bytes) -> None:
        known = self._found.setdefault(finding.signature, {"count": 0, "bytes": sys.maxsize})
        known["count"] += 1
        if len(data) < known["bytes"]:
            name = hashlib.sha1(finding.signature.encode()).hexdigest()[:10]
            known |= {"bytes": len(data), "story": finding.story[-3000:], "input": f"finding-{name}"}
            (self._options.out / known["input"]).write_bytes(data)

    def _report(self) -> None:
        gc.collect()
        told = {
            "inputs": self._inputs,
            "seconds": round(time.monotonic() - self._began, 1),
            "processor_seconds": round(time.process_time(), 1),
            "slowest_seconds": round(self._slowest, 2),
            "memory_mb": [self._memory >> 20, _resident() >> 20],
            "findings": self._found,
        }
        draft = self._options.out / "report.draft"
        draft.write_text(json.dumps(told))
        draft.replace(self._options.out / "report.json")


def _resident() -> int:
    """Bytes of memory that this process has, where the system says."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


if __name__ == "__main__":
    main()
