"""`workbench deploy`: traffic of an alias moves to another version while one looks on."""

from __future__ import annotations

from argparse import Namespace

from workbench.cli import deployment_values
from workbench.cli.exits import Exit
from workbench.cli.narration import narrated
from workbench.cli.output import Output
from workbench.cli.progress import Progress as Line
from workbench.cli.project import opened
from workbench.cli.render import clock_time, span
from workbench.clock import SystemClock
from workbench.errors import InvalidParameter
from workbench.facade.deployments import Progress
from workbench.facade.workbench import Workbench
from workbench.model.alarm import parse_alarm
from workbench.model.deployment import Deployment, DeploymentPlan, DeploymentStatus
from workbench.model.hook_report import HookReport
from workbench.model.names import Qualifier, function_name, target
from workbench.model.strategy import parse_strategy
from workbench.model.telemetry import DeploymentChanged

_STOP, _REPORT = "stop", "report"


def prepare(arguments: Namespace) -> None:
    """Read what is asked for. Raises `InvalidParameter` before anything is opened."""
    arguments.plan = None
    arguments.words = [arguments.function, *arguments.rest]
    match arguments.words:
        case [name] if not (name in (_STOP, _REPORT) and arguments.to is None):
            arguments.plan = _plan(name, arguments)
        case ["stop", _] | ["report", _, _, _]:
            if arguments.to is not None or arguments.alias is not None:
                raise InvalidParameter(
                    "--to and --alias are for a new deployment.", parameter="--to"
                )
        case _:
            raise InvalidParameter(
                "Say `deploy FUNCTION --alias NAME --to VERSION`, `deploy stop ID`, or "
                "`deploy report ID EXECUTION STATUS`.",
                parameter="FUNCTION",
            )


def _plan(name: str, arguments: Namespace) -> DeploymentPlan:
    asked = target(name)
    alias = arguments.alias or asked.qualifier
    if alias is None or arguments.to is None:
        raise InvalidParameter(
            f"Say whose traffic moves, and where: deploy {name} --alias live --to 8.",
            parameter="--to" if arguments.to is None else "--alias",
        )
    for hook in (arguments.pre_hook, arguments.post_hook):
        if hook is not None:
            target(hook)
    return DeploymentPlan(
        function=function_name(asked.name),
        alias=Qualifier(alias),
        version=Qualifier(arguments.to),
        strategy=parse_strategy(arguments.strategy),
        before_hook=arguments.pre_hook,
        after_hook=arguments.post_hook,
        alarms=tuple(
            parse_alarm(text, min_calls=arguments.alarm_after) for text in arguments.alarm
        ),
    )


async def run(arguments: Namespace, output: Output) -> int:
    """What was asked for."""
    if arguments.plan is None and arguments.words[0] == _REPORT:
        _, deployment_id, execution_id, status = arguments.words
        async with opened(arguments, engine=False) as workbench:
            await workbench.deployments.report(
                HookReport(deployment_id=deployment_id, execution_id=execution_id, status=status)
            )
        output.say(f"{deployment_id}: {status} is noted.")
        return Exit.SUCCESS
    async with (
        opened(arguments, engine=False) as workbench,
        narrated(workbench, output, but=frozenset({DeploymentChanged})),
    ):
        if arguments.plan is None:
            return await _stop(workbench, arguments, output)
        made = await workbench.deployments.create(arguments.plan)
        output.say(
            f"{made.id}: {made.plan.function}:{made.plan.alias} goes from {made.old_version} to "
            f"{made.plan.version}, {made.plan.strategy}"
        )
        if arguments.detach:
            return await _detach(workbench, made, output)
        return await _follow(workbench, made.id, output)


async def _stop(workbench: Workbench, arguments: Namespace, output: Output) -> int:
    _, deployment_id = arguments.words
    found = await workbench.deployments.stop(deployment_id, rollback=not arguments.no_rollback)
    if found.status.ended:
        output.say(f"{deployment_id} has ended: {found.status}.")
        if output.json:
            output.object(deployment_values.deployment(found))
        return Exit.SUCCESS
    await _follow(workbench, deployment_id, output)
    return Exit.SUCCESS


async def _detach(workbench: Workbench, made: Deployment, output: Output) -> int:
    if output.json:
        output.object(deployment_values.deployment(made))
    else:
        output.line(made.id)
    if not any(info.kind != "cli" for info in await workbench.instances.others()):
        output.say(
            "No workbench runs on this project that could drive it: it begins with the next "
            "`workbench`, `workbench serve` or `workbench deploy`."
        )
    return Exit.SUCCESS


async def _follow(workbench: Workbench, deployment_id: str, output: Output) -> int:
    """Look on until it ends, and drive it if nobody else does."""
    line, told = Line(output), 0
    found = await workbench.deployments.progress(deployment_id)
    try:
        async with workbench.deployments.driven():
            async for found in workbench.deployments.watch(deployment_id):
                for move in found.moves[told:]:
                    line.done(f"{clock_time(move.at)} {move.event}: {move.reason}")
                told = len(found.moves)
                line.show(_standing(found))
    finally:
        if not found.deployment.status.ended:
            line.done(
                f"{deployment_id} has not ended. It goes on while any workbench runs on this "
                f"project; to end it: workbench deploy stop {deployment_id}"
            )
    line.done(deployment_values.told_traffic(found))
    if output.json:
        output.object(deployment_values.progress(found))
    else:
        output.line(f"{deployment_id} {found.deployment.status}")
    good = found.deployment.status is DeploymentStatus.SUCCEEDED
    return Exit.SUCCESS if good else Exit.FUNCTION_FAILED


def _standing(found: Progress) -> str:
    """The line that is drawn over while it runs."""
    one = found.deployment
    if one.hook_due is not None:
        return f"{one.hook_due.name}: waiting for what {one.hook_due.hook} reports"
    left = ""
    if one.next_at is not None:
        seconds = (one.next_at - SystemClock().now()).total_seconds()
        left = f"; next step in {span(max(0.0, seconds))}"
    return f"{deployment_values.told_traffic(found)}{left}"
