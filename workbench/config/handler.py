"""Does a handler setting name something that is there? Found out by reading, never by running.

Invariant: it is an error only when it is certain. A definition that cannot be seen without running
the file (`from x import *`, `module.exports = build()`) is a warning at most.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from workbench.config.complaints import nearest, quoted
from workbench.config.files import read_bytes
from workbench.errors import InvalidManifest
from workbench.expression import expression
from workbench.model.function import Severity
from workbench.model.layer import LayerReference
from workbench.model.runtime import HandlerRule
from workbench.values import dataclass

_WILDCARDS = expression(
    r"import\s*\*|export\s*\*|\bexec\s*\(|\beval\s*\(|\bglobals\s*\(|\b__getattr__\b|\bsetattr\s*\("
    r"|\.\.\.[\w$({[]|\bmodule\.exports\s*=\s*[^\s{=]|\bexports\s*\[|,\s*(?:module\.)?exports\b"
    r"|\bObject\.(?:assign|defineProperty)\s*\("
)
"""Constructs by which a file can define what it does not name."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a handler."""

    message: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to split a handler into a module and a name in it."""

    module: str
    name: str


def check_handler(
    folder: Path,
    handler: str,
    rule: HandlerRule,
    *,
    elsewhere: bool,
    layers: tuple[LayerReference, ...] = (),
) -> Finding | None:
    """What is wrong with `handler`, judged by the runtime's `rule`; `None` when nothing is.

    elsewhere: the function has dependencies, where a module of a package may live. layers: its own.
    """
    named = [pattern for pattern in rule.files if "{module}" in pattern]
    if not named:
        return _check_file(folder, rule, layers)
    if handler.startswith("/") or ".." in PurePosixPath(handler).parts:
        return Finding(f"Handler {quoted(handler)} leaves the function's folder.", Severity.ERROR)
    readings = list(_readings(handler))
    if not readings:
        return Finding(
            f"Bad handler {quoted(handler)}: it must be FILE.NAME, such as {rule.default}.",
            Severity.ERROR,
        )
    found = [
        (path, reading)
        for reading in readings
        for pattern in rule.files
        if (path := folder / pattern.replace("{module}", reading.module)).is_file()
    ]
    if not found:
        return _missing(folder, handler, readings, rule, elsewhere=elsewhere, layers=bool(layers))
    findings = [_check_symbol(path, reading, rule, folder) for path, reading in found]
    if None in findings:
        return None
    return min((f for f in findings if f), key=lambda f: f.severity is Severity.ERROR)


def _readings(handler: str) -> Iterator[_Reading]:
    """Every way to read it: Python splits at the last dot, Node at the first one after the folders;
    and in Python `pkg.mod` is the file `pkg/mod`.
    """
    folders, slash, last = handler.rpartition("/")
    for match in re.finditer(r"\.", last):
        module, name = last[: match.start()], last[match.end() :]
        if not module or not name:
            continue
        for spelt in dict.fromkeys((module, module.replace(".", "/"))):
            yield _Reading(f"{folders}{slash}{spelt}", name)


def _check_file(
    folder: Path, rule: HandlerRule, layers: tuple[LayerReference, ...]
) -> Finding | None:
    """A rule that names fixed files: one of them must be there, or in a layer."""
    for name in rule.files:
        path = folder / name
        if path.is_file():
            if rule.executable and not path.stat().st_mode & 0o111:
                return Finding(f"{name} is not executable: run `chmod +x {name}`.", Severity.ERROR)
            return None
    if any(_may_hold(layer, rule) for layer in layers):
        return None
    what = "an executable file" if rule.executable else "a file"
    where = "here, nor in its layers" if layers else "here"
    return Finding(
        f"There is no {' or '.join(rule.files)} {where}: this runtime needs {what} of that name.",
        Severity.WARNING if layers else Severity.ERROR,
    )


def _may_hold(layer: LayerReference, rule: HandlerRule) -> bool:
    """One of the rule's files is in the layer, as far as can be told without unpacking it."""
    if layer.path is None or not layer.path.is_dir():
        return True
    return any((layer.path / name).is_file() for name in rule.files)


def _missing(
    folder: Path,
    handler: str,
    readings: list[_Reading],
    rule: HandlerRule,
    *,
    elsewhere: bool,
    layers: bool,
) -> Finding:
    wanted = dict.fromkeys(
        pattern.replace("{module}", reading.module)
        for reading in reversed(readings)
        for pattern in rule.files
    )
    text = f"Handler {quoted(handler)} needs {_one_of(list(wanted))}, which is not there"
    if layers or (elsewhere and any("/" in reading.module for reading in readings)):
        return Finding(f"{text}; it can still come from a dependency or a layer.", Severity.WARNING)
    near = _near_file(folder, list(wanted))
    return Finding(f"{text}{'.' if near is None else f'; did you mean {near}?'}", Severity.ERROR)


def _one_of(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1][:5])} or {names[-1]}"


def _near_file(folder: Path, wanted: list[str]) -> str | None:
    """A file beside the first one wanted, of its kind and with a name like it."""
    first = folder / wanted[0]
    try:
        beside = [
            path.relative_to(folder).as_posix()
            for path in first.parent.iterdir()
            if path.suffix == first.suffix and path.is_file()
        ]
    except OSError:
        return None
    return beside[0] if len(beside) == 1 else nearest(wanted[0], beside)


def _check_symbol(path: Path, reading: _Reading, rule: HandlerRule, folder: Path) -> Finding | None:
    if rule.symbol is None:
        return None
    try:
        text = read_bytes(path, limit=4 * 1024 * 1024).decode("utf-8", "replace")
    except (FileNotFoundError, InvalidManifest):
        return None  # gone meanwhile, or a bundle too large to look through: running it will tell
    name = reading.name.partition(".")[0]
    symbol = re.compile(rule.symbol.replace("{name}", re.escape(name)), re.MULTILINE)
    if symbol.search(text):
        return None
    where = path.relative_to(folder).as_posix()
    mentioned = re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", text)
    if mentioned or _WILDCARDS.search(text):
        return Finding(
            f"{where} may define {quoted(name)}, but not where it can be seen without running it.",
            Severity.WARNING,
        )
    return Finding(f"{where} does not define {quoted(name)}.", Severity.ERROR)
