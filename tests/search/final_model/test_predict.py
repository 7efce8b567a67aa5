"""Classifying files and folders by a run's final model."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import shutil

import keras
import numpy as np
import pytest
from PIL import Image, ImageOps
from rich.console import Console

from search.final_model.load import MODEL
from search.final_model.model_card import write_card
from search.final_model.predict import Prediction, Predictor, Unreadable, find_images
from search.final_model.predict_output import Wanted, predict
from search.records.run import Run
from spaces.errors import DataError, InputError, RunStateError
from spaces.hyperparameters import Hyperparameters
from spaces.studies.dataset import DatasetSection
from tests.search.final_runs import CLASSES, SCRATCH, final_run
from trainables.prediction.inference import load_model, probabilities

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Keras 3.15 saves through what NumPy 2.4 deprecates."""

BROKEN = {
    "a/broken.jpg": (b"no image", "is not an image that can be read: it is text"),
    "b/empty.png": (b"", "is empty"),
    "c/torn.jpg": (None, "is truncated"),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory, make_study):
    return final_run(tmp_path_factory.mktemp("run") / "run", make_study())


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A thousand JPEG files in three folders, three of them broken, and a text."""
    folder = tmp_path_factory.mktemp("photos")
    chance = np.random.default_rng(0)
    for number in range(997):
        path = folder / "abc"[number % 3] / f"image{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        shape = (40 + number % 7, 30, 3)
        Image.fromarray(chance.integers(0, 256, shape, np.uint8)).save(path)
    for name, (content, _) in BROKEN.items():
        whole = (folder / "a" / "image0.jpg").read_bytes()
        (folder / name).write_bytes(whole[:-300] if content is None else content)
    (folder / "notes.txt").write_text("no image")
    return folder


class Answer:
    """What `predict` printed, on a terminal or not."""

    def __init__(self, run, given, wanted, is_terminal=False):
        self.out, self.err = (
            Console(file=io.StringIO(), force_terminal=is_terminal, width=200) for _ in range(2)
        )
        predict(run, given, wanted, self.out, self.err)
        self.table, self.errors = self.out.file.getvalue(), self.err.file.getvalue()


def test_a_thousand_images_of_which_three_are_broken(run, photos, tmp_path, capsys):
    answer = Answer(run, [photos], Wanted(top=3, csv_file=tmp_path / "said.csv"))
    for name, (_, reason) in BROKEN.items():
        assert f"{photos / name} {reason}" in answer.errors
    assert "3 of 1000 images could not be read." in answer.errors
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 997
    model = load_model(run.model / MODEL)
    for path, *said in lines[::200]:
        with Image.open(path) as image:
            square = np.asarray(image.resize((16, 16), Image.Resampling.BICUBIC))
        shares = probabilities(model, square[np.newaxis])[0]
        best = np.argsort(-shares)[:3]
        assert said[::2] == [CLASSES[i] for i in best]
        np.testing.assert_allclose([float(s) for s in said[1::2]], shares[best], atol=1e-4)
    rows = list(csv.DictReader((tmp_path / "said.csv").read_text("utf-8").splitlines()))
    assert len(rows) == 1000
    assert sum(bool(row["error"]) for row in rows) == 3
    assert [row["class_3"] for row in rows if not row["error"]] == [line[5] for line in lines]
    assert [path.name for path in tmp_path.iterdir()] == ["said.csv"]


FITTED = {"crop": ImageOps.fit, "pad": ImageOps.pad}


@pytest.mark.parametrize("how", FITTED)
def test_pictures_become_squares_as_in_training_and_as_the_card_says(
    how, photos, tmp_path, make_study
):
    run = final_run(tmp_path / "run", make_study(), dataclasses.replace(SCRATCH, resize=how))
    path = photos / "a" / "image0.jpg"
    [said] = predictor(run, 1)([path])
    with Image.open(path) as image:
        assert image.size[0] != image.size[1]
        square = np.asarray(FITTED[how](image, (16, 16)))
    shares = probabilities(load_model(run.model / MODEL), square[np.newaxis])[0]
    found = [share for _, share in said.classes]
    np.testing.assert_allclose(found, np.sort(shares)[::-1][:2], atol=1e-5)
    card = write_card(run).read_text("utf-8")
    assert f"image = ImageOps.{FITTED[how].__name__}(image, (16, 16))" in card


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_batches_change_nothing(run, photos, batch):
    paths, _ = find_images([photos / "b"])
    few = paths[:20]
    whole = list(predictor(run, 64)(few))
    said = list(predictor(run, batch)(few))
    assert [r.path for r in said] == list(few)
    assert isinstance(said[0], Unreadable)
    for one, other in zip(said[1:], whole[1:], strict=True):
        assert [c for c, _ in one.classes] == [c for c, _ in other.classes]
        np.testing.assert_allclose(
            [s for _, s in one.classes], [s for _, s in other.classes], rtol=1e-4
        )


def predictor(run, batch, folder=None):
    from search.final_model.load import load_final

    return Predictor(load_final(run), DatasetSection(format="folders"), 2, batch, folder)


def test_a_terminal_gets_a_table_and_a_bar(run, photos):
    answer = Answer(run, [photos / "a"], Wanted(top=2), is_terminal=True)
    assert "probability" in answer.table
    assert "classifying" in answer.errors
    assert "/334" in answer.errors
    alone = Answer(run, [photos / "a" / "image0.jpg"], Wanted(), is_terminal=True)
    assert "image0.jpg" in alone.table
    assert alone.errors == ""


def test_below_the_threshold_an_image_is_unsure(run, photos, capsys):
    given = sorted((photos / "b").glob("*.jpg"))[:20]
    Answer(run, given, Wanted(top=3))
    all_classes = capsys.readouterr().out.splitlines()
    best = sorted(float(line.split("\t")[2]) for line in all_classes)
    threshold = (best[9] + best[10]) / 2
    Answer(run, given, Wanted(top=3, threshold=threshold))
    for full, line in zip(all_classes, capsys.readouterr().out.splitlines(), strict=True):
        path, *cells = full.split("\t")
        pairs = list(zip(cells[::2], cells[1::2], strict=True))
        likely = [cell for pair in pairs if float(pair[1]) >= threshold for cell in pair]
        assert line.split("\t") == [path, *(likely or ["unsure"])]
    table = Answer(run, given, Wanted(threshold=1.0), is_terminal=True).table
    assert table.count("unsure") == 20


def test_json_is_an_object_a_line(run, photos, tmp_path, capsys):
    given = [photos / "b" / "empty.png", photos / "b" / "image1.jpg"]
    Answer(run, given, Wanted(as_json=True, explanations=tmp_path / "heat"), is_terminal=True)
    bad, good = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert bad == {"image": str(given[0]), "error": "is empty"}
    assert good["image"] == str(given[1])
    assert len(good["classes"]) == 5
    assert set(good["classes"][0]) == {"class", "probability"}
    with Image.open(good["explanation"]) as picture:
        assert picture.size == (30, 41)


def test_explanations_stand_upright_and_do_not_collide(run, tmp_path):
    wide = Image.fromarray(np.full((300, 900, 3), 200, np.uint8))
    turned = Image.Exif()
    turned[0x0112] = 6
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        wide.save(tmp_path / folder / "same.jpg", exif=turned)
    found, _ = find_images([tmp_path])
    results = list(predictor(run, 8, tmp_path / "heat")(found))
    pictures = [result.explanation for result in results]
    assert len(set(pictures)) == 2
    with Image.open(pictures[0]) as picture:
        assert picture.size == (171, 512)


def test_none_that_can_be_read(run, photos, tmp_path):
    with pytest.raises(DataError, match="none of 2 images") as refused:
        Answer(
            run,
            [photos / "notes.txt", photos / "b" / "empty.png"],
            Wanted(csv_file=tmp_path / "said.csv"),
        )
    assert refused.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_is_not_waited_for(run, photos, tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    [said, _] = predictor(run, 4)([tmp_path / "pipe.jpg", photos / "a" / "image0.jpg"])
    assert said == Unreadable(tmp_path / "pipe.jpg", "is not a file")


def test_names_do_nothing_to_a_terminal(run, photos, tmp_path, capsys):
    odd = tmp_path / "red\x1b[31m\tname\n.jpg"
    shutil.copy(photos / "a" / "image0.jpg", odd)
    Answer(run, [odd], Wanted(top=1))
    [line] = capsys.readouterr().out.splitlines()
    assert "red\\x1b[31m\\tname\\n.jpg" in line


def test_what_cannot_be_classified_is_said_before_anything_is_loaded(run, photos, tmp_path):
    with pytest.raises(InputError, match=r"Not found: .*nope\.jpg, .*gone\. "):
        Answer(run, [tmp_path / "nope.jpg", photos, tmp_path / "gone"], Wanted())
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no image in"):
        Answer(run, [tmp_path / "empty"], Wanted())
    with pytest.raises(InputError, match="cannot be written"):
        Answer(run, [photos], Wanted(csv_file=tmp_path / "no folder" / "said.csv"))


def test_a_run_without_a_final_model(run, photos, tmp_path):
    unfinished = Run(shutil.copytree(run.folder, tmp_path / "run"))
    unfinished.finetune.unlink()
    with pytest.raises(RunStateError, match="no final model yet") as refused:
        Answer(unfinished, [photos], Wanted())
    assert refused.value.exit_code == 4


def test_a_network_without_convolutions_explains_nothing(photos, tmp_path, make_study):
    flat = Hyperparameters(
        backbone="none", weights="none", image_size=8, preprocessing="unit", pooling="flatten"
    )
    run = final_run(tmp_path / "run", make_study(), flat)
    with pytest.raises(InputError, match=r"has none.*--explain"):
        Answer(run, [photos / "a"], Wanted(explanations=tmp_path / "heat"))
    keras.backend.clear_session()
    assert isinstance(next(predictor(run, 1)([photos / "a" / "image0.jpg"])), Prediction)
