"""`workbench concurrency`: how much may run at a time, who has reserved what of it, what runs."""

from __future__ import annotations

from argparse import Namespace

from workbench.cli import values
from workbench.cli.control import settled
from workbench.cli.exits import Exit
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.cli.render import Column, Row, print_table
from workbench.model.concurrency import AccountConcurrency, FunctionConcurrency

_COLUMNS = (
    Column(title="function"),
    Column(title="reserved", right=True),
    Column(title="in use", right=True),
    Column(title="provisioned", right=True),
)


async def run(arguments: Namespace, output: Output) -> int:
    """The account first, then each function."""
    async with opened(arguments, engine=False) as workbench:
        await settled(workbench, output)
        account = await workbench.concurrency.account()
    if output.json:
        output.object(values.concurrency(account))
        return Exit.SUCCESS
    output.line(_account(account))
    output.line(_memory(account))
    if account.functions:
        print_table(output, _COLUMNS, (_row(each) for each in account.functions))
    for each in account.functions:
        if each.refusal is not None:
            output.say(f"{each.function}: not reserved: {each.refusal}")
    return Exit.SUCCESS


def _account(account: AccountConcurrency) -> str:
    return f"Limit {account.limit:,}, unreserved {account.unreserved:,}, in use {account.in_use:,}"


def _memory(account: AccountConcurrency) -> str:
    more = f"; {account.in_line} more are to be started" if account.in_line else ""
    return (
        f"Containers may use {account.memory_budget_mb:,} MB together; those there are may use "
        f"{account.memory_used_mb:,} MB{more}"
    )


def _row(each: FunctionConcurrency) -> Row:
    reserved = "-" if each.reserved is None else str(each.reserved)
    off = " (off)" if each.reserved == 0 else ""
    return [each.function, f"{reserved}{off}", str(each.in_use), str(each.provisioned)]
