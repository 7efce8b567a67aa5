"""The section about models: winner and recipes, their test scores, and how they compare."""

from __future__ import annotations

from reports.analysis.comparisons.comparison import compare
from reports.analysis.comparisons.configurations import sentence as configurations_sentence
from reports.analysis.comparisons.rivals import rivalries, rivals_table, sentence
from reports.analysis.models_table import models_table
from reports.analysis.scoring import scores_table
from reports.data.run_data import RunData
from reports.page.document import Block, Heading, Section, TableBlock, Text
from reports.text import formats


def section(data: RunData) -> Section:
    """The winner against every recipe, on validation and on the test set."""
    blocks: list[Block] = [Text(_what_recipes_are(data)), TableBlock(models_table(data))]
    blocks.append(Heading("On the test set", "test-scores"))
    blocks += _on_the_test_set(data)
    return Section("models", "Models", tuple(blocks))


def _what_recipes_are(data: RunData) -> str:
    if not data.study.recipes:
        return "The study has no recipe, so there is nothing to compare the search with."
    return (
        "A recipe is a configuration tuned by hand. The search tries it first, and the scheduler "
        "never stops it, because a baseline that is cut short is beaten too easily."
    )


def _on_the_test_set(data: RunData) -> list[Block]:
    if data.test is None:
        return [Text("The test set is sealed, so test accuracies are missing.")]
    if not data.predictions:
        return [
            Text("The predictions for each test image are not on file: there are no other scores.")
        ]
    comparison = compare(data)
    repeated = comparison.configurations if comparison is not None else None
    found = rivalries(data)
    blocks: list[Block] = [TableBlock(scores_table(data)), Heading("Comparisons", "comparisons")]
    if comparison is not None and repeated is not None:
        text = configurations_sentence(comparison.recipe.recipe, repeated)
        note = "Below, one training of each is compared, which says nothing about other seeds."
        blocks.append(Text(f"{text} (p {formats.p_value(repeated.p, equals=True)}). {note}"))
    blocks += [Text(sentence(one)) for one in found]
    if all(model.role != "random" for model in data.test.models):
        blocks.append(Text("No random search at equal cost was tested with them."))
    return [*blocks, TableBlock(rivals_table(found))]
