"""Study files: those that come along load, and a bad one says all that is wrong, with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

import spaces
from spaces.errors import InputError, StudyError
from spaces.studies.study_file import StudyFile, find_study, load_study, study_names
from tests.spaces.studies.problems import problems

FOLDER = Path(spaces.__file__).parent
OWN = sorted(FOLDER.glob("*.yaml"))


def test_the_studies_that_come_along_are_counted():
    assert len(OWN) >= 1
    assert [path.stem for path in OWN] == study_names()


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
class TestOwn:
    def test_it_loads(self, path):
        study = load_study(path)
        assert study.name == path.stem
        assert len(study.recipe_points) <= study.budget.trials, "recipes are tried first, and all"

    def test_it_is_found_by_its_name(self, path):
        assert find_study(path.stem) == path

    def test_it_says_what_it_is_and_how_to_run_it(self, path):
        head = path.read_text(encoding="utf-8").split("\n\n", 1)[0]
        assert head.startswith("# ")
        assert f"thawtune search {path.stem}" in path.read_text(encoding="utf-8")


class TestFinding:
    def test_a_path_is_itself(self, write_study):
        path = write_study("x: 1")
        assert find_study(str(path)) == path

    def test_a_name_that_is_nearly_one_gets_a_hint(self):
        name = study_names()[0]
        with pytest.raises(InputError, match=f"Did you mean {name}"):
            find_study(name + "x")

    def test_any_other_name_gets_the_list(self):
        with pytest.raises(InputError, match="no study 'qqqqqqqq'") as error:
            find_study("qqqqqqqq")
        for name in study_names():
            assert name in str(error.value)

    def test_a_folder_is_no_study(self, tmp_path):
        with pytest.raises(InputError, match="There is no study"):
            find_study(str(tmp_path))


BAD = """\
name: bad
dataset:
  format: digits
  validaton: 0.2
  seed: -1
objective:
  metric: val_loss
  mode: max
base:
  pooling: averge
  learning_rte: 1e-3
  image_size: big
space:
  dropout: {low: 0.5, high: 0.1}
  unfrozen_dept: {low: 0, high: 3}
  batch_size: 32
  weight_decay: {low: 0, high: 1e-3, lgo: true}
  learning_rate:
    - {low: 1e-4, high: 1e-3, when: {optimizer: [adam]}}
    - {low: 1e-4, high: high}
  pooling: {low: 1, high: 2}
  decay: {choices: [none, linear]}
  dense_units: {choices: 64}
recipes:
  outside:
    class_weights: balanced
  unknown:
    backbone: EfficientNetLite9
  deep:
    unfrozen_depth: 60
  typo:
    droput: 0.1
  wrong:
    dense_units: wide
  final: {}
budget:
  trials: 0
  grace_period: 20
  max_epochs: 10
resorces:
  cpu: 1
"""

EXPECTED = [
    ("dataset.validaton", "validaton: 0.2", "did you mean validation?"),
    ("dataset.seed", "seed: -1", "greater than or equal to 0"),
    ("objective", "objective:", "mode of val_loss is min, not max"),
    ("base.pooling", "pooling: averge", "'average', 'max' or 'flatten'"),
    ("base.learning_rte", "learning_rte: 1e-3", "did you mean learning_rate?"),
    ("base.image_size", "image_size: big", "valid integer"),
    ("space.dropout", "dropout: {low: 0.5", "low (0.5) is above high (0.1)"),
    ("space.unfrozen_dept", "unfrozen_dept:", "did you mean unfrozen_depth?"),
    ("space.batch_size", "batch_size: 32", "fixed values go in base"),
    ("space.weight_decay.lgo", "weight_decay:", "unknown key 'lgo'"),
    ("space.learning_rate.1.high", "- {low: 1e-4, high: high}", "must be a number"),
    ("space.pooling", "pooling: {low: 1", "needs choices"),
    ("space.decay.choices", "decay: {choices", "'linear'"),
    ("space.dense_units.choices", "dense_units: {choices: 64}", "must be a list"),
    ("recipes.outside.class_weights", "class_weights:", "but the space fixes it at none"),
    ("recipes.unknown.backbone", "backbone: EfficientNetLite9", "did you mean EfficientNetLite2?"),
    ("recipes.deep.unfrozen_depth", "unfrozen_depth: 60", "has 49 weight layers"),
    ("recipes.typo.droput", "droput: 0.1", "did you mean dropout?"),
    ("recipes.wrong.dense_units", "dense_units: wide", "valid tuple"),
    ("recipes.final", "final:", "cannot be a recipe's name"),
    ("budget.trials", "trials: 0", "greater than or equal to 1"),
    ("resorces", "resorces:", "did you mean resources?"),
]


def test_all_that_is_wrong_is_said_at_once_with_its_line(write_study):
    lines = BAD.splitlines()
    found = problems(write_study(BAD, "bad"))
    for place, fragment, text in EXPECTED:
        line = next(n for n, written in enumerate(lines, 1) if written.strip().startswith(fragment))
        matching = [p for p in found if p[1] == place and text in p[2]]
        assert matching, (place, text)
        assert [p[0] for p in matching] == [line]
    assert len(found) == len(EXPECTED)


def test_a_recipe_is_not_blamed_for_a_parameter_that_cannot_be_read(write_study):
    text = """\
        dataset: {format: digits}
        space:
          dropout: {low: 0.5, high: 0.1}
        recipes:
          one: {dropout: 0.2}
        """
    assert [p[1] for p in problems(write_study(text))] == ["space.dropout"]


def test_a_file_without_its_sections_names_them(write_study):
    assert problems(write_study("name: x\n")) == [
        (None, "dataset", "dataset is missing"),
        (None, "space", "space is missing"),
    ]


SOUND = """\
dataset: {format: digits}
space:
  learning_rate: {low: 1e-4, high: 1e-2, log: true}
"""


@pytest.mark.parametrize(
    ("text", "place", "line", "says"),
    [
        ("base: {epochs: 50}\nbudget: {max_epochs: 10, trials: 2}", "base.epochs", 4, "max_epochs"),
        (
            "recipes:\n  long:\n    epochs: 50\nbudget: {max_epochs: 10}",
            "recipes.long.epochs",
            6,
            "budget.max_epochs is 10",
        ),
        ("budget: {grace_period: 20, max_epochs: 10}", "budget", 4, "grace_period (20) is above"),
        ("base:\n  dropout: 1.5", "base.dropout", 5, "must be in 0..1"),
        ("base:\n  learning_rate: .nan\n", "base.learning_rate", 5, "learning_rate is nan"),
        ("base:\n  weight_decay: .inf\n", "base.weight_decay", 5, "weight_decay is inf"),
        ("base:\n  dense_units: [0]", "base.dense_units", 5, "at least 1 unit"),
        ("base:\n  loss: binary", "base.loss", 5, "needs output_activation: sigmoid"),
        ("recipes:\n  one: 5", "recipes.one", 5, "valid dictionary"),
        ("name: 'a/b'", "name", 4, "should match pattern"),
        ("seed: -3", "seed", 4, "greater than or equal to 0"),
        ("resources: {gpu: -1}", "resources.gpu", 4, "greater than or equal to 0"),
        ("resources: {gpu: 2}", "resources", 4, "gpu is 2, but a trial trains on one GPU"),
        ("base:\n  decay: step\n  decay_factor: 2", "base.decay_factor", 6, "at most 1"),
        ("base: 3", "base", 4, "valid dictionary"),
    ],
)
def test_one_thing_wrong_is_one_problem_in_its_place(write_study, text, place, line, says):
    found = problems(write_study(SOUND + text))
    assert [(p[0], p[1]) for p in found] == [(line, place)]
    assert says in found[0][2]


def test_what_excludes_each_other_is_one_problem_at_one_of_both(write_study):
    text = "base:\n  unfrozen_depth: 1\n  boundary_layer: head_conv\n"
    [(line, place, says)] = problems(write_study(SOUND + text))
    assert (line, place) in {(5, "base.unfrozen_depth"), (6, "base.boundary_layer")}
    assert "unfrozen_depth or boundary_layer, not both" in says


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- a\n- b\n", "expected keys such as dataset and space"),
        ("", "expected keys such as dataset and space"),
        ("just words", "expected keys such as dataset and space"),
        ("a: [1", "line 1, column "),
        ("seed: 1\nseed: 2\n", "line 2, column 1: the key 'seed' appears twice"),
        ("seed: !!python/object/apply:os.getpid []", "line 1, column 7"),
    ],
)
def test_what_is_no_study_at_all_is_refused(write_study, text, says):
    with pytest.raises(StudyError) as error:
        load_study(write_study(text))
    assert len(error.value.problems) == 1
    assert says in error.value.problems[0]


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_study(tmp_path / "missing.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(InputError, match="cannot be read"):
        load_study(tmp_path / "binary.yaml")


def test_keys_that_are_no_words_are_refused(write_study):
    found = problems(write_study(SOUND + "7: 8\n"))
    assert [p[0] for p in found] == [4]


@pytest.mark.parametrize("folder", ["no", "on", "007", "1990", "1e3", "null", "2024-01-01", "a"])
def test_a_class_is_named_by_its_folder_as_it_is_written(write_study, folder):
    text = f"dataset: {{format: folders, class_names: {{{folder}: readable}}}}\nspace: {{}}\n"
    assert load_study(write_study(text)).dataset.class_names == {folder: "readable"}


def test_the_name_is_the_files_unless_it_is_given(write_study):
    assert load_study(write_study(SOUND, "mine")).name == "mine"
    assert load_study(write_study(SOUND + "name: other\n", "mine")).name == "other"


def test_what_is_sound_in_an_unsound_file_is_there(write_study):
    file = StudyFile(write_study(SOUND + "sed: 1\n"))
    assert file.study is None
    assert file.dataset is not None
    assert file.reading is not None
    assert [p.name for p in file.reading.space.parameters] == ["learning_rate"]
    assert [file.sentence(problem) for problem in file.problems] == [
        "line 4, sed: sed is not a valid key; did you mean seed?"
    ]


def test_a_value_with_a_merge_is_wrong_on_its_own_line(write_study):
    text = (
        SOUND
        + "recipes:\n  a: &a\n    learning_rate: 1e-3\n  b:\n    <<: *a\n    learning_rate: 7\n"
    )
    assert [(p[0], p[1]) for p in problems(write_study(text))] == [(9, "recipes.b.learning_rate")]
