"""TensorBoard: event files with the curves of each trial, and its hyperparameters for HParams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto import event_pb2
from tensorboardX.summary import hparams, scalar

from search.records.events import Event
from search.records.run import Run
from search.watching.watcher import Watcher
from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import Study
from trainables.training.measurement import VALIDATION, Measurement

CURVES = ("train_loss", "train_accuracy", *VALIDATION, "learning_rate")


class TensorBoard(Watcher):
    """Writes one folder of event files per trial, without TensorFlow.

    Args:
        study: Its metric is the one that the HParams page shows.
        folder: The folder for `tensorboard --logdir`.
    """

    def __init__(self, study: Study, folder: Path) -> None:
        self._metric, self._folder = study.objective.metric, folder
        self._hyperparameters: dict[int, dict[str, Any]] = {}
        self._writers: dict[int, EventsWriter] = {}

    def recall(self, event: Event) -> None:
        """Remember the hyperparameters of trials that may resume."""
        if event["event"] == "trial_proposed":
            point = Hyperparameters.from_dict(event["hyperparameters"])
            self._hyperparameters[event["trial"]] = plain(point) | {
                "recipe": event["recipe"] or "",
                "seed": event["seed"],
            }

    def take(self, event: Event) -> None:
        """Write an epoch; when a trial ends, close its file."""
        self.recall(event)
        if event["event"] == "trial_measured":
            measurement = Measurement.from_dict(event["measurement"])
            writer = self._writer(event["trial"])
            for name, value in curve_points(measurement).items():
                summary = scalar(name, value)
                writer.write_event(_record(event, summary, measurement.epoch))
            writer.flush()
        elif event["event"] == "trial_ended" and event["trial"] in self._writers:
            self._writers.pop(event["trial"]).close()

    def close(self) -> None:
        """Close the files of trials that have not ended."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _writer(self, number: int) -> EventsWriter:
        if number not in self._writers:
            folder = self._folder / Run.trial_folder_name(number)
            folder.mkdir(parents=True, exist_ok=True)
            writer = EventsWriter(str(folder / "events"))
            for summary in hparams(self._hyperparameters[number], {self._metric: 0.0}):
                writer.write_event(event_pb2.Event(summary=summary))
            self._writers[number] = writer
        return self._writers[number]


def curve_points(measurement: Measurement) -> dict[str, float]:
    """What of an epoch trackers draw, by name; without what was not measured."""
    values = {name: getattr(measurement, name) for name in CURVES}
    return {name: value for name, value in values.items() if value is not None}


def plain(point: Hyperparameters) -> dict[str, Any]:
    """Hyperparameters as trackers accept them: numbers, booleans and strings."""
    values = point.to_dict()
    return {
        name: value if isinstance(value, bool | int | float | str) else str(value)
        for name, value in values.items()
        if value is not None
    }


def _record(event: Event, summary: Any, step: int) -> event_pb2.Event:
    return event_pb2.Event(wall_time=event["time"], step=step, summary=summary)
