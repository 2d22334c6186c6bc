from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor

from labelkit.checkpoint import load_checkpoint, save_checkpoint
from labelkit.errors import CheckpointError
from labelkit.scheme import Scheme, load_scheme
from labelkit.train.augment import AugmentConfig, plain_view
from labelkit.train.engine import Progress, Trainer
from labelkit.train.loop import _split_batch
from labelkit.train.pack import DensePoints, FacePack
from labelkit.train.recipes import Recipe, load_recipe

MakePack = Callable[..., FacePack]
CPU = torch.device("cpu")
CALM = AugmentConfig(0.02, 5, 0.02, 0, 0, 0, 1, 0, 0, 0, 0)


def state(trainer: Trainer) -> dict[str, Tensor]:
    """Everything a run holds: weights, average, moments."""
    kept = {f"model.{k}": v.clone() for k, v in trainer.modules.state_dict().items()}
    kept |= {f"average.{k}": v.clone() for k, v in trainer.average.items()}
    for index, moments in trainer.optimizer.state_dict()["state"].items():
        kept |= {f"{index}.{k}": v.clone() for k, v in moments.items()}
    return kept


def differing(a: dict[str, Tensor], b: dict[str, Tensor]) -> list[str]:
    assert set(a) == set(b)
    return [name for name in a if not torch.equal(a[name], b[name])]


@pytest.fixture
def packs(make_pack: MakePack, ibug68: Scheme) -> list[FacePack]:
    return [make_pack(ibug68, 6), make_pack(load_scheme("wflw98"), 3, "wflw", seed=1)]


def test_resuming_gives_what_no_interruption_gives(
    tmp_path: Path, tiny: Recipe, packs: list[FacePack]
) -> None:
    straight = Trainer(tiny, packs, CPU)
    for _ in range(2):
        straight.step()
    straight.save_state(tmp_path / "state.safetensors")
    between = state(straight)
    resumed = Trainer(tiny, packs, CPU)
    resumed.step()  # what it did before must not matter
    resumed.load_state(tmp_path / "state.safetensors")
    assert differing(between, state(resumed)) == []
    assert (resumed.step_number, resumed.seconds) == (2, straight.seconds)
    for _ in range(2):
        assert straight.step() == resumed.step()
    assert differing(state(straight), state(resumed)) == []
    assert len(differing(between, state(straight))) > 50


def test_another_runs_state_is_refused(tmp_path: Path, tiny: Recipe, packs: list[FacePack]) -> None:
    path = tmp_path / "state.safetensors"
    Trainer(tiny, packs, CPU).save_state(path)
    wider = replace(tiny.network, hidden=2 * tiny.network.hidden)
    for problem, other in (
        (r"another run \(recipe differ", Trainer(replace(tiny, name="other"), packs, CPU)),
        (r"another run \(left-out points differ", Trainer(tiny, packs, CPU, left_out=(8,))),
        (r"\(batch and seed differ", Trainer(replace(tiny, batch=tiny.batch + 4, seed=3), packs, CPU)),
        (r"\(data differ", Trainer(tiny, packs[:1], CPU)),
        (r"\(dense points differ", Trainer(replace(tiny, dense=8), packs, CPU)),
        ("does not fit", Trainer(replace(tiny, network=wider), packs, CPU)),
    ):
        with pytest.raises(CheckpointError, match=problem):
            other.load_state(path)
    longer = Trainer(replace(tiny, passes=2 * tiny.passes), packs, CPU, minutes=5)
    longer.load_state(path)  # more time is no other run
    tensors, card = load_checkpoint(path)
    del card["dense points"]
    save_checkpoint(path, tensors, card)
    Trainer(tiny, packs, CPU).load_state(path)  # kept before there were dense points
    save_checkpoint(path, {"a": torch.zeros(1)}, {"kind": "tufa"})
    with pytest.raises(CheckpointError, match="another run"):
        Trainer(tiny, packs, CPU).load_state(path)


def test_a_few_faces_are_learnt(tiny: Recipe, make_pack: MakePack, ibug68: Scheme) -> None:
    recipe = replace(tiny, passes=4 * 60, lr=3e-3, warmup=16, augment=CALM, ema=0.9)
    pack = make_pack(ibug68, 4, spread=0.15)
    trainer = Trainer(recipe, [pack], CPU)
    before = trainer.dev_nme(pack)
    losses: list[float] = []
    trainer.run(lambda progress: losses.append(progress.loss), every=10)
    assert len(losses) == 6
    assert losses[-1] < 0.7 * losses[0]
    assert trainer.dev_nme(pack) < 0.8 * before


def with_cheeks(pack: FacePack) -> FacePack:
    """Dense points on the cheeks: where the middle of eye corner, jaw and mouth corner lies."""
    corners = torch.tensor([[36, 3, 48], [45, 13, 54]])
    plane = torch.tensor(pack.scheme.plane, dtype=torch.float32)
    points = pack.points[:, corners].mean(2)
    return replace(pack, dense=DensePoints(plane[corners].mean(1), points, torch.ones(len(pack), 2)))


def cheek_error(trainer: Trainer, pack: FacePack) -> float:
    """How far the answers for the cheeks are off, in crop units."""
    assert pack.dense is not None
    view = plain_view(pack, torch.arange(len(pack)), trainer.recipe.network.size)
    targets = view.points[:, [[36, 3, 48], [45, 13, 54]]].mean(2)
    trainer.modules.eval()
    with torch.no_grad():
        answers = trainer.network(view.images, pack.dense.plane.expand(len(pack), -1, -1), view.valid)
    return float((answers[-1] - targets).abs().mean())


def test_dense_points_are_learnt(tiny: Recipe, make_pack: MakePack, ibug68: Scheme) -> None:
    """Nothing else is asked for, so that only they can teach."""
    pack = with_cheeks(make_pack(ibug68, 4, spread=0.15))
    recipe = replace(
        tiny, passes=4 * 60, lr=3e-3, warmup=16, augment=CALM, own=0, between=0, dense=2, dense_weight=1.0
    )
    trainer = Trainer(recipe, [pack], CPU)
    before = cheek_error(trainer, pack)
    losses: list[float] = []
    trainer.run(lambda progress: losses.append(progress.loss), every=10)
    assert losses[-1] < 0.7 * losses[0]
    assert cheek_error(trainer, pack) < 0.7 * before


def test_a_recipe_without_dense_points_does_not_look_at_them(
    tiny: Recipe, make_pack: MakePack, ibug68: Scheme
) -> None:
    pack = make_pack(ibug68, 4)
    plain, unused = Trainer(tiny, [pack], CPU), Trainer(tiny, [with_cheeks(pack)], CPU)
    assert [plain.step() for _ in range(2)] == [unused.step() for _ in range(2)]
    used = Trainer(replace(tiny, dense=2), [with_cheeks(pack)], CPU)
    assert used.step() != pytest.approx(Trainer(tiny, [pack], CPU).step(), rel=1e-4)


def test_datasets_with_and_without_dense_points_share_a_batch(tiny: Recipe, packs: list[FacePack]) -> None:
    """The batch of a data set that has none is filled up with what does not count."""
    some, other = with_cheeks(packs[0]), packs[1]
    assert math.isfinite(Trainer(replace(tiny, dense=2), [some, other], CPU).step())
    assert some.dense is not None
    unknown = replace(some, dense=replace(some.dense, weights=torch.zeros(6, 2)))
    # Last, so that their drawing changes nothing that is drawn for the others.
    without, asked = (Trainer(replace(tiny, dense=n), [other, unknown], CPU).step() for n in (0, 2))
    assert asked == pytest.approx(without, rel=1e-3)


def test_points_left_out_have_no_say(tiny: Recipe, make_pack: MakePack, ibug68: Scheme) -> None:
    """Their labels may say anything: the loss stays, also after the flip."""
    left_out = (1, 15, 5, 11, 57)
    pack = make_pack(ibug68, 4)
    wrong = replace(pack, points=pack.points.clone())
    wrong.points[:, list(left_out)] += 0.3
    first, second = (Trainer(tiny, [p], CPU, left_out) for p in (pack, wrong))
    assert [first.step() for _ in range(3)] == [second.step() for _ in range(3)]
    assert differing(state(first), state(second)) == []
    third = Trainer(tiny, [wrong], CPU)
    assert third.step() != pytest.approx(Trainer(tiny, [pack], CPU).step(), rel=1e-3)


def test_the_budget_ends_by_passes(tiny: Recipe, packs: list[FacePack]) -> None:
    trainer = Trainer(tiny, packs[:1], CPU)
    heard: list[Progress] = []
    trainer.run(heard.append, every=3)
    assert [p.step for p in heard] == [3, 6, 8]
    assert trainer.passes == 32
    assert heard[-1].done == 1
    assert all(math.isfinite(p.loss) for p in heard)


def test_the_budget_ends_by_the_clock(
    tiny: Recipe, packs: list[FacePack], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that goes on by six seconds whenever it is read: a step takes six."""
    now = iter(range(0, 10_000, 6))
    monkeypatch.setattr("labelkit.train.loop.time.monotonic", lambda: float(next(now)))
    trainer = Trainer(replace(tiny, passes=10**6), packs[:1], CPU, minutes=0.4)
    saved: list[int] = []
    heard: list[Progress] = []
    trainer.run(heard.append, every=2, save=lambda: saved.append(trainer.step_number), save_seconds=10)
    assert [round(p.done, 6) for p in heard] == [0.5, 1.0]
    assert trainer.step_number == 4
    assert saved == [2, 4]


def test_the_learning_rate_rises_and_falls(tiny: Recipe, packs: list[FacePack]) -> None:
    recipe = replace(tiny, passes=1000, batch=4, warmup=100, lr=0.1, final=0.01)
    trainer = Trainer(recipe, packs[:1], CPU)
    rates = []
    for trainer.step_number in range(251):
        rates.append(trainer.learning_rate())
    assert rates[0] == pytest.approx(0.1 * 1 / 100, rel=0.01)
    assert rates[12] == pytest.approx(0.1 * 49 / 100, rel=0.01)
    assert max(rates) == pytest.approx(0.1, rel=0.05)
    assert rates.index(max(rates)) == 25
    assert rates[125] == pytest.approx(0.1 * (0.01 + 0.99 / 2), rel=0.01)
    assert rates[250] == pytest.approx(0.001, rel=0.01)
    assert all(b <= a for a, b in pairwise(rates[25:]))


def test_looking_at_dev_changes_nothing(tiny: Recipe, packs: list[FacePack]) -> None:
    trainer = Trainer(tiny, packs[:1], CPU)
    trainer.step()
    before = state(trainer)
    assert trainer.dev_nme(packs[0]) > 0
    trainer.averaged()
    assert differing(before, state(trainer)) == []


def test_an_interrupt_while_looking_at_dev_changes_nothing(
    tiny: Recipe, packs: list[FacePack], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(tiny, packs[:1], CPU)
    trainer.step()
    before = state(trainer)

    def interrupted(*args: object) -> Tensor:
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer, "_errors", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trainer.dev_nme(packs[0])
    assert differing(before, state(trainer)) == []


def test_dev_nme_is_that_of_the_plain_view(tiny: Recipe, make_pack: MakePack, ibug68: Scheme) -> None:
    """With a silent head every point lies at its plane position, and so do these faces."""
    trainer = Trainer(tiny, [make_pack(ibug68, 4)], CPU)
    trainer.average["network.head.2.weight"].zero_()
    assert trainer.dev_nme(make_pack(ibug68, 3, spread=0.0)) == pytest.approx(0, abs=1e-3)
    shifted = make_pack(ibug68, 3, spread=0.0)
    shifted.points[:, 30] += torch.tensor([0.1, 0.0])
    # 0.1 pack units are 0.16 of the plane; a 68th of it, by an IOD of 0.76.
    assert trainer.dev_nme(shifted) == pytest.approx(100 * 0.16 / 68 / 0.76, rel=1e-3)


def test_datasets_share_a_batch_and_keep_their_own_offsets(tiny: Recipe, packs: list[FacePack]) -> None:
    trainer = Trainer(replace(tiny, shares={}), packs, CPU)
    assert trainer.reference == "ibug68"
    assert trainer.split == [2, 2]
    trainer.step()
    network, offsets = trainer.averaged()
    assert list(offsets) == ["wflw"]
    assert offsets["wflw"].shape == (98, 2)
    assert offsets["wflw"].abs().max() > 0
    assert set(network) == set(trainer.network.state_dict())


def test_a_batch_is_split_by_shares_and_leaves_nobody_out() -> None:
    recipe = replace(load_recipe("base"), batch=16, shares={"a": 3, "b": 1, "c": 0.01})
    assert _split_batch(recipe, ["a", "b"]) == [12, 4]
    assert _split_batch(recipe, ["a", "c"]) == [16, 1]
    assert _split_batch(recipe, ["b", "unnamed"]) == [8, 8]


def test_a_weight_of_zero_silences_a_dataset(tiny: Recipe, packs: list[FacePack]) -> None:
    recipe = replace(tiny, weights={"wflw": 0.0}, weight_decay=0.0)
    trainer = Trainer(recipe, packs, CPU)
    trainer.step()
    assert trainer.offsets.shifts["wflw"].abs().max() == 0


def test_an_epoch_shows_every_face_once(tiny: Recipe, make_pack: MakePack, ibug68: Scheme) -> None:
    trainer = Trainer(tiny, [make_pack(ibug68, 10, dots=False)], CPU)
    seen: list[int] = []
    for trainer.step_number in range(5):
        seen += trainer._indices(trainer.packs[0], 4).tolist()
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
    assert seen[:10] != seen[10:]


def test_an_interrupt_passes_through_with_the_state_intact(
    tmp_path: Path, tiny: Recipe, packs: list[FacePack]
) -> None:
    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    trainer = Trainer(tiny, packs[:1], CPU)
    with pytest.raises(KeyboardInterrupt):
        trainer.run(interrupt, every=2)
    assert trainer.step_number == 2
    trainer.save_state(tmp_path / "s.safetensors")
    assert load_checkpoint(tmp_path / "s.safetensors")[1]["step"] == 2


def test_a_dataset_smaller_than_its_share_of_a_batch_comes_round_again(
    tiny: Recipe, make_pack: MakePack, ibug68: Scheme
) -> None:
    trainer = Trainer(replace(tiny, batch=7), [make_pack(ibug68, 2)], CPU)
    indices = trainer._indices(trainer.packs[0], 7)
    assert sorted(indices.tolist()) in ([0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1, 1])
    trainer.step()
    assert trainer.passes == 7
