"""A function.toml to be given away: the same text, comments and layout too, without what is secret.

Invariant: of a variable whose name or value looks secret, the value is in the text no more.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tomli

from workbench.config.files import decode
from workbench.config.toml_lines import places
from workbench.config.variables import looks_secret
from workbench.errors import InvalidManifest
from workbench.expression import expression
from workbench.model.names import FunctionName

_ASSIGNMENT = expression(r"[\s#]*[\"']?(?P<name>[A-Za-z0-9_-]+)[\"']?\s*=\s*(?P<value>\S.*)")
_EMPTY = '""'
_SHORTEST = 4
"""Of a secret that is looked for in comments: shorter ones are parts of words."""


def blanked(content: bytes, path: Path) -> tuple[bytes, tuple[str, ...]]:
    """The file without secrets, and the names of the variables that have lost their value, sorted.

    path: of the file, for complaints. Raises `InvalidManifest` for what is no TOML: nobody can say
    what is secret in it.
    """
    text, values = _parsed(content, path)
    spans, comments = places(text)
    changes: dict[tuple[int, int], str] = {}
    lost: set[str] = set()
    secrets: set[str] = set()
    for at, span in spans.items():
        names = [str(part) for part in at[1:] if isinstance(part, str)]
        value = str(_found(values, at))
        if at[0] == "environment" and any(looks_secret(name, value) for name in names) and value:
            changes[span] = _EMPTY
            lost.add(names[0])
            secrets.add(value)
    for span in comments:
        comment = text[slice(*span)]
        told = _comment_blanked(comment, secrets)
        if told != comment:
            changes[span] = told
    return _replaced(text, changes), tuple(sorted(lost))


def renamed(content: bytes, path: Path, name: FunctionName) -> bytes:
    """The file with another name for the function, where it states one. Raises `InvalidManifest`."""
    text, _ = _parsed(content, path)
    spans, _ = places(text)
    span = spans.get(("name",))
    return content if span is None else _replaced(text, {span: json.dumps(name)})


def _parsed(content: bytes, path: Path) -> tuple[str, dict[str, Any]]:
    text, _ = decode(content, path)
    try:
        return text, tomli.loads(text)
    except (tomli.TOMLDecodeError, RecursionError, ValueError) as error:
        raise InvalidManifest(
            "It is not valid TOML, so that nobody can say what in it is secret. Correct it first.",
            path=path,
        ) from error


def _found(values: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        values = values[part]
    return values


def _comment_blanked(comment: str, secrets: set[str]) -> str:
    match = _ASSIGNMENT.fullmatch(comment)
    if match is not None and looks_secret(match["name"], match["value"]):
        return comment[: match.start("value")] + _EMPTY
    for secret in secrets:
        if len(secret) >= _SHORTEST:
            comment = comment.replace(secret, "…")
    return comment


def _replaced(text: str, changes: dict[tuple[int, int], str]) -> bytes:
    for (start, end), instead in sorted(changes.items(), reverse=True):
        text = text[:start] + instead + text[end:]
    return text.encode()
