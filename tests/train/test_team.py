"""A training in two processes, against one."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from labelkit.errors import InputError, UnavailableError
from labelkit.train import team as teams
from labelkit.train.team import ALONE, Team, joined

WORKER = Path(__file__).with_name("two_processes.py")

Run = list[dict[str, np.ndarray]]


@pytest.fixture(scope="module")
def worker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("two_processes", WORKER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What each of two processes was left with."""
    out = tmp_path_factory.mktemp("team")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launcher, str(WORKER), str(out)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [dict(np.load(out / f"{rank}.npz")) for rank in range(2)]


def test_two_processes_see_the_faces_of_one_and_learn_what_it_learns(run: Run, worker: ModuleType) -> None:
    alone = worker.Brightness(worker.faces())
    alone.run(lambda progress: None)
    halves = [process["seen"].reshape(-1, 2) for process in run]
    assert np.concatenate(halves, axis=1).ravel().tolist() == alone.seen
    for name, value in alone.modules.state_dict().items():
        for process in run:
            np.testing.assert_allclose(process[f"simple.{name}"], value.numpy(), rtol=1e-5, atol=1e-7)


def test_after_every_step_all_hold_the_same_weights(run: Run) -> None:
    names = [name for name in run[0] if name.startswith("tiny.")]
    assert len(names) > 20
    for name in names:
        np.testing.assert_array_equal(run[0][name], run[1][name], err_msg=name)


def test_each_draws_for_its_own_faces_and_all_go_by_one_clock(run: Run) -> None:
    assert not np.array_equal(run[0]["losses"], run[1]["losses"])
    assert len(run[0]["losses"]) == 8
    assert [int(process["passes"]) for process in run] == [32, 32]
    assert run[0]["seconds"] == run[1]["seconds"]


def test_without_the_launcher_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined("cpu") as (team, device):
        assert team is ALONE
        assert device == torch.device("cpu")
    module = torch.nn.Linear(1, 1)
    assert ALONE.together(module) is module
    assert (ALONE.part(5), ALONE.seed(7), ALONE.leads) == (5, 7, True)


def test_a_step_is_cut_into_equal_parts() -> None:
    assert [Team(0, size).part(8) for size in (1, 2, 3, 4, 16)] == [8, 4, 3, 2, 1]
    assert len({Team(rank, 3).seed(5) for rank in range(3)}) == 3


def test_more_processes_than_gpus_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(teams, "choose_device", torch.device)
    with pytest.raises(UnavailableError, match="process 2 on this machine finds no GPU"), joined("cuda"):
        pass
    with pytest.raises(InputError, match="cuda:0 is one GPU"), joined("cuda:0"):
        pass
