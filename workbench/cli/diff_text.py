"""What two versions differ in, as text and as JSON. Pure.

Files and variables hold whatever their authors put there. On a terminal nothing of it but letters is
shown; elsewhere it is as it is, but for paths, which are quoted where they could pass for something else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from workbench.cli.render import size
from workbench.model.difference import (
    ChangeType,
    Difference,
    FileChange,
    FileFacts,
    LayerChange,
    LayerState,
    VariableChange,
)
from workbench.model.terminal_text import plain
from workbench.values import dataclass

_SGR = {"+": "32", "-": "31", "@": "36"}
_MARKS = {ChangeType.ADDED: "+", ChangeType.REMOVED: "-", ChangeType.CHANGED: "~"}
HIDDEN = "••••••••"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Where the text goes."""

    terminal: bool
    styled: bool

    def foreign(self, text: str) -> str:
        """Text that is not ours, in one line."""
        return plain(text.replace("\r", "␍")).replace("\n", "␊") if self.terminal else text

    def painted(self, text: str, sgr: str) -> str:
        """In a colour, where there are some."""
        return f"\x1b[{sgr}m{text}\x1b[0m" if self.styled and sgr else text


def as_lines(found: Difference, look: Look) -> Iterator[str]:
    """Lines without line ends; none for no difference."""
    if found.equal:
        return
    yield look.painted(f"{found.function}: {found.a} -> {found.b}", "1")
    parts = {
        "code": _files(found.code, look),
        "dependencies": _files(found.dependencies, look),
        "configuration": _fields(found, look),
        "variables": _variables(found, look),
        "layers": _layers(found, look),
        "image": _image(found),
    }
    for title, lines in parts.items():
        for number, line in enumerate(lines):
            if number == 0:
                yield ""
                yield look.painted(f"{title}:", "1")
            yield line


def as_value(found: Difference) -> dict[str, Any]:
    """What `diff --json` prints."""
    return {
        "function": found.function,
        "a": found.a,
        "b": found.b,
        "equal": found.equal,
        "code": [_file_value(file) for file in found.code],
        "configuration": [
            {"field": change.field, "a": change.a, "b": change.b} for change in found.configuration
        ],
        "variables": [
            {
                "name": change.name,
                "change": change.type,
                "secret": change.secret,
                "a": change.a,
                "b": change.b,
            }
            for change in found.variables
        ],
        "layers": [
            {
                "position": change.position,
                "change": change.type,
                "a": _layer_value(change.a),
                "b": _layer_value(change.b),
            }
            for change in found.layers
        ],
        "dependencies": [_file_value(file) for file in found.dependencies],
        "image": None if found.image is None else {"a": found.image[0], "b": found.image[1]},
    }


def shown_path(path: str) -> str:
    """A path in one line, in quotes where it has more than letters in it. Source: git, core.quotePath."""
    return path if path.isprintable() and '"' not in path else json.dumps(path)


# --- inside -------------------------------------------------------------------------------------------


def _files(files: tuple[FileChange, ...], look: Look) -> Iterator[str]:
    for file in files:
        yield from _file(file, look)


def _fields(found: Difference, look: Look) -> Iterator[str]:
    for change in found.configuration:
        yield look.foreign(f"~ {change.field}: {_value(change.a)} -> {_value(change.b)}")


def _variables(found: Difference, look: Look) -> Iterator[str]:
    for change in found.variables:
        yield look.painted(look.foreign(_variable(change)), _colour(change.type))


def _layers(found: Difference, look: Look) -> Iterator[str]:
    for change in found.layers:
        yield look.painted(look.foreign(_layer(change)), _colour(change.type))


def _image(found: Difference) -> Iterator[str]:
    if found.image is not None:
        yield f"~ {found.image[0][:12]} -> {found.image[1][:12]}"


def _colour(kind: ChangeType) -> str:
    return _SGR.get(_MARKS[kind], "")


def _file(file: FileChange, look: Look) -> Iterator[str]:
    told = f"{_MARKS[file.type]} {shown_path(file.path)}{_facts(file)}"
    yield look.painted(look.foreign(told), _colour(file.type) or "33")
    for line in file.diff or ():
        yield look.painted(f"  {look.foreign(line)}", _SGR.get(line[:1], ""))


def _facts(file: FileChange) -> str:
    """In brackets, what no diff says."""
    found = []
    if file.a is not None and file.b is not None:
        if file.a.executable != file.b.executable:
            found.append(f"mode {_mode(file.a)} -> {_mode(file.b)}")
        if file.no_diff:
            sizes = f"{size(file.a.size_bytes)} -> {size(file.b.size_bytes)}"
            found += (file.no_diff, sizes)
    else:
        here = file.a or file.b
        if here is not None and here.executable:
            found.append(f"mode {_mode(here)}")
        if here is not None and file.no_diff:
            found += (file.no_diff, size(here.size_bytes))
    return f" ({', '.join(found)})" if found else ""


def _mode(facts: FileFacts) -> str:
    return "755" if facts.executable else "644"


def _variable(change: VariableChange) -> str:
    told = f"{_MARKS[change.type]} {change.name}"
    if change.secret:
        return f"{told}: {HIDDEN} ({change.type})"
    if change.type is ChangeType.CHANGED:
        return f"{told}: {_value(change.a)} -> {_value(change.b)}"
    return f"{told}: {_value(change.b if change.a is None else change.a)}"


def _layer(change: LayerChange) -> str:
    told = f"{_MARKS[change.type]} {change.position}: "
    if change.type is ChangeType.CHANGED:
        return f"{told}{_layer_text(change.a)} -> {_layer_text(change.b)}"
    return told + _layer_text(change.b if change.a is None else change.a)


def _layer_text(layer: LayerState | None) -> str:
    if layer is None:
        return "-"
    return f"{shown_path(layer.stated)} ({layer.digest[:12]})"


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _layer_value(layer: LayerState | None) -> dict[str, Any] | None:
    return None if layer is None else {"stated": layer.stated, "digest": layer.digest}


def _file_value(file: FileChange) -> dict[str, Any]:
    return {
        "path": file.path,
        "change": file.type,
        "a": _facts_value(file.a),
        "b": _facts_value(file.b),
        "diff": None if file.diff is None else list(file.diff),
        "no_diff": file.no_diff or None,
    }


def _facts_value(facts: FileFacts | None) -> dict[str, Any] | None:
    if facts is None:
        return None
    return {"size_bytes": facts.size_bytes, "mode": _mode(facts)}
