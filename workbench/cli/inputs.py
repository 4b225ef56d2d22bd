"""What a person gives a command to send: on the command line, in a file, on stdin."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from workbench.errors import InvalidParameter

_MAX_BYTES = 64 * 1024 * 1024
"""Far above what any function takes; what is larger was not meant to be an event."""


def read_payload(text: str) -> bytes:
    """`--payload`: JSON text as it is, `@FILE`, or `-` for stdin. Byte for byte, unchecked.

    Raises `InvalidParameter`.
    """
    if text == "-":
        return _limited(_from_stdin(), "stdin")
    if text.startswith("@"):
        return _read_file(Path(text[1:]), "--payload")
    return text.encode("utf-8", "surrogateescape")


def read_client_context(text: str) -> bytes:
    """`--client-context`: a JSON object or `@FILE`, in one line of ASCII, as a header carries it.

    Raises `InvalidParameter`.
    """
    raw = (
        _read_file(Path(text[1:]), "--client-context")
        if text.startswith("@")
        else text.encode("utf-8", "surrogateescape")
    )
    try:
        context = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidParameter(
            f"The client context is not JSON: {error}.", parameter="--client-context"
        ) from error
    if not isinstance(context, dict):
        raise InvalidParameter(
            "The client context must be a JSON object.", parameter="--client-context"
        )
    return json.dumps(context, separators=(",", ":")).encode("ascii")


def _read_file(path: Path, parameter: str) -> bytes:
    try:
        with path.open("rb") as file:
            return _limited(file.read(_MAX_BYTES + 1), str(path))
    except OSError as error:
        raise InvalidParameter(
            f"{path} cannot be read: {error.strerror}.", parameter=parameter
        ) from error


def _from_stdin() -> bytes:
    """In pieces: a Ctrl-C that comes while bytes do is noticed between two of them, where one long
    read would wait for the end first.
    """
    stdin = sys.stdin.fileno()
    pieces = []
    left = _MAX_BYTES + 1
    while left > 0 and (piece := os.read(stdin, min(left, 65536))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _limited(raw: bytes, source: str) -> bytes:
    if len(raw) > _MAX_BYTES:
        raise InvalidParameter(
            f"{source} holds more than {_MAX_BYTES // 1024 // 1024} MB: no function takes that.",
            parameter="--payload",
        )
    return raw
