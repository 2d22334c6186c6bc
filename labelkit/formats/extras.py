"""Packages that only some formats need; they are imported when such a file is read or written."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from labelkit.errors import UnavailableError


def extra(module: str, what: str) -> Any:
    """The module of that name, which reading and writing ``what`` takes.

    Raises `UnavailableError`, which says how to install it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise UnavailableError(f'{what} needs {package}; pip install "labelkit[formats]"') from error
