"""Edits a function.toml in place: comments, order and layout of everything else stay.

Values are given as text and read as the key has them. Whether the function is still sound with them is
for who reads the edited text to say.

Invariant: an edited text says exactly what the old one said, but for what was asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli

from workbench.config.complaints import unknown
from workbench.config.files import decode
from workbench.config.keys import Choice, Keys, Table, Text
from workbench.config.manifest import MANIFEST_KEYS
from workbench.config.toml_file import parse_toml
from workbench.config.toml_lines import locate
from workbench.errors import InvalidManifest, InvalidParameter

ENVIRONMENT = "environment"
"""The one table: `environment.NAME` is a variable."""

Setting = tuple[str, ...]
"""`("memory_mb",)`, or `("environment", "TABLE")`."""

_BOM = b"\xef\xbb\xbf"
_KEYS: Keys = {key: kind for key, kind in MANIFEST_KEYS.items() if not isinstance(kind, Table)}
_NOT_OURS = (
    "This file is laid out so that an edit of {what} cannot keep the rest of it as it is. Edit it by "
    "hand."
)


def setting(key: str) -> Setting:
    """What a person means by a key. Raises `InvalidParameter` for one that function.toml has not."""
    table, dot, name = key.partition(".")
    if dot and table == ENVIRONMENT and name:
        return (ENVIRONMENT, _text(name, key))
    if key == ENVIRONMENT:
        raise InvalidParameter(
            "environment is a table: name a variable, as in environment.NAME.", parameter=key
        )
    if key not in _KEYS:
        known = [*_KEYS, f"{ENVIRONMENT}.NAME"]
        raise InvalidParameter(unknown("key", key, known), parameter=key)
    return (key,)


def value_of(key: str, text: str) -> Any:
    """`text` as that key has it: text as it stands, everything else as TOML writes it.

    Raises `InvalidParameter`, as the reader of the file would complain.
    """
    where = setting(key)
    if len(where) > 1:
        return _text(text, key)
    kind = _KEYS[key]
    value: Any = _text(text, key)
    if not isinstance(kind, Text | Choice):
        value = _toml_value(text)
    wrong = kind.complaint(value)
    if wrong is not None:
        raise InvalidParameter(f"{key} {wrong}", parameter=key)
    return value


def edited(
    path: Path, content: bytes, *, values: Mapping[str, str], unset: Sequence[str] = ()
) -> bytes:
    """`content`, which stands in `path`, with some keys set and others gone.

    Raises `InvalidParameter` for what is not allowed or not there to be unset, and `InvalidManifest`
    where the file is no TOML.
    """
    document = parse_toml(path, content)
    if not document.usable:
        first = document.problems[0]
        raise InvalidManifest(first.message, path=path, line=first.line)
    wanted = {setting(key): value_of(key, text) for key, text in values.items()}
    gone = [setting(key) for key in unset]
    for where in gone:
        if where in wanted:
            raise InvalidParameter(
                f"{dotted(where)} is to be set, and to be unset.", parameter=dotted(where)
            )
    before, _ = decode(content, path)
    text = before
    for where, value in wanted.items():
        text = _set(path, text, where, value)
    for where in dict.fromkeys(gone):
        text = _unset(path, text, where)
    if text == before:
        return content
    made = text.encode("utf-8")
    if b"\r\n" in content and content.count(b"\n") == content.count(b"\r\n"):
        made = made.replace(b"\n", b"\r\n")
    return (_BOM if content.startswith(_BOM) else b"") + made


def dotted(where: Setting) -> str:
    """As a person writes it."""
    return ".".join(where)


def _text(text: str, key: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidParameter(f"{key} must be UTF-8.", parameter=key) from None
    return text


def _toml_value(text: str) -> Any:
    """What TOML reads; text that is no value of its is the text itself."""
    try:
        found = tomli.loads(f"value = {text}")
    except (tomli.TOMLDecodeError, RecursionError, ValueError):
        return text
    return found["value"] if len(found) == 1 else text


# --- one edit ------------------------------------------------------------------------------------------


def _set(path: Path, text: str, where: Setting, value: Any) -> str:
    old = tomli.loads(text)
    new_table = where[0] not in old
    table, name = _table(path, old, where), where[-1]
    if table.get(name) == value and type(table.get(name)) is type(value):
        return text
    if len(where) > 1 and new_table:
        made = _with_table(text, where, value)
    else:
        made = _changed(path, text, where, value)
        if len(where) == 1 and name not in old:
            made = _placed(text, made, where, value)
    table[name] = value
    return _checked(path, made, old, where)


def _unset(path: Path, text: str, where: Setting) -> str:
    old = tomli.loads(text)
    table, name = _table(path, old, where), where[-1]
    if name not in table:
        raise InvalidParameter(
            f"{dotted(where)} is not set in {path}: there is nothing to unset.",
            parameter=dotted(where),
        )
    made = _changed(path, text, where, None)
    del table[name]
    return _checked(path, made, old, where)


def _table(path: Path, values: dict[str, Any], where: Setting) -> dict[str, Any]:
    """Where the last part of a setting stands. An empty one is made in `values`, as setting does."""
    if len(where) == 1:
        return values
    table = values.setdefault(where[0], {})
    if (wrong := MANIFEST_KEYS[where[0]].complaint(table)) is not None:
        raise InvalidManifest(f"{where[0]} {wrong}", path=path)
    found: dict[str, Any] = table
    return found


def _changed(path: Path, text: str, where: Setting, value: Any) -> str:
    """As tomlkit changes it; `None`: the key goes."""
    import tomlkit  # 0.1 s that only an edit waits for
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
        table: Any = document if len(where) == 1 else document[where[0]]
        if value is None:
            del table[where[-1]]
        else:
            table[where[-1]] = value
        return tomlkit.dumps(document)
    except (TOMLKitError, RecursionError) as error:
        raise _refused(path, where) from error


def _statement(name: str, value: Any) -> str:
    import tomlkit

    return tomlkit.dumps({name: value}).rstrip("\n") + "\n"


def _with_table(text: str, where: Setting, value: Any) -> str:
    """A table of its own, at the end."""
    apart = ("" if text.endswith("\n") else "\n") + "\n" if text else ""
    return f"{text}{apart}[{where[0]}]\n{_statement(where[1], value)}"


def _placed(text: str, made: str, where: Setting, value: Any) -> str:
    """A new key below the last one of its table. tomlkit has it right above the next table, between
    that and the comments that belong to it.
    """
    at_line = locate(made)[where]
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1].removesuffix("\n")
    at = min(at_line - 1, len(lines))
    while at > 0 and (not (left := lines[at - 1].strip()) or left.startswith("#")):
        at -= 1
    if at == 0 or not lines[at - 1].endswith("\n"):
        return made
    placed = "".join((*lines[:at], _statement(where[0], value), *lines[at:]))
    try:
        good = _same(tomli.loads(placed), tomli.loads(made))
    except tomli.TOMLDecodeError:
        good = False
    return placed if good else made  # what looked like a comment was in a text of several lines


def _checked(path: Path, made: str, expected: dict[str, Any], where: Setting) -> str:
    try:
        found = tomli.loads(made)
    except (tomli.TOMLDecodeError, RecursionError, ValueError) as error:
        raise _refused(path, where) from error
    if not _same(found, expected):
        raise _refused(path, where)
    return made


def _same(found: dict[str, Any], expected: dict[str, Any]) -> bool:
    """Whether the table is there without anything in it makes no difference."""
    return _without_empty(found) == _without_empty(expected)


def _without_empty(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != ENVIRONMENT or value != {}}


def _refused(path: Path, where: Setting) -> InvalidManifest:
    return InvalidManifest(_NOT_OURS.format(what=dotted(where)), path=path)
