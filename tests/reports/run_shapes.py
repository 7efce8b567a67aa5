"""Every shape that a run may have: complete, under way, empty, failed, with hostile text."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from reports.data.run_data import read_run
from search.records import events
from search.records.run import Run, write_json, write_whole
from spaces.studies.study import Study
from spaces.studies.study_file import find_study, load_study
from tests.reports.run_maker import NASTY, RunMaker, data_sets, finish

FIXED: dict[str, Any] = {
    "base": {"backbone": "EfficientNetLite0", "image_size": 64},
    "space": {
        "unfrozen_depth": {"low": 0, "high": 16},
        "batch_norm": {"choices": ["frozen", "trained"]},
        "head_epochs": {"low": 0, "high": 2},
        "learning_rate": {"low": 1e-4, "high": 3e-2, "log": True},
        "decay": {"choices": ["none", "cosine", "exponential"]},
        "decay_factor": {"low": 0.5, "high": 0.95},
        "dense_units": {"choices": [[], [128], [256]]},
        "dropout": {"low": 0, "high": 0.5},
        "batch_size": {"choices": [32, 64, 128]},
    },
    "recipes": {
        "linear_probe": {"learning_rate": 1e-2},
        "two_phase": {"unfrozen_depth": 7, "head_epochs": 2, "batch_norm": "frozen"}
        | {"learning_rate": 3e-3, "decay": "cosine", "dense_units": [128], "dropout": 0.2},
    },
    "budget": {"trials": 20, "max_epochs": 9, "grace_period": 1, "reduction_factor": 3},
    "seed": 0,
}
"""What the tests count on, whatever becomes of the study file."""


def digits(**changes: Any) -> Study:
    """The digits study, with changes."""
    study = load_study(find_study("digits"))
    return Study.model_validate(study.to_dict() | FIXED | changes)


Shape = Callable[[Path], Run]


def _complete(folder: Path) -> Run:
    maker = RunMaker(folder, digits())
    maker.search(20)
    run = maker.close()
    finish(run, {"final": 0.9889, "winner": 0.9833, "linear_probe": 0.9361, "two_phase": 0.95})
    return run


def _minimising(folder: Path) -> Run:
    maker = RunMaker(folder, digits(objective={"metric": "val_loss", "mode": "min"}))
    maker.search(12)
    return maker.close()


def _under_way(folder: Path) -> Run:
    maker = RunMaker(folder, digits())
    maker.search(6)
    maker.train(*maker.propose(), epochs=2)
    maker.propose()
    return maker.close(reason=None)


def _nothing_finished(folder: Path) -> Run:
    maker = RunMaker(folder, digits())
    maker.propose("linear_probe")
    maker.propose("two_phase")
    run = maker.close(reason=None)
    (folder / "data.json").unlink()
    return run


def _empty(folder: Path) -> Run:
    return RunMaker(folder, digits()).close(reason=None)


def _one_trial(folder: Path) -> Run:
    maker = RunMaker(folder, digits())
    trial, point = maker.propose("linear_probe")
    maker.train(trial, point)
    maker.end(trial)
    return maker.close()


def _all_failed(folder: Path) -> Run:
    maker = RunMaker(folder, digits())
    for recipe in ("linear_probe", None, None):
        trial, _ = maker.propose(recipe)
        maker.measure(trial, 1, 0.99)
        maker.measure(trial, 2, 0.1, math.nan)
        maker.end(trial, "FAIL", "non_finite", "loss is nan")
    return maker.close()


def _nasty(folder: Path) -> Run:
    recipes = {NASTY: {"learning_rate": 1e-2}, "pipe | and $x$ `code`": {"learning_rate": 2e-2}}
    maker = RunMaker(folder, digits(recipes=recipes))
    for recipe in recipes:
        trial, point = maker.propose(recipe)
        maker.train(trial, point)
        maker.end(trial)
    trial, _ = maker.propose()
    maker.end(
        trial, "FAIL", "error", f"{NASTY}\nin /home/ann/secret/loop.py and C:\\Users\\ann\\x.py"
    )
    return maker.close(f"stopped {NASTY}")


def _full(folder: Path) -> Run:
    """A run that has every file which a report can be made of."""
    maker = RunMaker(folder, digits(budget={"trials": 14, "max_epochs": 9}))
    maker.search(14)
    best = maker.history().incumbent(maker.study.objective).number
    for finalist in (best, 0):
        for _ in range(3):
            trial, point = maker.propose(finalist_of=finalist)
            maker.train(trial, point)
            maker.end(trial)
    trial = maker.history().trials[best + 1].number
    maker.write(events.attempt_failed(trial, "worker_lost", "killed in /home/ann/x.py"))
    maker.write(events.noted("Features are recomputed: /home/ann/cache was full."))
    run = maker.close()
    finish(run, {"final": 0.9889, "winner": 0.9833, "linear_probe": 0.9361, "two_phase": 0.95})
    add_finalists(run, best)
    write_json(run.importance, IMPORTANCE)
    for name, count in (("gradcam", 5), ("mistakes", 3)):
        add_pictures(run.folder / name, count)
    Image.new("RGB", (1500, 600), "#88aacc").save(run.folder / "contact_sheet.png")
    write_json(run.data, data_sets() | PREFLIGHT)
    return run


IMPORTANCE: dict[str, Any] = {
    "method": "PED-ANOVA",
    "epoch": 1,
    "trials": 12,
    "failed": 1,
    "short": 1,
    "top": 0.42,
    "resamples": 200,
    "parameters": [
        {"name": "dropout", "mean": 0.2, "low": 0.05, "high": 0.4, "first": 0.02},
        {"name": "learning_rate", "mean": 0.8, "low": 0.61, "high": 0.93, "first": 0.98},
    ],
}

PREFLIGHT: dict[str, Any] = {
    "sizes": {
        "distinct": 4,
        "quantiles": [0.0, 0.05, 0.5, 1.0],
        "widths": [8, 9, 10, 12],
        "heights": [7, 8, 8, 20],
    },
    "unreadable": [["a/broken.png", "truncated"]],
    "mislabelled": [],
    "ignored": [["notes.txt", "no image"]],
    "empty_classes": ["ten"],
    "duplicates": [
        {"names": ["a", "b"], "sets": ["train", "train"], "classes": ["0", "0"]},
        {"names": ["c", "d"], "sets": ["train", "test"], "classes": ["0", "1"]},
    ],
    "near_duplicates": [],
    "errors": [],
    "warnings": ["One image is in two sets."],
}


def add_finalists(run: Run, best: int) -> None:
    """finalists.json as the search writes it, from the repeats in the ledger."""
    data = read_run(run)

    def finalist(name: str, trial: int, recipe: str | None, search: float) -> dict[str, Any]:
        made = [t for t in data.repeats if t.finalist_of == trial]
        metrics = [t.best(data.objective).val_accuracy for t in made]
        values = [
            {"seed": t.seed, "trial": t.number, "metric": m, "state": t.state}
            for t, m in zip(made, metrics, strict=True)
        ]
        mean, std = float(np.mean(metrics)), float(np.std(metrics, ddof=1))
        return {"name": name, "trial": trial, "recipe": recipe, "search": search} | {
            "values": values, "mean": mean, "std": std,
        }  # fmt: skip

    top = data.history.trials[best].best(data.objective).val_accuracy
    rows = [finalist(f"trial {best}", best, None, top)]
    rows.append(finalist("linear_probe", 0, "linear_probe", 0.94))
    write_json(
        run.finalists,
        {"metric": "val_accuracy", "seeds": 3, "finalists": rows, "chosen": best}
        | {"selection_bias": top - rows[0]["mean"], "seconds": 33.1},
    )


def add_pictures(folder: Path, count: int) -> None:
    """Pictures with their index, right and wrong in turn."""
    folder.mkdir()
    entries = []
    for index in range(count):
        file = f"{index + 1:04d}.png"
        Image.new("RGB", (900, 450), (40 * index, 90, 160)).save(folder / file)
        is_right = index % 2 == 0
        entries.append(
            {"file": file, "image": f"image {index:04d}", "label": "3", "probability": 0.9}
            | {"predicted": "3" if is_right else "9", "right": is_right}
        )
    write_whole(folder / "index.json", json.dumps(entries))


SHAPES: dict[str, Shape] = {
    "complete": _complete,
    "full": _full,
    "minimising": _minimising,
    "under_way": _under_way,
    "nothing_finished": _nothing_finished,
    "empty": _empty,
    "one_trial": _one_trial,
    "all_failed": _all_failed,
    "nasty": _nasty,
}
