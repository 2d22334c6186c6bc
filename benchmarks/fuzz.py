"""Fuzzes whatever takes what somebody else has made: readers, schemes, pictures, checkpoints, projects,
messages of a browser. Coverage guides it (atheris, libFuzzer); ``tests/fuzz`` says what is fuzzed and what
may come of it.

    python benchmarks/fuzz.py [TARGET ...] [--inputs 1000000] [--least 10000] [--minutes 50] [--work DIR]
                              [--seed 1] [--keep]

Every target has a share of ``--inputs`` and at least ``--least``. The corpus of tests/fuzz/corpus is where it
begins, and ``--keep`` puts the fewest inputs that reach as much there again. Afterwards the corpus of every
target is handed over again and again in a fresh process: memory that grows then is a leak. ``--work`` keeps
corpora, logs and the inputs of findings.

Prints JSON: for every target inputs, inputs a second, coverage (edges and features of libFuzzer), findings,
hangs, deaths, memory before and after, and the size of its corpus. Exit code 1 when anything was found, or
fewer inputs were tried than asked for. Takes ``pip install 'labelkit[fuzz]'``. Linux and macOS only.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from fuzz import corpus
from fuzz.leaks import growth
from fuzz.rules import Target
from fuzz.targets import all_targets

CHILD = Path(__file__).with_name("fuzz_child.py")

#: How often a target is started again after it died, and seconds that a child has to start and to end.
AGAIN, SLACK = 20, 240

#: More memory than this a thousand inputs is a leak, in kB: an array or a tree that stays each time is more.
LEAK_KB = 2000

_STATE = re.compile(r"cov: (\d+) ft: (\d+) corp: (\d+)/(\S+)")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--least", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=50.0)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    known = all_targets()
    unknown = set(options.targets) - set(known)
    if unknown:
        parser.error(f"{sorted(unknown)[0]!r} is no target; there are {', '.join(known)}")
    chosen = {name: known[name] for name in known if not options.targets or name in options.targets}
    with tempfile.TemporaryDirectory() as made:
        report = _all(chosen, options, options.work or Path(made))
    print(json.dumps(report, indent=1))
    return 1 if report["found"] or report["inputs"] < report["wanted"] else 0


def _all(chosen: Mapping[str, tuple[str, Target]], options: argparse.Namespace, work: Path) -> dict[str, Any]:
    began = time.monotonic()
    whole = sum(target.share for _, target in chosen.values())
    found: dict[str, Any] = {}
    for name, (module, target) in chosen.items():
        inputs = max(options.least, round(options.inputs * target.share / whole))
        left = options.minutes * 60 - (time.monotonic() - began)
        found[name] = _Target(name, module, target, work / name).fuzz(inputs, max(left, 1.0), options.seed)
        print(f"{name}: {_brief(found[name])}", file=sys.stderr, flush=True)
        if options.keep:
            found[name]["kept"] = _Target(name, module, target, work / name).keep(options.seed)
    return {
        "inputs": sum(one["inputs"] for one in found.values()),
        "wanted": sum(one["wanted"] for one in found.values()) if options.targets else options.inputs,
        "minutes": round((time.monotonic() - began) / 60, 1),
        "processor_minutes": round(sum(one["processor_seconds"] for one in found.values()) / 60, 1),
        "found": sum(len(one["findings"]) + one["deaths"] + one["leaks"] for one in found.values()),
        "slow_or_hung": sum(one["hangs"] for one in found.values()),
        "seed": options.seed,
        "targets": found,
    }


def _brief(found: Mapping[str, Any]) -> str:
    """A line about a target, for whoever waits."""
    keys = ("inputs", "per_second", "edges", "features", "slowest_seconds", "leak_kb_per_1000", "deaths")
    told = ", ".join(f"{key} {found.get(key)}" for key in keys)
    return f"{told}, findings {len(found['findings'])} {list(found['findings'])[:5]}"


class _Target:
    """A target with its folders of inputs."""

    def __init__(self, name: str, module: str, target: Target, work: Path) -> None:
        self._name, self._module, self._target = name, module, target
        self._work, self._corpus = work, work / "corpus"
        self._corpus.mkdir(parents=True, exist_ok=True)

    def fuzz(self, inputs: int, seconds: float, seed: int) -> dict[str, Any]:
        for digest, data in corpus.read(self._name).items():
            (self._corpus / digest).write_bytes(data)
        began = time.monotonic()
        runs: list[dict[str, Any]] = []
        deaths: list[str] = []
        for number in range(AGAIN):
            left = inputs - sum(run["inputs"] for run in runs)
            time_left = seconds - (time.monotonic() - began)
            if left <= 0 or time_left <= 0:
                break
            out = self._work / f"run-{seed}-{number}"
            shutil.rmtree(out, ignore_errors=True)  # of an earlier call
            out.mkdir()
            options = ["--inputs", str(left), "--seconds", str(time_left), "--seed", str(seed + number)]
            died = self._child(out, time_left, *options)
            runs.append(_reported(out))
            deaths += [str(path) for path in out.glob("died-*")] or ["it left no input"] * died
        return self._summed(inputs, runs, deaths)

    def _child(self, out: Path, seconds: float, *options: str) -> bool:
        """Run libFuzzer once; whether it died."""
        command = [sys.executable, str(CHILD), self._module, self._name, "--corpus", str(self._corpus)]
        with (out / "log").open("w") as log:
            child = subprocess.Popen([*command, "--out", str(out), *options], stdout=log, stderr=log)
            try:
                return child.wait(seconds + SLACK) != 0
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                return True

    def _summed(self, inputs: int, runs: list[dict[str, Any]], deaths: list[str]) -> dict[str, Any]:
        findings: dict[str, Any] = {}
        for run in runs:
            for signature, one in run["findings"].items():
                findings[signature] = {
                    **one,
                    "count": one["count"] + findings.get(signature, {"count": 0})["count"],
                }
        seconds = sum(run["seconds"] for run in runs)
        tried = sum(run["inputs"] for run in runs)
        files = [path for path in self._corpus.iterdir() if path.is_file()]
        grown = growth(self._target, [path.read_bytes() for path in sorted(files)])
        return {
            "inputs": tried,
            "wanted": inputs,
            "per_second": round(tried / max(seconds, 0.1)),
            "processor_seconds": sum(run["processor_seconds"] for run in runs),
            **(runs[-1]["state"] if runs else {}),
            "slowest_seconds": max((run["slowest_seconds"] for run in runs), default=0),
            "memory_mb": [run["memory_mb"] for run in runs],
            "leak_kb_per_1000": grown,
            "leaks": int(grown > LEAK_KB),
            "hangs": sum("slow" in name for name in findings)
            + sum("died-timeout" in path for path in deaths),
            "deaths": len(deaths),
            "died_of": deaths,
            "corpus": {"inputs": len(files), "kb": sum(path.stat().st_size for path in files) >> 10},
            "findings": findings,
        }

    def keep(self, seed: int) -> dict[str, int]:
        """Put the fewest inputs that reach all that this corpus reaches into tests/fuzz/corpus."""
        out, merged = self._work / "merge", self._work / "merged"
        out.mkdir(exist_ok=True)
        merged.mkdir(exist_ok=True)
        self._child(out, 600.0, "--merge", str(merged), "--seed", str(seed))
        found = [path.read_bytes() for run in self._work.glob("run-*") for path in run.glob("finding-*")]
        died = [path.read_bytes() for run in self._work.glob("run-*") for path in run.glob("died-*")]
        return corpus.write(self._name, [path.read_bytes() for path in merged.iterdir()], [*found, *died])


def _reported(out: Path) -> dict[str, Any]:
    """What a child has reported, and the last state of coverage in its log."""
    try:
        told: dict[str, Any] = json.loads((out / "report.json").read_text())
    except OSError:
        told = {"inputs": 0, "seconds": 0, "processor_seconds": 0, "slowest_seconds": 0, "memory_mb": []}
        told["findings"] = {}
    states = _STATE.findall((out / "log").read_text(errors="replace"))
    edges, features = states[-1][:2] if states else (0, 0)
    return {**told, "state": {"edges": int(edges), "features": int(features)}}


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
