"""Everything that is fuzzed, by its name. Modules are loaded when they are asked for: most load no torch."""

from __future__ import annotations

from importlib import import_module

from .rules import Target

MODULES = ("annotations", "schemes", "pictures", "browser", "models", "projects")


def targets_of(module: str) -> dict[str, Target]:
    """The targets of one of `MODULES`, by their names."""
    return {target.name: target for target in import_module(f".{module}", __package__).TARGETS}


def all_targets() -> dict[str, tuple[str, Target]]:
    """Every target with its module, by its name."""
    return {name: (module, target) for module in MODULES for name, target in targets_of(module).items()}
