"""Fine-tuning to a few faces: made photos, on which a small network is right but for what we add."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from labelkit.dataset import Sample
from labelkit.errors import InputError
from labelkit.geometry import Array, Box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks
from labelkit.models.predictor import LandmarkModel
from labelkit.scheme import Scheme, load_scheme
from labelkit.train import few_shot
from labelkit.train.few_shot import TuneProgress, fine_tune
from labelkit.train.few_shot_faces import prepare
from labelkit.train.few_shot_heads import point_readings
from labelkit.train.few_shot_loop import TuneConfig

#: Where `label` has its faces.
BOX = Box(30, 30, 90, 90, kind="user")

#: What people mean otherwise than the model, in plane units: as `label` has it.
STEP = (0.06, 0.04)

Label = Callable[..., list[Sample]]


def moved(model: LandmarkModel, other: LandmarkModel, samples: list[Sample], scheme: Scheme) -> Array:
    """By how much, in image px, another model places the points elsewhere, (M, N)."""
    images = [sample.image.load() for sample in samples]
    both = [m.predict(images, [BOX] * len(images), scheme, passes=2) for m in (model, other)]
    return np.stack([np.linalg.norm(a.xy - b.xy, axis=1) for a, b in zip(*both, strict=True)])


def test_what_people_mean_is_learnt_and_other_points_stay(
    model: LandmarkModel, scheme: Scheme, label: Label
) -> None:
    samples = label(scheme, 8)
    tuned = fine_tune(model, samples[:6], scheme)
    assert tuned is not None
    assert (tuned.faces, tuned.people, tuned.checked, tuned.problems) == (6, 6, 6, ())
    assert tuned.before is not None
    assert tuned.after is not None
    assert tuned.after < 0.6 * tuned.before
    found = moved(model, tuned.model, samples[6:], scheme)
    assert (found[:, :2] > 0.5).all()
    assert (found[:, 2:] < 0.2 * found[:, :2].mean()).all()
    others = load_scheme("celeba5")
    away = np.linalg.norm(others.plane[:, None] - scheme.plane[None], axis=2).min(axis=1) > 0.02
    assert (moved(model, tuned.model, samples[6:], others)[:, away] == 0).all()


def test_the_same_faces_give_the_same_model(model: LandmarkModel, scheme: Scheme, label: Label) -> None:
    samples = label(scheme, 5, noise=0.01)
    first, second = (fine_tune(model, samples, scheme) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.model.heads is not None
    assert second.model.heads is not None
    assert torch.equal(first.model.heads.weights, second.model.heads.weights)
    assert (first.before, first.after) == (second.before, second.after)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_so_few_faces_teach_offsets_alone(
    model: LandmarkModel, scheme: Scheme, label: Label, count: int
) -> None:
    samples = label(scheme, count + 1)
    tuned = fine_tune(model, samples[:count], scheme)
    assert tuned is not None
    assert tuned.stage == "offsets"
    assert tuned.model.heads is not None
    assert not tuned.model.heads.weights[:, :-1].any()
    learnt = tuned.model.heads.weights[0, -1].numpy() / STEP
    # Of so few faces a part is believed, the larger the more they are.
    np.testing.assert_allclose(learnt, count / (count + 10), rtol=0.02)
    assert (tuned.after is None) == (count == 1)


def test_labels_that_contradict_one_another_leave_the_model_as_it_is(
    model: LandmarkModel, scheme: Scheme, label: Label
) -> None:
    # Two people say this and one the opposite: nobody is told anything by the other two.
    both = zip(label(scheme, 3), label(scheme, 3, step=(-STEP[0], -STEP[1])), strict=True)
    samples = [pair[number % 2] for number, pair in enumerate(both)]
    tuned = fine_tune(model, samples, scheme)
    assert tuned is not None
    assert tuned.stage == "none"
    assert tuned.model.heads is None
    assert tuned.after == tuned.before


def test_points_without_a_label_teach_nothing(model: LandmarkModel, scheme: Scheme, label: Label) -> None:
    samples = []
    for number, sample in enumerate(label(scheme, 6)):
        assert sample.landmarks is not None
        xy = sample.landmarks.xy.copy()
        xy[3:] = np.nan  # never
        if number == 0:
            xy[0] = np.nan  # not this time
        samples.append(replace(sample, landmarks=Landmarks(scheme, xy)))
    tuned = fine_tune(model, samples, scheme)
    assert tuned is not None
    assert tuned.model.heads is not None
    places = len(scheme)  # and as many on mirrored photos
    assert not tuned.model.heads.weights[3:places].any()
    assert not tuned.model.heads.weights[places + 3 :].any()
    assert tuned.model.heads.weights[:2].any()
    assert np.isfinite(tuned.after)


def test_an_asymmetric_scheme_has_places_of_its_own_on_mirrored_photos(
    model: LandmarkModel, scheme: Scheme, label: Label
) -> None:
    symmetric = replace(scheme, mirror=((0, 1), (2, 2), (3, 4)))
    samples = label(scheme, 5)
    for known, places in (
        (scheme, np.concatenate([scheme.plane, scheme.plane * (-1, 1)])),
        (symmetric, scheme.plane),
    ):
        faces, _ = prepare(model, samples, known, 64)
        views = point_readings(model, faces)
        np.testing.assert_array_equal(views.places, places)
        assert views.features.shape[:2] == (len(places), 5 if known is scheme else 10)


def test_what_cannot_be_read_is_named_and_nobody_is_learnt_from_nothing(
    model: LandmarkModel, scheme: Scheme, label: Label, tmp_path: Path
) -> None:
    samples = label(scheme, 2)
    gone = replace(samples[0], image=ImageFile(tmp_path / "gone.png"))
    tuned = fine_tune(model, [gone, samples[1]], scheme)
    assert tuned is not None
    assert tuned.faces == 1
    assert "gone.png" in tuned.problems[0]
    with pytest.raises(InputError, match=r"no face can be learnt from: .*gone\.png"):
        fine_tune(model, [gone], scheme)
    with pytest.raises(InputError, match="no face has a confirmed point"):
        fine_tune(model, [], scheme)


def test_one_person_is_never_on_both_sides_of_a_check(
    model: LandmarkModel, scheme: Scheme, label: Label
) -> None:
    samples = [replace(s, attributes={"person": "ann"}) for s in label(scheme, 4)]
    tuned = fine_tune(model, samples, scheme)
    assert tuned is not None
    assert (tuned.people, tuned.checked, tuned.after) == (1, 0, None)


def test_stopped_before_anything_was_learnt_it_gives_nothing(
    model: LandmarkModel, scheme: Scheme, label: Label
) -> None:
    assert fine_tune(model, label(scheme, 3), scheme, heard=lambda progress: progress.done == 2) is None


class TestEndToEnd:
    """The whole network, which few people would not be enough for but here are."""

    @pytest.fixture(autouse=True)
    def _few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(few_shot, "END_TO_END", 5)

    @pytest.fixture
    def config(self) -> TuneConfig:
        return TuneConfig(steps=4, batch=4, lr=1e-3, every=2, tied=16, pack_size=64, seed=3)

    def test_it_is_judged_on_people_aside_and_the_same_every_time(
        self, model: LandmarkModel, scheme: Scheme, label: Label, config: TuneConfig
    ) -> None:
        samples, told = label(scheme, 6, noise=0.02), []

        def heard(progress: TuneProgress) -> bool:
            told.append(progress)
            return False

        before = {name: value.clone() for name, value in model.network.state_dict().items()}
        first, second = (
            fine_tune(model, samples, scheme, config, heard),
            fine_tune(model, samples, scheme, config),
        )
        assert first is not None
        assert second is not None
        assert (first.checked, first.how) == (1, "people who were kept aside")
        trained = [p for p in told if p.stage == "training"]
        assert [(p.step, p.error is not None) for p in trained] == [
            (1, False),
            (2, True),
            (3, False),
            (4, True),
        ]
        assert first.steps in (0, 2, 4)
        best = min([p.error for p in trained if p.error is not None])
        assert first.after == pytest.approx(best) if first.steps else first.after <= best
        for name, value in first.model.network.state_dict().items():
            assert torch.equal(value, second.model.network.state_dict()[name]), name
        for name, value in model.network.state_dict().items():
            assert torch.equal(value, before[name]), name

    def test_stopped_it_keeps_the_best_so_far(
        self, model: LandmarkModel, scheme: Scheme, label: Label, config: TuneConfig
    ) -> None:
        tuned = fine_tune(model, label(scheme, 6), scheme, config, lambda progress: progress.step == 1)
        assert tuned is not None
        assert tuned.cancelled
        assert tuned.steps == 0
        assert tuned.model.heads is not None

    def test_without_steps_the_network_stays(
        self, model: LandmarkModel, scheme: Scheme, label: Label, config: TuneConfig
    ) -> None:
        tuned = fine_tune(model, label(scheme, 6), scheme, replace(config, steps=0))
        assert tuned is not None
        assert tuned.model.network is model.network
