"""Winner's configuration against the best recipe's, where several trainings of both were tested."""

from __future__ import annotations

from reports.analysis.comparisons.words import against, deciding, did
from reports.analysis.kinds import KINDS
from reports.data.result_files import EvaluatedModel
from reports.data.run_data import RunData
from reports.statistics.repeated import FEWEST_SEEDS, Repeated
from reports.text import formats


def compare_configurations(
    data: RunData, first: EvaluatedModel | None, second: EvaluatedModel | None
) -> Repeated | None:
    """Compare two configurations over seeds and images.

    None if fewer than `FEWEST_SEEDS` trainings of each were tested, or of different images.
    """
    if first is None or second is None or first.trial == second.trial:
        return None
    names = [*first.repeats, *second.repeats]
    found = [data.predictions[name] for name in names if name in data.predictions]
    is_usable = (
        len(first.repeats) == len(second.repeats) >= FEWEST_SEEDS
        and len(found) == len(names)
        and all(one.images == found[0].images for one in found)
    )
    if not is_usable:
        return None
    scores = [[data.predictions[n].scores for n in model.repeats] for model in (first, second)]
    return Repeated.of_scores(deciding(data).name, *scores)


def sentence(recipe: str | None, result: Repeated) -> str:
    """The comparison in plain words.

    Args:
        recipe: Name of the recipe.
        result: The winner's configuration against the recipe's.
    """
    kind = next(one for one in KINDS if one.name == result.name)
    what = did("the configuration", f"the recipe {recipe}", result.outcome(), kind)
    return (
        f"{formats.sentence(what)}: {against(kind, result.first, result.second)}, means of "
        f"{result.seeds} trainings each with new seeds on the same {result.images:,} test images"
    )
