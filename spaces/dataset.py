"""The dataset section of a study file: format, location, split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, model_validator


class Section(BaseModel):
    """Base class of all sections: refuses unknown keys, and is immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Format = Literal["digits", "folders", "split_folders", "lists", "cifar10", "idx", "parquet", "tfds"]
FORMATS: tuple[str, ...] = get_args(Format)
"""Dataset formats; each has a module in trainables/datasets/formats."""

WITH_TEST_SET = ("lists", "cifar10", "idx")
"""Formats that always come with a test set, so that a study cannot set its share."""

TEST_SHARE = 0.2
"""Default share of the test set if the dataset does not come with one."""

_FOLDER_FORMATS = ("folders", "split_folders", "lists")
_KEYS_OF_SOME_FORMATS = {
    "path": FORMATS[1:],
    "drop_classes": _FOLDER_FORMATS,
    "image_column": ("parquet", "tfds"),
    "label_column": ("parquet", "tfds"),
}


def _subset(value: object) -> int | float | None:
    if value is None or (isinstance(value, float) and 0 < value <= 1):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise ValueError("expected a number of images, such as 5000, or a share of them, such as 0.1")


def _with_text_keys(value: Any) -> Any:
    # YAML reads the label 0 as a number, and likewise the folder name 1990.
    return {str(k): v for k, v in value.items()} if isinstance(value, Mapping) else value


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
            published test set is always used whole, so that results can be compared.
        skip_bad: Leave out unreadable images instead of refusing the dataset.
        max_pixels: Images with more pixels are not decoded but count as unreadable.
        class_names: Readable names by the dataset's own names: folder names, or labels in formats
            that only have numbers. Classes that are not listed keep their names.
        drop_classes: Folders to ignore because they are not classes.
        image_column, label_column: Column names, if they cannot be inferred from the data.
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
    drop_classes: tuple[str, ...] = ()
    image_column: str | None = None
    label_column: str | None = None

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
        if len(set(self.class_names.values())) < len(self.class_names):
            yield "class_names gives two classes the same name: names must be different"


def _listed(formats: tuple[str, ...]) -> str:
    if len(formats) > 3:
        return "formats that have files"
    return f"formats {', '.join(formats[:-1])} and {formats[-1]}"
