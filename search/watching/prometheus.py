"""Metrics of a search for Prometheus, through Ray; docs/grafana.json draws each of them."""

from __future__ import annotations

import time
from collections import deque

from ray.util.metrics import Counter, Gauge

from search.records.events import STATES, Event
from search.records.history import History
from search.records.trial import value_of
from search.watching.watcher import Watcher
from spaces.studies.study import Study
from trainables.training.measurement import Measurement

NAMES = (
    "thawtune_trials",
    "thawtune_incumbent",
    "thawtune_epochs",
    "thawtune_epochs_per_second",
    "thawtune_device_seconds",
    "thawtune_cache_hits",
    "thawtune_cache_misses",
)
"""In Prometheus, each name starts with `ray_`, and counters end in `_total`."""

_EVERY = 0.5
"""Seconds between updates: Ray's agent is scraped less often, and an update scans all trials."""

_WINDOW = 60.0
"""Seconds over which the rate of epochs is measured."""


class Metrics(Watcher):
    """Updates metrics in Ray's agent on the driver's machine.

    Args:
        study: Its name is a label of each metric.
    """

    def __init__(self, study: Study) -> None:
        self._study, self._history = study, History()
        self._trials = _gauge("thawtune_trials", "Trials by state.", study, "state")
        self._incumbent = _gauge(
            "thawtune_incumbent", "Best validation result so far.", study, "metric", "trial"
        )
        self._rate = _gauge(
            "thawtune_epochs_per_second", "Epochs per second over the last minute.", study
        )
        self._epochs = _counter("thawtune_epochs", "Epochs of all trials.", study)
        self._seconds = _counter(
            "thawtune_device_seconds", "Seconds that trials occupied GPUs or CPUs.", study, "kind"
        )
        self._hits = _gauge("thawtune_cache_hits", "Rows of features found.", study)
        self._misses = _gauge("thawtune_cache_misses", "Rows of features computed.", study)
        self._told: deque[float] = deque([time.monotonic()])
        self._next = 0.0
        self._named: dict[str, str] | None = None
        resources = study.resources
        self._devices = resources.gpu or resources.cpu

    def recall(self, event: Event) -> None:
        """Count what earlier processes did as well: the metrics are those of the whole run."""
        self._history.take(event)
        self._count(event)

    def take(self, event: Event) -> None:
        """Count the event, and update the metrics from time to time."""
        self._history.take(event)
        self._count(event)
        if event["event"] == "trial_measured":
            self._told.append(time.monotonic())
        if time.monotonic() >= self._next:
            self._tell()
            self._next = time.monotonic() + _EVERY

    def close(self) -> None:
        """Update the metrics a last time."""
        self._tell()

    def _tell(self) -> None:
        states = [trial.state for trial in self._history.trials.values()]
        for state in STATES:
            self._trials.set(states.count(state), {"state": state})
        self._rate.set(self._epochs_a_second())
        self._tell_incumbent()

    def _count(self, event: Event) -> None:
        if event["event"] == "trial_measured":
            self._epochs.inc(1)
            for kind, seconds in Measurement.from_dict(event["measurement"]).seconds.items():
                if seconds > 0:
                    self._seconds.inc(seconds * self._devices, {"kind": kind})
        elif event["event"] in ("features_stored", "trial_started"):
            self._hits.set(self._history.hits or 0)
            self._misses.set(self._history.misses or 0)

    def _epochs_a_second(self) -> float:
        now = time.monotonic()
        while len(self._told) > 1 and now - self._told[0] > _WINDOW:
            self._told.popleft()
        return (len(self._told) - 1) / max(1.0, now - self._told[0])

    def _tell_incumbent(self) -> None:
        objective = self._study.objective
        trial = self._history.incumbent(objective)
        best = trial and trial.best(objective)
        if trial is not None and best:
            tags = {"metric": objective.metric, "trial": str(trial.number)}
            if self._named not in (None, tags):
                self._incumbent.set(float("nan"), self._named)  # no longer the incumbent
            self._named = tags
            self._incumbent.set(value_of(best, objective), tags)


def _gauge(name: str, about: str, study: Study, *tags: str) -> Gauge:
    metric = Gauge(name, about, tag_keys=("study", *tags))
    metric.set_default_tags({"study": study.name})
    return metric


def _counter(name: str, about: str, study: Study, *tags: str) -> Counter:
    metric = Counter(name, about, tag_keys=("study", *tags))
    metric.set_default_tags({"study": study.name})
    return metric
