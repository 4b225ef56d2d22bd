"""`workbench ps`: the execution environments of every workbench on this project."""

from __future__ import annotations

from argparse import Namespace

from workbench.cli import values
from workbench.cli.exits import Exit
from workbench.cli.narration import NO_ISOLATION
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.cli.render import Column, Row, local_time, milliseconds, print_table
from workbench.model.environment import EnvironmentSnapshot
from workbench.model.report import megabytes

_COLUMNS = (
    Column(title="environment"),
    Column(title="function"),
    Column(title="state"),
    Column(title="since"),
    Column(title="invocations", right=True),
    Column(title="request"),
    Column(title="init", right=True),
    Column(title="memory", right=True),
    Column(title="container"),
)


async def run(arguments: Namespace, output: Output) -> int:
    """List them, oldest first."""
    async with opened(arguments, engine=False) as workbench:
        environments = await workbench.environments.all()
        others = await workbench.instances.others()
    if output.json:
        output.object([values.environment(environment) for environment in environments])
    elif environments:
        print_table(output, _COLUMNS, (_row(environment) for environment in environments))
    else:
        output.say("No execution environments.")
    if any(info.engine == "process" for info in others):
        output.say(NO_ISOLATION)
    return Exit.SUCCESS


def _row(environment: EnvironmentSnapshot) -> Row:
    peak = environment.figures.peak_bytes
    used = "-" if peak is None else str(megabytes(peak))
    return [
        environment.environment_id[:8],
        environment.function,
        environment.state,
        local_time(environment.changed_at),
        str(environment.invocations),
        "-" if environment.invocation is None else environment.invocation[:8],
        milliseconds(environment.init_ms),
        f"{used} / {environment.memory_mb} MB",
        environment.container,
    ]
