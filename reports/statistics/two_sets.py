"""The error of the difference between a model's scores on two sets, one known by its score alone.

Of the other set, only the score and the images of each class are on file. Its values vary within a
class as those of the set whose predictions are known.
"""

from __future__ import annotations

import math
from dataclasses import replace

from reports.statistics.influence import (
    LOSSES,
    Error,
    Labels,
    ScoreName,
    error_of_mean,
    pseudo_values,
)
from reports.statistics.scores import Scores


def error_between_sets(name: ScoreName, scores: Scores, other: float, sizes: Labels) -> Error:
    """The standard error of a score − that of another set, if both have the same expectation.

    The variance of a share s goes with s(1 − s): as in the two-proportion test, s is that of both
    sets together. Otherwise a set on which the model happens to do well would also seem to tell
    its score more precisely.

    Args:
        name: Of the score.
        scores: Of the model on the set with predictions.
        other: Its score on the other set.
        sizes: Images of each class in the other set, none of them 0.
    """
    values = pseudo_values(name, scores)
    error = error_of_mean(values, scores.label, name, sizes)
    if name in LOSSES:
        return error
    known, images, others = float(values.mean()), len(values), int(sizes.sum())
    both = (images * known + others * other) / (images + others)
    factor = math.sqrt(_spread(both, images) / _spread(known, images))
    return replace(error, value=factor * error.value)


def _spread(share: float, images: int) -> float:
    """s(1 − s), of a share that is not quite 0 or 1: half an image is added on either side."""
    inner = (share * images + 0.5) / (images + 1)
    return inner * (1 - inner)
