"""What can be known to be wrong before any compute: with the data, the weights, and the file."""

from __future__ import annotations

from functools import partial

import pytest

from search.studies.validate import load_checked, validate
from spaces.errors import InputError, StudyError
from spaces.hyperparameters import Hyperparameters
from tests.spaces.studies.problems import problems as all_problems
from trainables.datasets.rows.loading import read_splits

problems = partial(all_problems, load=load_checked)


def test_a_sound_study_is_returned(tiny_study):
    study = load_checked(tiny_study)
    assert study.name == "tiny"
    assert list(study.recipe_points) == ["plain", "hidden"]


def test_the_installed_weights_are_sound(write_study):
    path = write_study("dataset: {format: digits}\nspace: {}\n")
    assert load_checked(path).search_space.base["weights"] == "imagenet"


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("batch_size: 32", "batch_size: 5000", "base.batch_size"),
        ("space:", "space:\n  batch_size: {choices: [32, 5000]}", "space.batch_size"),
        ("space:", "space:\n  batch_size: {low: 32, high: 5000}", "space.batch_size"),
    ],
)
def test_a_batch_that_is_larger_than_the_training_set_is_refused(tiny_study, old, new, place):
    images = len(read_splits(load_checked(tiny_study).dataset)[1].train)
    tiny_study.write_text(tiny_study.read_text().replace(old, new, 1))
    found = problems(tiny_study)
    assert place in [p[1] for p in found]
    for line, _, text in found:
        assert text == f"batch_size is 5000, the training set has {images} images"
        assert line is not None


def test_a_batch_of_a_recipe_alone_is_named_there(write_study):
    text = """\
        dataset: {format: digits, subset: 300}
        space:
          batch_size: {choices: [32, 5000]}
        recipes:
          small: {batch_size: 32}
          large:
            batch_size: 5000
        """
    places = [(p[0], p[1]) for p in problems(write_study(text))]
    assert places == [(3, "space.batch_size"), (7, "recipes.large.batch_size")]


def test_weights_that_are_not_there_are_refused(write_study, tmp_path):
    text = f"""\
        dataset: {{format: digits}}
        base:
          weights: {tmp_path}/none.h5
        space: {{}}
        """
    assert problems(write_study(text)) == [
        (3, "base.weights", f"There are no weights at {tmp_path}/none.h5.")
    ]


def test_weights_of_a_recipe_and_of_a_choice_are_looked_for(write_study, tmp_path):
    text = f"""\
        dataset: {{format: digits}}
        space:
          weights: {{choices: [none, {tmp_path}/one.h5, {tmp_path}/two.h5]}}
        recipes:
          a:
            weights: {tmp_path}/one.h5
        """
    says = [p[2] for p in problems(write_study(text))]
    assert sorted(says) == [f"There are no weights at {tmp_path}/{n}.h5." for n in ("one", "two")]


def test_data_that_are_not_there_are_refused_at_their_section(write_study, tmp_path):
    text = f"""\
        space: {{}}
        dataset:
          format: folders
          path: {tmp_path}/nowhere
        """
    [(line, place, says)] = problems(write_study(text))
    assert line in (2, 4)
    assert place.startswith("dataset")
    assert "nowhere" in says


def test_a_number_of_classes_that_the_data_have_not_is_refused(write_study):
    text = "dataset:\n  format: digits\n  classes: 7\nspace: {}\n"
    assert problems(write_study(text)) == [(3, "dataset.classes", "classes is 7, the data has 10")]


class TestValidate:
    """What `thawtune validate` says, also where the data are elsewhere."""

    def test_a_sound_study_is_returned(self, tiny_study):
        study, missing = validate(tiny_study)
        assert (study.name, missing) == ("tiny", None)

    def test_data_that_are_not_there_are_no_mistake_of_the_file(self, write_study, tmp_path):
        text = f"dataset: {{format: folders, path: {tmp_path}/nowhere}}\nspace: {{}}\n"
        study, missing = validate(write_study(text))
        assert study.dataset.format == "folders"
        assert "nowhere" in missing

    def test_the_rest_of_the_file_is_checked_without_them(self, write_study, tmp_path):
        text = f"dataset: {{format: folders, path: {tmp_path}/nowhere}}\nspac: {{}}\n"
        with pytest.raises(StudyError) as error:
            validate(write_study(text))
        assert any("did you mean space?" in problem for problem in error.value.problems)


def test_everything_is_said_at_once(write_study, tmp_path):
    text = f"""\
        dataset:
          format: digits
          subset: 300
        base:
          batch_size: 999
          weights: {tmp_path}/none.h5
        space:
          dropout: {{low: 1, high: 0}}
        recipes:
          one: {{learning_rat: 1}}
        budgets: {{}}
        """
    assert sorted(p[:2] for p in problems(write_study(text))) == [
        (5, "base.batch_size"),
        (6, "base.weights"),
        (8, "space.dropout"),
        (10, "recipes.one.learning_rat"),
        (11, "budgets"),
    ]


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_checked(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    ("base", "place"),
    [
        ("{backbone: AlexNet, weights: none, image_size: 96}", "base"),
        ("{weights: none, image_size: 32, truncation_layer: nowhere}", "base"),
        ("{weights: none, image_size: 32, boundary_layer: nowhere}", "base"),
        ("{backbone: AlexNet, weights: none, unfrozen_depth: 2, frozen_part: dense}", "base"),
        (
            "{weights: none, image_size: 32, convolutions: [8, 8], convolution_pooling: true}",
            "base",
        ),
    ],
)
def test_a_network_that_cannot_be_built_is_refused(write_study, base, place):
    text = f"dataset: {{format: digits}}\nbase: {base}\nspace: {{}}\n"
    [(line, where, _)] = problems(write_study(text))
    assert line == 2
    assert where.startswith(place)


def test_poolings_that_leave_nothing_of_the_smallest_images_are_refused(write_study):
    """EfficientNet-Lite0 leaves 2 x 2 places of 64 pixels, and 3 x 3 of 96."""
    text = """\
        dataset: {{format: digits}}
        base: {{weights: none, convolution_pooling: true}}
        space:
          image_size: {{choices: [96, {smallest}]}}
          convolutions: {{choices: [[], [8], [8, 8]]}}
        """
    [(line, place, says)] = problems(write_study(text.format(smallest=64)))
    assert (line, place) == (5, "space.convolutions")
    assert "1 x 1 places are left after 1 of them, with images of 64 pixels" in says


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_backbone_that_is_a_file_is_built_as_deep_as_it_is_searched(write_study):
    import keras

    path = write_study(
        "dataset: {format: digits}\n"
        "base: {backbone: my.keras, image_size: 8}\n"
        "space: {unfrozen_depth: {low: 0, high: 2}}\n"
    )
    assert "No such file" in problems(path)[0][2]
    layers = [keras.layers.Conv2D(4, 3, name="one"), keras.layers.Conv2D(4, 3, name="two")]
    keras.Sequential([keras.Input((8, 8, 3)), layers[0]]).save(path.with_name("my.keras"))
    assert "unfrozen_depth is 2, but" in problems(path)[0][2]
    keras.Sequential([keras.Input((8, 8, 3)), *layers]).save(path.with_name("my.keras"))
    assert load_checked(path).search_space.base["backbone"] == str(path.with_name("my.keras"))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_only_what_the_space_holds_is_looked_for(write_study):
    """Each backbone has its own weights and its own size: others together would be refused."""
    path = write_study(
        "dataset: {format: digits}\n"
        "base: {convolution_pooling: true}\n"
        "space:\n"
        "  backbone: {choices: [EfficientNetLite0, my.keras]}\n"
        "  weights:\n"
        "    - {choices: [none, lite.keras], when: {backbone: EfficientNetLite0}}\n"
        "    - {choices: [imagenet], when: {backbone: my.keras}}\n"
        "  image_size:\n"
        "    - {choices: [96], when: {backbone: EfficientNetLite0}}\n"
        "    - {choices: [8], when: {backbone: my.keras}}\n"
        "  unfrozen_depth:\n"
        "    - {low: 0, high: 10, when: {backbone: EfficientNetLite0}}\n"
        "    - {low: 0, high: 1, when: {backbone: my.keras}}\n"
        "  convolutions: {choices: [[], [8]]}\n"
    )
    import keras

    from trainables.networks.network import build_inputs

    own = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="one")])
    own.save(path.with_name("my.keras"))
    lite = Hyperparameters(weights="none", image_size=96)
    keras.Model(*build_inputs(lite)).save(path.with_name("lite.keras"))
    assert load_checked(path).search_space.base["convolution_pooling"]
    path.with_name("lite.keras").unlink()
    said = f"There are no weights at {path.with_name('lite.keras')}."
    assert [(place, text) for _, place, text in problems(path)] == [("base.weights", said)]
