"""`workbench events`: saved events, listed, shown, written and deleted."""

from __future__ import annotations

from argparse import Namespace

from workbench.cli import values
from workbench.cli.exits import Exit
from workbench.cli.inputs import read_payload
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.cli.render import Column, local_time, print_table, size
from workbench.errors import InvalidParameter
from workbench.facade.workbench import Workbench
from workbench.model.event import EventFile
from workbench.model.invocation import InvokeRequest, Origin
from workbench.model.names import FunctionName, Target

_COLUMNS = (
    Column(title="function"),
    Column(title="event"),
    Column(title="size", right=True),
    Column(title="changed"),
    Column(title="expects"),
)


def prepare(arguments: Namespace) -> None:
    """Check what argparse cannot, and read what is to be saved. Raises `InvalidParameter`."""
    _check(arguments)
    if arguments.payload is not None:
        arguments.payload = read_payload(arguments.payload)


async def run(arguments: Namespace, output: Output) -> int:
    """Do what the flags say; list, without any."""
    async with opened(arguments, engine=False) as workbench:
        if arguments.undo is not None:
            await workbench.events.restore(arguments.undo)
            output.say("It is back.")
            return Exit.SUCCESS
        if arguments.function is None:
            await _list(workbench, [each.name for each in workbench.catalog.functions()], output)
            return Exit.SUCCESS
        name = workbench.catalog.function(arguments.function).name
        if arguments.show is not None:
            output.data(await workbench.events.read(name, arguments.show))
        elif arguments.save is not None:
            await _save(workbench, name, arguments, output)
        elif arguments.rm is not None:
            token = await workbench.events.delete(name, arguments.rm)
            output.say(f"Deleted {name}/{arguments.rm}. Undo: workbench events --undo {token}")
        else:
            await _list(workbench, [name], output)
    return Exit.SUCCESS


def _check(arguments: Namespace) -> None:
    needs_function = {"show": "--show", "save": "--save", "rm": "--rm"}
    for field, flag in needs_function.items():
        if getattr(arguments, field) is not None and arguments.function is None:
            raise InvalidParameter(f"{flag} needs a FUNCTION before it.", parameter="FUNCTION")
    source = arguments.run is not None or arguments.payload is not None
    if source != (arguments.save is not None):
        raise InvalidParameter(
            "--save goes with --run or --payload, which say what to save.", parameter="--save"
        )
    if arguments.expect and arguments.run is None:
        raise InvalidParameter("--expect goes with --run.", parameter="--expect")


async def _save(
    workbench: Workbench, name: FunctionName, arguments: Namespace, output: Output
) -> None:
    if arguments.payload is not None:
        payload = arguments.payload or b"{}"
        workbench.invocations.check(  # what could not be invoked is no event
            InvokeRequest(target=Target(name=name), payload=payload, origin=Origin.CLI)
        )
        await workbench.events.save(name, arguments.save, payload)
    else:
        record = (await workbench.invocations.record(arguments.run)).record
        payload = record.acceptance.payload or b"{}"  # what was delivered
        await workbench.events.save(name, arguments.save, payload)
        if arguments.expect:
            await workbench.events.expect(name, arguments.save, record)
    output.say(
        f"Saved {name}/{arguments.save}. Run it: workbench invoke {name} -e {arguments.save}"
    )


async def _list(workbench: Workbench, names: list[FunctionName], output: Output) -> None:
    found: list[EventFile] = []
    for name in names:
        found += await workbench.events.list(name)
    if output.json:
        output.object([values.event(event) for event in found])
    elif found:
        print_table(
            output,
            _COLUMNS,
            (
                [
                    event.function,
                    event.name,
                    size(event.size_bytes),
                    local_time(event.changed_at),
                    "stated" if event.expected else "success",
                ]
                for event in found
            ),
        )
    else:
        output.say("No saved events. Save one: workbench events FUNCTION --save NAME --payload {}")
