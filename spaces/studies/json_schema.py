"""JSON Schema of a study file, for editors that complete and check YAML by one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import Study

HEADER = "# yaml-language-server: $schema={path}"
"""The first line of a study by which editors find the schema: the YAML language server's form."""

_PARAMETER = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "low": {"type": "number"},
        "high": {"type": "number"},
        "step": {"type": "integer", "minimum": 1},
        "log": {"type": "boolean"},
        "choices": {"type": "array", "minItems": 1},
        "when": {"type": "object"},
    },
    "oneOf": [{"required": ["low", "high"]}, {"required": ["choices"]}],
}
_RANGE = {"oneOf": [_PARAMETER, {"type": "array", "items": _PARAMETER, "minItems": 1}]}


def study_schema() -> dict[str, Any]:
    """The schema of a whole study, with every hyperparameter in base, space and recipes.

    It knows names, types and choices; what excludes each other only `thawtune validate` knows.
    """
    point = TypeAdapter(Hyperparameters).json_schema()
    values = {"type": "object", "additionalProperties": False, "properties": point["properties"]}
    ranges = dict.fromkeys(point["properties"], _RANGE)
    schema = Study.model_json_schema()
    schema["properties"] |= {
        "base": values,
        "space": {"type": "object", "additionalProperties": False, "properties": ranges},
        "recipes": {"type": "object", "additionalProperties": values},
    }
    schema["required"] = [name for name in schema["required"] if name != "name"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def write_schema(path: Path) -> str:
    """Write the schema to a file, and return the header line that names it."""
    path.write_text(json.dumps(study_schema(), indent=1, ensure_ascii=False) + "\n", "utf-8")
    return HEADER.format(path=path)
