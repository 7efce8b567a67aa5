"""The model card of the fine-tuned model, written from the run's files alone.

Sections after Mitchell et al. 2019, Model Cards for Model Reporting,
https://arxiv.org/abs/1810.03993.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from search.final_model.load import fine_tuned, finetuning
from search.records.result_files import DATA, TEST
from search.records.run import Run, write_whole
from search.records.trial import Trial
from spaces.errors import RunStateError
from spaces.hyperparameters import CONDITIONS
from spaces.studies.study import Study

_NOT_METRICS = ("name", "role", "trial", "weights_of", "sha256", "predictions", "repeats")
_MOST_CLASSES = 50
"""Largest number of classes that the card lists; beyond that it gives totals only."""


@dataclass(frozen=True)
class _Facts:
    """Everything that the card is written from; `tried` is the number of trials searched."""

    study: Study
    trial: Trial
    tried: int
    versions: dict[str, str]
    finetune: dict[str, Any]
    data: dict[str, Any]
    test: dict[str, Any] | None


def write_card(run: Run) -> Path:
    """Write model/README.md, replacing it if it exists.

    It contains no paths of this machine, because a card is passed on with its model.

    Raises:
        RunStateError: If there is no final model yet, or a file of the run is damaged.
    """
    path = run.model / "README.md"
    write_whole(path, "\n\n".join(_parts(_facts(run))) + "\n")
    return path


def check_card(run: Run, record: dict[str, Any] | None = None) -> None:
    """Check what the card is written from, before a model is trained, tested or exported.

    Args:
        run: The run.
        record: The content of finetune.json, unless the model is trained only now.

    Raises:
        RunStateError: If a file of the run is missing or damaged.
    """
    _counts(run)
    run.read_json(run.test, TEST)
    if record is not None:
        fine_tuned(run, record, run.history())


def _counts(run: Run) -> dict[str, Any]:
    found = run.read_json(run.data, DATA)
    if found is None:
        raise RunStateError(f"{run.shown(run.data)} is missing. Restore it from a copy of the run.")
    return found


def _facts(run: Run) -> _Facts:
    study, record, history = run.study(), finetuning(run), run.history()
    versions = (history.opened or {}).get("versions") or {}
    trial = fine_tuned(run, record, history)
    return _Facts(
        study,
        trial,
        len(history.searched),
        versions,
        record,
        _counts(run),
        run.read_json(run.test, TEST),
    )


def _parts(facts: _Facts) -> Iterator[str]:
    point = facts.trial.point
    classes = facts.data["classes"]
    yield f"# {facts.study.name}: an image classifier"
    yield (
        f"{_network(facts)}, fine-tuned by thawtune to distinguish {len(classes)} classes. It "
        f"takes RGB images of {point.image_size}×{point.image_size} pixels with values 0..255, "
        "does its own preprocessing, and returns a probability for each class."
    )
    yield "## Use"
    yield _code(point.image_size, point.resize)
    yield (
        f"{_RESIZED[point.resize]}, with bicubic interpolation. `labels.json` "
        "has the class names in the order of the outputs. On the command line, use `thawtune "
        "predict RUN IMAGE...`; for other formats, `thawtune export RUN --format onnx`."
    )
    yield "## Intended use"
    yield (
        "Images like those it was trained on, each showing one of the classes below. It has no "
        "answer for anything else: whatever an image shows, one of the classes gets the largest "
        "probability."
    )
    yield "## Data"
    yield from _data(facts)
    yield "## Training"
    yield from _training(facts)
    yield "## Evaluation"
    yield from _evaluation(facts)
    yield "## Limits"
    yield _limits(facts)
    yield "## Versions and licence"
    yield _table(("package", "version"), sorted(facts.versions.items()))
    yield f"SHA-256 of `model.keras`: `{facts.finetune['sha256']}`."
    yield _licence(facts)


def _network(facts: _Facts) -> str:
    point = facts.trial.point
    if point.backbone == "none":
        return "A convolutional network trained from scratch"
    if point.weights == "none":
        return f"{point.backbone} trained from scratch"
    return f"{point.backbone} with {_weights(facts)}"


def _weights(facts: _Facts) -> str:
    weights = facts.trial.point.weights
    return "ImageNet weights" if weights == "imagenet" else f"weights from {PurePath(weights).name}"


_RESIZED = {
    "squash": "Images of any shape are resized to that square",
    "crop": "The largest square in the middle of an image is resized to that square",
    "pad": "Images of any shape are resized to fit into that square, on black",
}
_RESIZE = {
    "squash": "image.resize({})",
    "crop": "ImageOps.fit(image, {})",
    "pad": "ImageOps.pad(image, {})",
}


def _code(size: int, resize: str) -> str:
    resized = _RESIZE[resize].format((size, size))
    return f"""\
```python
import json, keras, numpy as np
from PIL import Image, ImageOps

model = keras.models.load_model("model.keras", compile=False)
image = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB")
image = {resized}
shares = model.predict(np.asarray(image, "float32")[np.newaxis])[0]

print(json.load(open("labels.json", encoding="utf-8"))[shares.argmax()], shares.max())
```"""


def _data(facts: _Facts) -> Iterator[str]:
    data, dataset = facts.data, facts.study.dataset
    sets = [data["train"], data["validation"], data["test"]]
    rows = (
        [(name, *counts) for name, *counts in zip(data["classes"], *sets, strict=True)]
        if len(data["classes"]) <= _MOST_CLASSES
        else []
    )
    part = f", of which {data['subset']} were used" if data.get("subset") else ""
    yield (
        f"Dataset {dataset.name or facts.study.name}, format {dataset.format}{part}. Training, "
        "validation and test set have no file and no content in common."
    )
    totals = ("all", *(sum(counts) for counts in sets))
    yield _table(("class", "training", "validation", "test"), [*rows, totals])


def _training(facts: _Facts) -> Iterator[str]:
    record, budget = facts.finetune, facts.study.budget
    recipe = f", the recipe {facts.trial.recipe}" if facts.trial.recipe else ""
    trials = f"{facts.tried} trial{'s' * (facts.tried != 1)}"
    yield (
        f"The configuration is that of trial {record['trial']}{recipe}, chosen {_grounds(facts)} "
        f"in a search of {trials} of up to {budget.max_epochs} epochs. It was "
        f"trained again on training and validation images together, {record['images']} in all, for "
        f"{record['epochs']} epochs by {record['workers']} worker(s) in {record['seconds']:.0f} s."
    )
    values = facts.trial.point.to_dict() | {"weights": _weights(facts)}
    exist = {n: v for n, v in values.items() if not (n in CONDITIONS and v is None)}
    yield _table(
        ("hyperparameter", "value"),
        [(name, json.dumps(value, ensure_ascii=False).strip('"')) for name, value in exist.items()],
    )


def _grounds(facts: _Facts) -> str:
    """What the choice was made by; older runs did not write it down."""
    if facts.finetune.get("chosen_by") == "finalists":
        seeds = len(facts.finetune["repeats"])
        return f"among the finalists by its mean on the validation set over {seeds} seeds"
    return "by its result on the validation set"


def _evaluation(facts: _Facts) -> Iterator[str]:
    objective = facts.study.objective
    best = facts.trial.best(objective)
    if best is not None:
        yield (
            f"In the search, trained on the training images alone, it reached {objective.metric} "
            f"{getattr(best, objective.metric):.4f} on the validation set. The choice was made on "
            "these images, so the value is optimistic."
        )
    if facts.test is None:
        yield "The test set is still sealed: this model has not been tested on unseen images."
        return
    final = next(m for m in facts.test["models"] if m["role"] == "final")
    if final["sha256"] != facts.finetune["sha256"]:
        yield (
            f"The test set was opened on {_date(facts.test['opened'])} for another model (SHA-256 "
            f"{final['sha256'][:12]}…): there are no test results for this one."
        )
        return
    yield (
        f"The test set, {facts.test['images']} images that neither the search nor training used, "
        f"was opened on {_date(facts.test['opened'])}, after everything about this model had been "
        "decided."
    )
    yield _table(("on the test set", "value"), _metrics(final))


def _metrics(model: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every number of a tested model, with its intervals."""
    for name, value in model.items():
        if name in _NOT_METRICS:
            continue
        if isinstance(value, float):
            yield name.replace("_", " "), f"{value:.4f}"
        elif isinstance(value, list) and [type(v) for v in value] == [float, float]:
            yield name.replace("_", " "), f"{value[0]:.4f} to {value[1]:.4f}"


def _limits(facts: _Facts) -> str:
    limits = [
        "On images from other cameras, places or times than those in the dataset, the model may "
        "do worse than the results above; this has not been measured.",
        "The probabilities are the network's outputs, without calibration.",
        "Whether it makes more errors for some groups of people, places or things than for others "
        "has not been examined.",
    ]
    counts = facts.data["train"]
    if counts and max(counts) > 2 * max(1, min(counts)):
        names = facts.data["classes"]
        rare, common = counts.index(min(counts)), counts.index(max(counts))
        limits.append(
            f"The classes are unbalanced: {min(counts)} training images of {_cell(names[rare])}, "
            f"{max(counts)} of {_cell(names[common])}."
        )
    return "\n".join(f"- {limit}" for limit in limits)


def _licence(facts: _Facts) -> str:
    if facts.trial.point.weights == "none":
        return "Before you share this model, check the licence of the training images."
    return (
        f"Training started from {_weights(facts)} of {facts.trial.point.backbone}. Before you "
        "share this model, check their licence and that of the training images."
    )


def _table(headings: Sequence[str], rows: Iterator[Any] | Sequence[Any]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(_cell(str(value)) for value in line)} |" for line in lines)


def _cell(text: str) -> str:
    """Text escaped for Markdown, on a single line."""
    for mark in "\\|<>*_`[]":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
