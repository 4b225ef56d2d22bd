"""`workbench.toml` at the project's root: the project's settings, and what its functions inherit.

Invariant: a broken file never keeps the project from being read; what is wrong in it is a problem,
and the default stands in its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.config.complaints import Complaints, quoted, unknown
from workbench.config.keys import Choice, Flag, Keys, Number, Text, TextList, Whole, read_keys
from workbench.config.layers import StatedLayer
from workbench.config.manifest import KEEP_ALIVE, MOST_CONCURRENCY, SHARED_KEYS, Inherited
from workbench.config.patterns import good_patterns
from workbench.config.toml_file import Document, empty, read_toml
from workbench.config.variables import NOTHING, env_layer, toml_layer
from workbench.errors import InvalidParameter
from workbench.expression import expression
from workbench.model.function import Problem
from workbench.model.names import RuntimeName
from workbench.model.runtime import Runtime
from workbench.model.settings import (
    EngineKind,
    Limits,
    Retention,
    Settings,
    StemSettings,
    Timeouts,
)
from workbench.values import dataclass

SETTINGS = "workbench.toml"

_ENVIRONMENT_NAME = expression(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}")
_ENVIRONMENT_ALLOWED = "1 to 64 letters, digits, - and _"
_SECONDS = " seconds"

SETTINGS_KEYS: Mapping[str, Keys] = {
    "project": {
        "environment_name": Text(allowed=_ENVIRONMENT_ALLOWED, pattern=_ENVIRONMENT_NAME),
        "ignore": TextList(allowed="an array of patterns as in .gitignore"),
    },
    "account": {
        "id": Text(allowed="12 digits in quotes", pattern=expression(r"\d{12}", re.ASCII)),
        "region": Text(
            allowed="a region, such as eu-central-1",
            pattern=expression(r"[a-z]{2}(-[a-z]+)+-\d{1,2}", re.ASCII),
        ),
        "concurrency": Whole(minimum=1, maximum=MOST_CONCURRENCY),
    },
    "engine": {
        "kind": Choice(words=tuple(EngineKind)),
        "keep_alive_s": KEEP_ALIVE,
        "freeze": Flag(),
        "freeze_after_s": Number(minimum=0, maximum=86_400, unit=_SECONDS),
        "memory_limits": Flag(),
        "parallel_starts": Whole(minimum=1, maximum=64),
        "memory_budget_mb": Whole(minimum=128, maximum=100_000_000),
    },
    "stem_cells": {
        "minimum": Whole(minimum=0, maximum=64),
        "maximum": Whole(minimum=0, maximum=64),
        "time_to_live_s": Number(minimum=0, maximum=86_400, unit=_SECONDS),
        "budget_mb": Whole(minimum=0, maximum=1_000_000),
    },
    "limits": {
        "request_bytes": Whole(minimum=1024, maximum=64 * 1024 * 1024),
        "response_bytes": Whole(minimum=1024, maximum=64 * 1024 * 1024),
        "invocation_log_bytes": Whole(minimum=4096, maximum=1024 * 1024 * 1024),
    },
    "timeouts": {
        "pull_s": Number(minimum=1, maximum=86_400, unit=_SECONDS),
        "build_s": Number(minimum=1, maximum=86_400, unit=_SECONDS),
        "create_s": Number(minimum=1, maximum=3600, unit=_SECONDS),
        "init_s": Number(minimum=0.1, maximum=900, unit=_SECONDS),
        "drain_s": Number(minimum=0, maximum=900, unit=_SECONDS),
    },
    "history": {
        "max_age_days": Number(minimum=0, maximum=36_500),
        "max_mb": Whole(minimum=1, maximum=1_000_000),
    },
    "reload": {
        "debounce_s": Number(minimum=0, maximum=10, unit=_SECONDS),
        "debounce_limit_s": Number(minimum=0.1, maximum=60, unit=_SECONDS),
    },
    "defaults": {key: kind for key, kind in SHARED_KEYS.items() if key != "ignore"},
}
"""Every table of workbench.toml and its keys."""

_BELONGS_IN = {
    key: f"[{table}]"
    for table, keys in reversed(tuple(SETTINGS_KEYS.items()))  # of a key in two, the first is told
    for key in keys
    if key != "ignore"
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What the command line says, over every file. `None`: it says nothing."""

    engine: EngineKind | None = None
    environment_name: str | None = None

    def __post_init__(self) -> None:
        name = self.environment_name
        if name is not None and not _ENVIRONMENT_NAME.fullmatch(name):
            raise InvalidParameter(
                f"{quoted(name)} cannot be an environment's name: use {_ENVIRONMENT_ALLOWED}.",
                parameter="environment",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsFile:
    """What workbench.toml and the project's NAME.env come to."""

    settings: Settings
    inherited: Inherited
    problems: tuple[Problem, ...]
    limit_line: int | None
    """Where the account's limit on concurrency is stated; `None`: nowhere."""


def read_settings(
    root: Path, *, runtimes: Mapping[RuntimeName, Runtime], overrides: Overrides | None = None
) -> SettingsFile:
    """The settings of the project at `root`; neither file needs to be there."""
    path = root / SETTINGS
    try:
        document = read_toml(path)
    except FileNotFoundError:
        document = empty(path)
    complaints = Complaints(path)
    complaints.take(document.problems)
    tables = _tables(document, complaints)
    settings = _settings(document, tables, complaints, overrides or Overrides())
    inherited = _inherited(root, document, tables, settings, runtimes, complaints)
    return SettingsFile(
        settings=settings,
        inherited=inherited,
        problems=complaints.result(),
        limit_line=document.line(("account", "concurrency"))
        if "concurrency" in tables["account"]
        else None,
    )


def _tables(document: Document, complaints: Complaints) -> dict[str, dict[str, Any]]:
    """The allowed values of every table."""
    found: dict[str, dict[str, Any]] = {table: {} for table in SETTINGS_KEYS}
    for name, value in document.values.items():
        line = document.line((name,))
        if name not in SETTINGS_KEYS:
            complaints.error(_stray(name), line=line)
        elif not isinstance(value, dict):
            complaints.error(f"{name} must be a table: write [{name}].", line=line)
        else:
            found[name] = read_keys(
                document, SETTINGS_KEYS[name], complaints, table=(name,), elsewhere=_BELONGS_IN
            )
    return found


def _stray(name: str) -> str:
    if name == "environment":
        return "Variables for every function belong in [defaults.environment]."
    if name in _BELONGS_IN:
        return f"{quoted(name)} belongs in {_BELONGS_IN[name]}."
    return unknown("table", name, SETTINGS_KEYS)


def _settings(
    document: Document,
    tables: dict[str, dict[str, Any]],
    complaints: Complaints,
    overrides: Overrides,
) -> Settings:
    project, engine, account = tables["project"], tables["engine"], tables["account"]
    patterns = good_patterns(document, project.get("ignore", []), ("project", "ignore"), complaints)
    base = Settings()
    return Settings(
        engine=overrides.engine or EngineKind(engine.get("kind", base.engine)),
        region=account.get("region", base.region),
        account=account.get("id", base.account),
        keep_alive_s=engine.get("keep_alive_s", base.keep_alive_s),
        freeze=engine.get("freeze", base.freeze),
        freeze_after_s=engine.get("freeze_after_s", base.freeze_after_s),
        memory_limits=engine.get("memory_limits", base.memory_limits),
        ignored_paths=patterns,
        environment_name=overrides.environment_name
        or project.get("environment_name", base.environment_name),
        timeouts=Timeouts(**tables["timeouts"], **tables["reload"]),
        limits=Limits(
            **tables["limits"],
            **_limits(account, engine),
            concurrency_stated="concurrency" in account,
        ),
        retention=_retention(tables["history"]),
        stem=_stem(tables["stem_cells"]),
    )


def _limits(account: dict[str, Any], engine: dict[str, Any]) -> dict[str, int]:
    given = {
        "concurrency": account.get("concurrency"),
        "parallel_starts": engine.get("parallel_starts"),
        "memory_budget_mb": engine.get("memory_budget_mb"),
    }
    return {key: value for key, value in given.items() if value is not None}


def _stem(stated: dict[str, Any]) -> StemSettings:
    given = dict(stated)
    if "budget_mb" in given:
        given["memory_bytes"] = given.pop("budget_mb") * 1024 * 1024
    return StemSettings(**given)


def _retention(history: dict[str, Any]) -> Retention:
    base = Retention()
    return Retention(
        max_age_days=history.get("max_age_days", base.max_age_days),
        max_bytes=history["max_mb"] * 1024 * 1024 if "max_mb" in history else base.max_bytes,
    )


def _inherited(
    root: Path,
    document: Document,
    tables: dict[str, dict[str, Any]],
    settings: Settings,
    runtimes: Mapping[RuntimeName, Runtime],
    complaints: Complaints,
) -> Inherited:
    defaults = dict(tables["defaults"])
    layers = tuple(
        StatedLayer(text=text, file=root / SETTINGS, line=document.line(("defaults", "layers", at)))
        for at, text in enumerate(defaults.pop("layers", ()))
    )
    below = NOTHING
    if defaults.pop("environment", None) is not None:
        below = toml_layer(
            document, ("defaults", "environment"), label=SETTINGS, complaints=complaints
        )
    named = defaults.get("runtime")
    if named is not None and named not in runtimes:
        del defaults["runtime"]
        line = document.line(("defaults", "runtime"))
        complaints.error(unknown("runtime", named, runtimes), line=line)
    file = f"{settings.environment_name}.env"
    try:
        above = env_layer(root / file, label=file, complaints=complaints)
    except FileNotFoundError:
        above = NOTHING
    return Inherited(
        defaults=defaults,
        layers=layers,
        region=settings.region,
        account=settings.account,
        below=below,
        above=above,
        ignored_paths=settings.ignored_paths,
        environment_name=settings.environment_name,
    )
