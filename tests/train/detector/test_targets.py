import numpy as np
import pytest
import torch

from labelkit.detect.network import Answers, cells
from labelkit.train.detector.targets import Targets, assign, detection_loss, targets

CENTRES, STRIDES = cells(128, 128, torch.device("cpu"))


def face(x, y, side):
    return [x - side / 2, y - side / 2, x + side / 2, y + side / 2]


def assigned(*faces, wanted=None):
    boxes = torch.tensor([face(*one) for one in faces]).reshape(-1, 4)
    ones = torch.ones(len(faces), dtype=torch.bool) if wanted is None else torch.tensor(wanted)
    return assign(boxes, ones, CENTRES, STRIDES)


@pytest.mark.parametrize(("side", "stride"), [(14, 8), (25, 8), (60, 16), (120, 32)])
def test_a_face_belongs_to_the_map_of_its_size_about_its_centre(side, stride):
    found, _, counts = assigned((64.0, 64.0, float(side)))
    assert set(STRIDES[found].tolist()) == {stride}
    assert (CENTRES[found] - 64).abs().max() <= max(0.18 * side, 0.6 * stride)
    assert counts[found].all()


def test_sizes_between_two_maps_belong_to_both():
    found, _, _ = assigned((64.0, 64.0, 40.0))
    assert set(STRIDES[found].tolist()) == {8, 16}


def test_cells_around_a_face_and_on_one_that_is_ignored_are_left_alone():
    found, _, counts = assigned((64.0, 64.0, 60.0))
    alone = ~counts
    assert alone.any()
    assert not (alone & found).any()
    assert counts[(CENTRES - 64).abs().amax(1) > 40].all()
    found, _, counts = assigned((64.0, 64.0, 60.0), wanted=[False])
    inside = (CENTRES - 64).abs().amax(1) <= 30
    assert not found.any()
    assert not counts[inside].any()
    assert counts[(CENTRES - 64).abs().amax(1) > 40].all()


def test_the_nearer_face_has_the_cell():
    found, index, _ = assigned((50.0, 64.0, 30.0), (60.0, 64.0, 30.0))
    nearest = (CENTRES[found][:, 0] > 55).long()
    np.testing.assert_array_equal(index[found], nearest)


def test_nobody_leaves_every_cell_to_say_so():
    found, _, counts = assigned()
    assert not found.any()
    assert counts.all()


def wanted_of(*faces, strict=True):
    boxes = torch.tensor([face(*one) for one in faces]).reshape(-1, 4)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    points = middle[:, None].expand(-1, 5, 2)
    sure = torch.full((128, 128), strict)
    view = (boxes, points, torch.ones(len(boxes), dtype=torch.bool), sure)
    return targets([view], CENTRES, STRIDES)


def perfect(wanted: Targets, logit=8.0) -> Answers:
    logits = torch.where(wanted.face, logit, -logit)
    return Answers(logits, wanted.boxes.clone(), wanted.points.clone())


def test_what_is_strict_is_looked_up_where_the_cell_lies():
    strict = torch.zeros(128, 128, dtype=torch.bool)
    strict[:64] = True
    nothing = torch.zeros(0, 4), torch.zeros(0, 5, 2), torch.zeros(0, dtype=torch.bool)
    sure = targets([(*nothing, strict)], CENTRES, STRIDES).sure[0]
    np.testing.assert_array_equal(sure, CENTRES[:, 1] < 63.5)


def test_the_right_answer_costs_nothing_and_every_error_something():
    wanted = wanted_of((64.0, 64.0, 60.0))
    best = float(detection_loss(perfect(wanted), wanted, doubtful=False))
    assert best < 0.01
    moved = perfect(wanted)
    moved.boxes[wanted.face] += 6
    points = perfect(wanted)
    points.points[wanted.face] += 6
    silent = perfect(wanted)
    silent.logits[wanted.face] = -8
    louder = perfect(wanted)
    louder.logits[0, 0] = 8
    for worse in (moved, points, silent, louder):
        assert float(detection_loss(worse, wanted, doubtful=False)) > best + 0.05


def test_faces_that_nobody_labelled_are_not_held_against_the_network():
    def cost(strict, doubtful, logit):
        wanted = wanted_of((64.0, 64.0, 60.0), strict=strict)
        answers = perfect(wanted)
        answers.logits[0, 0] = logit  # far from the labelled face
        return float(detection_loss(answers, wanted, doubtful))

    sure = cost(True, True, 4.0)
    assert cost(False, True, 4.0) == pytest.approx(sure / 10, rel=0.1)
    assert cost(False, False, 4.0) == sure
    assert cost(False, True, -1.0) == cost(True, True, -1.0)  # below doubt it counts in full


def test_scores_follow_how_well_the_box_lies():
    wanted = wanted_of((64.0, 64.0, 60.0))
    answers = perfect(wanted)
    answers.boxes[wanted.face] += torch.tensor([10.0, 0, 10, 0])  # an overlap of 50 / 70
    answers = answers._replace(logits=answers.logits.requires_grad_())

    def gradient(score):
        with torch.no_grad():
            answers.logits[wanted.face] = float(np.log(score / (1 - score)))
        return torch.autograd.grad(detection_loss(answers, wanted, False), answers.logits)[0][wanted.face]

    assert (gradient(0.6) < 0).all()
    assert (gradient(0.8) > 0).all()
