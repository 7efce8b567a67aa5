"""Parameters in a study file: what cannot be one, and conditions on others."""

from __future__ import annotations

import pytest

from spaces.studies.study_file import StudyFile, load_study
from tests.spaces.studies.problems import problems


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("unfrozen_depth: {low: 0, high: 60}", "has 49 weight layers"),
        ("unfrozen_depth: {low: 0, high: 5, step: 0}", "step is 0, must be 1 or more"),
        ("unfrozen_depth: {low: 0, high: 5, step: two}", "step is 'two', must be a whole number"),
        ("unfrozen_depth: {low: 0.5, high: 5}", "low is 0.5, must be a whole number"),
        ("unfrozen_depth: {low: true, high: 5}", "low is True, must be a whole number"),
        ("dropout: {low: 0, high: 0.5, step: 0.1}", "step is only for whole numbers"),
        ("dropout: {low: 0, high: 0.5, log: true}", "must be above 0 if log is true"),
        ("dropout: {low: 0, high: 0.5, log: maybe}", "log is 'maybe', must be true or false"),
        ("dropout: {low: 0, high: .inf}", "must be finite"),
        ("dropout: {low: 0, high: 1}", "dropout is 1.0, must be in 0..1"),
        ("dropout: {low: 0}", "high is None, must be a number"),
        ("dropout: {choices: [0, 0.5], low: 0}", "has choices and low; give one or the other"),
        ("dropout: {choices: []}", "choices is empty"),
        ("dropout: {choices: [0.1, 0.1]}", "contains a value twice"),
        ("dropout: {low: 0, high: 0.5, when: [1]}", "when must map parameters to values"),
        ("dropout: {low: 0, high: 0.5, when: {bckbone: [x]}}", "'bckbone', which is not a"),
        ("backbone: {choices: [VGG16, VGG17]}", "VGG17"),
        ("weights: {low: 0, high: 1}", "is not a number, so it needs choices"),
        ("epochs: {low: 5, high: 50}", "max_epochs"),
    ],
)
def test_an_impossible_parameter_is_one_problem_on_its_line(write_study, spec, says):
    found = problems(write_study(f"dataset: {{format: digits}}\nspace:\n  {spec}\n"))
    assert len(found) == 1
    line, place, text = found[0]
    assert line == 3
    assert place.startswith(f"space.{spec.split(':', 1)[0]}")
    assert says in text


class TestWhen:
    """A parameter exists only where its parent has the right value: else the study is refused."""

    def test_a_parent_that_is_chosen_after_its_child_decides_on_it(self, write_study):
        text = """\
            dataset: {format: digits}
            space:
              learning_rate:
                - {low: 1e-4, high: 1e-3, when: {decay: [none]}}
                - {low: 1e-2, high: 1e-1, when: {decay: [cosine]}}
              decay: {choices: [none, cosine]}
            """
        file = StudyFile(write_study(text))
        if file.study is None:
            return
        for decay, lowest in (("none", 1e-4), ("cosine", 1e-2)):
            space = file.study.search_space
            point = space.sample(lambda p, d=decay: d if p.name == "decay" else p.low)
            assert (point.decay, point.learning_rate) == (decay, lowest)

    def test_a_parent_that_is_a_list_decides_on_its_child(self, write_study):
        text = """\
            dataset: {format: digits}
            space:
              dense_units: {choices: [[], [64]]}
              dropout: {low: 0.2, high: 0.5, when: {dense_units: [[64]]}}
            """
        file = StudyFile(write_study(text))
        if file.study is None:
            return
        point = file.study.search_space.sample(
            lambda p: (64,) if p.name == "dense_units" else p.low
        )
        assert (point.dense_units, point.dropout) == ((64,), 0.2)

    def test_a_value_that_its_parent_cannot_have_is_refused(self, write_study):
        text = """\
            dataset: {format: digits}
            space:
              dropout: {low: 0.2, high: 0.5, when: {backbone: [VGG61]}}
            """
        found = problems(write_study(text))
        assert [(p[0], p[1].split(".")[:2]) for p in found] == [(3, ["space", "dropout"])]

    def test_alternatives_that_can_exist_together_are_refused(self, write_study):
        text = """\
            dataset: {format: digits}
            space:
              dropout:
                - {low: 0.1, high: 0.2}
                - {low: 0.4, high: 0.5, when: {backbone: [VGG16]}}
              backbone: {choices: [VGG16, EfficientNetLite0]}
            """
        assert {p[1].split(".")[1] for p in problems(write_study(text))} == {"dropout"}


def test_steps_that_pass_the_end_are_not_tried_beyond_it(write_study):
    text = """\
        dataset: {format: digits}
        space:
          unfrozen_depth: {low: 0, high: 50, step: 20}
        """
    space = load_study(write_study(text)).search_space
    assert space.sample(lambda p: 40).unfrozen_depth == 40


@pytest.mark.parametrize(
    ("name", "other"),
    [("batch_norm", "trained"), ("convolution_pooling", "true"), ("decay_factor", "0.5")],
)
def test_a_choice_of_nothing_is_refused_or_means_what_it_says(write_study, name, other):
    text = f"""\
        dataset: {{format: digits}}
        base: {{unfrozen_depth: 2, convolutions: [4], decay: step}}
        space:
          {name}: {{choices: [null, {other}]}}
        """
    file = StudyFile(write_study(text))
    if file.study is None:
        return
    space = file.study.search_space
    for choice in space.parameters[0].choices:
        point = space.sample(lambda p, chosen=choice: chosen)
        assert space.choices_of(point) == {name: choice}
