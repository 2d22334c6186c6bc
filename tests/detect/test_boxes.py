from labelkit.detect.boxes import suppressed
from labelkit.geometry import Box


def found(score, x=0.0, y=0.0, side=100.0, source="facefinder"):
    return Box(x, y, x + side, y + side, "detector", source, score)


def test_suppression_keeps_the_best_box_of_every_face():
    best, same, inside, beside = found(0.9), found(0.8, 10, 10), found(0.7, 20, 50, 30), found(0.6, 140)
    assert suppressed([beside, inside, same, best]) == [best, beside]
    assert suppressed([]) == []


def test_suppression_compares_what_boxes_say_about_the_landmarks():
    frontal, profile = found(0.9, source="haar-frontal"), found(0.8, 5, 5, 115, "haar-profile")
    assert suppressed([profile, frontal]) == [frontal]
    assert suppressed([profile, frontal], same=1.0) == [frontal, profile]
