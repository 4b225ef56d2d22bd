"""A function's configuration as a person looks at it: each value with where it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.model.function import Variable
from workbench.model.names import FunctionName
from workbench.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredValue:
    """One value."""

    key: str
    """As in function.toml."""
    value: Any
    """As the configuration has it; `None`: nothing is set."""
    source: str
    """`orders/function.toml:3`, `workbench.toml:7`, `runtime python3.13`, `folder`, `default`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """All of one function's."""

    function: FunctionName
    file: Path
    """Its function.toml, absolute."""
    values: tuple[ConfiguredValue, ...]
    variables: tuple[Variable, ...]
    """Sorted by name; each has its winning layer."""
