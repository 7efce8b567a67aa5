"""`thawtune describe`: network, parameters, boundary and feature plan of a configuration."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from rich.console import Group
from rich.filesize import decimal
from rich.table import Table

from search.features.plan import planned
from spaces.errors import DataError, InputError
from spaces.studies.study import Study
from spaces.studies.study_file import find_study, load_study


def render_plan(plan: Mapping[str, Any]) -> Table:
    """A feature plan as a table.

    Args:
        plan: What `Plan.to_dict` returns.
    """
    images = plan["images"]
    known = "number of images unknown" if images is None else f"{images:,} images"
    table = Table(title=f"features to store ({known})")
    for heading in ("backbone", "pixels", "thawed", "boundary", "shape"):
        table.add_column(heading, overflow="fold")
    for heading in ("size", "time to compute", "time saved"):
        table.add_column(heading, justify="right")
    table.add_column("stored")
    for row in plan["rows"]:
        table.add_row(
            row["backbone"],
            str(row["image_size"]),
            ", ".join(row["depths"]),
            row["boundary"],
            "×".join(map(str, row["shape"])),
            "?" if row["bytes"] is None else decimal(row["bytes"]),
            _seconds(row["make_seconds"]),
            _seconds(row["saved_seconds"]),
            "yes" if row["kept"] else f"no: {row['reason']}",
        )
    return table


def _seconds(value: float | None) -> str:
    return "?" if value is None else f"{value:,.1f} s"


def describe_study(name: str, recipe: str | None) -> dict[str, Any]:
    """Describe a study's base configuration and its plan, or one of its recipes.

    Returns:
        Plain values, as `thawtune describe --json` prints them.

    Raises:
        InputError: If there is no such study or recipe, or the network cannot be built.
    """
    study = load_study(find_study(name))
    if recipe is not None and recipe not in study.recipe_points:
        near = difflib.get_close_matches(recipe, study.recipe_points, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"It has {', '.join(study.recipe_points)}."
        raise InputError(f"{study.name} has no recipe {recipe!r}. {hint}")
    point = study.recipe_points[recipe] if recipe else study.search_space.point({})

    from trainables.training.description import describe

    return {
        "study": study.name,
        "recipe": recipe,
        "recipes": list(study.recipe_points),
        **describe(point, _classes(study)),
        "precision": study.resources.precision,
        "feature_dtype": study.resources.feature_dtype,
        "hyperparameters": point.to_dict(),
        **({} if recipe else {"plan": _plan(study)}),
    }


def _plan(study: Study) -> dict[str, Any]:
    """The study's feature plan, without the example configuration of each row."""
    from trainables.datasets.files.location import located

    with suppress(DataError):  # without the data the plan has no sizes, and says so
        study = study.model_copy(update={"dataset": located(study.dataset, study.name)})
    plan = planned(study).to_dict()
    for row in plan["rows"]:
        del row["point"]
    return plan


def _classes(study: Study) -> int:
    """The number of classes, from the study, or else from the data."""
    if study.dataset.classes is not None:
        return study.dataset.classes

    from trainables.datasets.rows.loading import read_splits

    return len(read_splits(study.dataset)[0].class_names)


def render(description: dict[str, Any]) -> Group:
    """The description for a terminal."""
    table = Table(
        title=f"{description['study']} {description['recipe'] or 'base'}", show_header=False
    )
    for name, value in description.items():
        if name in ("study", "recipe", "hyperparameters", "plan") or value is None:
            continue
        for label, item in _rows(name, value):
            table.add_row(label, f"{item:,}" if isinstance(item, int) else str(item))
    plan = description.get("plan")
    return Group(table) if plan is None else Group(table, render_plan(plan), *plan["notes"])


def _rows(name: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"{name}: {key}", item) for key, item in value.items()]
    return [(name, ", ".join(value) if isinstance(value, list) else value)]
