"""Exports of final models: they say the same, hold their class names, and are there or are not."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from search.final_model.export import export
from search.final_model.load import LABELS, MODEL
from search.records.run import Run
from spaces.errors import InputError, RunStateError
from tests.search.final_runs import CLASSES, PRETRAINED, SCRATCH, final_run, write_finetune
from trainables.export import exporting
from trainables.export.exporting import FORMATS, TOLERANCE

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Keras 3.15 saves through what NumPy 2.4 deprecates."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory, make_study):
    folder = tmp_path_factory.mktemp("runs")
    points = {"scratch": SCRATCH, "pretrained": PRETRAINED}
    return {name: final_run(folder / name, make_study(), point) for name, point in points.items()}


@pytest.fixture
def run(runs, tmp_path):
    """A run from scratch of the test's own."""
    others = shutil.ignore_patterns("made*")
    return Run(shutil.copytree(runs["scratch"].folder, tmp_path / "run", ignore=others))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", ["scratch", "pretrained"])
def test_exports_say_what_the_model_says(runs, kind, name, capfd):
    run = runs[kind]
    done = export(run, name)
    assert done.path == run.model / f"made{FORMATS[name].suffix}"
    assert done.comparison.images == FORMATS[name].images
    assert done.comparison.difference <= TOLERANCE == 1e-4
    assert capfd.readouterr() == ("", "")
    module = importlib.import_module(f"trainables.export.{FORMATS[name].module}")
    assert module.class_names(done.path) == tuple(CLASSES)
    assert not [path for path in run.model.iterdir() if path.name.startswith(".")]
    model = keras.models.load_model(run.model / MODEL, compile=False)
    size = model.input_shape[1]
    pixels = np.random.default_rng(0).uniform(0, 255, (3, size, size, 3)).astype(np.float32)
    np.testing.assert_allclose(
        module.outputs(done.path, pixels), model(pixels, training=False), atol=TOLERANCE
    )


def test_an_exported_keras_file_loads_in_keras(run):
    path = export(run, "keras").path
    pixels = np.full((2, 16, 16, 3), 99.0, np.float32)
    expected = keras.models.load_model(run.model / MODEL)(pixels)
    np.testing.assert_array_equal(keras.models.load_model(path)(pixels), expected)


def test_quantizing_makes_it_smaller_and_says_what_that_costs(runs, monkeypatch):
    monkeypatch.setattr(exporting, "KEPT_CLASSES", 0.5)  # its head is not trained
    small = export(runs["pretrained"], "litert", is_quantized=True)
    assert small.path.name == "made-8bit.tflite"
    assert small.size < 5e6 < 12e6
    assert small.comparison.difference > TOLERANCE
    assert small.comparison.same_class >= exporting.KEPT_CLASSES


def test_a_different_export_is_an_error_with_the_figure(run, monkeypatch):
    from trainables.export import keras_file

    honest = keras_file.outputs
    monkeypatch.setattr(keras_file, "outputs", lambda *given: honest(*given) + 0.002)
    before = sorted(run.model.iterdir())
    with pytest.raises(RunStateError, match=r"differ .* by up to 0\.002 .* more than 1e-04") as no:
        export(run, "keras")
    assert no.value.exit_code == 4
    assert sorted(run.model.iterdir()) == before


@pytest.mark.parametrize("name", ["keras", "savedmodel"])
def test_what_is_there_is_replaced_by_force_alone(run, name, tmp_path):
    output = tmp_path / "there"
    export(run, name, output)
    with pytest.raises(InputError, match="--force"):
        export(run, name, output)
    export(run, name, output, force=True)
    assert {path.name for path in tmp_path.iterdir()} == {"run", "there"}


def test_folders_and_the_run_itself_are_never_replaced(run, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "photo.jpg").write_bytes(b"mine")
    with pytest.raises(InputError, match="not a SavedModel"):
        export(run, "savedmodel", precious, force=True)
    for name in (MODEL, LABELS):
        with pytest.raises(InputError, match="belongs to the run"):
            export(run, "keras", run.model / "." / name, force=True)
    assert (precious / "photo.jpg").read_bytes() == b"mine"


def test_a_missing_package_is_named_with_its_extra(run, monkeypatch):
    missing = exporting.Format("onnx_file", ".onnx", ("not_installed_anywhere",))
    monkeypatch.setitem(exporting.FORMATS, "onnx", missing)
    with pytest.raises(InputError, match=r'not_installed_anywhere.*pip install "thawtune\[export'):
        export(run, "onnx")


@pytest.mark.parametrize(("name", "quantized"), [("torch", False), ("onnx", True)])
def test_what_cannot_be_is_refused(run, name, quantized):
    with pytest.raises(InputError, match="litert"):
        export(run, name, is_quantized=quantized)


def test_a_run_without_a_final_model(run):
    run.finetune.unlink()
    with pytest.raises(RunStateError, match="no final model yet"):
        export(run, "keras")


def _lambda_model(path, marker):
    pixels = keras.Input((16, 16, 3))
    code = keras.layers.Lambda(lambda x: open(marker, "w").close() or x, output_shape=(16, 16, 3))
    x = keras.layers.GlobalAveragePooling2D()(code(pixels))
    keras.Model(pixels, keras.layers.Dense(len(CLASSES))(x)).save(path)
    Path(marker).unlink(missing_ok=True)


@pytest.mark.parametrize("is_recorded", [False, True])
def test_a_model_that_holds_code_is_refused_and_the_code_does_not_run(run, tmp_path, is_recorded):
    marker = tmp_path / "ran"
    _lambda_model(run.model / MODEL, str(marker))
    if is_recorded:
        write_finetune(run)
    said = "Lambda" if is_recorded else "not the file that fine-tuning wrote"
    with pytest.raises(RunStateError, match=said) as refused:
        export(run, "keras")
    assert refused.value.exit_code == 4
    assert not marker.exists()


def test_labels_that_do_not_fit_the_model(run):
    (run.model / LABELS).write_text(json.dumps(CLASSES[1:]))
    with pytest.raises(RunStateError, match="has 9 classes"):
        export(run, "keras")
