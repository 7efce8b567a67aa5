"""What TensorBoard, and whoever else watches, are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.records import events
from search.records.events import Event
from search.watching.hub import TRACK, Guarded, _trackers
from search.watching.tensorboard import CURVES, TensorBoard
from search.watching.watcher import Watcher
from spaces.errors import InputError


@pytest.fixture
def told(make_study, make_measurement) -> list[Event]:
    """A trial of two epochs and one that is interrupted."""
    study = make_study()
    points = list(study.recipe_points.values())
    return [
        events.trial_proposed(0, "probe", points[0], 1),
        events.trial_proposed(1, None, points[1], 2),
        events.trial_measured(0, make_measurement(1, 0.4)),
        events.trial_measured(1, make_measurement(1, 0.6)),
        events.trial_measured(0, make_measurement(2, 0.5)),
        events.trial_ended(0, "COMPLETE", "max_epochs"),
    ]


def read(folder: Path) -> tuple[dict[str, list[tuple[int, float]]], dict[str, object]]:
    """Curves and hyperparameters, as TensorBoard reads them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    accumulated = EventAccumulator(str(folder))
    accumulated.Reload()
    curves = {
        tag: [(point.step, round(point.value, 4)) for point in accumulated.Scalars(tag)]
        for tag in accumulated.Tags()["scalars"]
    }
    content = accumulated.PluginTagToContent("hparams")["_hparams_/session_start_info"]
    started = HParamsPluginData.FromString(content).session_start_info
    values = {
        name: getattr(value, str(value.WhichOneof("kind")))
        for name, value in started.hparams.items()
    }
    return curves, values


def test_tensorboard_reads_curves_and_hyperparameters(told, make_study, tmp_path: Path):
    board = TensorBoard(make_study(), tmp_path)
    for event in told:
        board.take(event)
    board.close()
    curves, values = read(tmp_path / "trial_00000")
    assert set(curves) == set(CURVES)
    assert curves["val_accuracy"] == [(1, 0.4), (2, 0.5)]
    assert (values["recipe"], values["learning_rate"], values["seed"]) == ("probe", 1e-3, 1)
    assert read(tmp_path / "trial_00001")[0]["val_accuracy"] == [(1, 0.6)]


def test_a_resumed_search_writes_on(told, make_study, make_measurement, tmp_path: Path):
    first = TensorBoard(make_study(), tmp_path)
    for event in told:
        first.take(event)
    first.close()
    resumed = TensorBoard(make_study(), tmp_path)
    for event in told:
        resumed.recall(event)
    resumed.take(events.trial_measured(1, make_measurement(2, 0.7)))
    resumed.close()
    files = list((tmp_path / "trial_00001").iterdir())
    assert files
    assert read(tmp_path / "trial_00001")[0]["val_accuracy"][-1] == (2, 0.7)


class Broken(Watcher):
    """Fails at the first event."""

    def __init__(self) -> None:
        self.asked = 0

    def take(self, event: Event) -> None:
        self.asked += 1
        raise OSError("no route to host")


def test_a_watcher_that_fails_is_let_go_with_a_sentence(told):
    said: list[str] = []
    broken = Broken()
    guarded = Guarded(broken, said.append)
    for event in told:
        guarded.take(event)
    guarded.close()
    assert broken.asked == 1
    assert said == ["Broken no longer shows this search: no route to host"]


@pytest.mark.parametrize(
    ("asked", "count"), [("", 0), ("mlflow", 1), (" mlflow , wandb", 2), (",", 0)]
)
def test_trackers_are_asked_for_by_name(
    monkeypatch: pytest.MonkeyPatch, asked: str, count: int
) -> None:
    monkeypatch.setenv(TRACK, asked)
    assert len(_trackers()) == count


def test_an_unknown_tracker_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRACK, "mlflow,comet")
    with pytest.raises(InputError, match="comet, but the known trackers are mlflow and wandb"):
        _trackers()
