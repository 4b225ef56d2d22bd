"""`workbench keys`: what variables of published versions are sealed with."""

from __future__ import annotations

from argparse import Namespace

from workbench.cli import values
from workbench.cli.exits import Exit
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.cli.render import Column, Row, print_table
from workbench.errors import InvalidParameter
from workbench.facade.keys import SealingKeys
from workbench.model.keys import DEFAULT_KEY, KeyInfo, Rotation

_COLUMNS = (
    Column(title="key"),
    Column(title="generations", right=True),
    Column(title="sealed here", right=True),
    Column(title="other projects", right=True),
    Column(title="file", fold=True),
)


def prepare(arguments: Namespace) -> None:
    """Check what argparse cannot. Raises `InvalidParameter`."""
    if arguments.name is None and arguments.verb in ("new", "rm"):
        raise InvalidParameter(
            f"Say which key: workbench keys {arguments.verb} NAME.", parameter="NAME"
        )
    if arguments.name is not None and arguments.verb == "ls":
        raise InvalidParameter("ls lists all keys: it takes no name.", parameter="NAME")


async def run(arguments: Namespace, output: Output) -> int:
    """Do what the verb says."""
    async with opened(arguments, engine=False) as workbench:
        keys = workbench.keys
        if arguments.verb == "ls":
            return _list(await keys.listed(), output)
        if arguments.verb == "rotate":
            return await _rotate(keys, arguments, output)
        if arguments.verb == "new":
            await keys.create(arguments.name)
            output.say(f"Made the key {arguments.name}. Keep a copy of its file in a safe place.")
        else:
            await keys.remove(arguments.name, gone_too=arguments.gone)
            output.say(f"The key {arguments.name} is gone.")
        if output.json:
            output.object({"name": arguments.name})
    return Exit.SUCCESS


def _list(found: tuple[KeyInfo, ...], output: Output) -> int:
    if output.json:
        output.object([values.key(each) for each in found])
    elif found:
        print_table(output, _COLUMNS, (_row(each) for each in found))
    else:
        output.say("There are no keys yet: one is made when a function is first published.")
    for each in found:
        if each.problem is not None:
            output.say(f"{each.name}: {each.problem}")
    return Exit.SUCCESS


async def _rotate(keys: SealingKeys, arguments: Namespace, output: Output) -> int:
    done = await keys.rotate(arguments.name or DEFAULT_KEY, gone_too=arguments.gone)
    if output.json:
        output.object(values.rotation(done))
    output.say(f"{done.name} is at generation {done.generation}; sealed anew: {done.resealed}.")
    _say_kept(done, output)
    return Exit.SUCCESS


def _say_kept(done: Rotation, output: Output) -> None:
    kept = ", ".join(str(number) for number in done.kept)
    for about in done.unreadable:
        output.say(f"The variables of {about} do not open, and stay as they are.")
    for place in done.places:
        output.say(f"Kept for {place}: generation {kept}. Rotate there too, and then here again.")


def _row(each: KeyInfo) -> Row:
    generations = ", ".join(str(number) for number in each.generations) or "-"
    return [each.name, generations, str(each.sealed), str(len(each.places)), each.path]
