"""The published JSON Schemas, and a copy of each that takes no key besides those that it names."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

DIRECTORY = Path(__file__).parents[1] / "docs" / "schema"
NAMES = ("run", "compare", "overhead", "doctor", "list", "patches", "build")


def schema(name: str) -> dict[str, Any]:
    """Give a schema as it is published."""
    found: dict[str, Any] = json.loads((DIRECTORY / f"{name}.schema.json").read_text())
    return found


def strict(name: str) -> dict[str, Any]:
    """Give a schema in which an object has the keys that are listed, and no other."""
    found = schema(name)
    _close(found)
    return found


def troubles(document: object, name: str) -> list[str]:
    """Say what of a document is not as its schema has it, each key that is not listed included."""
    errors = Draft202012Validator(strict(name)).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in errors]


def _close(part: Any) -> None:
    if isinstance(part, dict):
        if part.get("type") == "object" and "properties" in part:
            part.setdefault("additionalProperties", False)
        for inner in part.values():
            _close(inner)
    if isinstance(part, list):
        for inner in part:
            _close(inner)
