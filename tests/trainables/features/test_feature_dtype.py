"""Features of 16 bits: half of the bytes, rounded to the nearest, and none that does not fit."""

from __future__ import annotations

import pickle

import keras
import numpy as np
import pytest

from spaces.errors import TrialFailedError
from spaces.hyperparameters import Hyperparameters
from spaces.studies.dataset import DatasetSection
from spaces.studies.study import Objective
from trainables.cache.eviction import entries
from trainables.cache.leases import end_leases
from trainables.cache.rows.entry_store import EntryStore
from trainables.cache.tensor_file import read_rows
from trainables.datasets.rows.loading import load_trial_data
from trainables.features.in_memory import examples_at, forget, stored
from trainables.features.plan.extraction_task import ExtractionTask
from trainables.features.plan.measured_plan import plan_study
from trainables.features.plan.work import worth_storing
from trainables.features.store import as_stored
from trainables.networks.cut import Cut, cut
from trainables.networks.forward import forward
from trainables.networks.network import build_network
from trainables.process.messages import take_notes
from trainables.training.training import Training, build_pretrained
from trainables.worker.extraction import compute, planned_rows
from trainables.worker.failures import failure_of

POINT = Hyperparameters(
    backbone="VGG16",
    weights="none",
    truncation_layer="block2_pool",
    image_size=32,
    batch_size=8,
    epochs=2,
    optimizer="sgd",
    learning_rate=1e-3,
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path))
    monkeypatch.delenv("THAWTUNE_CACHE_LIMIT", raising=False)
    forget()
    take_notes()
    yield
    end_leases()
    forget()


def scaled(scale):
    """A network whose features are the means of a picture's channels times this."""
    pixels = keras.Input((32, 32, 3))
    below = keras.Model(pixels, keras.layers.GlobalAveragePooling2D(name="mean")(pixels * scale))
    return Cut("mean", below, keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)]))


def test_they_are_rounded_to_the_nearest_and_take_half(make_images):
    split, images = scaled(1 / 3), make_images(10)
    exact = forward(split.below, images.pixels)
    full, half = (examples_at(split, images, dtype) for dtype in ("float32", "float16"))
    np.testing.assert_array_equal(full.inputs, exact)
    assert half.inputs.dtype == np.float16
    np.testing.assert_array_equal(half.inputs, exact.astype(np.float16))
    np.testing.assert_allclose(half.inputs, exact, rtol=2**-11)
    assert half.bytes_each * 2 == full.bytes_each == 12
    arrays = [read_rows(entry.path / "activations.arrow") for entry in entries(["features"])]
    assert sorted(rows.nbytes for rows in arrays) == [60, 120]
    assert {entry.about["dtype"] for entry in entries(["features"])} == {"float16", "float32"}


def test_what_fits_into_memory_alone_is_rounded_too(make_images, monkeypatch):
    monkeypatch.setenv("THAWTUNE_CACHE_LIMIT", "10B")
    split, images = scaled(1 / 3), make_images(10)
    found = examples_at(split, images, "float16").inputs
    assert entries(["features"]) == []
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, forward(split.below, images.pixels).astype(np.float16))


@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_that_fits_is_kept(sign):
    rows = np.array([[65504, 65519.9, 1e-7, 6e-8, 0, np.inf, np.nan]], np.float32) * sign
    found = as_stored(rows, "top", "float16")
    np.testing.assert_array_equal(found[0, :5], np.float16([65504, 65504, 1e-7, 6e-8, 0]) * sign)
    assert not np.isfinite(found[0, 5:]).any(), "the trial's loss will say so"


@pytest.mark.parametrize("value", [65520, -65520, 1e6, -3e38])
def test_one_that_is_too_large_is_an_error_that_says_what_to_do(value):
    rows = np.array([[1, value, np.nan, -np.inf]], np.float32)
    assert as_stored(rows, "top", "float32") is rows
    with pytest.raises(TrialFailedError) as raised:
        as_stored(rows, "top", "float16")
    error = pickle.loads(pickle.dumps(raised.value))  # as between processes
    failure = failure_of(error, 32, 1)
    assert failure["end"][:2] == ("FAIL", "data")
    assert f"features at top reach {np.float32(abs(value)):,.0f}" in failure["end"][2]
    assert "float16 ends at 65,504" in failure["end"][2]
    assert "resources.feature_dtype: float32" in failure["end"][2]


def test_nothing_is_left_of_features_that_do_not_fit(make_images):
    split, images = scaled(1000.0), make_images(10)
    with pytest.raises(TrialFailedError, match="features at mean reach"):
        stored(split.below, split.name, images, dtype="float16")
    assert entries(["features"]) == []
    assert examples_at(split, images).inputs.numpy().max() > 65504


def trained(images, **options):
    forget()
    training = Training(POINT, 3, *images, 5, Objective(), **options)
    told = [training.run_epoch() for _ in range(2)]
    examples = training._examples(images[0])
    forget()
    losses = [(m.train_loss, m.val_loss) for m in told]
    weights = [v.numpy() for v in training.network.model.weights]
    return losses, weights, (examples.are_resident, examples.inputs.dtype)


def test_streamed_and_resident_give_equal_weights_and_live_ones_nearly(make_images, monkeypatch):
    images = make_images(50, size=32), make_images(20, size=32, seed=1)
    resident = trained(images, dtype="float16")
    live = trained(images, kept=(), dtype="float16")
    exact = trained(images)
    monkeypatch.setenv("THAWTUNE_DATA_MEMORY", "12KB")
    streamed = trained(images, dtype="float16")
    assert (resident[2], streamed[2]) == ((True, np.float16), (False, np.float16))
    assert resident[0] == streamed[0]
    for mine, others in zip(resident[1], streamed[1], strict=True):
        np.testing.assert_array_equal(mine, others)
    assert resident[0] != exact[0], "16 bits are not 32"
    for other in (live, exact):
        np.testing.assert_allclose(resident[0], other[0], rtol=1e-3)
        for mine, others in zip(resident[1], other[1], strict=True):
            np.testing.assert_allclose(mine, others, atol=1e-3)


def test_what_is_computed_in_advance_is_what_trials_ask_for():
    section = DatasetSection(format="digits", subset=100)
    point = Hyperparameters(backbone="EfficientNetLite0", image_size=32)
    network = build_pretrained(point, 10)
    network.freeze_backbone()
    split = cut(network.model)
    task = ExtractionTask(section, None, point, (split.name,), None, 1, dtype="float16")
    images = load_trial_data(section, 32).train
    rows = planned_rows(task)[0]
    store, key = EntryStore(), rows.store.key_of(rows.contents)
    layout = rows.store.layout_of(rows.contents)
    assert layout.bytes == 2 * len(images.labels) * np.prod(split.below.output.shape[1:])
    with store.lock(key):
        temporary = store.begin(key, layout)
        compute(task, "train", np.arange(len(images.labels)), 0, {split.name: temporary})
        store.seal(temporary, key, rows.about)
    found = examples_at(split, images, "float16")
    assert [entry.path for entry in entries(["features"])] == [store.path(key)]
    np.testing.assert_allclose(
        found.inputs, forward(split.below, images.pixels), rtol=2**-10, atol=1e-5
    )


def test_the_plan_counts_half_of_the_bytes(make_study):
    sizes = {}
    for dtype in ("float32", "float16"):
        study = make_study(
            base={"backbone": "MobileNetV3Small", "image_size": 48},
            space={"unfrozen_depth": {"choices": [0, 4]}},
            recipes={},
            resources={"feature_dtype": dtype},
        )
        plan = plan_study(study, 240)
        sizes[dtype] = {row.boundary: row.bytes for row in plan.rows if row.depths}
    assert sizes["float32"] == {name: 2 * size for name, size in sizes["float16"].items()}
    assert len(sizes["float16"]) == 2


def test_without_a_plan_a_cut_of_half_the_bytes_is_worth_half_the_work():
    point = Hyperparameters(weights="none", image_size=96)
    model = build_network(point, 3).model
    assert worth_storing(model) < worth_storing(model, "float16")
