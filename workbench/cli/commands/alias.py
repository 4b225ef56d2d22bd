"""`workbench alias`: names for versions."""

from __future__ import annotations

from argparse import Namespace
from datetime import timedelta

from workbench.cli import release_values
from workbench.cli.control import settled
from workbench.cli.exits import Exit
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.cli.render import Column, Row, milliseconds, print_table
from workbench.clock import SystemClock
from workbench.errors import InvalidParameter
from workbench.facade.workbench import Workbench
from workbench.model.alarm import Traffic
from workbench.model.names import FunctionName, Qualifier, target
from workbench.model.release import Alias

_COLUMNS = (
    Column(title="alias"),
    Column(title="version", right=True),
    Column(title="and"),
    Column(title="description", fold=True),
)
_TRAFFIC = (
    Column(title="version", right=True),
    Column(title="requests", right=True),
    Column(title="share", right=True),
    Column(title="errors", right=True),
    Column(title="throttles", right=True),
    Column(title="p50", right=True),
    Column(title="p95", right=True),
)


async def run(arguments: Namespace, output: Output) -> int:
    """One verb each."""
    asked = target(arguments.target)
    async with opened(arguments, engine=False) as workbench:
        if arguments.verb == "ls":
            return await _list(workbench, asked.name, output)
        if asked.qualifier is None:
            raise InvalidParameter(
                f"{arguments.target} names no alias: use FUNCTION:ALIAS.",
                parameter="FUNCTION:ALIAS",
            )
        match arguments.verb:
            case "rm":
                there = await workbench.aliases.delete(asked.name, asked.qualifier)
                output.say(
                    f"{asked}: deleted. To take it back: workbench undo"
                    if there
                    else f"{asked}: there was none."
                )
                return Exit.SUCCESS
            case "create":
                alias = await _create(workbench, asked.name, asked.qualifier, arguments)
            case "update":
                alias = await _update(workbench, asked.name, asked.qualifier, arguments)
            case _:
                await settled(workbench, output)
                return await _show(workbench, asked.name, asked.qualifier, arguments, output)
    _print(alias, output)
    return Exit.SUCCESS


async def _create(
    workbench: Workbench, function: FunctionName, name: Qualifier, arguments: Namespace
) -> Alias:
    if arguments.version is None:
        raise InvalidParameter(
            f"Say which version {function}:{name} leads to: a number or $LATEST.",
            parameter="VERSION",
        )
    return await workbench.aliases.create(
        function,
        name,
        Qualifier(arguments.version),
        description=arguments.description or "",
        weights=None if arguments.weight is None else dict([arguments.weight]),
    )


async def _update(
    workbench: Workbench, function: FunctionName, name: Qualifier, arguments: Namespace
) -> Alias:
    weights = None if arguments.weight is None else dict([arguments.weight])
    return await workbench.aliases.update(
        function,
        name,
        version=None if arguments.version is None else Qualifier(arguments.version),
        description=arguments.description,
        weights={} if arguments.no_weight else weights,
        revision_id=arguments.revision_id,
    )


async def _show(
    workbench: Workbench,
    function: FunctionName,
    name: Qualifier,
    arguments: Namespace,
    output: Output,
) -> int:
    """The alias, and what became of its calls."""
    alias = await workbench.aliases.get(function, name)
    since = SystemClock().now() - timedelta(hours=arguments.hours)
    traffic = await workbench.aliases.traffic(function, name, since=since)
    if output.json:
        output.object(
            {
                **release_values.alias(alias),
                "since": since.isoformat(),
                "traffic": [release_values.traffic(v, each) for v, each in traffic.items()],
            }
        )
        return Exit.SUCCESS
    _print(alias, output)
    output.line("")
    calls = sum(each.calls for each in traffic.values())
    if not traffic:
        output.line(f"No calls in the last {arguments.hours:g} h")
        return Exit.SUCCESS
    output.line(f"Calls in the last {arguments.hours:g} h")
    print_table(output, _TRAFFIC, (_traffic_row(v, each, calls) for v, each in traffic.items()))
    return Exit.SUCCESS


def _traffic_row(version: Qualifier, each: Traffic, calls: int) -> Row:
    share = f"{each.calls / calls:.1%}" if calls else "-"
    errors = f"{each.errors} ({each.error_rate:.1f} %)" if each.errors else "0"
    return [
        version,
        f"{each.calls:,}",
        share,
        errors,
        str(each.throttles),
        milliseconds(each.p50_ms),
        milliseconds(each.p95_ms),
    ]


async def _list(workbench: Workbench, function: FunctionName, output: Output) -> int:
    aliases = await workbench.aliases.all(function)
    if output.json:
        output.object([release_values.alias(each) for each in aliases])
    elif aliases:
        print_table(output, _COLUMNS, (_row(each) for each in aliases))
    else:
        output.say(f"{function} has no aliases yet.")
    return Exit.SUCCESS


def _print(alias: Alias, output: Output) -> None:
    if output.json:
        output.object(release_values.alias(alias))
        return
    print_table(output, _COLUMNS, (_row(alias),))


def _row(alias: Alias) -> Row:
    also = "-" if alias.additional is None else f"{alias.weight:.1%} to {alias.additional}"
    return [alias.name, alias.version, also, alias.description]
