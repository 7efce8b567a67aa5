"""Files are cut, damaged, deleted or cannot be written; the run resumes from what is intact."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.faults.checking import check_whole
from tests.faults.driving import Search, kill, wait_until

pytestmark = [pytest.mark.ray, pytest.mark.faults, pytest.mark.timeout(600)]


@pytest.fixture
def killed(tmp_path):
    """A run whose driver was killed while trials had checkpoints."""
    search = Search(
        tmp_path,
        budget={"trials": 2, "max_epochs": 300, "grace_period": 300},
        resources={"checkpoint_seconds": 0},
    )
    driver = search.start()
    wait_until(lambda: len(search.named("trial_checkpointed", trial=0)) >= 3)
    kill(driver)
    return search


@pytest.mark.parametrize("seed", range(3))
def test_a_ledger_cut_anywhere_is_gone_on_with(killed, seed):
    content = killed.run.ledger.read_bytes()
    first = content.index(b"\n") + 1
    killed.run.ledger.write_bytes(content[: random.Random(seed).randint(first, len(content))])
    ended = killed.finish()
    assert ended.returncode == 0, ended.stderr
    check_whole(killed, 2)


@pytest.mark.parametrize("damage", ["deleted", "cut short"])
def test_without_its_newest_checkpoint_a_trial_goes_on_from_the_one_before(killed, damage):
    trial = killed.history.trials[0]
    before, newest = sorted(trial.checkpoints)[-2:]
    path = Path(killed.run.trial_checkpoints(0)) / f"epoch_{newest:05d}.npz"
    if damage == "deleted":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-100])
    ended = killed.finish()
    assert ended.returncode == 0, ended.stderr
    check_whole(killed, 2)
    resumed = killed.named("trial_started", trial=0)[1]
    assert resumed["resumed"] == before
    if damage == "cut short":
        assert f"trial 0 resumes after epoch {before}" in ended.stdout
        assert path.name in ended.stdout


def test_a_run_copied_elsewhere_is_gone_on_with_there(killed, tmp_path):
    elsewhere = tmp_path / "elsewhere" / "copied"
    shutil.copytree(killed.run.folder, elsewhere)
    shutil.rmtree(killed.run.folder)
    copied = Search(
        tmp_path,
        elsewhere,
        budget={"trials": 2, "max_epochs": 300, "grace_period": 300},
        resources={"checkpoint_seconds": 60},
    )
    ended = copied.finish()
    assert ended.returncode == 0, ended.stderr
    check_whole(copied, 2)
    pickles = [p for p in elsewhere.rglob("*") if p.suffix in (".pkl", ".pickle")]
    assert pickles == []


@pytest.fixture
def small_disk(tmp_path):
    """A separate file system of 3 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            return filler
    raise AssertionError("the disk has no end")


def test_a_full_disk_ends_it_clearly_and_it_goes_on_when_there_is_room(tmp_path, small_disk):
    search = Search(tmp_path, small_disk / "run", budget={"trials": 12, "max_epochs": 30})
    driver = search.start()
    wait_until(lambda: search.named("trial_ended"))
    filler = fill(small_disk)
    out, err = driver.communicate(timeout=120)
    assert driver.returncode == 4, (out, err)
    assert "No space left on device" in err
    assert "thawtune resume" in err
    assert "Traceback" not in err
    before = {n: (t.state, t.epochs) for n, t in search.history.trials.items() if t.is_over}
    still = search.finish()
    assert still.returncode == 4, still.stderr
    filler.unlink()
    ended = search.finish()
    assert ended.returncode == 0, ended.stderr
    check_whole(search, 12)
    after = {n: (t.state, t.epochs) for n, t in search.history.trials.items()}
    assert before.items() <= after.items()


def test_a_read_only_disk_is_told_as_such(tmp_path, small_disk):
    search = Search(tmp_path, small_disk / "run", budget={"trials": 2, "max_epochs": 2})
    assert search.finish().returncode == 0
    before = search.run.ledger.read_bytes()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    ended = search.finish("--trials", "3")
    assert ended.returncode == 4
    assert "Read-only file system" in ended.stderr
    assert "Traceback" not in ended.stderr
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert search.run.ledger.read_bytes() == before
    assert search.finish("--trials", "3").returncode == 0
    check_whole(search, 3)
