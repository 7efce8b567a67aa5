"""Unusual machines: long paths, a read-only home, a proxy, other people's modules, no UTF-8."""

from __future__ import annotations

import csv
import html
import io
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cluster.test_finetuning import SCRATCH, make_run
from tests.faults.driving import Search

pytestmark = [pytest.mark.ray, pytest.mark.faults, pytest.mark.timeout(600)]

BUDGET = {"trials": 2, "max_epochs": 2}
MODULES = ("search.py", "spaces.py", "trainables.py", "reports/__init__.py")
SCRIPT = str(Path(sys.executable).with_name("thawtune"))
NOBODY = "http://127.0.0.1:9"
"""A proxy that answers nothing."""

READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'


def finished(search: Search) -> str:
    """What a search printed that ended well."""
    ended = search.finish()
    assert ended.returncode == 0, ended.stderr
    assert {t.state for t in search.history.trials.values()} <= {"COMPLETE", "PRUNED"}
    return ended.stdout


def test_a_long_path_of_temporary_files(tmp_path):
    folder = tmp_path / ("long" * 25)
    folder.mkdir()
    finished(Search(tmp_path, environment={"TMPDIR": str(folder)}, budget=BUDGET))


@pytest.fixture
def read_only_home(tmp_path):
    """A home folder, and the prefix of commands that cannot write to it."""
    home = tmp_path / "home"
    home.mkdir()
    prefix = ("unshare", "-m", "sh", "-c", READ_ONLY, str(home))
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("mounting a folder read-only needs root")
    return home, prefix


def test_a_read_only_home_is_enough_with_a_cache_elsewhere(tmp_path, read_only_home):
    home, prefix = read_only_home
    environment = {"HOME": str(home), "THAWTUNE_CACHE": str(tmp_path / "cache")}
    finished(Search(tmp_path, environment=environment, prefix=prefix, budget=BUDGET))
    assert list(home.iterdir()) == []


def test_a_cache_in_a_read_only_home_is_said(tmp_path, read_only_home):
    home, prefix = read_only_home
    environment = {"HOME": str(home), "THAWTUNE_CACHE": ""}
    search = Search(tmp_path, environment=environment, prefix=prefix, budget=BUDGET)
    ended = search.finish()
    assert ended.returncode == 2
    assert "Read-only file system" in ended.stderr
    assert "set THAWTUNE_CACHE" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not search.run.folder.exists()


def test_the_token_of_ray_and_the_run_are_their_owners(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    search = Search(tmp_path, environment={"HOME": str(home)}, budget=BUDGET)
    finished(search)
    token = home / ".ray" / "auth_token"
    for path, mode in ((token, 0o600), (token.parent, 0o700), (search.run.folder, 0o700)):
        assert stat.S_IMODE(path.stat().st_mode) == mode, path


CLASSES = {
    b"caf\xe9": r"caf\xe9",
    b"=1+1": "=1+1",
    b"[red]x[bold]": "[red]x[bold]",
    "Käfer:bug:".encode(): "Käfer:bug:",
}
"""Class names as bytes on the disk, and as they are shown everywhere."""


def photos_of(folder: Path) -> Path:
    """A folder for each class, with pictures of its own colour."""
    chance = np.random.default_rng(3)
    for colour, name in enumerate(CLASSES):
        place = Path(os.fsdecode(os.fsencode(folder) + b"/" + name))
        place.mkdir(parents=True)
        for number in range(12):
            pixels = chance.integers(0, 120, (24, 24, 3)) + 30 * colour
            Image.fromarray(pixels.astype(np.uint8)).save(place / f"{number}.png")
    return folder


def test_names_of_any_kind_are_the_same_everywhere_in_a_locale_of_ascii(tmp_path):
    photos = photos_of(tmp_path / "photos")
    search = Search(
        tmp_path,
        environment={"LC_ALL": "C", "PYTHONUTF8": "0"},
        dataset={"format": "folders", "path": str(photos)},
        budget=BUDGET,
    )
    finished(search)
    for command in ("finetune", "evaluate", "report"):
        search.told(command)
    names = set(CLASSES.values())
    run = search.run
    assert set(json.loads((run.model / "labels.json").read_text(encoding="utf-8"))) == names
    assert names <= {cell for row in cells_of(run.report / "tables") for cell in row} | {"=1+1"}
    assert ["'=1+1"] in [[c for c in row if c.endswith("=1+1")] for row in cells_of(run.report)]
    page = html.unescape((run.report / "index.html").read_text(encoding="utf-8"))
    assert all(name in page for name in names)
    said = search.told("predict", str(photos))
    shown = {line.split("\t")[0].split("/")[-2] for line in said.splitlines()}
    assert shown == names
    search.told("predict", str(photos), "--csv", str(tmp_path / "said.csv"))
    text = (tmp_path / "said.csv").read_text(encoding="utf-8")
    assert {row["class"] for row in csv.DictReader(io.StringIO(text))} <= names - {"=1+1"} | {
        "'=1+1"
    }


def cells_of(folder: Path) -> Iterator[list[str]]:
    """The rows of all CSV files in a folder."""
    for path in folder.rglob("*.csv"):
        yield from csv.reader(io.StringIO(path.read_text(encoding="utf-8")))


def test_two_workers_do_not_look_for_each_other_behind_a_proxy(tmp_path):
    run = make_run(tmp_path / "run", SCRATCH)
    ended = subprocess.run(
        [sys.executable, "-m", "search", "finetune", str(run.folder), "--workers", "2"],
        env=os.environ | {"http_proxy": NOBODY, "https_proxy": NOBODY},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert len(run.read_json(run.finetune)["digests"]) == 2


@pytest.fixture
def other_modules(tmp_path) -> Path:
    """A folder with modules that have the names of ours."""
    folder = tmp_path / "mine"
    (folder / "reports").mkdir(parents=True)
    for name in ("search.py", "spaces.py", "trainables.py", "reports/__init__.py"):
        (folder / name).write_text("raise RuntimeError('not of thawtune')\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("program", "hidden"),
    [((SCRIPT,), MODULES), ((sys.executable, "-m", "search"), MODULES[1:])],
    ids=["thawtune", "python -m search"],
)
def test_other_modules_of_the_same_names_beside_the_study(tmp_path, monkeypatch, program, hidden):
    folder = tmp_path / "mine"
    hide(folder, hidden)
    monkeypatch.chdir(folder)
    finished(Search(folder, tmp_path / "run", program=program, budget=BUDGET))


@pytest.mark.parametrize("name", MODULES[1:])
def test_other_modules_on_the_path_of_python_are_named(tmp_path, name):
    hide(tmp_path, [name])
    ended = subprocess.run(
        [SCRIPT, "list"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    [line] = ended.stderr.splitlines()
    assert str((tmp_path / name).parent if "/" in name else tmp_path / name) in line


def hide(folder: Path, names: Iterable[str]) -> None:
    """Write modules that have the names of ours."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("raise RuntimeError('not of thawtune')\n", encoding="utf-8")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras, in saving
def test_weights_are_beside_the_study_wherever_the_command_runs(tmp_path):
    import keras

    model = keras.applications.MobileNetV2((32, 32, 3), include_top=False, weights=None)
    model.save_weights(tmp_path / "mine.weights.h5")
    base = {"backbone": "MobileNetV2", "weights": "mine.weights.h5", "image_size": 32}
    search = Search(tmp_path, base=base, budget={"trials": 2, "max_epochs": 1})
    finished(search)
