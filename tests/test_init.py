from __future__ import annotations

import os
import subprocess
import sys
from importlib import resources

import pytest

import labelkit


def test_import_loads_neither_torch_nor_opencv_nor_panel() -> None:
    code = "import sys, labelkit; print([m for m in ('torch', 'cv2', 'panel', 'numpy') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "[]"


def test_every_public_name_is_there_and_listed() -> None:
    for name in labelkit.__all__:
        assert getattr(labelkit, name) is not None
        assert name in dir(labelkit)


def test_every_lazy_name_is_public() -> None:
    assert set(labelkit._HOMES) | {"__version__"} == set(labelkit.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="load_shceme"):
        labelkit.load_shceme  # noqa: B018


def test_types_are_shipped() -> None:
    assert (resources.files("labelkit") / "py.typed").is_file()


@pytest.mark.parametrize(
    ("chosen", "spins"),
    [({}, "2000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")],
)
def test_idle_threads_of_torch_leave_the_cores_unless_somebody_chose(
    chosen: dict[str, str], spins: str
) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    code = "import os, labelkit; print(os.environ.get('GOMP_SPINCOUNT'))"
    run = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment | chosen
    )
    assert run.stdout.strip() == spins
