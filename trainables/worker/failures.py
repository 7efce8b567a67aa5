"""Failures of a trial, as the ledger records them: reason, words, and what was too large."""

from __future__ import annotations

import gc
import traceback
from typing import Any

from rich.filesize import decimal

from spaces.errors import DataError, TrialFailedError
from trainables.process.device_errors import Place, phase_of, shortage
from trainables.process.gpu import usable_memory
from trainables.process.memory import machine_memory


def failure_of(error: Exception, batch: int, accumulate: int) -> dict[str, Any]:
    """What a trial reports that an error has ended.

    Args:
        error: The error.
        batch: Images in a batch of the trial.
        accumulate: Parts in which it computed each.

    Returns:
        `end`: state, reason and text. If memory ran out, also `too_large`: "batch", "evaluation"
        (its batches) or "share" (of the machine's memory), whichever is to be made smaller.
    """
    place = shortage(error)
    if place is None:
        return {"end": ("FAIL", *_classified(error))}
    too_large = _too_large(place, phase_of(error))
    text = _shortage_in_words(error, place, too_large, batch, accumulate)
    return {"end": ("FAIL", "out_of_memory", text), "too_large": too_large}


def free_memory() -> None:
    """Free what the process keeps from trial to trial, for the attempt that comes next."""
    from trainables.features.in_memory import forget
    from trainables.training.network_pool import clear

    forget()
    clear()
    gc.collect()


def _too_large(place: Place, phase: str | None) -> str:
    if phase == "evaluate" or (phase == "features" and place == "device"):
        return "evaluation"
    return "batch" if place == "device" or phase == "train" else "share"


def _shortage_in_words(
    error: Exception, place: Place, too_large: str, batch: int, accumulate: int
) -> str:
    """What was needed, what there was, and what to change."""
    where = f"memory (its machine has {decimal(machine_memory())})"
    more = ""
    if place == "device":
        share = usable_memory()
        where = "GPU memory" + (f" (its share is {decimal(share)})" if share else "")
        more = ", or a larger resources.gpu"
    tried = f"each batch of {batch} in {accumulate} parts" if accumulate > 1 else "whole batches"
    change = {
        "batch": f"It computed {tried}: choose a smaller batch_size, image_size or backbone",
        "evaluation": "It happened in evaluation: choose a smaller image_size or backbone",
        "share": "Choose a smaller image_size or backbone, or a lower resources.concurrent",
    }[too_large]
    needed = " ".join(str(error).split())[:500].rstrip(".")
    return f"The trial ran out of {where}: {needed}. {change}{more}."


def _classified(error: Exception) -> tuple[str, str]:
    if isinstance(error, TrialFailedError):
        return error.reason, str(error)
    if isinstance(error, DataError):
        return "data", str(error)
    return "error", "".join(traceback.format_exception(error))[-4000:]
