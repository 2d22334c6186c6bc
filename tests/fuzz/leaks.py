"""Whether memory is lost: inputs that are known are handed over again and again in a process of their own."""

from __future__ import annotations

import gc
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

from .rules import Target, check, prepared

#: After so many inputs everything has been loaded and cached once; then as many again are counted. Neither
#: part takes longer than this.
_WARM, _COUNTED, _SECONDS = 1000, 1000, 5.0


def growth(target: Target, inputs: list[bytes]) -> int:
    """By how many kB the memory grows with a thousand inputs that were all seen before; 0 where the system
    does not say."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=_measured, args=(target, inputs, theirs))
    child.start()
    grown = ours.recv() if ours.poll(6 * _SECONDS) else 0
    child.join(5)
    if child.is_alive():
        child.kill()
    return int(grown)


def _measured(target: Target, inputs: list[bytes], answer: Any) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libraries in C say there what they think of an input
    with prepared(target) as folder:
        _over(target, inputs, folder, _WARM)
        before = _resident()
        count = _over(target, inputs, folder, _COUNTED)
        answer.send(max(0, _resident() - before) / 1024 / max(count, 1) * 1000)


def _over(target: Target, inputs: list[bytes], folder: Path, most: int) -> int:
    began = time.monotonic()
    for number in range(most):
        check(target, inputs[number % len(inputs)], folder)
        if time.monotonic() - began > _SECONDS:
            return number + 1
    return most


def _resident() -> int:
    gc.collect()
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
