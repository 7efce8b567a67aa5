"""The benchmark's own arithmetic, its frozen list, its study files and its command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spaces.studies.study_file import load_study
from tests.benchmarks import ours, results
from tests.benchmarks.__main__ import main
from tests.benchmarks.configurations import COUNT, drawn, frozen
from tests.benchmarks.opponents.photos.drawn import CLASSES, SIDE, write_photos
from tests.benchmarks.opponents.task import Task, last_accuracies, log_epoch, read_lines
from tests.benchmarks.plan import PLANS, QUICK, Size
from tests.benchmarks.process import ROOT, CommandFailedError, Measured, run_measured
from tests.benchmarks.questions.growth import (
    around,
    driver_seconds,
    growing_study,
    memory_growth,
    write_noise,
)
from tests.benchmarks.questions.same_trials import estimated
from tests.benchmarks.questions.scale import KINDS, scaling_study
from tests.benchmarks.questions.time_to_target import best, searching_study, seconds_to, summed_up
from tests.benchmarks.reference import target_accuracy
from tests.benchmarks.space import Configuration
from tests.benchmarks.spread import compared, interval
from tests.benchmarks.table import markdown
from trainables.datasets.formats.idx import read_array
from trainables.datasets.preflight.near_duplicates import near_pairs
from trainables.datasets.preflight.perceptual import perceptual_hash


def _measured(seconds: float) -> Measured:
    return Measured(began=1000.0, load=0.5, seconds=seconds, cpu_seconds=2 * seconds)


def test_the_frozen_list_is_what_its_script_draws() -> None:
    assert frozen(COUNT) == drawn()
    assert frozen(24) == drawn(24)
    assert len(set(drawn())) == COUNT
    with pytest.raises(ValueError, match="100"):
        frozen(COUNT + 1)


def test_every_plan_asks_for_configurations_that_there_are() -> None:
    for plan in PLANS.values():
        sizes = [plan.same, plan.live, plan.depth, plan.depth_live, *plan.limit]
        assert max(size.trials for size in sizes) <= COUNT
    assert QUICK.live.epochs >= 2 <= QUICK.depth_live.epochs  # an estimate needs two


@pytest.mark.parametrize("trials", [24, 100])
def test_the_study_for_ours_runs_exactly_the_list(tmp_path: Path, trials: int) -> None:
    listed = frozen(trials)
    study = load_study(ours.write_study(tmp_path, ours.study(listed, 5)))
    points = list(study.recipe_points.values())
    assert study.budget.trials == len(points) == trials
    read = [
        Configuration(p.learning_rate, p.dropout, (*p.dense_units, 0)[0], p.batch_size)
        for p in points
    ]
    assert read == listed
    assert {(p.epochs, p.early_stopping, p.unfrozen_depth, p.image_size) for p in points} == {
        (5, 0, 0, 96)
    }


@pytest.mark.parametrize(
    "values",
    [
        ours.study([c.slower(0.1) for c in drawn(8)], 5, base={"unfrozen_depth": 7}),
        searching_study(QUICK, 3),
        growing_study(1000),
    ],
    ids=["depth", "time to target", "growth"],
)
def test_other_studies_for_ours_are_sound(tmp_path: Path, values: dict[str, Any]) -> None:
    study = load_study(ours.write_study(tmp_path, values))
    assert study.budget.trials == values["budget"]["trials"]


def test_ratios_are_over_ours_and_made_anew_when_ours_is_measured_again() -> None:
    opponent = results.entry(_measured(60.0), "U", features_seconds=15.0)
    failed = results.failure(RuntimeError("it broke"), "U")
    merged = results.merged({"B": {}}, "A", {"P2": opponent, "K": failed})
    assert merged["A"]["P2"]["ratio"] is None
    merged = results.merged(merged, "A", {"U": results.entry(_measured(30.0), "U")})
    assert [merged["A"][arm]["ratio"] for arm in ("U", "P2", "K")] == [1.0, 2.0, None]
    assert merged["A"]["P2"]["ratio_without_features"] == 1.5
    merged = results.merged(merged, "A", {"U": results.entry(_measured(20.0), "U")})
    assert merged["A"]["P2"]["ratio"] == 3.0
    assert merged["B"] == {}


def test_results_are_read_as_they_were_written_and_shown(tmp_path: Path) -> None:
    path = tmp_path / "results" / "quick.json"
    assert results.read(path) == {}
    entries = {
        "U": results.entry(
            _measured(30.0), "U", spread={"within": 3, "of": 3, "mean_difference": 0}
        ),
        "K": results.failure(CommandFailedError("exit 1: no | such"), "U"),
    }
    results.write(path, results.merged({}, "A", entries))
    kept = results.read(path)
    assert kept["A"]["U"]["seconds"] == 30.0
    text = markdown(kept)
    assert "| U | 30.0 | 1.0 | 60.0 | 0.5 | 3 of 3 accuracies" in text
    assert "FAILED: CommandFailedError: exit 1: no / such" in text
    assert "keras-tuner" in text


def test_an_estimate_is_linear_in_trials_and_epochs() -> None:
    # Two at once: 10 s before the first, then two waves of 20 s, of which an epoch takes 4.
    lines = [
        {"trial": trial, "epoch": epoch, "time": 100.0 * trial + 4.0 * epoch}
        for trial in range(4)
        for epoch in (1, 2)
    ]
    sizes = (Size(4, 2), Size(24, 5))
    assert estimated(50.0, 10.0, lines, sizes, 2) == pytest.approx(10 + 12 * (20 + 3 * 4))
    with pytest.raises(ValueError, match="two epochs"):
        estimated(50.0, 10.0, lines[::2], sizes, 2)


def test_the_spread_holds_what_plain_keras_could_have_got() -> None:
    low, high = interval([0.90, 0.92, 0.91, 0.93, 0.89])
    assert (low, high) == pytest.approx((0.8303, 0.9897), abs=1e-3)  # 4.604 × 0.01581 × √1.2
    assert interval([0.9, 0.9]) == pytest.approx((0.9 - 1 / 360, 0.9 + 1 / 360))
    seeds = [0.90, 0.92, 0.91, 0.93, 0.89]
    found = compared([0.91, 0.5, 0.3], [seeds, seeds])
    assert found == {"within": 1, "of": 2, "mean_difference": pytest.approx(-0.205)}
    with pytest.raises(ValueError, match="two seeds"):
        interval([0.9])


def test_time_to_target_is_to_the_first_epoch_that_reached_it(tmp_path: Path) -> None:
    lines = [
        {"time": 1010.0, "val_accuracy": 0.90},
        {"time": 1030.0, "val_accuracy": 0.97},
        {"time": 1020.0, "val_accuracy": 0.96},
        {"time": 1040.0, "val_accuracy": 0.97},
    ]
    assert seconds_to(0.96, lines, 1000.0) == 20.0
    assert best(lines) is lines[1]
    inf = seconds_to(0.99, lines, 1000.0)
    runs = [_measured(50.0)] * 3
    assert summed_up([20.0, inf, 40.0], runs, 0.96, "")["seconds"] == 40.0
    assert summed_up([20.0, inf, 40.0], runs, 0.96, "")["high"] is None
    missed = summed_up([20.0, inf, inf], runs, 0.96, "")
    assert missed["seconds"] is None
    assert "1 of 3" in missed["failed"]


def test_the_driver_is_charged_with_what_trials_do_not_account_for() -> None:
    ends = [(trial, 2.0 * trial) for trial in range(1, 21)]
    overheads = driver_seconds(ends, dict.fromkeys(range(1, 21), 1.5))
    assert overheads == pytest.approx([0.5] * 19)
    rising = [float(number) for number in range(2, 1001)]  # what the 2nd to the 1000th cost
    assert around(10, rising) == 10.5 - 1
    assert around(1000, rising) == 995.5
    assert around(4, rising[:3]) == 3.0


def test_memory_is_counted_from_the_tenth_trial_on() -> None:
    ends = [(trial, float(trial)) for trial in range(1, 21)]
    samples = {1: [(5.0, 100.0), (12.0, 300.0), (19.0, 350.0)], 2: [(3.0, 100.0)]}
    assert memory_growth(samples, ends) == 50.0
    assert memory_growth(samples, ends[:10]) is None


def test_tasks_and_logs_are_read_as_they_were_written(tmp_path: Path) -> None:
    task = Task("ray_class", tmp_path, tuple(frozen(2)), 3, options=("features",))
    assert Task.read(task.write()) == task
    task.mark(features=1.5)
    task.mark(began=2.0)
    assert task.marks() == {"features": 1.5, "began": 2.0}
    for epoch, accuracy in ((2, 0.8), (1, 0.9)):
        log_epoch(task.log, 0, epoch, accuracy, task.configurations[0])
    with task.log.open("a") as file:
        file.write('{"torn')
    assert last_accuracies(task.lines()) == {0: 0.8}
    assert read_lines(tmp_path / "missing") == []


def test_noise_is_written_as_idx(tmp_path: Path) -> None:
    write_noise(tmp_path / "noise", 200)
    images = read_array(tmp_path / "noise" / "train-images-idx3-ubyte", 3)
    labels = read_array(tmp_path / "noise" / "t10k-labels-idx1-ubyte", 1)
    assert images.shape == (180, 28, 28)
    assert sorted(set(labels.tolist())) == list(range(10))


@pytest.mark.parametrize("kind", KINDS)
def test_studies_of_photos_are_sound(tmp_path: Path, kind: str) -> None:
    write_photos(tmp_path / "photos", 2 * CLASSES, side=32)
    study = load_study(ours.write_study(tmp_path, scaling_study(tmp_path / "photos", KINDS[kind])))
    points = list(study.recipe_points.values())
    assert study.budget.trials == len(points) == 2
    assert {(p.epochs, p.image_size) for p in points} == {(KINDS[kind].epochs, SIDE)}


def test_photos_have_a_class_and_look_like_no_other(tmp_path: Path) -> None:
    count = 60
    write_photos(tmp_path, count, classes=3, side=64)
    first = {path: path.read_bytes() for path in sorted(tmp_path.rglob("*.jpg"))}
    assert len(first) == count
    assert len(list((tmp_path / "class_00001").iterdir())) == 20
    (gone, content), *_ = first.items()
    gone.unlink()
    write_photos(tmp_path, count, classes=3, side=64)
    assert gone.read_bytes() == content, "only what is missing is drawn, and as before"
    hashes = [perceptual_hash(np.asarray(Image.open(path))) for path in first]
    assert len(near_pairs(*np.array(hashes, np.uint64).T)) == 0


def test_memory_and_what_is_written_are_measured(tmp_path: Path) -> None:
    code = (
        "import pathlib, os, sys, time; held = bytearray(os.urandom(1)) * 50_000_000\n"
        "file = open(sys.argv[1], 'wb'); file.write(os.urandom(20_000_000)); file.flush()\n"
        "os.fsync(file.fileno()); time.sleep(1.5)"
    )
    measured = run_measured([sys.executable, "-c", code, str(tmp_path / "file")], tmp_path)
    assert 48 < measured.own_memory < 120
    assert 19 < measured.written < 30 or measured.written == 0  # some file systems do not tell
    assert measured.worker_peak == 0


def test_a_process_is_measured_with_those_that_it_starts(tmp_path: Path) -> None:
    burn = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    measured = run_measured([sys.executable, "-c", code], tmp_path)
    assert measured.cpu_seconds >= 0.3
    assert measured.seconds > 0


def test_a_process_ends_when_it_is_asked_to_or_says_why_it_failed(tmp_path: Path) -> None:
    run_measured(
        [sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, None, lambda: True
    )
    code = "import os; raise ValueError('in ' + os.environ['TMPDIR'])"
    with pytest.raises(CommandFailedError, match=r"exit 1: .*ValueError: in TMP"):
        run_measured([sys.executable, "-c", code], tmp_path)


def test_the_target_is_fixed_beforehand() -> None:
    kept = json.loads((ROOT / "tests/benchmarks/reference.json").read_text())
    assert target_accuracy() == pytest.approx(0.99 * kept["best"]["val_accuracy"], abs=1e-5)
    assert kept["configurations_that_reach_it"] < kept["configurations"] / 2


def test_the_command_says_what_it_takes() -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("--quick", "--only", "--arms", "--output"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--only", "A,Z"], "--only has Z; there are A, B, C, D, E"),
        (["--tiny"], "--tiny needs --output"),
    ],
)
def test_the_command_refuses_what_it_does_not_know(
    arguments: list[str],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert expected in capsys.readouterr().err
