"""The rules by which a study is written: tables of values, each with its reason and its source.

A table's rows are ordered by what they ask for; the last row whose `at_least` is reached holds.
"Our choice" has no source but experience; what a training costs is measured, see `costs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Rule:
    """One row: from `at_least` on, `value` holds.

    Attributes:
        at_least: The smallest number for which the row holds.
        value: What is chosen.
        why: The reason, as the written study states it.
        source: Where the rule comes from.
    """

    at_least: float
    value: Any
    why: str
    source: str


def chosen(table: Sequence[Rule], number: float) -> Rule:
    """The last row of a table whose `at_least` is not above a number."""
    return [row for row in table if row.at_least <= number][-1]


@dataclass(frozen=True)
class Candidate:
    """A backbone whose weights a machine may have without downloading them.

    Attributes:
        name: In `spaces.backbones.BACKBONES`.
        work: Multiply-adds for each pixel, relative to EfficientNet-Lite0.
        native: Pixels a side that its weights were trained on.
        file: Name of its weights among Keras's downloads; None if a package has them.
    """

    name: str
    work: float
    native: int
    file: str | None = None


CANDIDATES = (
    Candidate("EfficientNetLite0", 1.0, 224),
    Candidate("EfficientNetLite1", 1.35, 240),
    Candidate("EfficientNetLite2", 1.64, 260),
    Candidate("ConvNeXtTiny", 11.0, 224, "convnext_tiny_notop.h5"),
    Candidate("EfficientNetV2B0", 1.8, 224, "efficientnetv2-b0_notop.h5"),
    Candidate("ResNet50", 10.0, 224, "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"),
)
"""Multiply-adds: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
and https://keras.io/api/applications; the larger ones need a GPU in practice."""

SPLIT = (
    Rule(0, 0.25, "few images: smaller sets would say too little", "Kohavi 1995"),
    Rule(200, 0.2, "a fifth each", "AutoGluon holds out up to a fifth"),
    Rule(20_000, 0.1, "so many images that a tenth each is precise enough", "AutoGluon"),
)
"""Share of the validation and of the test set, by number of images."""

OBJECTIVE = (
    Rule(
        0,
        "val_loss",
        "so few validation images that accuracy would move in large steps",
        "an accuracy on n images has steps of 1/n",
    ),
    Rule(60, "val_accuracy", "what the report compares", "usual"),
)
"""What trials are judged by, by number of validation images."""

STEPS = (
    Rule(0, (96, 6), "the time allows no larger images", "by the machine's measured rate"),
    Rule(1, (96, 10), "the time allows no larger images", "by the machine's measured rate"),
    Rule(2, (128, 10), "the time allows no larger images", "by the machine's measured rate"),
    Rule(3, (128, 16), "the time allows no larger images", "by the machine's measured rate"),
    Rule(4, (160, 16), "the time allows no larger images", "by the machine's measured rate"),
    Rule(5, (192, 16), "the time allows no larger images", "by the machine's measured rate"),
    Rule(6, (224, 16), "what the backbones were trained on", "by the machine's measured rate"),
    Rule(
        7,
        (224, 30),
        "what the backbones were trained on, and long enough for small data",
        "BiT trains 500 steps, https://arxiv.org/abs/1912.11370",
    ),
)
"""Image size and epochs, from cheap to expensive: the last step is taken that the time allows."""

UNITS = 5
"""Trainings in full of a whole backbone that a search has time for, at least; with fewer, only a
part is thawed. Our choice: recipes alone would use the time."""
ROOM = 10
"""Trainings in full that a step up in size or epochs has to leave time for. Measured on ELPV's
solar cells: one recipe reached 87.6, 88.0 and 88.4 % of validation at 128, 192 and 224 pixels
after 10, 8 and 9 of its 10 epochs, which 525 images cannot tell apart, while a larger step left
time for ten trials in eleven minutes.
"""

ENLARGED = 4
"""Images are enlarged to at most this many times their shorter side (CIFAR-10 at 128: Kornblith et
al. 2019, https://arxiv.org/abs/1805.08974, gain by enlarging)."""

BATCH = (
    Rule(0, (8, 16), "small batches: an epoch has few images", "our choice"),
    Rule(200, (16, 32), "some dozens of updates an epoch", "our choice"),
    Rule(1000, (16, 32, 64), "usual for fine-tuning", "fastai's default is 64"),
    Rule(10_000, (32, 64, 128), "many images an epoch", "AutoGluon's default is 128"),
)
"""Choices of the batch size, by number of training images."""

UNEVEN = 1.5
"""Images of the largest class for each of the smallest from which on classes count as uneven. Our
choice."""

FINALISTS = (
    Rule(0, (0, 1), "no time to train any configuration again", "our choice"),
    Rule(16, (1, 1), "time for one more training of the best and of the recipes", "our choice"),
    Rule(40, (2, 2), "time for two more seeds of each", "our choice"),
    Rule(
        100,
        (3, 3),
        "time for three more seeds of each",
        "Bouthillier et al. 2021, https://arxiv.org/abs/2103.03098: seeds matter",
    ),
)
"""Number of finalists and of their seeds, by trainings in full that the time allows. All recipes
are finalists too, so with fewer their repeats leave no time to search: on ELPV, in 12 minutes, one
of each left time for three trials."""

REDUCTION = 3
"""At each rung a third of the trials continues: Li et al. 2020, https://arxiv.org/abs/1810.05934
(3 or 4)."""
GRACE = 0.35
"""Share of the epochs after which trials are first compared. A trial that thaws everything
overtakes heads on stored features late: on ELPV's solar cells, in ten minutes, a first comparison
after 2 of 10 epochs stopped all but one of the trials with everything thawed, while the recipe that
never stops went on from 85.0 to 88.8 %, the best of all."""
HEAD_EPOCHS = 0.2
"""Share of the epochs that the head trains alone, where it is not one epoch: before trials are
first compared. Our choice."""

THAW_RATES = (2e-5, 1e-3)
"""Range of the learning rate after the thaw. Measured on ELPV's solar cells: at 1e-3, with Adam and
everything thawed, EfficientNet-Lite2 falls back to the largest class and stays there."""

DEPTHS = (0.0, 0.1, 0.25, 0.5, 1.0)
"""Shares of a backbone's weight layers to thaw."""

FLIPS = {
    "grey": ("both", "grey images of one size have no up and down, as under a microscope"),
    "photo": ("horizontal", "mirrored photos show the same class; text and digits do not"),
}

WORK = {candidate.name: candidate.work for candidate in CANDIDATES}
"""Multiply-adds of each candidate for each pixel, relative to EfficientNet-Lite0."""

HOPELESS = 0.15
"""A backbone is dropped if its probe is this much less accurate than the best one, or by three
standard errors if these are larger: Mustafa et al. 2020, https://arxiv.org/abs/2010.06866, rank by
kNN and keep the best few."""
KEPT = 2
"""Backbones that a search begins with, at most. Of those within a standard error of the best probe
the cheapest come first: the rule of one standard error, Breiman et al. 1984, for choosing among
models of different cost."""

RECIPES_SHARE = 0.35
"""Share of the search's time that recipes may take; those that do not fit are left out."""
PROBES_SHARE = 0.1
"""Share of the whole time that probes may take."""

PASS_SHARE = 0.25
"""Share of the whole time that one pass of all images through the smallest network may take; of
more images only a subset is used. Our choice: a search needs some passes to be of use."""
LEAST_OF_CLASS = 20
"""Images of each class, on average, that a subset has at least."""
