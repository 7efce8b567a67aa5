"""The sections of a written study, one after the other, each choice with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from search.fitting.study import costs, rules
from search.fitting.study.facts import DataFacts, Machine, Probe
from search.fitting.study.ingredients import INGREDIENTS, Ingredient
from search.fitting.study.recipes import DEFAULTS, Default
from search.fitting.study.step import Step
from spaces.backbones import BACKBONES

LEAST_TRIAL = 0.3
"""Seconds of the shortest trial, a head on stored features, which bounds the number of trials."""


class StudyWriter:
    """Writes the sections of a study by the rules, and keeps the reason of each choice.

    Args:
        data: What the preflight found.
        machine: What was measured.
        step: Image size and epochs.
        probes: Of the backbones that the study has, the best first.
        seconds: Time of the search.

    Attributes:
        why: A reason by the path of a key.
    """

    def __init__(
        self,
        data: DataFacts,
        machine: Machine,
        step: Step,
        probes: Sequence[Probe],
        seconds: float,
    ) -> None:
        self._data, self._machine, self._step = data, machine, step
        self._probes, self._seconds = probes, seconds
        self.why: dict[tuple[str, ...], str] = {}
        self._flip = rules.FLIPS["grey" if data.is_grey and data.is_one_size else "photo"]
        self._is_uneven = data.imbalance >= rules.UNEVEN
        self._batch = rules.chosen(rules.BATCH, data.train)
        sizes = [size for size in self._batch.value if size <= data.train]
        self._batches = tuple(sizes) or (max(1, data.train // 2),)

    def sections(self) -> dict[str, Any]:
        """The sections of the study in the order of a file."""
        recipes = self._recipes()
        has = {key for values in recipes.values() for key in values.items() if key[0] != "flip"}
        return {
            "objective": self._objective(),
            "base": self._base(),
            "space": self._space(has),
            "recipes": recipes,
            "budget": self._budget(),
            "finalists": self._finalists(),
        }

    def _say(self, why: str, *path: str) -> None:
        self.why[path] = why

    def _objective(self) -> dict[str, str]:
        rule = rules.chosen(rules.OBJECTIVE, self._data.validation)
        even = " To count every class the same, take val_balanced_accuracy." * self._is_uneven
        self._say(f"{rule.value}: {rule.why} ({rule.source}).{even}", "objective")
        return {"metric": rule.value, "mode": "min" if rule.value == "val_loss" else "max"}

    def _base(self) -> dict[str, Any]:
        step = self._step
        self._say(f"{step.size} pixels a side: {step.why}.", "base", "image_size")
        return {
            "backbone": self._probes[0].backbone,
            "image_size": step.size,
            "batch_size": self._middle_batch,
            "decay_factor": 0.1,
            "decay_epochs": max(1, round(0.3 * step.epochs)),
        }

    @property
    def _middle_batch(self) -> int:
        return self._batches[len(self._batches) // 2]

    def _space(self, has: set[tuple[str, Any]]) -> dict[str, Any]:
        """The space, in which the recipes' values have to lie."""
        self._explain_space()
        return self._thawing(has) | self._updates(has) | self._flips() | self._ingredients()

    def _thawing(self, has: set[tuple[str, Any]]) -> dict[str, Any]:
        depths = {p.backbone: self._depths(p) for p in self._probes}
        found: dict[str, Any] = {}
        if len(depths) > 1:
            found["backbone"] = {"choices": list(depths)}
        found["unfrozen_depth"] = [
            {"when": {"backbone": name}, "choices": offered} for name, offered in depths.items()
        ]
        if all(len(offered) == 1 for offered in depths.values()):
            return found
        at_once = {0} if ("head_epochs", 0) in has else set()
        heads = sorted(at_once | {1, max(1, round(rules.HEAD_EPOCHS * self._step.epochs))})
        low, high = rules.THAW_RATES
        self._say(
            "Epochs of the head alone. Everything at once is tried only if a recipe does so.",
            "space",
            "head_epochs",
        )
        return found | {
            "head_epochs": {"choices": heads},
            "thaw_learning_rate": {"low": low, "high": high, "log": True},
        }

    def _updates(self, has: set[tuple[str, Any]]) -> dict[str, Any]:
        rates = {"adam": (1e-4, 2e-2), "sgd": (1e-3, 1e-1)}
        optimizers = [name for name in rates if name == "adam" or ("optimizer", name) in has]
        decays = ["cosine"] + ["step"] * (("decay", "step") in has)
        return {
            "optimizer": {"choices": optimizers},
            "learning_rate": [
                {"when": {"optimizer": name}, "low": low, "high": high, "log": True}
                for name, (low, high) in rates.items()
                if name in optimizers
            ],
            "decay": {"choices": decays},
            "batch_size": {"choices": list(self._batches)},
        }

    def _flips(self) -> dict[str, Any]:
        whole = self._where_thawed["whole"]
        if not whole:
            return {}
        kind, why = self._flip
        self._say(
            f"{why}. Only where the whole backbone is thawed: elsewhere augmentation would have "
            "frozen layers computed anew in every epoch.",
            "space",
            "flip",
        )
        flips = ["none", "horizontal"] + ["both"] * (kind == "both")
        return {"flip": {"when": {"unfrozen_depth": whole}, "choices": flips}}

    def _depths(self, probe: Probe) -> list[int]:
        return [d for d, above in sorted(probe.above.items()) if above <= self._step.share + 1e-9]

    @property
    def _where_thawed(self) -> dict[str, list[int]]:
        """The depths at which an ingredient exists, by its `where`."""
        offered = {depth for probe in self._probes for depth in self._depths(probe)}
        whole = offered & {BACKBONES[probe.backbone] for probe in self._probes}
        return {
            "thawed": sorted(offered - {0}),
            "whole": sorted(whole),
            "part": sorted(offered - whole),
        }

    def _ingredients(self) -> dict[str, Any]:
        """The rows of the table that these images have."""
        found: dict[str, Any] = {}
        for row in self._rows:
            depths = self._where_thawed.get(row.where)
            when = {} if depths is None else {"when": {"unfrozen_depth": depths}}
            found[row.name] = when | dict(row.values)
            self._say(f"{row.why} ({row.source}).", "space", row.name)
        return found

    @property
    def _rows(self) -> list[Ingredient]:
        """The ingredients that exist for these images, and at some depth."""
        has = {"all": True, "photos": not self._data.is_grey, "uneven": self._is_uneven}
        return [
            row for row in INGREDIENTS if has[row.images] and self._where_thawed.get(row.where, [0])
        ]

    def _explain_space(self) -> None:
        ranked = ", ".join(
            p.backbone if p.accuracy is None else f"{p.backbone} {p.accuracy:.3f}"
            for p in self._probes
        )
        self._say(
            f"By probes, a ridge classifier on frozen features: {ranked}.", "space", "backbone"
        )
        self._say(
            "How many weight layers to thaw, from the end: "
            + ("up to all of them." if self._step.share == 1 else "as far as the time allows."),
            "space",
            "unfrozen_depth",
        )
        self._say(f"{self._batch.why} ({self._batch.source}).", "space", "batch_size")

    def _recipes(self) -> dict[str, dict[str, Any]]:
        probe = self._probes[0]
        left = rules.RECIPES_SHARE * self._machine.workers * self._seconds
        found: dict[str, dict[str, Any]] = {}
        deepest = self._depths(probe)[-1]
        for default in DEFAULTS:
            cost = self._cost_of(default, probe, deepest)
            if found and (cost > left or (default.thaws and not deepest)):
                continue
            left -= cost
            found[default.name] = self._values_of(default, probe, deepest)
            part = " as far as the time allows" * (default.thaws and self._step.share < 1)
            self._say(f"{default.why}{part} ({default.source}).", "recipes", default.name)
        return found

    def _cost_of(self, default: Default, probe: Probe, deepest: int) -> float:
        work = rules.WORK[probe.backbone]
        cost = costs.of(self._data, self._machine, work, self._step.size)
        share = probe.above[deepest] if default.thaws else 0.0
        is_live = default.thaws and self._step.share == 1
        return cost.training(self._step.epochs, share, is_live)

    def _values_of(self, default: Default, probe: Probe, deepest: int) -> dict[str, Any]:
        thawed: dict[str, Any] = {}
        if default.thaws:
            thawed["unfrozen_depth"] = deepest
            if deepest == BACKBONES[probe.backbone]:
                thawed["flip"] = self._flip[0]
        depth = thawed.get("unfrozen_depth", 0)
        off = {
            row.name: row.off
            for row in self._rows
            if row.off is not None and depth in self._where_thawed.get(row.where, [depth])
        }
        values = default.for_epochs(self._step.epochs)
        return {**thawed, **values, **off, "batch_size": self._middle_batch}

    def _budget(self) -> dict[str, Any]:
        epochs = self._step.epochs
        self._say(
            "As many trials as there is time for; the number only bounds them.",
            "budget",
            "trials",
        )
        self._say("Seconds of the search, without fine-tuning and test.", "budget", "seconds")
        return {
            "trials": max(10, round(self._machine.workers * self._seconds / LEAST_TRIAL)),
            "max_epochs": epochs,
            "grace_period": min(epochs, max(2, round(rules.GRACE * epochs))),
            "reduction_factor": rules.REDUCTION,
            "seconds": max(1.0, round(self._seconds, 1)),
        }

    def _finalists(self) -> dict[str, int]:
        rule = rules.chosen(rules.FINALISTS, self._step.units)
        count, seeds = rule.value
        self._say(f"{rule.why} ({rule.source}).", "finalists")
        return {"count": count, "seeds": seeds}
