"""Streams that remember, as a terminal or a pipe."""

from __future__ import annotations

import io

from workbench.cli.output import Output


class Stream(io.TextIOWrapper):
    """What was written, byte for byte."""

    def __init__(self, *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", errors="replace", write_through=True)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    @property
    def written(self) -> bytes:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue()

    @property
    def text(self) -> str:
        return self.written.decode()


class ClosedPipe(io.TextIOWrapper):
    """Nobody reads it any more."""

    def __init__(self) -> None:
        super().__init__(_Gone(), encoding="utf-8", write_through=True)


class _Gone(io.RawIOBase):
    name = "a closed pipe"

    def writable(self) -> bool:
        return True

    def write(self, _: object) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def output(*, terminal: bool = False, json: bool = False) -> tuple[Output, Stream, Stream]:
    """An output with both of its streams."""
    stdout, stderr = Stream(terminal=terminal), Stream(terminal=terminal)
    made = Output(
        stdout=stdout,
        stderr=stderr,
        json=json,
        stdout_styled=terminal,
        stderr_styled=terminal,
    )
    return made, stdout, stderr
