"""The console script: parse, run the chosen command, end with the right code.

Invariant: no traceback ever reaches a person.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from workbench.cli.exits import Exit, exit_of, root_cause
from workbench.cli.loading import loading
from workbench.cli.output import (
    Output,
    OutputFailed,
    ReaderGone,
    discard_rest,
    on_terminal,
    standard_output,
)
from workbench.cli.parsers import make_parser
from workbench.errors import InternalError, WorkbenchError

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop  # 35 ms that --help does not wait for


class Command(Protocol):
    """A module of `commands/`. Where it has them: `prepare` is called before there is an event
    loop, for what blocks (stdin); `WHEN_STOPPED` is its code after Ctrl-C.
    """

    async def run(self, arguments: Namespace, output: Output) -> int:
        """Do it; the exit code."""
        ...


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line `words`, the process's own by default; the exit code."""
    words = sys.argv[1:] if words is None else words
    parser = make_parser(words)
    arguments = parser.parse_args(words)
    if arguments.module is None:
        if not on_terminal():
            parser.error("say which command: there is no terminal for the terminal UI")
        arguments.module, arguments.root = "start", None
    output = standard_output(os.environ, json_wanted=bool(arguments.json))
    try:
        return _run(arguments, output)
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - the top of the program
        return _ended(root_cause(error), arguments, output)


def _run(arguments: Namespace, output: Output) -> int:
    with loading():
        import asyncio
        import logging
        from importlib import import_module

        command: Any = import_module(f"workbench.cli.commands.{arguments.module}")
    # Libraries report here what we tell in our own words; without a handler it would be printed.
    logging.getLogger().addHandler(logging.NullHandler())
    if hasattr(command, "prepare"):
        command.prepare(arguments)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_interruptibly(command, arguments, output))


async def _interruptibly(command: Command, arguments: Namespace, output: Output) -> int:
    from asyncio import CancelledError

    from workbench.cli.signals import interruptible

    with interruptible(output.say) as interruption:
        try:
            return await command.run(arguments, output)
        except (CancelledError, Exception) as error:
            # What was cut short may complain of it; being told to stop is the reason all the same.
            expected = isinstance(root_cause(error), CancelledError | WorkbenchError)
            if interruption.exit is None or not expected:
                raise
            return int(getattr(command, "WHEN_STOPPED", interruption.exit))


def _loop_factory() -> Callable[[], AbstractEventLoop] | None:
    """The event loop: uvloop where it installs, else asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _ended(error: BaseException, arguments: Namespace, output: Output) -> int:
    """Say in one line what ended the command; the exit code."""
    try:
        if isinstance(error, ReaderGone):
            discard_rest()
            return Exit.BROKEN_PIPE
        if isinstance(error, KeyboardInterrupt):
            return Exit.INTERRUPTED
        if isinstance(error, WorkbenchError) and not isinstance(error, InternalError):
            output.say(f"workbench: {error}")
            return exit_of(error)
        if isinstance(error, OutputFailed):
            discard_rest()
            output.say(f"workbench: {error}")
            return Exit.COULD_NOT
        output.say(f"workbench: {_explained(error, arguments.command)}")
    except (ReaderGone, OutputFailed):
        discard_rest()
    return Exit.COULD_NOT


def _explained(error: BaseException, command: str | None) -> str:
    """A bug in a sentence; the rest is in a file."""
    from workbench.cli.crash import write_report
    from workbench.clock import SystemClock

    report = write_report(error, command=command, at=SystemClock().now(), variables=os.environ)
    text = " ".join(str(error).split()) or "no more is known"
    where = "" if report is None else f" Details are in {report}."
    return f"This should not have happened: {type(error).__name__}: {text}.{where}"
