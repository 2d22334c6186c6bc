"""SIGKILL at random moments, a thousand times: is anything lost that was acknowledged?

    python benchmarks/kill.py [--kills 1000] [--seed 0] [--victim editor export ...]
                              [--first 0] [--out report.json [--resume]]

Each round lets a process work on a project, which says a line for everything that labelkit has
acknowledged, and kills it: 15 % in its first 20 ms, 25 % at any moment after its start, the others
once it is known to be at work. Then the project is opened again. Whatever was ever acknowledged must
be there by its exact values, every export and backup whole or absent, every version of a model loadable,
SQLite's own checks content, and no job left as running. In most rounds a copy of the project is looked
at as well of whose write-ahead log the end is torn off (or zeros), as a power cut may leave it: it must
open and not contradict itself.

Most rounds go to what people wait for and to what writes many files: 120 of 1,000 to the editor's
server (with a browser that survives it), 110 to exports in six formats, 90 to imports, 80 each to
programs that annotate and to changes of the scheme, 72 to migrations of old databases, 50 to 60 each to
photos that move, faces that go and come back, projects in the making, backups, restored projects,
prelabelling and fine-tuning (with small real networks), and 24 each to prelabelling and fine-tuning in
processes started as the command line starts them, of which the child, the parent or both are killed.

Moments come from the seed, the victim and the round's number. A round builds on those before it in the
same project: ``--first N`` begins with the project of round N. ``--out`` keeps what each victim came to,
``--resume`` leaves out those that it has. Prints JSON; exit code 1 when anything was lost, half-written,
unopenable or stuck. Linux and macOS only; all but the processes of their own take no network and
no torch.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

# Threads would not survive the forks.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from kills import changing, editing, learning, writing
from kills.processes import adopt_orphans, asked
from kills.rounds import Tally, run
from kills.victim import KINDS, Victim

VICTIMS: dict[str, Victim] = {
    victim.name: victim
    for victim in (
        editing.Editor(),
        editing.Annotate(),
        changing.Import(),
        changing.Change(),
        changing.Faces(),
        changing.Photos(),
        changing.Create(),
        changing.Migrate(),
        writing.Export(),
        writing.Backup(),
        writing.Restore(),
        learning.Prelabel(),
        learning.Train(),
        learning.PrelabelProcess(),
        learning.TrainProcess(),
    )
}

#: What must be nought.
BARS = (*KINDS, "torn_unopenable")

_HOURS = 12 * 3600


def portions(kills: int, victims: list[Victim]) -> dict[str, int]:
    """How many kills each victim gets, by its share; at least one."""
    total = sum(victim.share for victim in victims)
    counts = {victim.name: max(1, kills * victim.share // total) for victim in victims}
    for victim in sorted(victims, key=lambda victim: -victim.share):
        if sum(counts.values()) < kills:
            counts[victim.name] += 1
    return counts


def tell(name: str, kills: int) -> Any:
    """Shows on a terminal how far a victim is."""

    def heard(tally: Tally) -> None:
        if sys.stderr.isatty() or tally.kills == kills:
            found = "" if tally.clean else " PROBLEMS"
            print(
                f"\r{name}: {tally.kills} of {kills}, {tally.seconds:.0f} s{found}", end="", file=sys.stderr
            )
            print(file=sys.stderr) if tally.kills == kills else None

    return heard


def one(victim: Victim, kills: int, seed: int, first: int) -> dict[str, Any]:
    """What the kills of a victim came to, in a process of its own: it may load torch."""
    first -= first % victim.rounds

    def killed() -> dict[str, Any]:
        adopt_orphans()
        return run(victim, kills, seed, first, tell(victim.name, kills)).to_dict()

    try:
        return dict(asked(killed, _HOURS, quiet=False))
    except RuntimeError as error:
        return {"kills": 0, "stuck": 1, "stuck_first": [str(error)]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000, help="in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--victim", nargs="*", choices=sorted(VICTIMS), default=list(VICTIMS))
    parser.add_argument("--first", type=int, default=0, help="the number of each victim's first round")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--resume", action="store_true", help="go on with --out")
    options = parser.parse_args()
    began, asked_for = time.monotonic(), {"kills": options.kills, "seed": options.seed}
    found: dict[str, Any] = {}
    if options.resume and options.out is not None and options.out.is_file():
        before = json.loads(options.out.read_text())
        found = before["victims"] if before["asked_for"] == asked_for else {}
    chosen = [VICTIMS[name] for name in options.victim]
    for name, kills in portions(options.kills, chosen).items():
        if name not in found:
            found[name] = one(VICTIMS[name], kills, options.seed, options.first)
        report = {"asked_for": asked_for, "victims": found, **totals(found)}
        if options.out is not None:
            options.out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps({**report, "seconds": round(time.monotonic() - began)}, indent=1))
    return 1 if any(report[kind] for kind in BARS) else 0


def totals(found: dict[str, Any]) -> dict[str, int]:
    """Sums over all victims."""
    names = ("kills", "at_work", "acknowledged", "torn", *BARS)
    return {name: sum(int(one.get(name, 0)) for one in found.values()) for name in names}


if __name__ == "__main__":
    sys.exit(main())
