"""A Parquet file of images: finding its columns, reading labels and single images."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from trainables.datasets.formats.tables.columns import (
    IMAGE_NAMES,
    LABEL_NAMES,
    SPLIT_NAMES,
    chosen,
    may_be_label,
    split_column,
    usual,
)

_ROW_GROUPS_KEPT = 4


class ImageTable:
    """A Parquet file whose images are read one row group at a time.

    Attributes:
        path: Path of the file.
        image_column: Name of the column with the images.
        labels: The label column as Python values, None where there is none.
        sets: Published set of each row by a column, "" where there is none; None without one.
        groups: Value of the column that groups rows; None without one.
        label_names: Names of the classes in its metadata, or None.
    """

    def __init__(self, path: Path, section: DatasetSection) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.path = path
        try:
            self._file = pq.ParquetFile(path)
            features = _features(self._file.schema_arrow.metadata)
            self.image_column = _image_column(path, self._file.schema_arrow, features, section)
            label_column = _label_column(path, self._file.schema_arrow, features, section)
            self.labels = self._values(label_column)
            self.sets = self._sets(section, {self.image_column, label_column})
            self.groups = self._groups(section)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise DataError(f"{path} cannot be read as Parquet: {error}.") from error
        self.label_names = _names(features.get(label_column))
        groups = [
            self._file.metadata.row_group(i).num_rows for i in range(self._file.num_row_groups)
        ]
        self._starts = np.concatenate([[0], np.cumsum(groups, dtype=np.int64)])
        self._lock = Lock()
        self._row_group = lru_cache(_ROW_GROUPS_KEPT)(self._read_row_group)

    def _values(self, column: str) -> list[Any]:
        values: list[Any] = self._file.read([column])[column].to_pylist()
        return values

    def _sets(self, section: DatasetSection, taken: set[str | None]) -> list[str] | None:
        import pyarrow.types as kinds

        text = {
            field.name: self._values(field.name)
            for field in self._file.schema_arrow
            if field.name not in taken
            and any(
                is_(field.type)
                for is_ in (kinds.is_string, kinds.is_large_string, kinds.is_dictionary)
            )
            and (field.name == section.split_column or usual([field.name], SPLIT_NAMES))
        }
        found = split_column(self.path, section.split_column, text)
        return None if found is None else found[1]

    def _groups(self, section: DatasetSection) -> list[str] | None:
        column = section.group.column if section.group else None
        if column is None:
            return None
        if column not in self._file.schema_arrow.names:
            raise DataError(
                f"{self.path} has no column {column!r} to group by; its columns are "
                f"{', '.join(self._file.schema_arrow.names)}."
            )
        return ["" if value is None else str(value) for value in self._values(column)]

    def image(self, row: int) -> bytes | None:
        """The encoded image in a row; None if it has no bytes.

        Raises:
            DataError: If its row group cannot be read.
        """
        group = int(np.searchsorted(self._starts, row, "right")) - 1
        # Not only for safety: otherwise threads that want the same row group all decompress it.
        with self._lock:
            column = self._row_group(group)
        value = column[row - int(self._starts[group])].as_py()
        encoded = value.get("bytes") if isinstance(value, dict) else value
        return encoded if isinstance(encoded, bytes) else None

    def refuse_paths(self) -> None:
        """Refuse a file whose image column has paths and no bytes.

        Raises:
            DataError: If it has.
        """
        if not self._file.metadata.num_rows or self.image(0) is not None:
            return
        column = self._file.read([self.image_column])[self.image_column].to_pylist()
        paths = [v["path"] for v in column if isinstance(v, dict) and v.get("path")]
        if paths and not any(v.get("bytes") for v in column if isinstance(v, dict)):
            raise DataError(
                f"The column {self.image_column!r} of {self.path} holds paths such as {paths[0]} "
                "and no bytes: write the images themselves into the file (datasets' "
                "embed_external_files does so), or put them beside a table and use format: table."
            )

    def _read_row_group(self, group: int) -> Any:
        import pyarrow as pa

        try:
            return self._file.read_row_group(group, [self.image_column])[self.image_column]
        except (OSError, ValueError, pa.ArrowException) as error:
            raise DataError(f"Row group {group} of {self.path} is damaged: {error}.") from error


def holds_images(path: Path) -> bool:
    """Whether a file is Parquet with a column of encoded images."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return any(_can_be_image(field) for field in pq.read_schema(path))
    except (OSError, ValueError, pa.ArrowException):
        return False


def _can_be_image(field: Any) -> bool:
    import pyarrow.types as kinds

    if kinds.is_struct(field.type):
        return bool(field.type.get_field_index("bytes") >= 0)
    return bool(kinds.is_binary(field.type) or kinds.is_large_binary(field.type))


def _features(metadata: dict[bytes, bytes] | None) -> dict[str, Any]:
    """Features by column, as the `datasets` library writes them into the schema."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    return features if isinstance(features, dict) else {}


def _names(feature: Any) -> list[str] | None:
    names = feature.get("names") if isinstance(feature, dict) else None
    return [str(name) for name in names] if isinstance(names, list) else None


def _image_column(
    path: Path, schema: Any, features: dict[str, Any], section: DatasetSection
) -> str:
    fitting = [field.name for field in schema if _can_be_image(field)]
    named = [n for n in fitting if _is_feature(features.get(n), "Image")] or fitting
    likely = usual(named, IMAGE_NAMES)[:1] or named
    return chosen(path, "image", section.image_column, fitting, likely)


def _label_column(
    path: Path, schema: Any, features: dict[str, Any], section: DatasetSection
) -> str:
    import pyarrow.types as kinds

    def can_be(field: Any) -> bool:
        kind = field.type.value_type if kinds.is_dictionary(field.type) else field.type
        checks = (kinds.is_integer, kinds.is_floating, kinds.is_boolean, kinds.is_string)
        return any(is_(kind) for is_ in (*checks, kinds.is_large_string))

    fitting = [field.name for field in schema if can_be(field)]
    named = [n for n in fitting if _is_feature(features.get(n), "ClassLabel")]
    likely = usual(named or fitting, LABEL_NAMES)[:1] or named
    likely = likely or [name for name in fitting if may_be_label(name)]
    return chosen(path, "label", section.label_column, fitting, likely)


def _is_feature(feature: Any, kind: str) -> bool:
    return isinstance(feature, dict) and feature.get("_type") == kind
