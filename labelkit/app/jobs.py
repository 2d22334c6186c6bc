"""How the pages show long work: what it runs on, how far it is, how long it still takes."""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from labelkit.app.parts import esc
from labelkit.store import Job, JobState

AT_WORK = (JobState.RUNNING, JobState.WAITING)

#: Before so many pieces an estimate says more about chance than about the rest.
_ENOUGH = 3


def devices() -> dict[str, str]:
    """What the machine seems to have; torch, which knows, is not loaded for that."""
    devices = {"Automatic": "auto", "CPU": "cpu"}
    if Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi"):
        devices["CUDA"] = "cuda"
    if sys.platform == "darwin":
        devices["Apple GPU"] = "mps"
    return devices


def state_chip(job: Job) -> str:
    """What a job is at, with its own words, as HTML."""
    text, kind = {
        JobState.RUNNING: ("stopping…" if job.cancel else "at work", "accent"),
        JobState.WAITING: ("starting…", "accent"),
        JobState.DONE: ("done", "good"),
        JobState.CANCELLED: ("stopped, what is done is kept", "warn"),
        JobState.INTERRUPTED: ("interrupted, what is done is kept", "warn"),
        JobState.FAILED: ("failed", "bad"),
    }[job.state]
    message = f" <span class='muted small'>{esc(job.message)}</span>" if job.message else ""
    return f"<div><span class='chip {kind}'>{text}</span>{message}</div>"


def progress_bar(job: Job, what: str) -> str:
    """How much of how many ``what`` is done, and how long the rest takes, as HTML."""
    share = job.done / job.total if job.total else 0.0
    estimate = _estimate(job)
    told = f"{job.done:,} of {job.total:,} {what}" if job.total else "counting…"
    return (
        f"<div><div class='bar' role='progressbar' aria-valuenow='{100 * share:.0f}'>"
        f"<i style='width:{100 * share:.1f}%'></i></div>"
        f"<p class='muted small' style='margin-top:6px'>{told}{estimate}</p></div>"
    )


def _estimate(job: Job) -> str:
    """How long the rest will take at the pace so far, loading the model included."""
    if job.state is not JobState.RUNNING or not job.total or job.done < _ENOUGH or job.started is None:
        return ""
    seconds = (datetime.now(UTC) - job.started).total_seconds()
    if seconds < 1:  # the clock was set back
        return ""
    rest = seconds / job.done * (job.total - job.done)
    return f" · {job.done / seconds:.1f} a second · about {_duration(rest)} left"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
