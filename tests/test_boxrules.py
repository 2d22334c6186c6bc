import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labelkit.boxrules import BOX_RULES, BoxRule, landmark_box
from labelkit.geometry import Box

boxes = st.builds(
    lambda x, y, w, h, source: Box(x, y, x + w, y + h, "detector", source, 0.5),
    *[st.floats(-500, 500)] * 2,
    *[st.floats(1, 500)] * 2,
    st.sampled_from(["haar-frontal", "haar-profile", "facefinder", "yunet"]),
)


@given(boxes, st.integers(1, 2000))
def test_rules_are_mirror_symmetric(box, width):
    other = {"haar-profile": "haar-profile-mirrored"}.get(box.source, box.source)
    flipped = box.flipped(width)
    mirrored = Box(*flipped.xyxy, "detector", other, box.score)
    np.testing.assert_allclose(landmark_box(mirrored).xyxy, landmark_box(box).flipped(width).xyxy, atol=1e-9)


@given(boxes, st.floats(-100, 100), st.floats(0.1, 10))
def test_rules_go_along_with_shift_and_scale(box, shift, scale):
    moved = Box(*(np.array(box.xyxy) * scale + shift), "detector", box.source)
    expected = np.array(landmark_box(box).xyxy) * scale + shift
    np.testing.assert_allclose(landmark_box(moved).xyxy, expected, atol=1e-6)


def test_a_rule_by_hand():
    box = BoxRule(0.1, -0.2, 0.5, 2.0)(Box(0, 0, 100, 50, "detector", "x", 0.3))
    assert box == Box(35, -35, 85, 65, "landmarks", "ibug68", 0.3)


def test_boxes_of_landmarks_users_and_unknown_detectors_are_tight_already():
    tight = Box(1, 2, 3, 4, "landmarks", "wflw98")
    assert landmark_box(tight) is tight
    for box in (
        Box(1, 2, 3, 4, "user"),
        Box(1, 2, 3, 4, "user", "haar-frontal"),
        Box(1, 2, 3, 4, "detector", "of my own"),
        Box(1, 2, 3, 4, "detector"),
    ):
        assert landmark_box(box) == Box(1, 2, 3, 4, "landmarks", "ibug68")


def test_boxes_of_projects_from_the_time_of_the_cascades_keep_their_rules():
    assert {"haar-frontal", "haar-profile", "haar-profile-mirrored", "haar-leaning"} <= set(BOX_RULES)
    frontal = landmark_box(Box(0, 0, 100, 100, "detector", "haar-frontal", 0.7))
    np.testing.assert_allclose(frontal.xyxy, (6.5, 23, 93.5, 108.6))


def test_our_own_detector_says_where_the_landmarks_are():
    box = Box(1, 2, 30, 40, "detector", "facefinder", 0.7)
    assert landmark_box(box).xyxy == box.xyxy
    assert "facefinder" in BOX_RULES
