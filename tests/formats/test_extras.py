"""Packages that only some formats need."""

from __future__ import annotations

import subprocess
import sys

import pytest

from labelkit.errors import UnavailableError
from labelkit.formats.extras import extra


def test_what_is_missing_is_named_with_the_way_to_get_it() -> None:
    with pytest.raises(UnavailableError) as caught:
        extra("nowhere_to_be_found.part", "an odd file")
    assert str(caught.value) == 'an odd file needs nowhere_to_be_found; pip install "labelkit[formats]"'


def test_what_is_there_is_imported() -> None:
    assert extra("json.decoder", "a file").JSONDecoder


def test_formats_are_imported_without_them() -> None:
    heavy = "{'h5py', 'scipy', 'pandas', 'pyarrow'}"
    code = f"import sys, labelkit.formats; sys.exit(bool({heavy} & {{*sys.modules}}))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
