"""`workbench ps`: the execution environments of every workbench on this project."""

from __future__ import annotations

from argparse import Namespace
from datetime import datetime

from workbench.cli import values
from workbench.cli.control import settled
from workbench.cli.exits import Exit
from workbench.cli.narration import NO_ISOLATION
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.cli.render import Column, Row, milliseconds, print_table, span
from workbench.clock import SystemClock
from workbench.model.concurrency import InitializationType
from workbench.model.environment import EnvironmentSnapshot
from workbench.model.report import megabytes

_COLUMNS = (
    Column(title="environment"),
    Column(title="function"),
    Column(title="version"),
    Column(title="state"),
    Column(title="age", right=True),
    Column(title="idle left", right=True),
    Column(title="runs", right=True),
    Column(title="now / peak / limit", right=True),
    Column(title="cpu", right=True),
    Column(title="init", right=True),
    Column(title="container"),
)


async def run(arguments: Namespace, output: Output) -> int:
    """List them, oldest first."""
    async with opened(arguments, engine=False) as workbench:
        await settled(workbench, output)
        environments = await workbench.environments.all()
        others = await workbench.instances.others()
    now = SystemClock().now()
    if output.json:
        output.object([values.environment(each, now=now) for each in environments])
    elif environments:
        print_table(output, _COLUMNS, (_row(each, now) for each in environments))
    else:
        output.say("No execution environments.")
    if any(info.engine == "process" for info in others):
        output.say(NO_ISOLATION)
    return Exit.SUCCESS


def _row(environment: EnvironmentSnapshot, now: datetime) -> Row:
    figures = environment.figures
    until = environment.idle_until
    state = str(environment.state)
    if environment.invocation is not None:
        state += f" {environment.invocation[:8]}"
    if environment.retiring:
        state += ", going"
    if environment.initialization_type is InitializationType.PROVISIONED:
        state += ", provisioned"
    return [
        environment.environment_id[:8],
        environment.function,
        environment.version,
        state,
        span(values.seconds_between(environment.created_at, now)),
        "-" if until is None else span(values.seconds_between(now, until)),
        str(environment.invocations),
        f"{_mb(figures.current_bytes)} / {_mb(figures.peak_bytes)} / {environment.memory_mb} MB",
        milliseconds(None if figures.cpu_ns is None else figures.cpu_ns / 1e6),
        milliseconds(environment.init_ms),
        str(environment.origin),
    ]


def _mb(size_bytes: int | None) -> str:
    return "-" if size_bytes is None else str(megabytes(size_bytes))
