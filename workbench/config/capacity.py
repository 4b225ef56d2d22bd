"""Whether what the project's files allow fits into the machine's memory; warned of where they say it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from workbench.config.machine import memory_mb
from workbench.model.function import Function
from workbench.model.settings import Settings
from workbench.model.starts import default_budget_mb


def budget_mb(settings: Settings) -> int:
    """What all containers may use together, on this machine."""
    stated = settings.limits.memory_budget_mb
    return default_budget_mb(memory_mb()) if stated is None else stated


def room(functions: Iterable[Function], budget: int) -> int | None:
    """How many containers of the smallest function run at a time; `None` without any function."""
    least = _least_mb(functions)
    # One that is larger than all there is runs all the same, beside no other.
    return None if least is None else max(1, budget // least)


def too_many(limit: int, functions: Sequence[Function], budget: int) -> str | None:
    """What to say of an account's limit that the memory is too small for, if it is."""
    least, fit = _least_mb(functions), room(functions, budget)
    if least is None or fit is None or limit <= fit:
        return None
    return (
        f"{limit:,} invocations at a time would need {limit * least:,} MB even of the smallest "
        f"function. Containers may use {budget:,} MB (memory_budget_mb in [engine]), which is "
        f"room for {fit:,} of them; the others wait for memory."
    )


def _least_mb(functions: Iterable[Function]) -> int | None:
    return min(
        (each.configuration.memory_mb for each in functions if each.configuration is not None),
        default=None,
    )


def too_large(function: Function, budget: int) -> str | None:
    """What to say of a function that is alone too large for the memory, if it is."""
    configuration = function.configuration
    if configuration is None or configuration.memory_mb <= budget:
        return None
    return (
        f"It may use {configuration.memory_mb:,} MB, and all containers together {budget:,} MB "
        "(memory_budget_mb in [engine] of workbench.toml): it runs one at a time, beside no other."
    )
