"""The dataset section of a study file: format, location, split."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    model_validator,
)


class Section(BaseModel):
    """Base class of all sections: refuses unknown keys, and is immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Format = Literal[
    "digits", "folders", "split_folders", "lists", "cifar10", "idx", "parquet", "tfds", "table"
]
FORMATS: tuple[str, ...] = get_args(Format)
"""Dataset formats; each has a module in trainables/datasets/formats."""

WITH_TEST_SET = ("lists", "cifar10", "idx")
"""Formats that always come with a test set, so that a study cannot set its share."""

TEST_SHARE = 0.2
"""Default share of the test set if the dataset does not come with one."""

_WITH_COLUMNS = ("parquet", "table")
_KEYS_OF_SOME_FORMATS = {
    "path": FORMATS[1:],
    "drop_classes": ("folders", "split_folders", "lists", "parquet", "table"),
    "image_column": ("parquet", "tfds", "table"),
    "label_column": ("parquet", "tfds", "table"),
    "split_column": _WITH_COLUMNS,
    "table": ("table",),
    "label_pattern": ("folders",),
    "follow_links": ("folders", "split_folders", "lists", "table"),
    "group": ("folders", "split_folders", "lists", "parquet", "table"),
}


def _regular_expression(value: str | None) -> str | None:
    try:
        re.compile(value or "")
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return value


class Group(Section):
    """Which images belong together, and so into one set: those of one patient, plant or camera.

    Exactly one of these is given.

    Attributes:
        folder: Level of the folder whose name is the group, counted from the dataset's folder: in
            rose/plant_7/1.jpg, 1 is rose and 2 is plant_7. -1 is the folder that the image is in.
        pattern: Regular expression, searched for in each image's path within the dataset. The
            group is what its first parentheses match, or without any, what it matches.
        column: Column of the table, in formats that have one.
    """

    folder: int | None = None
    pattern: Annotated[str | None, AfterValidator(_regular_expression)] = Field(None, min_length=1)
    column: str | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _is_one_rule(self) -> Group:
        given = [key for key in ("folder", "pattern", "column") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(
                f"group has {' and '.join(given) or 'nothing'}; expected one of folder, pattern "
                "and column, such as folder: 2"
            )
        if self.folder == 0:
            raise ValueError("folder is 0; expected 1 for the first folder, or -1 for the last")
        return self


def _subset(value: object) -> int | float | None:
    if value is None or (isinstance(value, float) and 0 < value <= 1):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise ValueError("expected a number of images, such as 5000, or a share of them, such as 0.1")


def _with_text_keys(value: Any) -> Any:
    # YAML reads the label 0 as a number, and likewise the folder name 1990.
    return {str(k): v for k, v in value.items()} if isinstance(value, Mapping) else value


def _with_text(value: Any) -> Any:
    is_list = isinstance(value, list | tuple)
    return [str(v) if type(v) is int else v for v in value] if is_list else value


class DatasetSection(Section):
    """Where the images are, and how they are split.

    Attributes:
        format: One of `FORMATS`.
        path: Folder or archive (zip, tar, tar.gz). If None, the dataset is looked up by `name` in
            the folder THAWTUNE_DATA. With TFDS, the folder where TFDS keeps its data.
        name: The dataset's name if it differs from the study's; with TFDS, the builder's name.
        classes: Number of classes, so that models can be described without the data.
        validation: Share of the validation set if the dataset does not come with one: of all
            images, or of the training images if the dataset comes with a test set.
        test: Share of the test set among all images if the dataset does not come with one; None
            in formats that always come with one.
        seed: Seed of the split and the subset.
        subset: How many of the images to use, as a number or a share, stratified by class. A
            published test set is always used whole, so that results can be compared. No other
            image is read; one that cannot be decoded is not replaced.
        skip_bad: Leave out unreadable images instead of refusing the dataset.
        max_pixels: Images with more pixels are not decoded but count as unreadable.
        class_names: Readable names by the dataset's own names: folder names, or labels in formats
            that only have numbers. Classes that are not listed keep their names.
        drop_classes: Classes, or folders that are not classes, to leave out.
        image_column, label_column, split_column: Column names, if they cannot be inferred from the
            data.
        label_pattern: Regular expression, searched for in each image's path within the dataset,
            where file names tell the classes: `([^/]+)_[0-9]+[.]` makes Bombay_7.jpg a Bombay. The
            class is what the first parentheses match, or without any, what it matches.
        table: Name of the table within `path`, if there are several.
        group: Which images stay together in one set.
        follow_links: Follow links that lead out of the dataset, as those of DVC, git-annex and the
            cache of Hugging Face do.
        allow_leaks: Use a dataset although its published sets share images or groups. The report
            says so.
        bits: Bits that are used in images of 16 bits a channel, such as 12: the largest value is
            white. A file with larger values is refused.
    """

    format: Format
    path: str | None = Field(None, min_length=1)
    name: str | None = Field(None, min_length=1)
    classes: int | None = Field(None, ge=2)
    validation: float = Field(0.2, gt=0, lt=1)
    test: float | None = Field(None, gt=0, lt=1)
    seed: int = Field(0, ge=0)
    subset: Annotated[int | float | None, PlainValidator(_subset)] = None
    skip_bad: bool = False
    max_pixels: int = Field(89_478_485, ge=1)
    class_names: Annotated[dict[str, str], BeforeValidator(_with_text_keys)] = Field(
        default_factory=dict
    )
    drop_classes: Annotated[tuple[str, ...], BeforeValidator(_with_text)] = ()
    image_column: str | None = None
    label_column: str | None = None
    split_column: str | None = None
    label_pattern: Annotated[str | None, AfterValidator(_regular_expression)] = Field(
        None, min_length=1
    )
    table: str | None = Field(None, min_length=1)
    group: Group | None = None
    follow_links: bool = False
    allow_leaks: bool = False
    bits: int = Field(16, ge=9, le=16)

    @model_validator(mode="before")
    @classmethod
    def _writes_the_test_share_out(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("format") in WITH_TEST_SET:
            return values
        return values if values.get("test") is not None else values | {"test": TEST_SHARE}

    @model_validator(mode="after")
    def _is_sound(self) -> DatasetSection:
        if problems := list(self._problems()):
            raise ValueError("; ".join(problems))
        return self

    def _problems(self) -> Iterator[str]:
        for key, formats in _KEYS_OF_SOME_FORMATS.items():
            default = type(self).model_fields[key].default
            if self.format not in formats and getattr(self, key) != default:
                yield (
                    f"{key} is only for {_listed(formats)}, but format is {self.format}: remove it"
                )
        if self.format in WITH_TEST_SET and self.test is not None:
            yield (
                f"test is {self.test}, but format {self.format} comes with a test set, which is "
                "used as it is: remove test"
            )
        if self.validation + (self.test or 0) >= 1:
            yield (
                f"validation ({self.validation}) and test ({self.test}) leave nothing to train on: "
                "their sum must be less than 1"
            )
        if self.format == "tfds" and self.name is None:
            yield "name is missing: format tfds needs the name of a TFDS dataset"
        if self.group is not None and self.group.column and self.format not in _WITH_COLUMNS:
            yield (
                f"group.column is only for {_listed(_WITH_COLUMNS)}, but format is {self.format}: "
                "use group.folder or group.pattern"
            )
        if len(set(self.class_names.values())) < len(self.class_names):
            yield "class_names gives two classes the same name: names must be different"


def _listed(formats: tuple[str, ...]) -> str:
    if formats == FORMATS[1:]:
        return "formats that have files"
    if len(formats) == 1:
        return f"format {formats[0]}"
    return f"formats {', '.join(formats[:-1])} and {formats[-1]}"
