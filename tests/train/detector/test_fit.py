from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from labelkit.checkpoint import read_card
from labelkit.detect.own import FaceFinder
from labelkit.errors import InputError
from labelkit.geometry import Box
from labelkit.train.detector.fit import Found, fit_detector, load_sets, measure, state_path
from labelkit.train.detector.scenes import Scene, five_points

CPU = torch.device("cpu")


def test_a_trained_file_is_a_detector(recipe, scenes, tmp_path):
    out = fit_detector(recipe, [scenes], tmp_path / "d.safetensors", dev=scenes, device=CPU)
    assert isinstance(FaceFinder(out).detect(scenes.scenes[0].image), list)
    card = read_card(out)
    assert card["training"]["passes"] == 8
    assert card["training"]["data"][0]["faces"] == scenes.face_count
    assert 0 <= card["metrics"]["dev_recall"] <= 1
    assert state_path(out).exists()


def test_an_interrupt_keeps_what_is_done_and_resume_goes_on(recipe, scenes, tmp_path):
    out = tmp_path / "d.safetensors"

    def stop(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_detector(recipe, [scenes], out, device=CPU, report=stop)
    assert read_card(out)["training"]["passes"] == 8
    fit_detector(recipe, [scenes], out, device=CPU, resume=True)
    assert read_card(out)["training"]["passes"] == 8
    with pytest.raises(InputError, match="no state to resume from"):
        fit_detector(recipe, [scenes], tmp_path / "e.safetensors", device=CPU, resume=True)


def test_300w_data_brings_its_terms(recipe, scenes, tmp_path):
    own = fit_detector(recipe, [scenes], tmp_path / "a.safetensors", device=CPU)
    assert read_card(own)["terms"] == ""
    theirs = replace(scenes, name="scenes/train")
    out = fit_detector(recipe, [theirs], tmp_path / "b.safetensors", device=CPU)
    assert "not for commercial use" in read_card(out)["terms"]


def test_faces_are_matched_one_to_one(scene, mean_face):
    tight = Box.around(mean_face.outline)
    near = Box(tight.x0 + 3, tight.y0, tight.x1 + 3, tight.y1)
    far = Box(0, 0, 20, 20)
    scenes = [scene, Scene(scene.image, (mean_face, mean_face))]
    assert measure(lambda image: [near, tight, far], scenes) == Found(2, 3, 3, 3)
    assert measure(lambda image: [], scenes) == Found(2, 3, 0, 0)
    assert Found(2, 4, 3, 1).recall == 0.75


def test_cut_out_faces_lend_their_outlines(table, mean_face, tmp_path):
    """The portrait's face is known by its five points in another folder."""
    whole, _ = load_sets([table])
    face = whole[0].scenes[0].faces[0]
    folder = tmp_path / "cut" / "train"
    folder.mkdir(parents=True)
    Image.new("RGB", (512, 512)).save(folder / "a.png")
    outline = face.outline.copy()
    outline[8] += (0, 9)  # a longer chin than the mean face has, the five points being the same
    points = "\n".join(f"{x + 1} {y + 1}" for x, y in outline)
    (folder / "a.pts").write_text(f"version: 1\nn_points: 68\n{{\n{points}\n}}\n")
    text = (table.parent / "faces.csv").read_text().splitlines()
    five = ",".join(f"{v}" for v in five_points(outline).reshape(-1))
    box = ",".join(text[1].split(",")[:5])
    (table.parent / "faces.csv").write_text(f"{text[0]}\n{box},{five}\n")
    sets, problems = load_sets([table, folder])
    assert problems == []
    np.testing.assert_allclose(sets[0].scenes[0].faces[0].outline[8], outline[8], atol=1e-3)


def test_one_folder_twice_is_refused(table):
    with pytest.raises(InputError, match="was given before"):
        load_sets([table, table])
