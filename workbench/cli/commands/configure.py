"""`workbench configure`: function.toml looked at, and edited."""

from __future__ import annotations

from argparse import Namespace

from workbench.cli import release_values
from workbench.cli.exits import Exit
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.cli.render import Column, Row, print_table
from workbench.errors import InvalidParameter
from workbench.model.configured import Configured
from workbench.model.release import Change

_COLUMNS = (
    Column(title="key"),
    Column(title="value", fold=True),
    Column(title="from"),
)


async def run(arguments: Namespace, output: Output) -> int:
    """Without anything to change, what there is."""
    values, unset = _values(arguments.settings), arguments.unset or []
    edits = bool(values or unset)
    change: Change | None = None
    found: Configured | None = None
    async with opened(arguments, engine=False) as workbench:
        name = workbench.catalog.function(arguments.function).name
        if edits:
            change = await workbench.configurations.edit(name, values, unset=unset)
        else:
            found = await workbench.configurations.get(name)
    if found is not None:
        _show(found, output)
        return Exit.SUCCESS
    if output.json:
        output.object(
            {"function": name, "changed": change is not None, "set": [*values], "unset": unset}
        )
    if change is None:
        output.say(f"{name}: that is what its function.toml says already.")
    else:
        output.say(f"{change.summary}. To take it back: workbench undo")
    return Exit.SUCCESS


def _values(settings: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in settings:
        key, equals, value = each.partition("=")
        if not equals:
            raise InvalidParameter(
                f"{each} is not KEY=VALUE, such as memory_mb=512.", parameter=key
            )
        if key in found:
            raise InvalidParameter(f"{key} is given twice.", parameter=key)
        found[key] = value
    return found


def _show(found: Configured, output: Output) -> None:
    if output.json:
        output.object(release_values.configured(found))
        return
    rows: list[Row] = [[each.key, _shown(each.value), each.source] for each in found.values]
    rows += [
        [
            f"environment.{each.name}",
            each.shown,
            each.source + (f" over {', '.join(each.overrides)}" if each.overrides else ""),
        ]
        for each in found.variables
    ]
    print_table(output, _COLUMNS, rows)


def _shown(value: object) -> str:
    if value is None or value in ("", []):
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(value) if isinstance(value, list) else str(value)
