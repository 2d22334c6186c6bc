"""The refinement head fitted to a few faces, on made photos where a small one with random weights is right
but for what we add."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from labelkit.dataset import Sample
from labelkit.geometry import Array, Box, ellipse_radius
from labelkit.landmarks import Landmarks
from labelkit.metrics import calibration
from labelkit.models.build import build_dslpt
from labelkit.models.predictor import LandmarkModel
from labelkit.models.refiner import Refiner
from labelkit.prediction import Prediction
from labelkit.scheme import Scheme, load_scheme
from labelkit.train.few_shot import Tuned, fine_tune
from labelkit.train.few_shot_refine import spreads
from labelkit.train.refine import tiny_refine_recipe

BOX = Box(30, 30, 90, 90, kind="user")

Label = Callable[..., list[Sample]]


@pytest.fixture(scope="module")
def refined(model: LandmarkModel) -> LandmarkModel:
    """The small model with a head that moves points by some hundredths of the plane."""
    return with_head(model, 0.1)


def with_head(model: LandmarkModel, size: float) -> LandmarkModel:
    """The model with a head of random weights, whose steps are of about this ``size``."""
    torch.manual_seed(1)
    config = replace(tiny_refine_recipe().network, size=32, channels=8, dim=16, hidden=32)
    network = build_dslpt(config).eval()
    torch.nn.init.normal_(network.heads.mean.weight, std=size)
    card = {"name": "refine", "hash": "fedcba9876543210", "architecture": config.to_dict()}
    other = model.with_network(model.network, None)
    other.refiner = Refiner(network, card, torch.device("cpu"), torch.float32)
    return other


def tuned(model: LandmarkModel, samples: list[Sample], scheme: Scheme) -> Tuned:
    found = fine_tune(model, samples, scheme)
    assert found is not None
    assert found.head is not None
    return found


def told(
    model: LandmarkModel, samples: list[Sample], scheme: Scheme, refine: bool = True
) -> list[Prediction]:
    images = [sample.image.load() for sample in samples]
    return model.predict(images, [BOX] * len(images), scheme, passes=2, refine=refine)


def off(found: list[Prediction], samples: list[Sample]) -> float:
    true = [sample.landmarks.xy for sample in samples if sample.landmarks is not None]
    return float(np.mean([np.linalg.norm(p.xy - xy, axis=1) for p, xy in zip(found, true, strict=True)]))


def points(found: list[Prediction]) -> Array:
    return np.stack([prediction.xy for prediction in found])


def test_a_head_that_knows_better_is_kept_and_learns_what_people_mean(
    refined: LandmarkModel, scheme: Scheme, label: Label
) -> None:
    samples = label(scheme, 16, like=refined)
    known, others = samples[:12], samples[12:]
    made = tuned(refined, known, scheme)
    assert made.head is not None
    assert made.head.stage == "heads"
    assert made.after is not None
    assert made.alone is not None
    assert made.after < 0.95 * made.alone
    found = told(made.model, others, scheme)
    assert off(found, others) < 0.8 * off(told(refined, others, scheme), others)
    assert all(np.isfinite(p.cov).all() for p in found)


def test_a_point_that_people_correct_is_learnt_where_they_accept_all_others(
    model: LandmarkModel, ibug68: Scheme, label: Label
) -> None:
    """As most faces are corrected: the chin is wrong, the rest is what the model and its head said."""

    def corrected(sample: Sample, said: Prediction) -> Sample:
        xy = said.xy.copy()
        xy[8] += (0.0, 4.0)
        return replace(sample, landmarks=Landmarks("ibug68", xy))

    refined, samples = with_head(model, 0.01), label(ibug68, 14)
    samples = [corrected(*both) for both in zip(samples, told(refined, samples, ibug68), strict=True)]
    known, others = samples[:10], samples[10:]
    made = tuned(refined, known, ibug68)
    assert made.before is not None
    assert made.after is not None
    assert made.after < 0.5 * made.before
    before, after = points(told(refined, others, ibug68)), points(told(made.model, others, ibug68))
    true = np.stack([sample.landmarks.xy for sample in others if sample.landmarks is not None])
    error = np.linalg.norm(after - true, axis=2)
    assert (error[:, 8] < 0.5 * np.linalg.norm(before - true, axis=2)[:, 8]).all()
    assert np.delete(error, 8, axis=1).mean() < 0.1


def test_nothing_is_learnt_where_faces_are_accepted_as_they_are_with_the_head(
    refined: LandmarkModel, ibug68: Scheme, label: Label
) -> None:
    samples = label(ibug68, 6)
    accepted = [
        replace(sample, landmarks=Landmarks("ibug68", said.xy))
        for sample, said in zip(samples, told(refined, samples, ibug68), strict=True)
    ]
    made = tuned(refined, accepted, ibug68)
    assert made.head is not None
    assert (made.stage, made.head.stage, made.head.share) == ("none", "step", 1.0)
    assert made.after == pytest.approx(made.before, abs=1e-6)


def test_a_head_that_knows_worse_moves_nothing_and_says_how_sure_it_is(
    refined: LandmarkModel, scheme: Scheme, label: Label
) -> None:
    samples = label(scheme, 3)
    made = tuned(refined, samples, scheme)
    assert made.head is not None
    assert (made.head.stage, made.head.share) == ("spread", 0.0)
    assert made.after == pytest.approx(made.alone)
    with_head, without = (told(made.model, samples, scheme, refine) for refine in (True, False))
    assert np.allclose(points(with_head), points(without), atol=0.02)
    assert all((np.linalg.eigvalsh(p.cov) > 0).all() for p in with_head)


def test_never_worse_than_the_tuned_model_alone(refined: LandmarkModel, scheme: Scheme, label: Label) -> None:
    for count, noise in ((2, 0.0), (4, 0.05), (6, 0.2)):
        made = tuned(refined, label(scheme, count, noise=noise), scheme)
        assert made.after is not None
        assert made.alone is not None
        assert made.after <= made.alone + 1e-9


def test_the_spread_grows_where_people_err_by_more_than_it_says(
    refined: LandmarkModel, scheme: Scheme, label: Label
) -> None:
    assert refined.refiner is not None
    samples = label(scheme, 12, step=(0, 0), noise=0.3)
    made = tuned(refined, samples, scheme)
    assert made.head is not None
    assert made.head.spread > 1.2
    scaled = told(made.model, samples, scheme)
    plain = made.model.with_network(made.model.network, made.model.heads)
    plain.refiner = refined.refiner
    ratio = [p.cov / q.cov for p, q in zip(scaled, told(plain, samples, scheme), strict=True)]
    diagonal = np.array(ratio)[..., [0, 1], [0, 1]]
    assert np.allclose(np.median(diagonal, axis=1), made.head.spread**2, rtol=1e-3)
    true = np.stack([sample.landmarks.xy for sample in samples if sample.landmarks is not None])
    inside = calibration(points(scaled), np.stack([p.cov for p in scaled]), true)
    before = calibration(points(scaled), np.stack([q.cov for q in told(plain, samples, scheme)]), true)
    assert abs(inside["p68"] - 0.68) < abs(before["p68"] - 0.68)


def test_every_point_has_its_own_scale_held_to_that_of_all_and_checked_on_others() -> None:
    """The first half of the points errs three times as much as is said, the other half as is said."""
    rng = np.random.default_rng(0)
    scheme = load_scheme("wflw98")
    wrong = np.where(np.arange(98) < 49, 3.0, 1.0)
    distance = wrong * np.hypot(*rng.normal(size=(2, 40, 98)))
    distance[3:, 0] = np.nan  # a point that few have labelled
    learnt, new = (
        spreads(distance, 40, replace(scheme, mirror=())),
        wrong * np.hypot(*rng.normal(size=(2, 500, 98))),
    )
    assert 2.6 < np.median(learnt[:49]) < 3.3
    assert 0.9 < np.median(learnt[49:]) < 1.2
    for level in (0.39, 0.68, 0.86, 0.95):
        assert (new / learnt <= ellipse_radius(level)).mean() == pytest.approx(level, abs=0.05)
    few = spreads(distance[:5], 5, scheme)
    assert few.std() < learnt.std()
    assert (spreads(distance[:2] / 9, 2, scheme) == 1).all()
    assert np.ptp(spreads(distance[:2], 2, scheme)) == 0
    assert spreads(distance[:2], 2, scheme)[0] > 1
    assert (spreads(np.full((2, 98), np.nan), 2, scheme) == 1).all()


def test_other_points_are_refined_as_before(refined: LandmarkModel, scheme: Scheme, label: Label) -> None:
    samples = label(scheme, 6, like=refined)
    made = tuned(refined, samples, scheme)
    others = load_scheme("celeba5")
    away = np.linalg.norm(others.plane[:, None] - scheme.plane[None], axis=2).min(axis=1) > 0.02
    before, after = (told(m, samples, others) for m in (refined, made.model))
    assert away.any()
    assert np.allclose(points(before)[:, away], points(after)[:, away], atol=1e-6)
    for one, other in zip(before, after, strict=True):
        assert np.allclose(one.cov[away], other.cov[away])


def test_of_one_person_the_head_learns_nothing_but_how_much_of_its_step_helps(
    refined: LandmarkModel, scheme: Scheme, label: Label
) -> None:
    for like, stage in ((refined, "step"), (None, "spread")):
        samples = label(scheme, 1, step=(0, 0), **({"like": like} if like else {}))
        made = tuned(refined, samples, scheme)
        assert made.head is not None
        assert made.head.stage == stage
        assert made.head.spread >= 1
        assert (made.before, made.after, made.alone) == (None, None, None)
        heads = made.head.refiner.heads
        assert heads is not None
        assert not heads.weights[:, :-3].any()
        assert not heads.weights[:, -1].any()
