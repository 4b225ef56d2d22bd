"""`workbench logs`: what functions wrote, past and, with -f, to come."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterable
from contextlib import aclosing

from workbench.cli import values
from workbench.cli.control import settled
from workbench.cli.exits import Exit
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.cli.render import clock_time
from workbench.model.invocation import LogEntry
from workbench.model.names import FunctionName, function_name


async def run(arguments: Namespace, output: Output) -> int:
    """Print log entries, oldest first: text, or a JSON object a line."""
    name: FunctionName | None = None
    if arguments.function is not None:
        name = function_name(arguments.function)  # one that is gone may have logs still
    async with opened(arguments, engine=False) as workbench:
        await settled(workbench, output)
        invocations = workbench.invocations
        if arguments.request is not None:
            _print((await invocations.record(arguments.request)).logs, output)
        elif not arguments.follow:
            entries = await invocations.log_lines(name, back=arguments.lines)
            _print(entries, output)
            if not entries:
                if name is not None:
                    workbench.catalog.function(name)  # raises where there never was such a one
                output.say("No logs yet.")
        else:
            async with aclosing(invocations.follow_logs(name, back=arguments.lines)) as batches:
                async for entries in batches:
                    _print(entries, output)
    return Exit.SUCCESS


def _print(entries: Iterable[LogEntry], output: Output) -> None:
    for entry in entries:
        if output.json:
            output.line(json.dumps(values.log_entry(entry)))
        else:
            output.line(_line(entry))


def _line(entry: LogEntry) -> str:
    request = "-" * 8 if entry.request_id is None else entry.request_id[:8]
    return f"{clock_time(entry.at)} {entry.function} {request} {entry.text}"
