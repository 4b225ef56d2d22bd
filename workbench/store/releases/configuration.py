"""A function's configuration as the store keeps it: JSON without variables, and variables as bytes.

Invariant: what was written is read as it was; a field that did not exist then has its default, and
one that is not known here is refused rather than dropped.
"""

from __future__ import annotations

import json
from dataclasses import fields
from functools import lru_cache
from typing import Any

from workbench.errors import StoreError
from workbench.model.function import Architecture, FunctionConfiguration, Variable

_APART = "variables"


def to_json(configuration: FunctionConfiguration) -> str:
    """All but the variables."""
    names = (field.name for field in fields(configuration) if field.name != _APART)
    return json.dumps({name: getattr(configuration, name) for name in names}, sort_keys=True)


@lru_cache(
    maxsize=256
)  # versions of one function are often configured alike; they are listed by hundreds
def from_json(text: str) -> FunctionConfiguration:
    """The inverse, without variables. Raises `StoreError`."""
    try:
        values: dict[str, Any] = json.loads(text)
        _refuse_unknown(values, FunctionConfiguration)
        if "architecture" in values:
            values["architecture"] = Architecture(values["architecture"])
        if "layers" in values:
            values["layers"] = tuple(values["layers"])
        return FunctionConfiguration(**values)
    except (ValueError, TypeError, AttributeError) as error:
        raise StoreError(
            "What is kept of a published version's configuration is damaged."
        ) from error


def variables_to_bytes(variables: tuple[Variable, ...]) -> bytes:
    """To be sealed."""
    names = [field.name for field in fields(Variable)]
    listed = [{name: getattr(variable, name) for name in names} for variable in variables]
    return json.dumps(listed, separators=(",", ":")).encode()


def variables_from_bytes(plain: bytes) -> tuple[Variable, ...]:
    """The inverse. Raises `StoreError`."""
    found = []
    try:
        for values in json.loads(plain):
            _refuse_unknown(values, Variable)
            found.append(Variable(**{**values, "overrides": tuple(values.get("overrides", ()))}))
    except (ValueError, TypeError, AttributeError):
        # not `from` it: that would carry the text
        raise StoreError("What is kept of a published version's variables is damaged.") from None
    return tuple(found)


def _refuse_unknown(values: dict[str, Any], kind: type) -> None:
    unknown = values.keys() - {field.name for field in fields(kind)}
    if unknown:
        raise StoreError(
            f"A newer workbench published this: {', '.join(sorted(unknown))} is not known here. "
            "Update workbench."
        )
