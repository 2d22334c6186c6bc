"""Inputs that fuzzing has found worth keeping, without the fuzzer: each ends in a value or in one clear line.

``benchmarks/fuzz.py --keep`` renews them.
"""

from __future__ import annotations

from itertools import islice

import pytest

from labelkit.formats import FORMATS

from . import corpus
from .rules import check, prepared
from .targets import all_targets

TARGETS = all_targets()

#: Of targets that open a project or a network for each input, so many of the inputs are enough here.
FEW = {"database": 12, "restore": 12, "editor-project": 8, "network": 12}


@pytest.mark.parametrize("name", TARGETS)
def test_the_inputs_that_were_kept_end_in_a_value_or_a_line(name: str) -> None:
    _, target = TARGETS[name]
    kept = corpus.read(name)
    assert kept, f"nothing was kept of {name}: python benchmarks/fuzz.py {name} --keep"
    with prepared(target) as folder:
        found_first = sorted(kept.items(), key=lambda item: not item[0].startswith(corpus.FOUND))
        for digest, data in islice(found_first, FEW.get(name)):
            finding = check(target, data, folder)
            assert finding is None, f"{digest}: {finding.signature}\n{finding.story}"


@pytest.mark.parametrize("name", TARGETS)
def test_what_fuzzing_begins_with_ends_in_a_value_or_a_line(name: str) -> None:
    _, target = TARGETS[name]
    with prepared(target) as folder:
        seeds = list(target.seeds(folder))
        assert seeds
        for data in islice(seeds, FEW.get(name)):
            finding = check(target, data, folder)
            assert finding is None, f"{finding.signature}\n{finding.story}"


def test_no_reader_is_left_out() -> None:
    assert {f"read-{name}" for name in FORMATS} <= TARGETS.keys()


def test_no_corpus_is_of_a_target_that_is_gone() -> None:
    assert {path.stem for path in corpus.FOLDER.glob("*.zip")} == TARGETS.keys()
