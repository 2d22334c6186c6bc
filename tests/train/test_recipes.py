from __future__ import annotations

from dataclasses import asdict

import pytest

from labelkit.errors import InputError
from labelkit.models.build import build_tufa
from labelkit.train.recipes import RECIPES, load_recipe


@pytest.mark.parametrize("name", list(RECIPES))
def test_a_recipe_is_called_by_its_name_and_fits_into_a_card(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert asdict(recipe)["augment"]["flipped"] == 0.5
    assert recipe.passes > recipe.warmup


def test_tiny_can_be_built() -> None:
    assert sum(p.numel() for p in build_tufa(load_recipe("tiny").network).parameters()) < 3e6


def test_unknown_names_are_answered_with_the_known() -> None:
    with pytest.raises(InputError, match=r"'huge'.*base, polish, tiny, paper-s16"):
        load_recipe("huge")
