"""`workbench versions`: those of a function, listed, shown, deleted."""

from __future__ import annotations

from argparse import Namespace

from workbench.cli import release_values
from workbench.cli.exits import Exit
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.cli.render import Column, Row, local_time, print_table, size
from workbench.facade.workbench import Workbench
from workbench.model.names import FunctionName, Qualifier, function_name
from workbench.model.release import Alias, PublishedVersion

_COLUMNS = (
    Column(title="version", right=True),
    Column(title="published"),
    Column(title="code"),
    Column(title="size", right=True),
    Column(title="runtime"),
    Column(title="memory", right=True),
    Column(title="aliases"),
    Column(title="description", fold=True),
)


async def run(arguments: Namespace, output: Output) -> int:
    """The newest last, as they came."""
    async with opened(arguments, engine=False) as workbench:
        name = function_name(arguments.function)
        if arguments.rm is not None:
            await workbench.versions.delete(name, Qualifier(arguments.rm))
            output.say(f"{name}:{arguments.rm}: deleted. To take it back: workbench undo")
            return Exit.SUCCESS
        if arguments.show is not None:
            return await _show(workbench, name, Qualifier(arguments.show), output)
        versions = await workbench.versions.all(name)
        aliases = await workbench.aliases.all(name)
    if output.json:
        output.object(
            [release_values.version(each, aliases=_leading(aliases, each)) for each in versions]
        )
    elif versions:
        print_table(output, _COLUMNS, (_row(each, _leading(aliases, each)) for each in versions))
    else:
        output.say(f"{name} has no versions yet. To make one: workbench publish {name}")
    return Exit.SUCCESS


async def _show(
    workbench: Workbench, name: FunctionName, qualifier: Qualifier, output: Output
) -> int:
    version = await workbench.versions.get(name, qualifier)
    aliases = _leading(await workbench.aliases.all(name), version)
    shown = release_values.version(version, aliases=aliases)
    if output.json:
        output.object(shown)
        return Exit.SUCCESS
    for key, value in shown.items():
        if value not in ("", []):
            told = ", ".join(value) if isinstance(value, list) else str(value)
            output.line(f"{key.replace('_', ' ')}: {told}")
    return Exit.SUCCESS


def _leading(aliases: tuple[Alias, ...], version: PublishedVersion) -> tuple[str, ...]:
    return tuple(alias.name for alias in aliases if version.qualifier in alias.versions)


def _row(version: PublishedVersion, aliases: tuple[str, ...]) -> Row:
    configuration = version.configuration
    return [
        str(version.number),
        local_time(version.published_at),
        version.package.sha256[:12],
        size(version.package.zip_bytes),
        configuration.runtime,
        f"{configuration.memory_mb} MB",
        ", ".join(aliases) or "-",
        version.description,
    ]
