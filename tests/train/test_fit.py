from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from functools import partialmethod
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from labelkit.checkpoint import load_checkpoint, read_card
from labelkit.cli import app
from labelkit.dataset import Dataset, Sample
from labelkit.errors import CheckpointError, InputError
from labelkit.formats import write
from labelkit.geometry import Crop, Similarity
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks
from labelkit.models.registry import load_model
from labelkit.scheme import Scheme, load_scheme
from labelkit.train.engine import Progress, Trainer
from labelkit.train.fit import FitPaths, add_dense, dataset_name, fit, load_packs, points_by_number
from labelkit.train.head.model import load_head
from labelkit.train.pack import DensePoints, FacePack
from labelkit.train.recipes import Recipe

MakePack = Callable[..., FacePack]


def folder_of_faces(folder: Path, scheme: Scheme, count: int = 2) -> Path:
    """Photos with .pts files beside them."""
    folder.mkdir(parents=True)
    samples = []
    for i in range(count):
        path = folder / f"{i}.png"
        Image.fromarray(np.full((120, 120, 3), 50 * i, np.uint8)).save(path)
        xy = Crop(Similarity(40.0, 2.0 * i, 60.0, 55.0)).points_to_image(scheme.plane)
        samples.append(Sample(ImageFile(path), None, Landmarks(scheme, xy)))
    write(Dataset(tuple(samples), scheme, folder), folder, "300w")
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_model_state_curves_and_picture(
    tmp_path: Path, tiny: Recipe, make_pack: MakePack, ibug68: Scheme
) -> None:
    packs = [make_pack(ibug68, 4), make_pack(load_scheme("wflw98"), 3, "wflw")]
    out = tmp_path / "runs" / "mine.safetensors"
    heard: list[Progress] = []
    assert fit(tiny, packs, out, dev=packs[0], device="cpu", left_out=(8,), report=heard.append) == out
    paths = FitPaths(out)
    assert sorted(p.name for p in out.parent.iterdir()) == sorted(
        p.name for p in (paths.model, paths.state, paths.csv, paths.png)
    )
    assert out.stat().st_size < paths.state.stat().st_size / 4
    found = rows(paths.csv)
    assert list(found[0]) == ["step", "passes", "seconds", "loss", "lr", "val_nme"]
    assert (int(found[-1]["step"]), int(found[-1]["passes"])) == (8, 32)
    assert float(found[-1]["val_nme"]) == pytest.approx(heard[-1].dev_nme, abs=1e-3)
    with Image.open(paths.png) as picture:
        assert picture.size[0] > 100
    card = read_card(out)
    assert (card["kind"], card["name"], card["recipe"]["name"]) == ("tufa", "mine", "tiny")
    assert card["architecture"]["size"] == 32
    assert card["training"]["data"][0].items() >= {"name": "ibug68", "scheme": "ibug68", "faces": 4}.items()
    assert card["training"]["reference"] == "ibug68"
    assert card["training"]["left_out"] == [8]
    assert card["training"]["passes"] == 32
    assert card["offsets"] == {"wflw": list(load_scheme("wflw98").names)}
    assert card["metrics"]["dev_nme_io"] == heard[-1].dev_nme
    assert "research" in card["terms"]
    model = load_model(out, device="cpu")
    assert model.offsets["wflw"].shape == (98, 2)


def test_ctrl_c_keeps_what_is_done_and_the_run_goes_on_later(
    tmp_path: Path, tiny: Recipe, make_pack: MakePack, ibug68: Scheme, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = make_pack(ibug68, 4)
    recipe = replace(tiny, passes=4 * 6)
    monkeypatch.setattr(Trainer, "run", partialmethod(Trainer.run, every=4))

    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    cut, whole = tmp_path / "cut.safetensors", tmp_path / "whole.safetensors"
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, [pack], cut, device="cpu", report=interrupt)
    assert read_card(FitPaths(cut).state)["step"] == 4
    assert len(rows(FitPaths(cut).csv)) == 1
    assert load_model(cut, device="cpu").name == "cut"
    fit(recipe, [pack], cut, device="cpu", resume=True)
    fit(recipe, [pack], whole, device="cpu")
    resumed, straight = (load_checkpoint(path)[0] for path in (cut, whole))
    assert all(resumed[name].equal(straight[name]) for name in straight)
    assert [row["step"] for row in rows(FitPaths(cut).csv)] == ["4", "6"]
    assert [row["step"] for row in rows(FitPaths(whole).csv)] == ["4", "6"]


def test_resuming_needs_a_state(tmp_path: Path, tiny: Recipe, make_pack: MakePack, ibug68: Scheme) -> None:
    with pytest.raises(InputError, match="no state to resume from"):
        fit(tiny, [make_pack(ibug68, 2)], tmp_path / "m.safetensors", device="cpu", resume=True)
    assert not list(tmp_path.iterdir())


def test_folders_are_packed_under_their_names(tmp_path: Path, tiny: Recipe, ibug68: Scheme) -> None:
    folder = folder_of_faces(tmp_path / "mine" / "train", ibug68, 3)
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "broken.pts").write_bytes((folder / "0.pts").read_bytes())
    packs, problems = load_packs([folder], tiny)
    assert [(pack.name, pack.scheme.name, len(pack)) for pack in packs] == [("mine", "ibug68", 3)]
    assert packs[0].images.shape[-1] == tiny.pack_size
    assert len(problems) == 1
    assert "broken.png" in problems[0]


def test_folders_that_cannot_be_trained_on_are_named(tmp_path: Path, tiny: Recipe, ibug68: Scheme) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder in (empty, tmp_path / "nowhere"):
        with pytest.raises(InputError, match=folder.name):
            load_packs([folder], tiny)
    first = folder_of_faces(tmp_path / "a" / "faces" / "train", ibug68)
    second = folder_of_faces(tmp_path / "b" / "faces", ibug68)
    with pytest.raises(InputError, match="'faces' was given before") as caught:
        load_packs([first, second], tiny)
    assert str(second) in str(caught.value)


def test_dense_points_come_for_the_scheme_that_the_head_knows(
    head_file: Path, make_pack: MakePack, ibug68: Scheme
) -> None:
    packs = [make_pack(ibug68, 2, dots=False), make_pack(load_scheme("wflw98"), 2, "wflw", dots=False)]
    left_out = (1, 15, 8)
    head = load_head(head_file)
    first, second = add_dense(packs, head, left_out)
    assert second is packs[1]
    assert first.dense is not None
    assert len(first.dense.plane) > 300
    places = torch.tensor(ibug68.plane[list(left_out)], dtype=torch.float32)
    assert torch.cdist(first.dense.plane, places).min() >= 0.05 - 1e-6
    # Faces made on the plane: whatever is asked, the answer is the same map of it.
    known = first.dense.weights > 0.3
    assert known.float().mean() > 0.5
    for face in range(2):
        fitted = Similarity.fit(ibug68.plane, first.points[face].numpy())
        answers = fitted(first.dense.plane.numpy())
        gap = np.linalg.norm(first.dense.points[face].numpy() - answers, axis=1)[known[face].numpy()]
        assert np.median(gap) < 0.03 * fitted.scale
    with pytest.raises(InputError, match="no dataset is labelled in ibug68"):
        add_dense(packs[1:], head)


def test_the_command_takes_a_head(tmp_path: Path, head_file: Path, ibug68: Scheme) -> None:
    folder, out = folder_of_faces(tmp_path / "ibug68", ibug68, 4), tmp_path / "m.safetensors"
    args = ["fit", "tiny", "--data", str(folder), "-o", str(out), "--passes", "8", "--device", "cpu"]
    dense = ["--head", str(head_file), "--dense", "6", "--leave-out", "8"]
    result = CliRunner().invoke(app, [*args, *dense])
    assert result.exit_code == 0, result.output
    assert "dense points on 4 of them" in result.stderr
    card = read_card(out)
    assert (card["recipe"]["dense"], card["training"]["dense"]) == (6, ["ibug68"])
    for wrong in (dense[:2], dense[2:4]):
        result = CliRunner().invoke(app, [*args, *wrong])
        assert result.exit_code == 2
        assert "--head" in result.output


def test_the_card_says_which_datasets_gave_dense_points(
    tmp_path: Path, tiny: Recipe, make_pack: MakePack, ibug68: Scheme
) -> None:
    plane = torch.tensor(ibug68.plane, dtype=torch.float32)
    pack = make_pack(ibug68, 4)
    packs = [replace(pack, dense=DensePoints(plane, pack.points, torch.ones(4, 68)))]
    for dense, names in ((3, ["ibug68"]), (0, [])):
        out = fit(replace(tiny, dense=dense), packs, tmp_path / f"m{dense}.safetensors", device="cpu")
        card = read_card(out)
        assert card["training"]["dense"] == names
        assert card["recipe"]["dense"] == dense


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("data/ibug68/train", "ibug68"),
        ("data/ibug68", "ibug68"),
        ("data/ibug68/dev/", "ibug68"),
        ("data/faces.v2/val", "faces_v2"),
    ],
)
def test_a_dataset_is_called_as_its_folder(tmp_path: Path, folder: str, name: str) -> None:
    assert dataset_name(tmp_path / folder) == name


def test_a_file_names_its_dataset_without_its_suffix(tmp_path: Path) -> None:
    (tmp_path / "list.txt").touch()
    assert dataset_name(tmp_path / "list.txt") == "list"


def test_point_numbers_are_read_and_sorted() -> None:
    assert points_by_number("15, 1,8,1") == (1, 8, 15)
    assert points_by_number("60 64") == (60, 64)
    assert points_by_number("") == ()
    assert len(points_by_number("1 5 11 15 18 25 28 33 37 41 44 46 49 53 57 62")) == 16


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1,x", "not a list of point numbers"),
        ("68", "no point 68 .0 to 67."),
        ("-1", "no point -1"),
        ("1,2,15", "point 2 is left out, but its mirror image 14 is not"),
    ],
)
def test_wrong_point_numbers_are_named(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        points_by_number(text)


def test_a_run_may_start_from_the_weights_of_a_model(
    tmp_path: Path, tiny: Recipe, make_pack: MakePack, ibug68: Scheme
) -> None:
    packs = [make_pack(ibug68, 4), make_pack(load_scheme("wflw98"), 3, "wflw")]
    first = load_model(fit(tiny, packs, tmp_path / "first.safetensors", device="cpu"), device="cpu")
    # A rate of zero: what comes out is what went in.
    still = replace(tiny, lr=0.0)
    second = load_model(
        fit(still, packs, tmp_path / "second.safetensors", device="cpu", start=first), device="cpu"
    )
    past, training = first.card["training"], second.card["training"]
    assert training["started_from"] == first.id
    assert training["passes_before"] == past["passes"] > 0
    third = fit(still, packs, tmp_path / "third.safetensors", device="cpu", start=second)
    before = load_model(third, device="cpu").card["training"]["passes_before"]
    assert before == past["passes"] + training["passes"]
    assert first.card["training"]["started_from"] == ""
    for name, value in first.network.named_parameters():
        assert np.array_equal(value.detach(), second.network.get_parameter(name).detach()), name
    assert np.array_equal(first.offsets["wflw"], second.offsets["wflw"])


def test_a_run_that_began_with_a_model_is_resumed_with_it(
    tmp_path: Path, tiny: Recipe, make_pack: MakePack, ibug68: Scheme
) -> None:
    packs = [make_pack(ibug68, 4)]
    first = load_model(fit(tiny, packs, tmp_path / "first.safetensors", device="cpu"), device="cpu")
    keeping = replace(tiny, frozen=("conv1", "bn1"))
    half, out = replace(keeping, passes=tiny.passes // 2), tmp_path / "second.safetensors"
    fit(half, packs, out, device="cpu", start=first)
    with pytest.raises(CheckpointError, match="frozen blocks differ"):
        fit(keeping, packs, out, device="cpu", resume=True)
    second = load_model(fit(keeping, packs, out, device="cpu", resume=True, start=first), device="cpu")
    assert second.card["training"]["started_from"] == first.id
    assert second.card["training"]["passes"] == tiny.passes


def test_a_model_of_another_shape_is_no_start(
    tmp_path: Path, tiny: Recipe, make_pack: MakePack, ibug68: Scheme
) -> None:
    packs = [make_pack(ibug68, 4)]
    first = load_model(fit(tiny, packs, tmp_path / "first.safetensors", device="cpu"), device="cpu")
    wider = replace(tiny, network=replace(tiny.network, hidden=2 * tiny.network.hidden))
    with pytest.raises(CheckpointError, match="start from"):
        fit(wider, packs, tmp_path / "second.safetensors", device="cpu", start=first)
    assert not (tmp_path / "second.safetensors").exists()
