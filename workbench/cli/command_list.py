"""The commands of the command line: what all of them have, and which of them is filled in."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

ENGINES = ("docker", "process", "auto")

_VALUED = ("--project", "--engine", "--env")
"""Options before the command that take the word after them."""
_Parser = argparse.ArgumentParser


def command_of(words: Sequence[str]) -> str | None:
    """The word that names the command. `None`: there is none, or help is asked for before it."""
    if not words:
        return "start"  # what no command means
    value = False
    for word in words:
        if value:
            value = False
        elif word in _VALUED:
            value = True
        elif word in ("-h", "--help", "--"):
            return None
        elif not word.startswith("-"):
            return word
    return None


class Commands:
    """Adds commands that all look alike."""

    def __init__(self, parser: _Parser, *, only: str | None = None) -> None:
        """only: the one command that will be asked for; filling in all of them takes 15 ms."""
        self._commands = parser.add_subparsers(
            dest="command", metavar="COMMAND", title="commands", parser_class=_Parser
        )
        self._only = only
        self.known = False
        """There is such a command."""

    def add(
        self, name: str, summary: str, *, examples: Sequence[str], aliases: Sequence[str] = ()
    ) -> _Parser:
        """A command. `examples` are whole lines without the program's name."""
        if self._only not in (None, name, *aliases):
            return cast("_Parser", _Nobody())
        self.known = True
        parser = self._commands.add_parser(
            name,
            aliases=list(aliases),
            help=_lower(summary),
            description=summary,
            epilog=examples_text(examples),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        add_common(parser, default=argparse.SUPPRESS)
        parser.set_defaults(module=name)
        return parser


class _Nobody:
    """Stands for the parser of a command that is not asked for: takes everything, keeps nothing."""

    def _forget(self, *_: object, **__: object) -> _Nobody:
        return self

    add_argument = add_argument_group = add_mutually_exclusive_group = set_defaults = _forget


def add_common(parser: _Parser, *, default: Any) -> None:
    """The options that are taken everywhere, before and after the command."""
    common = parser.add_argument_group("everywhere")
    common.add_argument(
        "--project",
        metavar="DIR",
        type=Path,
        default=default,
        help="the project's folder (default: the current one)",
    )
    common.add_argument(
        "--engine",
        choices=ENGINES,
        default=default,
        help="what runs functions: docker; process, local processes without isolation; "
        "auto, docker where it answers (default: workbench.toml's, else auto)",
    )
    common.add_argument(
        "--env",
        metavar="NAME",
        default=default,
        help="which NAME.env files variables come from (default: workbench.toml's, else dev)",
    )
    common.add_argument(
        "--json", action="store_true", default=default, help="JSON on stdout, for programs"
    )


def examples_text(lines: Sequence[str]) -> str:
    """As every help ends."""
    return "examples:\n" + "\n".join(f"  workbench {line}" for line in lines)


def _lower(summary: str) -> str:
    """As the list of commands shows it: without its second half."""
    for end in (". ", ": ", "; "):
        summary = summary.partition(end)[0]
    return summary[0].lower() + summary[1:].removesuffix(".")
