"""Weights and backbones that are files: their paths in a study file, relative to it."""

from __future__ import annotations

from pathlib import Path

from spaces.studies.study_file import load_study


def test_weights_are_relative_to_the_file(tmp_path, monkeypatch):
    path = tmp_path / "study.yaml"
    path.write_text(
        """\
dataset: {format: digits}
base: {backbone: VGG16, weights: base.h5}
space:
  weights: {choices: [imagenet, none, files/choice.h5, /absolute/choice.h5, base.h5]}
  dropout: {low: 0, high: 0.5}
recipes:
  one: {weights: files/choice.h5}
""",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path.parent)
    study = load_study(Path(tmp_path.name) / path.name)
    [weights] = [p for p in study.search_space.parameters if p.name == "weights"]
    assert weights.choices == (
        "imagenet",
        "none",
        f"{tmp_path}/files/choice.h5",
        "/absolute/choice.h5",
        f"{tmp_path}/base.h5",
    )
    assert study.search_space.base["weights"] == f"{tmp_path}/base.h5"
    assert study.recipe_points["one"].weights == f"{tmp_path}/files/choice.h5"


def test_a_backbone_that_is_a_file_lies_relative_to_the_study(write_study):
    path = write_study(
        "dataset: {format: digits}\n"
        "base: {backbone: nets/my.keras}\n"
        "space:\n"
        "  backbone: {choices: [ResNet18, ../other.keras, /there/third.keras]}\n"
        "recipes:\n"
        "  own: {backbone: ../other.keras}\n"
    )
    study = load_study(path)
    folder = path.parent
    [parameter] = study.search_space.parameters
    other = str(folder.parent / "other.keras")
    assert parameter.choices == ("ResNet18", other, "/there/third.keras")
    assert study.search_space.base["backbone"] == str(folder / "nets" / "my.keras")
    assert study.recipe_points["own"].backbone == other
    again = _written(path)
    assert load_study(again).search_space.parameters == study.search_space.parameters
    assert load_study(again).recipe_points == study.recipe_points


def test_a_condition_on_a_file_names_it_as_it_is_written(write_study):
    """`when` is compared with values that have become whole paths."""
    path = write_study(
        "dataset: {format: digits}\n"
        "space:\n"
        "  backbone: {choices: [ResNet18, my.keras]}\n"
        "  weights:\n"
        "    - {choices: [none, mine.pth], when: {backbone: ResNet18}}\n"
        "    - {choices: [imagenet], when: {backbone: [my.keras]}}\n"
        "  learning_rate:\n"
        "    - {low: 1e-4, high: 1e-3, when: {weights: mine.pth}}\n"
        "    - {low: 1e-2, high: 1e-1, when: {weights: [none, imagenet]}}\n"
    )
    mine, own = (str(path.with_name(name)) for name in ("mine.pth", "my.keras"))
    for study in (load_study(path), load_study(_written(path))):
        for backbone, weights, lowest in (
            ("ResNet18", mine, 1e-4),
            ("ResNet18", "none", 1e-2),
            (own, "imagenet", 1e-2),
        ):
            chosen = {"backbone": backbone, "weights": weights}
            point = study.search_space.sample(lambda p, c=chosen: c.get(p.name) or p.low)
            assert (point.backbone, point.weights) == (backbone, weights)
            assert point.learning_rate == lowest


def _written(path: Path) -> Path:
    """The study as a run has it."""
    again = path.with_name("again.yaml")
    again.write_text(load_study(path).to_yaml())
    return again
