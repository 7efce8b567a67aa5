"""The Python interface reads from a run what the command line prints of it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import search
from search.records.choice import choose
from search.records.history import History
from search.records.ledger import read_ledger
from spaces.errors import InputError, RunStateError
from tests.search.final_runs import final_run

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, make_study):
    return final_run(tmp_path_factory.mktemp("run") / "run", make_study()).folder


@pytest.fixture
def photos(tmp_path):
    chance = np.random.default_rng(0)
    for number in range(3):
        pixels = chance.integers(0, 256, (40, 30, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    (tmp_path / "torn.png").write_bytes((tmp_path / "0.png").read_bytes()[:-500])
    return tmp_path


def test_predict_is_a_row_for_each_image_and_class(folder, photos):
    found = search.open_run(folder).predict(photos, top=2)
    assert list(found.columns) == ["path", "rank", "label", "probability", "problem"]
    read = found[found.problem.isna()]
    assert sorted(read.groupby("path").size()) == [2, 2, 2]
    assert (read[read["rank"] == 1].probability >= 0.1).all()
    [torn] = found[found.problem.notna()].path
    assert torn.endswith("torn.png")


def test_an_image_that_is_too_unsure_has_no_label(folder, photos):
    found = search.open_run(folder).predict(photos / "1.png", threshold=1.0)
    assert found.label.tolist() == [None]
    assert found.problem.tolist() == [None]


def test_images_that_are_not_there_are_named(folder, photos):
    with pytest.raises(InputError, match=r"Not found: .*none\.png"):
        search.open_run(folder).predict([photos / "none.png"])


def test_the_winner_is_the_one_that_is_chosen(folder):
    opened = search.open_run(folder)
    with opened.files() as files:
        choice = choose(files.study(), History.of(read_ledger(files.ledger)))
    assert choice is not None
    assert opened.winner == choice.trial.point


def test_a_folder_that_is_no_run_is_said_at_once(tmp_path):
    with pytest.raises(RunStateError, match="is not a run"):
        search.open_run(tmp_path)


def test_photos_that_are_not_there_are_said_before_anything_starts(tmp_path):
    with pytest.raises(InputError, match="neither a file nor photos"):
        search.fit(tmp_path / "nothing")
