from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from inspect import iscoroutinefunction
from pathlib import Path

import pytest

from workbench.cli.parsers import make_parser

COMMANDS = {
    "start",
    "invoke",
    "replay",
    "tune",
    "serve",
    "ls",
    "events",
    "logs",
    "history",
    "ps",
    "concurrency",
    "deploy",
    "deployments",
    "warm",
    "drain",
    "recycle",
    "init",
    "build",
    "publish",
    "versions",
    "diff",
    "alias",
    "layer",
    "provision",
    "undo",
    "changes",
    "export",
    "import",
    "configure",
    "doctor",
    "keys",
    "down",
}


def commands() -> dict[str, argparse.ArgumentParser]:
    """Every command by name; aliases are left out."""
    actions = make_parser()._actions
    found = next(a for a in actions if isinstance(a, argparse._SubParsersAction))
    return {
        name: parser
        for name, parser in found.choices.items()
        if parser.get_default("module") == name
    }


def example_lines(parser: argparse.ArgumentParser) -> Iterator[str]:
    assert parser.epilog is not None
    for line in parser.epilog.splitlines():
        if line.startswith("  workbench "):
            yield line.removeprefix("  workbench ")


def test_these_are_the_commands() -> None:
    assert set(commands()) == COMMANDS


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_a_module_that_runs_it(name: str) -> None:
    assert iscoroutinefunction(import_module(f"workbench.cli.commands.{name}").run)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_example_in_the_help_is_accepted(name: str) -> None:
    import shlex

    lines = list(example_lines(commands()[name]))

    assert lines
    for line in lines:
        words = shlex.split(line.partition(" < ")[0])
        assert make_parser(words).parse_args(words).module == name


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_argument_is_explained(name: str) -> None:
    for action in commands()[name]._actions:
        assert action.help, action


@pytest.mark.parametrize(
    "words",
    [
        ["--project", "p", "--engine", "process", "--env", "test", "--json", "ls"],
        ["ls", "--project", "p", "--engine", "process", "--env", "test", "--json"],
        ["--project", "p", "--json", "ls", "--engine", "process", "--env", "test"],
    ],
)
def test_common_options_stand_before_or_after_the_command(words: list[str]) -> None:
    arguments = make_parser().parse_args(words)

    assert arguments.project == Path("p")
    assert (arguments.engine, arguments.env, arguments.json) == ("process", "test", True)


def test_without_options_nothing_is_overridden() -> None:
    arguments = make_parser().parse_args(["ls"])

    assert (arguments.project, arguments.engine, arguments.env, arguments.json) == (None,) * 4


WRONG = [
    ["fly"],
    ["invoke"],
    ["invoke", "f", "--event", "a", "--payload", "{}"],
    ["invoke", "f", "--pay", "{}"],
    ["--engine", "podman", "ls"],
    ["init", "hello"],
    ["serve", "--port", "70000"],
    ["serve", "--port", "http"],
    ["replay", "--jobs", "0"],
    ["logs", "-n", "-1"],
    ["logs", "-f", "--request", "3f2a1b7c"],
    ["events", "f", "--show", "a", "--rm", "b"],
    ["alias", "move", "f:live"],
    ["alias", "update", "f:live", "--weight", "8"],
    ["alias", "update", "f:live", "--weight", "8=much"],
    ["alias", "update", "f:live", "--weight", "8=0.1", "--no-weight"],
    ["versions", "f", "--show", "1", "--rm", "2"],
]


@pytest.mark.parametrize("words", WRONG)
def test_a_wrong_command_line_ends_with_2_and_says_why(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        make_parser().parse_args(words)

    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "error:" in said.err


@pytest.mark.parametrize(
    "words",
    [
        *WRONG,
        *([name, "--help"] for name in sorted(COMMANDS)),
        ["--help"],
        ["--help", "ls"],
        ["runs", "--help"],
        ["--project", "ls", "start", "--bogus"],
        ["--bogus", "ls"],
        ["--project"],
        ["--", "ls"],
    ],
)
def test_filling_in_only_the_command_asked_for_changes_no_answer(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    answers = []
    for parser in (make_parser(), make_parser(words)):
        try:
            answer: object = parser.parse_args(words)
        except SystemExit as ended:
            answer = ended.code
        answers.append((answer, capsys.readouterr()))

    assert answers[0] == answers[1]


def test_without_words_nothing_is_chosen() -> None:
    assert make_parser([]).parse_args([]) == make_parser().parse_args([])


def test_only_the_command_asked_for_is_filled_in() -> None:
    found = next(
        a
        for a in make_parser(["--env", "x", "ls"])._actions
        if isinstance(a, argparse._SubParsersAction)
    )

    assert set(found.choices) == {"ls"}


_SLOW = ("asyncio", "textual", "rich", "docker", "aiohttp", "uvloop", "sqlite3", "watchdog")


@pytest.mark.parametrize("words", [["--help"], ["invoke", "--help"], ["--version"], ["fly"]])
def test_help_waits_for_nothing_that_only_a_command_needs(words: list[str]) -> None:
    code = f"""
import sys
from workbench.cli.main import main
try:
    main({words!r})
except SystemExit:
    pass
slow = [name for name in {_SLOW!r} if name in sys.modules]
sys.exit(", ".join(slow) or 0)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stderr


def test_no_headless_command_knows_the_terminal_ui() -> None:
    names = sorted(COMMANDS - {"start"})
    code = f"""
import sys
from importlib import import_module
for name in {names!r}:
    import_module(f"workbench.cli.commands.{{name}}")
sys.exit("textual" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
