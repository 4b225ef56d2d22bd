"""`workbench history`: past runs, the newest first; or one of them in full."""

from __future__ import annotations

from argparse import Namespace

from workbench.cli import values
from workbench.cli.control import settled
from workbench.cli.exits import Exit
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.cli.render import Cell, Column, Row, local_time, milliseconds, print_table
from workbench.facade.invocations import FinishedRun
from workbench.facade.workbench import Workbench
from workbench.model.invocation import OutcomeKind, RunSummary

_COLUMNS = (
    Column(title="request"),
    Column(title="at"),
    Column(title="function"),
    Column(title="event"),
    Column(title="by"),
    Column(title="outcome"),
    Column(title="duration", right=True),
    Column(title="init", right=True),
    Column(title="error", fold=True),
)


async def run(arguments: Namespace, output: Output) -> int:
    """List runs, or show one."""
    async with opened(arguments, engine=False) as workbench:
        await settled(workbench, output)
        if arguments.show is not None:
            _show(await workbench.invocations.record(arguments.show), output)
        else:
            await _list(workbench, arguments, output)
    return Exit.SUCCESS


async def _list(workbench: Workbench, arguments: Namespace, output: Output) -> None:
    name = None
    if arguments.function is not None:
        name = workbench.catalog.function(arguments.function).name
    runs = await workbench.invocations.recent(name, limit=arguments.limit)
    if output.json:
        output.object([values.summary(run) for run in runs])
    elif runs:
        print_table(output, _COLUMNS, (_row(run) for run in runs))
    else:
        output.say("Nothing has run yet.")


def _show(found: FinishedRun, output: Output) -> None:
    """As JSON in any case: it is the one form that holds all of it."""
    output.object(values.run(found.record, found.logs))


def _row(run: RunSummary) -> Row:
    return [
        run.request_id[:8],
        local_time(run.accepted_at),
        run.function,
        run.event or "-",
        run.origin,
        _outcome(run.kind),
        milliseconds(run.duration_ms),
        milliseconds(run.init_ms),
        run.error_type or "",
    ]


def _outcome(kind: OutcomeKind | None) -> Cell:
    if kind is None:
        return Cell("running")
    return Cell(kind, "green" if kind is OutcomeKind.SUCCESS else "red")
