"""Where a command writes: data to stdout, narration to stderr.

Invariant: what a terminal is sent is safe for it; what a pipe is sent is the data, byte for byte.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from typing import Any, TextIO

from workbench.model.terminal_text import plain, safe
from workbench.values import dataclass


class ReaderGone(Exception):
    """Whoever read stdout or stderr has had enough (`workbench ls | head -1`)."""


class OutputFailed(Exception):
    """stdout or stderr cannot be written: a full disk, say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The two streams of a command, and what each of them can show."""

    stdout: TextIO
    stderr: TextIO
    json: bool = False
    """Data is JSON, for programs."""
    stdout_styled: bool = False
    """stdout is a terminal that takes colours."""
    stderr_styled: bool = False
    told: set[str] = field(default_factory=set)
    """What a command says once, however often it begins to narrate."""

    def data(self, raw: bytes) -> None:
        """Bytes as they are; on a terminal made safe, and on a line of their own."""
        if self.stdout.isatty():
            self.line(raw.decode("utf-8", errors="replace"))
            return
        with _told_when_gone():
            self.stdout.flush()
            self.stdout.buffer.write(raw)
            self.stdout.buffer.flush()

    def line(self, text: str) -> None:
        """A line of data."""
        if self.stdout.isatty():
            text = safe(text) if self.stdout_styled else plain(safe(text))
        with _told_when_gone():
            self.stdout.write(f"{text}\n")
            self.stdout.flush()

    def object(self, value: Any) -> None:
        """One JSON value: readable on a terminal, one line in a pipe."""
        if self.stdout.isatty():
            self.line(json.dumps(value, indent=2, ensure_ascii=False, default=str))
        else:
            self.line(json.dumps(value, separators=(",", ":"), default=str))

    def say(self, text: str) -> None:
        """A line of narration."""
        shown = safe(text)
        with _told_when_gone():
            self.stderr.write(f"{shown if self.stderr_styled else plain(shown)}\n")
            self.stderr.flush()

    def draw(self, text: str) -> None:
        """On stderr as it is, without a line end: only what is ours, only on a terminal."""
        with _told_when_gone():
            self.stderr.write(text)
            self.stderr.flush()


@contextmanager
def _told_when_gone() -> Iterator[None]:
    """Tells our own streams from anything else that may break."""
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderGone from error
    except OSError as error:
        raise OutputFailed(f"The output cannot be written: {error.strerror}.") from error


def standard_output(variables: Mapping[str, str], *, json_wanted: bool = False) -> Output:
    """The process's own streams. `variables`: its environment."""
    for stream in (sys.stdout, sys.stderr):
        # A locale that cannot write a character must not end a command.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr] # TextIOWrapper, unless replaced
    return Output(
        stdout=sys.stdout,
        stderr=sys.stderr,
        json=json_wanted,
        stdout_styled=styled(sys.stdout, variables),
        stderr_styled=styled(sys.stderr, variables),
    )


def styled(stream: TextIO, variables: Mapping[str, str]) -> bool:
    """Whether colours and progress bars belong there.

    Source: no-color.org (any value but an empty one), and terminfo's `dumb`.
    """
    return stream.isatty() and not variables.get("NO_COLOR") and variables.get("TERM") != "dumb"


def on_terminal() -> bool:
    """Whether there is a terminal for the terminal UI: for its keys, and to be drawn on.

    Textual 8.2.8 draws on stderr: with that in a file, a person would look at nothing.
    """
    return all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))


def discard_rest() -> None:
    """Where nobody reads, what is still to be written goes nowhere, without complaint.

    Source: Python documentation, "Note on SIGPIPE".
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
