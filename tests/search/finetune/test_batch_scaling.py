"""The rule that learning rates follow when the batch is another."""

from __future__ import annotations

import pytest

from search.finetune.batch_scaling import UNSCALED, check_workers, with_batch
from spaces.errors import InputError
from spaces.hyperparameters import Hyperparameters

RATES = {"unfrozen_depth": 2, "head_epochs": 1, "learning_rate": 0.1, "thaw_learning_rate": 0.01}
SGD = Hyperparameters(optimizer="sgd", batch_size=32, **RATES)
ADAM = Hyperparameters(batch_size=32, **RATES)


@pytest.mark.parametrize("batch", [None, 32])
def test_the_same_batch_has_the_same_rate(batch: int | None) -> None:
    assert with_batch(SGD, batch) == (SGD, UNSCALED)


@pytest.mark.parametrize(
    ("point", "batch", "times"), [(SGD, 128, 4), (SGD, 16, 0.5), (ADAM, 128, 2), (ADAM, 8, 0.5)]
)
def test_another_batch_scales_both_rates(point: Hyperparameters, batch: int, times: float) -> None:
    scaled, rule = with_batch(point, batch)
    assert scaled.batch_size == batch
    assert scaled.learning_rate == pytest.approx(0.1 * times)
    assert scaled.thaw_learning_rate == pytest.approx(0.01 * times)
    assert f"{times:g} times the winner's" in rule


def test_a_rate_that_is_not_there_stays_so() -> None:
    assert with_batch(Hyperparameters(), 64)[0].thaw_learning_rate is None


@pytest.mark.parametrize("workers", [0, -1, 5])
def test_a_batch_is_shared_by_one_worker_or_as_many_as_images(workers: int) -> None:
    check_workers(4, 4)
    with pytest.raises(InputError, match="--workers"):
        check_workers(workers, 4)
