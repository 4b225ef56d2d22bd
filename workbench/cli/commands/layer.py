"""`workbench layer`: layers that functions share."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from workbench.cli import release_values
from workbench.cli.exits import Exit
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.cli.render import Column, Row, local_time, print_table, size
from workbench.errors import InvalidParameter
from workbench.facade.workbench import Workbench
from workbench.model.layer import LayerVersionId, layer_version_id
from workbench.model.layer_version import LayerClaims, LayerVersion

_COLUMNS = (
    Column(title="layer"),
    Column(title="version", right=True),
    Column(title="published"),
    Column(title="size", right=True),
    Column(title="for"),
    Column(title="description", fold=True),
)


async def run(arguments: Namespace, output: Output) -> int:
    """One verb each."""
    if arguments.verb != "publish" and arguments.content is not None:
        raise InvalidParameter(f"layer {arguments.verb} takes no folder or zip.", parameter="PATH")
    async with opened(arguments, engine=False) as workbench:
        match arguments.verb:
            case "publish":
                return await _publish(workbench, arguments, output)
            case "ls":
                return await _list(workbench, arguments.layer, output)
            case "rm":
                return await _remove(workbench, _asked(arguments.layer), output)
            case _:
                return await _show(workbench, _asked(arguments.layer), output)


async def _publish(workbench: Workbench, arguments: Namespace, output: Output) -> int:
    if arguments.layer is None or arguments.content is None:
        raise InvalidParameter(
            "Say what to publish: layer publish NAME FOLDER, or a zip file.", parameter="NAME"
        )
    version = await workbench.layers.publish(
        arguments.layer,
        Path.cwd() / arguments.content,
        LayerClaims(
            description=arguments.description or "",
            runtimes=arguments.compatible_runtime,
            architectures=arguments.compatible_architecture,
            license=arguments.license or "",
        ),
    )
    if output.json:
        output.object(_value(workbench, version))
        return Exit.SUCCESS
    output.line(str(version.id))
    output.say(f'To use it, in function.toml: layers = ["{version.id}"]')
    return Exit.SUCCESS


async def _list(workbench: Workbench, name: str | None, output: Output) -> int:
    layers = workbench.layers
    versions = await layers.newest() if name is None else await layers.all(name)
    if output.json:
        output.object([_value(workbench, each) for each in versions])
    elif versions:
        print_table(output, _COLUMNS, (_row(each) for each in versions))
    elif name is None:
        output.say("There are no layers yet. To make one: workbench layer publish NAME FOLDER")
    else:
        output.say(f"There is no layer {name}.")
    return Exit.SUCCESS


async def _show(workbench: Workbench, asked: LayerVersionId, output: Output) -> int:
    shown = _value(workbench, await workbench.layers.get(asked))
    if output.json:
        output.object(shown)
        return Exit.SUCCESS
    for key, value in shown.items():
        if value not in ("", []):
            told = ", ".join(value) if isinstance(value, list) else str(value)
            output.line(f"{key.replace('_', ' ')}: {told}")
    return Exit.SUCCESS


async def _remove(workbench: Workbench, asked: LayerVersionId, output: Output) -> int:
    there = await workbench.layers.delete(asked)
    if output.json:
        output.object({"name": asked.name, "version": asked.number, "deleted": there})
    output.say(
        f"{asked}: deleted; what uses it goes on. To take it back: workbench undo"
        if there
        else f"{asked}: there was none."
    )
    return Exit.SUCCESS


def _asked(text: str | None) -> LayerVersionId:
    asked = None if text is None else layer_version_id(text)
    if asked is None:
        raise InvalidParameter(
            f"{'This' if text is None else text} names no layer version: use NAME:N.",
            parameter="NAME:N",
        )
    return asked


def _value(workbench: Workbench, version: LayerVersion) -> dict[str, object]:
    return release_values.layer_version(version, arn=workbench.layers.arn(version.id))


def _row(version: LayerVersion) -> Row:
    return [
        version.name,
        str(version.number),
        local_time(version.created_at),
        size(version.package.zip_bytes),
        ", ".join((*version.runtimes, *version.architectures)) or "-",
        version.description,
    ]
