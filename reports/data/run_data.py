"""RunData: everything that the report reads from a run, read once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from reports.data.finalists import Finalists, Mean
from reports.data.importance import Importance
from reports.data.pictures import Explained, is_picture, read_explained
from reports.data.predictions import Predictions, read_predictions
from reports.data.preflight import Preflight
from reports.data.result_files import DataSets, EvaluatedModel, Evaluation, FineTuning, read_record
from reports.data.working_time import WorkingTime
from search.records.choice import best_recipe, choose
from search.records.history import History
from search.records.run import Run
from search.records.trial import Trial
from spaces.errors import RunStateError
from spaces.studies.study import Objective, Study


def tested_model(data: RunData) -> tuple[EvaluatedModel, Predictions] | None:
    """The tested final model or else winner, with its predictions; None if one is missing."""
    if data.test is None:
        return None
    model = data.test.in_role("final") or data.test.in_role("winner")
    predictions = data.predictions.get(model.name) if model else None
    return (model, predictions) if model is not None and predictions is not None else None


_PART = r"[^\s\\/'\"`:,;<>|()\[\]{}]+"
_POSIX = re.compile(rf"(?<![\w.:/~…\\-])/(?:{_PART}/)+({_PART})/?")
_WINDOWS = re.compile(rf"\b[A-Za-z]:\\(?:{_PART}\\)*({_PART})")


def without_folders(text: str, known: Iterable[str | None] = ()) -> str:
    """The text with every absolute path shortened to its last part, as in …/weights.npz.

    Args:
        text: Any text, such as an error message.
        known: Absolute paths that may occur in the text; they may contain spaces.
    """
    for path in known:
        if path is not None and PurePath(path).is_absolute():
            text = text.replace(path, f"…/{PurePath(path).name}")
    return _WINDOWS.sub(r"…/\1", _POSIX.sub(r"…/\1", text))


@dataclass(frozen=True)
class RunData:
    """The content of a run's folder.

    Attributes:
        name: Name of the run's folder.
        study: The study as it was run.
        study_text: The saved study file, with paths shortened to their last part.
        history: All trials.
        working_time: When a driver was running.
        sets: None if there is no data.json yet; likewise `finetuning` and `test`.
        predictions: Predictions by name of the model; empty until the test set is opened.
        preflight: The result of the preflight, if it was saved.
        finalists: The best trials' repeats with other seeds, if there are any.
        importance: Relative importance of the hyperparameters, if it was computed.
        explained: Grad-CAM pictures of the final model; `mistaken`: of its mistakes.
        contact_sheet: A picture of random images, if there is one.
        remarks: Notes that the search left for the reader.
        known_paths: Absolute paths that may occur in texts of this run.
    """

    name: str
    study: Study
    study_text: str
    history: History
    working_time: WorkingTime = field(default_factory=WorkingTime)
    sets: DataSets | None = None
    finetuning: FineTuning | None = None
    test: Evaluation | None = None
    predictions: Mapping[str, Predictions] = field(default_factory=dict)
    preflight: Preflight | None = None
    finalists: Finalists | None = None
    importance: Importance | None = None
    explained: tuple[Explained, ...] = ()
    mistaken: tuple[Explained, ...] = ()
    contact_sheet: Path | None = None
    remarks: tuple[str, ...] = ()
    known_paths: tuple[str | None, ...] = ()

    @property
    def trials(self) -> list[Trial]:
        """The trials of the search, without the repeats of finalists."""
        return list(self.history.searched)

    @property
    def repeats(self) -> list[Trial]:
        """Repeats of finalists with other seeds."""
        return [t for t in self.history.trials.values() if t.finalist_of is not None]

    @property
    def objective(self) -> Objective:
        """The objective of the study."""
        return self.study.objective

    @property
    def is_under_way(self) -> bool:
        """Whether no driver has recorded the end of the search."""
        return self.history.stopped is None

    @property
    def searched(self) -> list[str]:
        """Names of the searched hyperparameters, in the order of the space."""
        return list(dict.fromkeys(p.name for p in self.study.search_space.parameters))

    @property
    def winner(self) -> Trial | None:
        """The trial that was tested, fine-tuned or chosen; until then the incumbent."""
        tested = self.test.in_role("winner") if self.test else None
        decided = tested or self.finetuning
        if decided is not None:
            return self.history.trials[decided.trial]
        choice = choose(self.study, self.history)
        return None if choice is None else choice.trial

    def recipe_trials(self) -> dict[str, Trial | None]:
        """The trial of every recipe, None if it has not been tried."""
        trials: dict[str, Trial | None] = dict.fromkeys(self.study.recipes)
        for trial in self.trials:
            if trial.recipe is not None and trials.get(trial.recipe) is None:
                trials[trial.recipe] = trial
        return trials

    def best_recipe(self, among: set[int] | None = None) -> Trial | None:
        """The trial of the best recipe by validation, of those that did not fail.

        Args:
            among: Numbers of the trials to choose from; None means all.
        """
        tried = [trial for trial in self.recipe_trials().values() if trial is not None]
        chosen = [trial for trial in tried if among is None or trial.number in among]
        return best_recipe(self.objective, self.history, chosen)

    def mean_of(self, trial: Trial) -> Mean | None:
        """Mean metric of a finalist's repeats; None if there are none."""
        found = self.finalists.of_trial(trial.number) if self.finalists else None
        if found is None or found.mean is None or not found.seeds_done:
            return None
        return Mean(found.mean, found.seeds_done)

    def without_folders(self, text: str) -> str:
        """A text of this run with paths shortened to their last part."""
        return without_folders(text, self.known_paths)


def read_run(run: Run) -> RunData:
    """Read a run.

    Raises:
        RunStateError: If there is no run in the folder, or one of its files cannot be used.
    """
    study = run.study()
    events = run.events()
    history = History.of(events)
    test = read_record(run, run.test, Evaluation.from_dict)
    finetuning = read_record(run, run.finetune, FineTuning.from_dict)
    finalists = read_record(run, run.finalists, Finalists.from_dict)
    _check_trials_are_known(run, history, finetuning, test, finalists)
    folder = run.folder.resolve()
    known = (str(folder), str(run.folder), study.dataset.path)
    return RunData(
        name=Path(run.place.partition("?")[0]).resolve().name,
        study=study,
        study_text=without_folders(run.study_file.read_text(encoding="utf-8"), known),
        history=history,
        working_time=WorkingTime.of(events),
        sets=read_record(run, run.data, DataSets.from_dict),
        finetuning=finetuning,
        test=test,
        predictions=read_predictions(run.predictions, test.classes) if test else {},
        preflight=read_record(run, run.data, Preflight.from_dict),
        finalists=finalists,
        importance=read_record(run, run.importance, Importance.from_dict),
        explained=read_explained(run, "gradcam"),
        mistaken=read_explained(run, "mistakes"),
        contact_sheet=run.contact_sheet if is_picture(run.contact_sheet) else None,
        remarks=tuple(history.notes),
        known_paths=known,
    )


def _check_trials_are_known(
    run: Run,
    history: History,
    finetuning: FineTuning | None,
    test: Evaluation | None,
    finalists: Finalists | None,
) -> None:
    named = [(run.finetune, finetuning.trial)] if finetuning else []
    named += [(run.finalists, one.trial) for one in finalists.finalists] if finalists else []
    own = [model for model in test.models if model.role != "random"] if test else []
    named += [(run.test, model.trial) for model in own]
    for path, trial in named:
        if trial not in history.trials:
            raise RunStateError(
                f"{path} refers to trial {trial}, which is not in {run.ledger}. The files belong "
                "to different runs: delete the first and create it again."
            )
