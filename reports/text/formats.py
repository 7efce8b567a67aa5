"""Formats: numbers, times and hyperparameters as text."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from spaces.studies.study import Objective

MISSING = "–"
"""Shown where there is no value; NaN is no value."""

SPACE = "\u00a0"


def is_missing(value: object) -> bool:
    """Whether there is nothing to show: None, or a non-finite number."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def percent(share: float | None, digits: int = 1) -> str:
    """A share of one as a percentage."""
    if share is None or not math.isfinite(share):
        return MISSING
    return f"{100 * share:.{digits}f}{SPACE}%"


def points(difference: float) -> str:
    """A difference of two shares in percentage points, with its sign."""
    text = f"{100 * difference:+.1f}".replace("-", "−")
    return text.replace("+0.0", "0.0").replace("−0.0", "0.0")


def p_value(p: float, equals: bool = False) -> str:
    """A p value with two significant digits, or as below a bound.

    Args:
        p: The value.
        equals: Whether to put an equals sign before it if it is not a bound.
    """
    if p < 0.0001:
        return "< 0.0001"
    text = f"{p:.4f}" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"
    return f"= {text}" if equals else text


def number(value: float | None) -> str:
    """A count, or a measured number with four significant digits."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def seconds(value: float | None) -> str:
    """Seconds with the precision that a table needs."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def duration(value: float | None) -> str:
    """Seconds in words."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value < 60:
        return f"{value:.1f}{SPACE}s" if value < 10 else f"{value:.0f}{SPACE}s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes}{SPACE}min {rest:02d}{SPACE}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,}{SPACE}h {minutes:02d}{SPACE}min"


def moment(unix_time: float | None) -> str:
    """Seconds since 1970 as date and time."""
    if unix_time is None or not math.isfinite(unix_time):
        return MISSING
    return f"{datetime.fromtimestamp(unix_time, UTC):%Y-%m-%d %H:%M} UTC"


def hyperparameter(value: Any) -> str:
    """The value of a hyperparameter; None if the point does not have it."""
    if is_missing(value):
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value)) or "none"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def plural(count: int, word: str) -> str:
    """A count with its noun."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


_METRICS = {
    "val_accuracy": "validation accuracy",
    "val_balanced_accuracy": "balanced validation accuracy",
    "val_macro_f1": "validation macro F1",
    "val_auc": "validation AUC",
    "val_loss": "validation loss",
}


def metric_name(objective: Objective) -> str:
    """The metric of an objective in words."""
    return _METRICS[objective.metric]


def is_share(objective: Objective) -> bool:
    """Whether the metric lies in 0..1, and is shown as a percentage."""
    return objective.metric != "val_loss"


def metric(value: float | None, objective: Objective) -> str:
    """A value of the objective's metric."""
    return percent(value) if is_share(objective) else number(value)


def sentence(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]
