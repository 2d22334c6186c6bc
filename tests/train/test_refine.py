from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from labelkit.calibration import Calibration
from labelkit.checkpoint import read_card
from labelkit.errors import CheckpointError, InputError
from labelkit.models.build import TUFAConfig, base, build_tufa
from labelkit.models.dslpt import Refined
from labelkit.models.predictor import LandmarkModel
from labelkit.scheme import Scheme, load_scheme
from labelkit.train.pack import FacePack
from labelkit.train.queries import Queries
from labelkit.train.refine import RefineRecipe, RefineTrainer, refine_loss, refine_recipe, tiny_refine_recipe
from labelkit.train.refine_fit import fit_refiner

MakePack = Callable[..., FacePack]
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model(ibug68: Scheme) -> LandmarkModel:
    """A base that was never trained."""
    torch.manual_seed(0)
    config: TUFAConfig = replace(
        base(ibug68.plane.tolist(), size=32), backbone="resnet10t", dim=16, layers=1, heads=2, hidden=32
    )
    card = {"name": "made", "hash": "0" * 64, "architecture": config.to_dict()}
    return LandmarkModel(build_tufa(config), card, {}, CPU, "fp32")


@pytest.fixture(scope="module")
def tiny_head() -> RefineRecipe:
    recipe = tiny_refine_recipe()
    network = replace(recipe.network, size=32, channels=8, dim=16, hidden=32)
    return replace(recipe, network=network, passes=32, batch=4, warmup=8, own=6, between=3)


@pytest.fixture(scope="module")
def pack(make_pack: MakePack, ibug68: Scheme) -> FacePack:
    return make_pack(ibug68, 6)


def weights(trainer: RefineTrainer) -> dict[str, Tensor]:
    return {**trainer.network.state_dict(), **{f"average.{k}": v for k, v in trainer.average.items()}}


def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(
    tmp_path: Path, tiny_head: RefineRecipe, model: LandmarkModel, pack: FacePack
) -> None:
    straight = RefineTrainer(tiny_head, [pack], model, CPU)
    straight.step()
    straight.save_state(tmp_path / "state.safetensors")
    resumed = RefineTrainer(tiny_head, [pack], model, CPU)
    resumed.load_state(tmp_path / "state.safetensors")
    assert straight.step() == resumed.step()
    one, other = weights(straight), weights(resumed)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_state_of_another_base_is_refused(
    tmp_path: Path, tiny_head: RefineRecipe, model: LandmarkModel, pack: FacePack
) -> None:
    RefineTrainer(tiny_head, [pack], model, CPU).save_state(tmp_path / "state.safetensors")
    card = {**model.card, "hash": "1" * 64}
    other = LandmarkModel(model.network, card, {}, CPU, "fp32")
    with pytest.raises(CheckpointError, match="base differ"):
        RefineTrainer(tiny_head, [pack], other, CPU).load_state(tmp_path / "state.safetensors")


def test_the_loss_falls(tiny_head: RefineRecipe, model: LandmarkModel, pack: FacePack) -> None:
    trainer = RefineTrainer(replace(tiny_head, passes=400, lr=3e-3), [pack], model, CPU)
    losses = [trainer.step() for _ in range(60)]
    assert sum(losses[-15:]) < sum(losses[:15]) - 3


def test_left_out_points_are_never_asked_for(
    tiny_head: RefineRecipe, model: LandmarkModel, pack: FacePack, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_out = (33, 57)
    asked: list[Tensor] = []
    trainer = RefineTrainer(replace(tiny_head, prompt_noise=0.0), [pack], model, CPU, left_out)
    answers = trainer._answers

    def watched(images: Tensor, valid: Tensor, drawn: Queries, start: Tensor) -> Refined:
        asked.append(drawn.prompts)
        return answers(images, valid, drawn, start)

    monkeypatch.setattr(trainer, "_answers", watched)
    for _ in range(5):
        trainer.step()
    places = torch.tensor(pack.scheme.plane[list(left_out)], dtype=torch.float32)
    assert float(torch.cdist(torch.cat([a.flatten(0, 1) for a in asked]), places).min()) > 1e-3


def test_another_scheme_is_refused(
    tiny_head: RefineRecipe, model: LandmarkModel, make_pack: MakePack
) -> None:
    with pytest.raises(InputError, match="wflw"):
        RefineTrainer(tiny_head, [make_pack(load_scheme("wflw98"), 3, "wflw")], model, CPU)


def test_an_anchor_cannot_be_left_out(tiny_head: RefineRecipe, model: LandmarkModel, pack: FacePack) -> None:
    with pytest.raises(InputError, match="point 51"):
        RefineTrainer(tiny_head, [pack], model, CPU, (33, 51))


def queries(points: Tensor) -> Queries:
    there = torch.ones(points.shape[:2], dtype=torch.bool)
    return Queries(points, points, there, there.float())


@pytest.mark.parametrize("spread", ["gaussian", "laplace"])
def test_the_likelihood_is_greatest_at_the_true_spread(spread: str) -> None:
    generator = torch.Generator().manual_seed(0)
    targets = torch.zeros(1, 4000, 2)
    if spread == "gaussian":
        noise = torch.randn(targets.shape, generator=generator) * 0.05
    else:
        u = torch.rand(targets.shape, generator=generator) - 0.5
        noise = -0.05 / math.sqrt(2) * u.sign() * torch.log1p(-2 * u.abs())

    def cost(deviation: float) -> float:
        answers = Refined(noise[None, None], torch.full((1, 1, 1, 4000, 2), deviation))
        return float(refine_loss(answers, queries(targets), spread, 0.0, 1.0))  # type: ignore[arg-type]

    assert cost(0.05) < cost(0.042)
    assert cost(0.05) < cost(0.06)


def test_without_spread_the_loss_is_the_distance_over_the_iod() -> None:
    found = torch.tensor([[[0.03, 0.04]]]).expand(2, 3, 1, 1, 2)
    loss = refine_loss(Refined(found, None), queries(torch.zeros(1, 1, 2)), "none", 0.5, 1.0)
    assert float(loss) == pytest.approx(0.05 / 0.76)


def test_points_of_unknown_place_cost_nothing() -> None:
    drawn = queries(torch.zeros(1, 2, 2))
    drawn = replace(drawn, weights=torch.tensor([[1.0, 0.0]]))
    xy = torch.tensor([[[0.1, 0.0], [5.0, 5.0]]])[None, None]
    alone = refine_loss(Refined(xy[..., :1, :], None), queries(torch.zeros(1, 1, 2)), "none", 0, 1)
    assert torch.allclose(refine_loss(Refined(xy, None), drawn, "none", 0, 1), alone)


def test_the_recipe_of_the_bundled_head_begins_with_the_backbone_of_base() -> None:
    recipe = refine_recipe()
    assert recipe.network.backbone == "tf_efficientnet_lite0"
    assert recipe.network.points == 0
    assert recipe.network.start == "base"


def test_fit_writes_a_head_that_knows_its_model_and_its_calibration(
    tmp_path: Path, tiny_head: RefineRecipe, model: LandmarkModel, pack: FacePack
) -> None:
    out = fit_refiner(tiny_head, [pack], model, tmp_path / "head.safetensors", dev=pack, device="cpu")
    card = read_card(out)
    assert card["kind"] == "dslpt"
    assert card["base"] == {"name": "made", "hash": "0" * 64}
    assert card["training"]["passes"] == 32
    assert Calibration.from_dict(card["calibration"]).size
    assert card["metrics"]["dev_nme_io"] > 0
    for name in ("head.csv", "head.png", "head.state.safetensors"):
        assert (tmp_path / name).stat().st_size > 0
    with pytest.raises(InputError, match="no state"):
        fit_refiner(tiny_head, [pack], model, tmp_path / "none.safetensors", device="cpu", resume=True)
