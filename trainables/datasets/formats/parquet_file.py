"""A Parquet file of images: finding its columns, reading labels and single images."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from spaces.dataset import DatasetSection
from spaces.errors import DataError

_ROW_GROUPS_KEPT = 4


class ImageTable:
    """A Parquet file whose images are read one row group at a time.

    Attributes:
        path: Path of the file.
        image_column: Name of the column with the images.
        labels: The label column as Python values, None where there is none.
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
            self.labels: list[Any] = self._file.read([label_column])[label_column].to_pylist()
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"{path} cannot be read as Parquet: {error}.") from error
        self.label_names = _names(features.get(label_column))
        groups = [
            self._file.metadata.row_group(i).num_rows for i in range(self._file.num_row_groups)
        ]
        self._starts = np.concatenate([[0], np.cumsum(groups, dtype=np.int64)])
        self._lock = Lock()
        self._row_group = lru_cache(_ROW_GROUPS_KEPT)(self._read_row_group)

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

    def _read_row_group(self, group: int) -> Any:
        import pyarrow as pa

        try:
            return self._file.read_row_group(group, [self.image_column])[self.image_column]
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"Row group {group} of {self.path} is damaged: {error}.") from error


def holds_images(path: Path) -> bool:
    """Whether a file is Parquet with a column of encoded images."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return any(_can_be_image(field) for field in pq.read_schema(path))
    except (OSError, pa.ArrowException):
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
    except (KeyError, TypeError, ValueError):
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
    return _chosen(path, "image", section.image_column, fitting, named, ("image", "img"))


def _label_column(
    path: Path, schema: Any, features: dict[str, Any], section: DatasetSection
) -> str:
    import pyarrow.types as kinds

    def can_be(field: Any) -> bool:
        kind = field.type.value_type if kinds.is_dictionary(field.type) else field.type
        return any(is_(kind) for is_ in (kinds.is_integer, kinds.is_string, kinds.is_large_string))

    fitting = [field.name for field in schema if can_be(field)]
    named = [n for n in fitting if _is_feature(features.get(n), "ClassLabel")] or fitting
    return _chosen(path, "label", section.label_column, fitting, named, ("label", "labels"))


def _is_feature(feature: Any, kind: str) -> bool:
    return isinstance(feature, dict) and feature.get("_type") == kind


def _chosen(
    path: Path,
    kind: str,
    wanted: str | None,
    fitting: list[str],
    likely: list[str],
    usual: tuple[str, ...],
) -> str:
    if wanted is not None:
        if wanted in fitting:
            return wanted
        problem = f"has no {kind} column {wanted!r}"
    else:
        likely = [name for name in usual if name in likely][:1] or likely
        if len(likely) == 1:
            return likely[0]
        problem = f"has no column that is clearly the {kind}"
    raise DataError(
        f"{path} {problem}; columns that could be: {', '.join(fitting) or 'none'}. Name one as "
        f"{kind}_column in the study."
    )
