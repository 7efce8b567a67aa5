"""The field's default recipes, as baselines that a search must beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from search.fitting.study import rules


@dataclass(frozen=True)
class Default:
    """A recipe.

    Attributes:
        name: Its name in the study.
        why: What it is.
        source: Where it is published.
        values: Its hyperparameters.
        shares: Hyperparameters that count epochs, as shares of a training's epochs.
        thaws: Whether it thaws the whole backbone, and flips images as the study says.
    """

    name: str
    why: str
    source: str
    values: Mapping[str, Any]
    shares: Mapping[str, float] = field(default_factory=dict)
    thaws: bool = True

    def for_epochs(self, epochs: int) -> dict[str, Any]:
        """Its hyperparameters in a training of so many epochs."""
        counts = {name: max(1, round(share * epochs)) for name, share in self.shares.items()}
        return {**self.values, **counts}


DEFAULTS = (
    Default(
        "linear_probe",
        "a linear layer on the frozen backbone",
        "Kornblith et al. 2019, https://arxiv.org/abs/1805.08974",
        {"learning_rate": 5e-3, "decay": "cosine"},
        thaws=False,
    ),
    Default(
        "fine_tune",
        "fastai's fine_tune: the head for an epoch, then everything, at the geometric mean of its "
        "rates by layer, which run from a hundredth of half the rate to half the rate",
        "https://docs.fast.ai/callback.schedule.html#learner.fine_tune",
        {
            "head_epochs": 1,
            "learning_rate": 2e-3,
            "thaw_learning_rate": 1e-4,
            "decay": "cosine",
        },
    ),
    Default(
        "lp_ft",
        "linear probe, then everything at a low rate",
        "Kumar et al. 2022, https://arxiv.org/abs/2202.10054",
        {"learning_rate": 5e-3, "thaw_learning_rate": 2e-4, "decay": "cosine"},
        {"head_epochs": rules.HEAD_EPOCHS},
    ),
    Default(
        "autogluon",
        "AutoGluon's preset as far as our networks go: AdamW at 1e-4, everything at once",
        "autogluon/multimodal/configs/optim/default.yaml",
        {"head_epochs": 0, "learning_rate": 1e-4, "weight_decay": 1e-3, "decay": "cosine"},
    ),
    Default(
        "bit",
        "BiT-HyperRule: SGD at 0.003, everything at once, a tenth of the rate after each 30 %",
        "Kolesnikov et al. 2020, https://arxiv.org/abs/1912.11370, section 3.3",
        {
            "head_epochs": 0,
            "optimizer": "sgd",
            "momentum": 0.9,
            "learning_rate": 3e-3,
            "decay": "step",
            "decay_factor": 0.1,
        },
        {"decay_epochs": 0.3},
    ),
)
"""In the order in which they are taken while there is time for them."""
