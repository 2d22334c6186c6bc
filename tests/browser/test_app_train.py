"""The page Train in a real browser: a fine-tuning from start to the choice of its model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page, expect

from labelkit.models.build import build_tufa
from labelkit.models.registry import save_model
from labelkit.project import Project
from labelkit.train.recipes import load_recipe

from .app_server import make_project, served


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A server over a project with three confirmed faces, whose model is a small one."""
    folder = make_project(tmp_path_factory.mktemp("taught"), 4, 4)
    torch.manual_seed(0)
    network = load_recipe("tiny").network
    card = {"name": "small", "architecture": network.to_dict()}
    save_model(folder / "models" / "small.safetensors", build_tufa(network).state_dict(), {}, card)
    with Project.open(folder) as project:
        project.use_model("small")
        for face in list(project.faces())[:3]:
            project.annotate(face, project.landmarks(face).xy + 3, author="ann")
    with served(folder) as url:
        yield folder, url


def test_a_model_is_taught_its_errors_are_told_and_it_is_chosen(
    page: Page, taught: tuple[Path, str], shots: Path | None
) -> None:
    folder, url = taught
    page.goto(f"{url.rstrip('/')}/train")
    page.wait_for_selector('[data-page="train"][data-ready]', state="attached")
    expect(page.get_by_text("3 of 10")).to_be_visible()
    expect(page.get_by_text("only an offset")).to_be_visible()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_text("error after")).to_be_visible(timeout=300_000)
    expect(page.get_by_text("work-0001").first).to_be_visible()
    page.get_by_role("button", name="Use this model").click()
    expect(page.get_by_text("in use")).to_be_visible()
    if shots is not None:
        page.screenshot(path=shots / "train-done.png")
    with Project.open(folder) as project:
        assert project.settings.model == "work-0001"
    page.get_by_role("button", name="Prelabel with it").click()
    expect(page.get_by_role("heading", name="Prelabel", exact=True)).to_be_visible()
    expect(page.get_by_label("Model")).to_have_value("work-0001")
