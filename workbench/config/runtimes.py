"""`runtimes/<name>/runtime.toml`: the runtimes there are, as data.

Strict where function.toml is patient: a runtime is part of the installation, and a mistake in one
would show as a fault of every function that uses it. docs/runtimes.md explains each key.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from workbench.config.complaints import Complaints, quoted
from workbench.config.keys import Flag, Keys, Table, Text, TextList, read_keys
from workbench.config.toml_file import Document, read_toml
from workbench.errors import InvalidManifest
from workbench.expression import expression
from workbench.model.function import Severity
from workbench.model.names import RuntimeName
from workbench.model.runtime import (
    DependencyRule,
    HandlerRule,
    PreloadRule,
    ProcessRule,
    Runtime,
)

MANIFEST = "runtime.toml"

_NAME = expression(r"[a-z][a-z0-9]*(?:[._-][a-z0-9]+)*")
_NAME_OF_A_FOLDER = Text(
    allowed="the name of a folder beside this one", pattern=expression(r"[\w.-]+")
)

_RUNTIME_KEYS: Keys = {
    "language": Text(allowed="the name of a language"),
    "summary": Text(allowed="one line of text", pattern=expression(r"[^\n]{1,120}")),
    "base": Text(allowed="the name of a Debian suite", pattern=expression(r"[a-z]+")),
    "context": TextList(allowed="an array of folders beside this one"),
    "command": TextList(allowed="an array of words: a program and its arguments"),
    "log_frames": Flag(),
    "execution_env": Text(allowed="the value of AWS_EXECUTION_ENV"),
    "variables": Table(allowed="a table of variables"),
    "handler": Table(),
    "dependencies": Table(),
    "process": Table(),
    "preload": Table(),
}
_HANDLER_KEYS: Keys = {
    "default": Text(allowed="a handler"),
    "files": TextList(allowed="an array of paths"),
    "symbol": Text(allowed="a regular expression with {name} in it"),
    "executable": Flag(),
}
_DEPENDENCY_KEYS: Keys = {
    "files": TextList(allowed="an array of file names"),
    "required": TextList(allowed="an array of file names"),
    "states": Text(allowed="a regular expression"),
    "install": TextList(allowed="an array of words: a program and its arguments"),
    "mount": Text(allowed="an absolute path", pattern=expression(r"/[\w./-]+")),
}
_PROCESS_KEYS: Keys = {
    "interpreters": TextList(allowed="an array of program names"),
    "version_argv": TextList(allowed="an array of arguments"),
    "version_prefix": Text(),
    "command": TextList(allowed="an array of words: a program and its arguments"),
    "install": TextList(allowed="an array of words: a program and its arguments"),
}
_PRELOAD_KEYS: Keys = {
    "boot_variables": TextList(allowed="an array of names, which may end with *"),
}


def runtimes_folder() -> Path:
    """Where the runtimes are: inside the installed package, else at the top of the repository."""
    package = Path(__file__).resolve().parent.parent
    packaged = package / "_runtimes"
    return packaged if packaged.is_dir() else package.parent / "runtimes"


def load_runtimes(folder: Path) -> dict[RuntimeName, Runtime]:
    """Every runtime in `folder`, by name. Folders that begin with `_` are shared by several.

    Raises `InvalidManifest` with file and line for the first thing that is wrong.
    """
    try:
        entries = sorted(entry for entry in folder.iterdir() if entry.is_dir())
    except OSError as error:
        raise InvalidManifest(
            f"The runtimes cannot be read: {error.strerror}. Install workbench again.", path=folder
        ) from error
    found = [_load(entry) for entry in entries if not entry.name.startswith(("_", "."))]
    if not found:
        raise InvalidManifest("There is no runtime here. Install workbench again.", path=folder)
    return {runtime.name: runtime for runtime in found}


def _load(folder: Path) -> Runtime:
    path = folder / MANIFEST
    if not _NAME.fullmatch(folder.name):
        raise InvalidManifest(
            f"{quoted(folder.name)} cannot be a runtime's name: use lower-case letters, digits and "
            "dots, as Lambda's identifiers do.",
            path=folder,
        )
    try:
        document = read_toml(path)
    except FileNotFoundError as error:
        raise InvalidManifest(f"The runtime has no {MANIFEST}.", path=path) from error
    return _Reader(document, folder).read()


class _Reader:
    """Reads one manifest; raises for the first mistake in the order of the file."""

    def __init__(self, document: Document, folder: Path) -> None:
        self._document = document
        self._folder = folder
        self._complaints = Complaints(document.path)
        self._complaints.take(document.problems)

    def read(self) -> Runtime:
        self._refuse()
        top = read_keys(self._document, _RUNTIME_KEYS, self._complaints)
        tables = {
            name: read_keys(self._document, keys, self._complaints, table=(name,))
            for name, keys in (
                ("handler", _HANDLER_KEYS),
                ("dependencies", _DEPENDENCY_KEYS),
                ("process", _PROCESS_KEYS),
                ("preload", _PRELOAD_KEYS),
            )
            if name in top
        }
        self._refuse()
        self._check_presence(top, tables)
        self._check_files(top, tables)
        self._check_expressions(tables)
        variables = self._variables(top.get("variables", {}))
        self._refuse()
        template = self._folder / "template"
        return Runtime(
            name=RuntimeName(self._folder.name),
            folder=self._folder,
            language=top["language"],
            summary=top["summary"],
            base=top["base"],
            context=tuple(top.get("context", ())),
            command=tuple(top["command"]),
            log_frames=top["log_frames"],
            execution_env=top.get("execution_env"),
            variables=variables,
            handler=_handler(tables["handler"]),
            dependencies=_dependencies(tables.get("dependencies")),
            process=_process(tables.get("process")),
            preload=_preload(tables.get("preload")),
            template=template if template.is_dir() else None,
        )

    # --- what must hold ----------------------------------------------------------------------------

    def _check_presence(self, top: dict[str, Any], tables: dict[str, dict[str, Any]]) -> None:
        needed = {
            (): ("language", "summary", "base", "command", "log_frames", "handler"),
            ("handler",): ("default", "files"),
            ("dependencies",): ("files", "install", "mount"),
            ("process",): ("command",),
            ("preload",): ("boot_variables",),
        }
        for table, keys in needed.items():
            if table and table[0] not in top:
                continue
            there = self._document.values if not table else self._document.values[table[0]]
            for key in keys:
                if key not in there:
                    where = f" in [{table[0]}]" if table else ""
                    self._complaints.error(
                        f"{key}{where} is missing.", line=self._document.line(table)
                    )
        for table, values in (((), top), *(((name,), found) for name, found in tables.items())):
            for key in ("command", "files", "install"):
                if key in values and not values[key]:
                    self._complaints.error(
                        f"{key} must not be empty.", line=self._document.line((*table, key))
                    )

    def _check_files(self, top: dict[str, Any], tables: dict[str, dict[str, Any]]) -> None:
        if not (self._folder / "Dockerfile").is_file():
            self._complaints.error("The runtime has no Dockerfile.", path=self._folder)
        for index, name in enumerate(top.get("context", ())):
            known = _NAME_OF_A_FOLDER.complaint(name) is None
            if not known or not (self._folder.parent / name).is_dir():
                self._complaints.error(
                    f"context names {quoted(name)}: there is no such folder beside this one.",
                    line=self._document.line(("context", index)),
                )
        rule = tables.get("dependencies", {})
        for index, name in enumerate(rule.get("required", ())):
            if name not in rule.get("files", ()):
                self._complaints.error(
                    f"required names {quoted(name)}, which is not one of files.",
                    line=self._document.line(("dependencies", "required", index)),
                )

    def _check_expressions(self, tables: dict[str, dict[str, Any]]) -> None:
        for table, key in (("handler", "symbol"), ("dependencies", "states")):
            expression = tables.get(table, {}).get(key)
            if expression is None:
                continue
            wrong = _expression_complaint(expression, needs_name=key == "symbol")
            if wrong is not None:
                self._complaints.error(
                    f"{table}.{key} {wrong}", line=self._document.line((table, key))
                )

    def _variables(self, table: dict[str, Any]) -> tuple[tuple[str, str], ...]:
        kind = Text()
        for name, value in table.items():
            wrong = kind.complaint(value)
            if wrong is not None:
                line = self._document.line(("variables", name))
                self._complaints.error(f"variables.{name} {wrong}", line=line)
        return tuple(sorted((name, str(value)) for name, value in table.items()))

    def _refuse(self) -> None:
        for problem in self._complaints.result():
            if problem.severity is Severity.ERROR:
                raise InvalidManifest(problem.message, path=problem.path, line=problem.line)


def _expression_complaint(expression: str, *, needs_name: bool) -> str | None:
    if needs_name and "{name}" not in expression:
        return "must have {name} in it, where the name stands that is looked for."
    try:
        re.compile(expression.replace("{name}", "name"), re.MULTILINE)
    except re.error as error:
        return f"is not a regular expression: {error}."
    return None


def _handler(table: dict[str, Any]) -> HandlerRule:
    return HandlerRule(
        default=table["default"],
        files=tuple(table["files"]),
        symbol=table.get("symbol"),
        executable=table.get("executable", False),
    )


def _dependencies(table: dict[str, Any] | None) -> DependencyRule | None:
    if table is None:
        return None
    return DependencyRule(
        files=tuple(table["files"]),
        required=tuple(table.get("required", ())),
        states=table.get("states"),
        install=tuple(table["install"]),
        mount=table["mount"],
    )


def _preload(table: dict[str, Any] | None) -> PreloadRule | None:
    return None if table is None else PreloadRule(boot_variables=tuple(table["boot_variables"]))


def _process(table: dict[str, Any] | None) -> ProcessRule | None:
    if table is None:
        return None
    return ProcessRule(
        interpreters=tuple(table.get("interpreters", ())),
        version_argv=tuple(table.get("version_argv", ())),
        version_prefix=table.get("version_prefix", ""),
        command=tuple(table["command"]),
        install=tuple(table.get("install", ())),
    )
