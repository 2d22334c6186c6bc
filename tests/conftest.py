"""What all tests share."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings

# Timing on a shared machine says nothing about correctness, hence no deadline. In CI the same
# examples are drawn every time, so that a red build can be repeated.
settings.register_profile("labelkit", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("labelkit")

REPOSITORY = Path(__file__).parents[1]

#: Where Linux keeps files in memory, and how many bytes must be free there.
MEMORY, ENOUGH = Path("/dev/shm"), 2 << 30


def pytest_configure(config: pytest.Config) -> None:
    """Keep temporary files in memory where there is room: every saved file waits for the disk, some
    thousand times in these tests. Who wants to look at them afterwards sets ``TMPDIR``."""
    if "TMPDIR" in os.environ or not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ENOUGH:
        return
    folder = tempfile.mkdtemp(prefix="labelkit-", dir=MEMORY)
    os.environ["TMPDIR"] = folder  # child processes too
    tempfile.tempdir = None

    def end() -> None:
        del os.environ["TMPDIR"]
        tempfile.tempdir = None
        shutil.rmtree(folder, ignore_errors=True)

    config.add_cleanup(end)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; a test that needs it skips where it is absent."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the real data in {folder}, which is not committed")
    return folder


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``made.safetensors``, a model of 32 px, and its head beside it, both untrained."""
    import torch  # here, since most tests need no network

    from labelkit.models.build import base, build_dslpt, build_tufa, refinement
    from labelkit.models.heads import FILE
    from labelkit.models.refiner import save_refiner
    from labelkit.models.registry import save_model
    from labelkit.scheme import load_scheme

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("pair")
    plane = load_scheme("ibug68").plane.tolist()
    small = dict(backbone="resnet10t", dim=16, layers=1, heads=2, hidden=32)
    network = replace(base(plane, size=32), **small)  # type: ignore[arg-type]  # by names, for brevity
    card = {"name": "made", "architecture": network.to_dict()}
    digest = save_model(folder / "made.safetensors", build_tufa(network).state_dict(), {}, card)
    head = replace(refinement(plane, size=32), channels=8, strides=(4, 8), **small)  # type: ignore[arg-type]
    card = {"name": "refine", "architecture": head.to_dict(), "base": {"name": "made", "hash": digest}}
    save_refiner(folder / FILE, build_dslpt(head).state_dict(), {**card, "terms": "of the head"})
    return folder
