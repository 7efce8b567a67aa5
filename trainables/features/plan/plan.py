"""The feature plan: which activations a search stores, and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spaces.hyperparameters import Hyperparameters


@dataclass(frozen=True)
class Prefix:
    """The hyperparameters that the activations of a frozen network depend on."""

    backbone: str
    weights: str
    preprocessing: str
    truncation_layer: str | None
    image_size: int
    resize: str = "squash"

    @classmethod
    def of(cls, point: Hyperparameters) -> Prefix:
        """The prefix of a configuration."""
        return cls(**{name: getattr(point, name) for name in PREFIX_NAMES})


PREFIX_NAMES = tuple(field.name for field in dataclasses.fields(Prefix))


@dataclass(frozen=True)
class Row:
    """The decision about one cut.

    Attributes:
        prefix: The networks that have it.
        boundary: Name of the cut.
        depths: What is thawed where this is the highest cut, in words.
        shape: Shape of one image's activations.
        bytes: Bytes for all images; None if their number is unknown.
        make_seconds: Core seconds to compute and write it.
        saved_seconds: Core seconds that it saves over all trials.
        kept: Whether it is stored.
        reason: Why, or why not.
        point: A configuration whose network has this cut.
    """

    prefix: Prefix
    boundary: str
    depths: tuple[str, ...]
    shape: tuple[int, ...]
    bytes: int | None
    make_seconds: float | None
    saved_seconds: float | None
    kept: bool
    reason: str
    point: Hyperparameters

    def to_dict(self) -> dict[str, Any]:
        """Plain values, those of the prefix among them."""
        values = dataclasses.asdict(self)
        return values.pop("prefix") | values | {"point": self.point.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Row:
        """Read what `to_dict` wrote."""
        prefix = Prefix(**{name: values[name] for name in PREFIX_NAMES if name in values})
        own = {name: value for name, value in values.items() if name not in PREFIX_NAMES}
        own |= {name: tuple(own[name]) for name in ("depths", "shape")}
        own["point"] = Hyperparameters.from_dict(own["point"])
        return cls(prefix, **own)


@dataclass(frozen=True)
class Plan:
    """All decisions for a study.

    Attributes:
        rows: The cuts that are kept, and the highest cut of each group of trials.
        images: Number of training and validation images; None if the data are not here.
        notes: Which trials run live whatever is kept, in sentences.
    """

    rows: tuple[Row, ...]
    images: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def kept(self) -> tuple[Row, ...]:
        """The cuts to store."""
        return tuple(row for row in self.rows if row.kept)

    def kept_for(self, point: Hyperparameters) -> tuple[str, ...]:
        """Names of the cuts that are stored for a configuration's network."""
        prefix = Prefix.of(point)
        return tuple(row.boundary for row in self.kept if row.prefix == prefix)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        rows = [row.to_dict() for row in self.rows]
        return {"rows": rows, "images": self.images, "notes": list(self.notes)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Plan:
        """Read what `to_dict` wrote."""
        rows = tuple(Row.from_dict(row) for row in values["rows"])
        return cls(rows, values["images"], tuple(values["notes"]))
