from dataclasses import replace

import numpy as np
import pytest
import torch

from labelkit.errors import CheckpointError
from labelkit.train.detector.loop import DetectorTrainer, _shares
from labelkit.train.detector.scenes import SceneSet

CPU = torch.device("cpu")


def weights(trainer):
    return torch.cat([p.detach().reshape(-1) for p in trainer.network.parameters()])


def test_a_resumed_run_goes_on_as_if_unbroken(recipe, scenes, tmp_path):
    unbroken = DetectorTrainer(recipe, [scenes], CPU)
    losses = [unbroken.step() for _ in range(4)]
    first = DetectorTrainer(recipe, [scenes], CPU)
    again = [first.step() for _ in range(2)]
    first.save_state(tmp_path / "s.safetensors")
    second = DetectorTrainer(recipe, [scenes], CPU)
    second.load_state(tmp_path / "s.safetensors")
    again += [second.step() for _ in range(2)]
    assert again == pytest.approx(losses, rel=1e-3)
    torch.testing.assert_close(weights(second), weights(unbroken), atol=1e-4, rtol=1e-3)
    for name, value in unbroken.average.items():
        torch.testing.assert_close(second.average[name], value, atol=1e-3, rtol=1e-2)


def test_the_state_of_another_run_is_refused(recipe, scenes, tmp_path):
    DetectorTrainer(recipe, [scenes], CPU).save_state(tmp_path / "s.safetensors")
    other = DetectorTrainer(replace(recipe, seed=1), [scenes], CPU)
    with pytest.raises(CheckpointError, match="another run \\(seed differ"):
        other.load_state(tmp_path / "s.safetensors")


def test_a_run_reports_judges_and_saves(recipe, scenes):
    heard, saved = [], []

    def judge(network):
        assert not network.training
        return 50.0, 0.5

    trainer = DetectorTrainer(recipe, [scenes], CPU)
    trainer.run(heard.append, judge, lambda: saved.append(trainer.step_number), every=1)
    assert [progress.passes for progress in heard] == [2, 4, 6, 8]
    assert (heard[-1].recall, heard[-1].false, heard[-1].done) == (50.0, 0.5, 1.0)
    assert all(np.isfinite(progress.loss) for progress in heard)
    assert saved == [4]


def test_training_moves_the_average_away_from_the_start(recipe, scenes):
    trainer = DetectorTrainer(recipe, [scenes], CPU)
    before = {name: value.clone() for name, value in trainer.averaged().state_dict().items()}
    trainer.step()
    after = trainer.averaged().state_dict()
    assert any((after[name] != value).any() for name, value in before.items())


def test_the_learning_rate_rises_and_falls(recipe, scenes):
    trainer = DetectorTrainer(replace(recipe, passes=1000, warmup=100), [scenes], CPU)
    rates = []
    for step in (0, 25, 50, 250, 500):
        trainer.step_number = step
        rates.append(trainer.learning_rate())
    assert rates[0] < rates[1] < rates[2]
    assert rates[2] > rates[3] > rates[4]
    assert rates[4] == pytest.approx(recipe.lr * recipe.final)


def test_whole_photos_have_their_share(scenes):
    cut = SceneSet("cut", scenes.scenes * 3, whole=False)
    np.testing.assert_allclose(_shares([scenes, cut, cut], 0.6), [0.6, 0.2, 0.2])
    np.testing.assert_allclose(_shares([scenes, scenes], 0.6), [0.5, 0.5])
    np.testing.assert_allclose(_shares([cut], 0.6), [1.0])
