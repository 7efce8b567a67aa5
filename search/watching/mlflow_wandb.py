"""MLflow and Weights & Biases, fed from the ledger's events; the extra `tracking` brings both.

`THAWTUNE_TRACK=mlflow,wandb` enables them. Their own environment variables, such as
MLFLOW_TRACKING_URI and WANDB_MODE, say where they write.
"""

from __future__ import annotations

import importlib
from abc import abstractmethod
from pathlib import Path
from typing import Any

from search.records.events import FAIL, Event
from search.records.run import Run
from search.watching.tensorboard import curve_points, plain
from search.watching.watcher import Watcher
from spaces.errors import InputError
from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import Study
from trainables.training.measurement import Measurement


class Tracker(Watcher):
    """Base class: one tracker run per trial, started at the trial's first epoch in this process.

    Args:
        study: Gives the experiment or project its name.
        folder: The run's folder, whose name groups the trials of one search.

    Raises:
        InputError: If the tracker's package is not installed.
    """

    package: str

    def __init__(self, study: Study, folder: Path) -> None:
        try:
            self._module: Any = importlib.import_module(self.package)
        except ImportError as error:
            raise InputError(
                f"THAWTUNE_TRACK asks for {self.package}, which is not installed. Install it with "
                "pip install 'thawtune[tracking]', or remove it from THAWTUNE_TRACK."
            ) from error
        self._study, self._search = study.name, folder.name
        self._proposed: dict[int, Event] = {}
        self._begun: dict[int, Any] = {}

    def recall(self, event: Event) -> None:
        """Remember the hyperparameters of trials that may resume."""
        if event["event"] == "trial_proposed":
            self._proposed[event["trial"]] = event

    def take(self, event: Event) -> None:
        """Log an epoch, or the end of a trial."""
        self.recall(event)
        number: int = event.get("trial", -1)
        if event["event"] == "trial_measured":
            if number not in self._begun:
                self._begun[number] = self._begin(*self._about(number))
            measurement = Measurement.from_dict(event["measurement"])
            self._log(self._begun[number], curve_points(measurement), measurement.epoch)
        elif event["event"] == "trial_ended" and number in self._begun:
            self._end(self._begun.pop(number), event["state"], event["reason"])

    def close(self) -> None:
        """Close the runs of unfinished trials; a trial that resumes gets a new tracker run."""
        for begun in self._begun.values():
            self._end(begun, "RUNNING", "interrupted")
        self._begun.clear()

    def _about(self, number: int) -> tuple[str, dict[str, Any]]:
        event = self._proposed[number]
        point = Hyperparameters.from_dict(event["hyperparameters"])
        about = {"recipe": event["recipe"] or "", "seed": event["seed"], "search": self._search}
        return Run.trial_folder_name(number), plain(point) | about

    @abstractmethod
    def _begin(self, name: str, parameters: dict[str, Any]) -> Any: ...

    @abstractmethod
    def _log(self, begun: Any, values: dict[str, float], epoch: int) -> None: ...

    @abstractmethod
    def _end(self, begun: Any, state: str, reason: str) -> None: ...


class MLflow(Tracker):
    """An experiment a study, a run a trial."""

    package = "mlflow"

    def __init__(self, study: Study, folder: Path) -> None:
        super().__init__(study, folder)
        self._client = self._module.MlflowClient()
        found = self._client.get_experiment_by_name(study.name)
        self._experiment = (
            found.experiment_id if found else self._client.create_experiment(study.name)
        )

    def _begin(self, name: str, parameters: dict[str, Any]) -> str:
        run: str = self._client.create_run(self._experiment, run_name=name).info.run_id
        for key, value in parameters.items():
            self._client.log_param(run, key, value)
        return run

    def _log(self, begun: str, values: dict[str, float], epoch: int) -> None:
        for key, value in values.items():
            self._client.log_metric(begun, key, value, step=epoch)

    def _end(self, begun: str, state: str, reason: str) -> None:
        self._client.set_tag(begun, "state", f"{state}: {reason}")
        of_mlflow = {FAIL: "FAILED", "RUNNING": "KILLED"}
        self._client.set_terminated(begun, of_mlflow.get(state, "FINISHED"))


class WeightsAndBiases(Tracker):
    """A project a study, a group a search, a run a trial."""

    package = "wandb"

    def _begin(self, name: str, parameters: dict[str, Any]) -> Any:
        return self._module.init(
            project=self._study,
            group=self._search,
            name=name,
            config=parameters,
            reinit="create_new",
        )

    def _log(self, begun: Any, values: dict[str, float], epoch: int) -> None:
        begun.log(values, step=epoch)

    def _end(self, begun: Any, state: str, reason: str) -> None:
        begun.summary.update({"state": state, "reason": reason})
        begun.finish(exit_code=int(state == FAIL))


TRACKERS: dict[str, type[Tracker]] = {"mlflow": MLflow, "wandb": WeightsAndBiases}
