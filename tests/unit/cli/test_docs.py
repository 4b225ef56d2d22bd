from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from tests.unit.cli.test_parsers import COMMANDS, commands, example_lines
from tests.unit.cli.test_values import KEYS
from workbench.cli.exits import Exit
from workbench.cli.parsers import make_parser
from workbench.model.invocation import OutcomeKind

PAGE = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()
SECTIONS = {
    title: text for title, _, text in (part.partition("\n") for part in PAGE.split("\n## ")[1:])
}
COMMON = {"--help", "--project", "--engine", "--env", "--json"}


def first_cells(text: str) -> str:
    """The first column of its tables."""
    rows = (re.split(r"(?<!\\)\|", line)[1] for line in text.splitlines() if line.startswith("| "))
    return " ".join(rows).replace("\\|", "|")


def spelt(action: argparse.Action) -> set[str]:
    """How an argument is written in the documentation."""
    value = "" if action.nargs == 0 else f" {shown_value(action)}"
    if action.option_strings:
        return {f"`{option}{value}`" for option in action.option_strings}
    return {f"`{action.metavar}`"}


def shown_value(action: argparse.Action) -> str:
    if action.choices is not None:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return str(action.metavar)


def test_the_page_describes_these_commands_and_no_other() -> None:
    assert set(SECTIONS) - {"Everywhere"} == COMMANDS


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_argument_is_described_and_no_other(name: str) -> None:
    actions = [a for a in commands()[name]._actions if not COMMON & set(a.option_strings)]
    written = set().union(*(spelt(action) for action in actions))

    assert set(re.findall(r"`[^`]*`", first_cells(SECTIONS[name]))) - _keys() == written


def _keys() -> set[str]:
    return {f"`{key}`" for key in KEYS}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_an_example_and_examples_work(name: str) -> None:
    import shlex

    lines = re.findall(r"^    workbench (.*)$", SECTIONS[name], re.MULTILINE)

    assert lines
    for line in lines:
        words = shlex.split(line.partition(" < ")[0].partition(" > ")[0])
        assert make_parser().parse_args(words).module == name


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_its_own_help_says_the_same(name: str) -> None:
    assert f"workbench {next(example_lines(commands()[name]))}" in SECTIONS[name]


def test_common_options_are_described_once() -> None:
    written = first_cells(SECTIONS["Everywhere"])

    for option in COMMON | {"--version"}:
        assert option in written


def test_every_exit_code_is_described() -> None:
    written = first_cells(SECTIONS["Everywhere"])

    for code in Exit:
        assert re.search(rf"\b{int(code)}\b", written), code


def test_every_key_of_invoke_json_is_described() -> None:
    described = re.findall(r"`([a-z_]+)`", first_cells(SECTIONS["invoke"]))

    assert [key for key in described if key in KEYS] == KEYS


def test_every_outcome_is_described() -> None:
    seen_by_invoke = set(OutcomeKind) - {OutcomeKind.NOT_STARTED}

    for kind in seen_by_invoke:
        assert f"`{kind}`" in SECTIONS["invoke"]


def test_other_names_of_commands_are_told() -> None:
    actions = make_parser()._actions
    choices = next(a for a in actions if isinstance(a, argparse._SubParsersAction)).choices

    for alias in set(choices) - COMMANDS:
        assert f"`{alias}`" in PAGE
