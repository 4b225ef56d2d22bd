"""The whole command line on one page: every command, every flag, with examples.

Quick to import, so that `--help` answers at once: what a command does is in `commands/`, a module
each, imported when it is chosen. docs/cli.md says the same with more words; a test compares them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.cli.command_list import Commands, add_common, command_of, examples_text
from workbench.cli.deployment_parsers import add_deployment_commands
from workbench.cli.release_parsers import add_release_commands, add_version_replay

_Parser = argparse.ArgumentParser

_FUNCTION = "a function's name"
_PAYLOAD = "the event: JSON text, @FILE, or - for stdin"


class _Version(argparse.Action):
    """Prints the release; looking it up takes 25 ms that nothing else should wait for."""

    def __init__(self, option_strings: Sequence[str], dest: str, **kwargs: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, **kwargs)

    def __call__(self, parser: _Parser, *_: object) -> None:
        from importlib.metadata import version

        parser.exit(message=f"{parser.prog} {version('workbench')}\n")


def make_parser(words: Sequence[str] | None = None) -> _Parser:
    """The parser of everything. `arguments.module` names the module in `commands/` to run.

    words: what it will be given; it then knows the command in them and no other, where there is one.
    """
    parser = _Parser(
        prog="workbench",
        description="A terminal workbench for AWS-Lambda-style functions. "
        "Without a command it opens the terminal UI on the project in this folder.",
        epilog=examples_text(
            ("start sample_functions", "invoke hello -e world", "replay --junit report.xml")
        )
        + "\n\nexit codes: 0 success, 1 the function failed, 2 the request was wrong, "
        "3 the workbench\ncould not do its job.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    add_common(parser, default=None)
    parser.set_defaults(module=None)
    commands = Commands(parser, only=None if words is None else command_of(words))
    _add_all(commands)
    if not commands.known:  # a mistake, or a cry for help: say all that there is
        return make_parser()
    return parser


def _add_all(commands: Commands) -> None:
    for add in (_run_commands, _look_commands, _hand_commands, _make_commands):
        add(commands)
    add_release_commands(commands)
    add_deployment_commands(commands)
    _care_commands(commands)


def _run_commands(commands: Commands) -> None:
    start = commands.add(
        "start",
        "Open the terminal UI. Without a terminal, replay every saved event instead.",
        examples=("start", "start sample_functions", "start < /dev/null"),
    )
    start.add_argument(
        "root", metavar="PROJECT", nargs="?", type=Path, help="the same as --project"
    )

    invoke = commands.add(
        "invoke",
        "Invoke a function: its response on stdout, its logs on stderr as they come.",
        examples=(
            "invoke hello -e world",
            """invoke orders --payload '{"sku": "A-1"}'""",
            "invoke orders --payload @order.json --json",
            "invoke orders -e small --cold",
            "invoke orders:live --payload - < order.json",
        ),
    )
    invoke.add_argument("function", metavar="FUNCTION[:QUALIFIER]", help="or an ARN")
    payload = invoke.add_mutually_exclusive_group()
    payload.add_argument("-e", "--event", metavar="NAME", help="a saved event of the function")
    payload.add_argument("-p", "--payload", metavar="JSON|@FILE|-", help=_PAYLOAD)
    invoke.add_argument(
        "--client-context",
        metavar="JSON|@FILE",
        help="a JSON object that the handler finds in its context",
    )

    invoke.add_argument(
        "--cold", action="store_true", help="in a new environment, made for this one run"
    )

    replay = commands.add(
        "replay",
        "Run saved events and hold each answer against what is expected of it; or run them on two "
        "versions, and list what has changed.",
        examples=(
            "replay",
            "replay orders payments",
            "replay --junit report.xml --jobs 8",
            "replay orders --versions 7,8 --ignore body.at",
        ),
    )
    replay.add_argument("functions", metavar="FUNCTION", nargs="*", help="all, by default")
    replay.add_argument("--junit", metavar="FILE", type=Path, help="also write a JUnit XML report")
    replay.add_argument(
        "--jobs",
        metavar="N",
        type=_positive,
        help="events that run at the same time (default: as many as CPUs, at most 4; with --versions 1)",
    )
    add_version_replay(replay)

    tune = commands.add(
        "tune",
        "Run an event at several memory sizes: what each takes, and what it would cost.",
        examples=("tune orders -e small", "tune orders -e small --sizes 512,1024 --runs 30"),
    )
    tune.add_argument("function", metavar="FUNCTION", help=_FUNCTION)
    payload = tune.add_mutually_exclusive_group()
    payload.add_argument("-e", "--event", metavar="NAME", help="a saved event of the function")
    payload.add_argument("-p", "--payload", metavar="JSON|@FILE|-", help=_PAYLOAD)
    tune.add_argument(
        "--sizes",
        metavar="MB,MB,...",
        type=_sizes,
        default=(128, 256, 512, 1024, 1769, 3008),
        help="memory sizes (default: 128,256,512,1024,1769,3008)",
    )
    tune.add_argument(
        "--runs",
        metavar="N",
        type=_positive,
        default=10,
        help="how often at each size, after a first call (default: 10)",
    )

    serve = commands.add(
        "serve",
        "Answer Lambda's Invoke operation on 127.0.0.1 until told to stop.",
        examples=(
            "serve --port 9001",
            "serve --json",
        ),
    )
    serve.add_argument(
        "--port", metavar="N", type=_port, default=0, help="default: one that is free"
    )


def _look_commands(commands: Commands) -> None:
    commands.add(
        "concurrency",
        "Show how much may run at a time, what functions have reserved, and what runs.",
        examples=("concurrency", "concurrency --json"),
    )
    commands.add(
        "ls",
        "List the project's functions, and what is wrong with them.",
        examples=("ls", "ls --json"),
    )

    events = commands.add(
        "events",
        "List saved events; show, save or delete one.",
        examples=(
            "events orders",
            "events orders --show small",
            "events orders --save small --run 3f2a1b7c --expect",
            "events orders --save small --payload @order.json",
            "events orders --rm small",
            "events --undo 0f8fad5bd9cb469fa16570867728950e",
        ),
    )
    events.add_argument("function", metavar="FUNCTION", nargs="?", help=_FUNCTION)
    verb = events.add_mutually_exclusive_group()
    verb.add_argument("--show", metavar="NAME", help="print an event, byte for byte")
    verb.add_argument("--save", metavar="NAME", help="write an event from --run or --payload")
    verb.add_argument("--rm", metavar="NAME", help="delete an event, and say how to undo that")
    verb.add_argument("--undo", metavar="TOKEN", help="bring back a deleted event")
    source = events.add_mutually_exclusive_group()
    source.add_argument("--run", metavar="ID", help="the payload of that run; 8 characters do")
    source.add_argument("-p", "--payload", metavar="JSON|@FILE|-", help=_PAYLOAD)
    events.add_argument(
        "--expect", action="store_true", help="with --run: also expect what that run answered"
    )

    logs = commands.add(
        "logs",
        "Print the logs of past runs; with -f, also of those that come.",
        examples=("logs", "logs orders -f", "logs --request 3f2a1b7c"),
    )
    logs.add_argument("function", metavar="FUNCTION", nargs="?", help=_FUNCTION)
    logs.add_argument(
        "-n", "--lines", metavar="N", type=_positive, default=100, help="how many (default: 100)"
    )
    which = logs.add_mutually_exclusive_group()
    which.add_argument("-f", "--follow", action="store_true", help="go on as new lines come")
    which.add_argument("--request", metavar="ID", help="those of one run; 8 characters do")

    history = commands.add(
        "history",
        "List past runs, the newest first; or show one.",
        examples=("history", "history orders -n 100", "runs --show 3f2a1b7c --json"),
        aliases=("runs",),
    )
    history.add_argument("function", metavar="FUNCTION", nargs="?", help=_FUNCTION)
    history.add_argument(
        "-n", "--limit", metavar="N", type=_positive, default=20, help="how many (default: 20)"
    )
    history.add_argument("--show", metavar="ID", help="one run with its payload and logs")

    commands.add(
        "ps",
        "List the execution environments of every workbench that runs on this project.",
        examples=("ps", "ps --json"),
    )


def _hand_commands(commands: Commands) -> None:
    warm = commands.add(
        "warm",
        "See that a function has idle environments, in every workbench that runs on this project.",
        examples=("warm orders 4",),
    )
    warm.add_argument("function", metavar="FUNCTION", help=_FUNCTION)
    warm.add_argument(
        "count", metavar="N", type=_positive, nargs="?", default=1, help="how many (default: 1)"
    )

    drain = commands.add(
        "drain",
        "Let a function's environments go: idle ones now, busy ones when they are done.",
        examples=("drain orders",),
    )
    drain.add_argument("function", metavar="FUNCTION", help=_FUNCTION)

    recycle = commands.add(
        "recycle",
        "Replace environments by new ones: those of a function, or a single one.",
        examples=("recycle orders", "recycle 3f2a1b7c"),
    )
    recycle.add_argument(
        "what", metavar="FUNCTION|ENVIRONMENT", help="8 characters of an environment's id do"
    )


def _make_commands(commands: Commands) -> None:
    init = commands.add(
        "init",
        "Make a new function in the project, ready to be invoked.",
        examples=("init hello --runtime python3.13", "init fetch --runtime nodejs22.x"),
    )
    init.add_argument("name", metavar="NAME", help="1 to 64 letters, digits, - and _")
    init.add_argument("--runtime", metavar="R", required=True, help="such as python3.13")

    build = commands.add(
        "build",
        "Make functions ready to run: images, dependencies and code.",
        examples=("build", "build orders"),
    )
    build.add_argument("functions", metavar="FUNCTION", nargs="*", help="all, by default")


def _care_commands(commands: Commands) -> None:
    doctor = commands.add(
        "doctor",
        "Look for what keeps functions from running, with its cause and its remedy.",
        examples=("doctor", "doctor --fix"),
    )
    doctor.add_argument(
        "--fix", action="store_true", help="mend what can be mended, saying what is done"
    )
    doctor.add_argument(
        "--brief", action="store_true", help="only warnings and errors; nothing when there are none"
    )

    keys = commands.add(
        "keys",
        "Keys that variables of published versions are sealed with: list, make, rotate, remove.",
        examples=("keys ls", "keys rotate", "keys new acme", "keys rm acme"),
    )
    keys.add_argument(
        "verb",
        metavar="{ls,new,rotate,rm}",
        choices=("ls", "new", "rotate", "rm"),
        nargs="?",
        default="ls",
        help="what to do (default: ls)",
    )
    keys.add_argument(
        "name", metavar="NAME", nargs="?", help="which key; rotate takes `default` without one"
    )
    keys.add_argument(
        "--gone",
        action="store_true",
        help="with rotate and rm: projects whose folder is gone need no key any more",
    )

    commands.add(
        "down",
        "Stop every workbench that runs on this project and remove its containers.",
        examples=("down",),
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not 1 or more")
    return number


def _sizes(text: str) -> tuple[int, ...]:
    sizes = tuple(dict.fromkeys(int(part) for part in text.split(",")))
    for size in sizes:
        if not 128 <= size <= 10_240:
            raise argparse.ArgumentTypeError(f"{size} is not a memory size: use 128 to 10240")
    return sizes


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65_535:
        raise argparse.ArgumentTypeError(f"{number} is not a port: use 0 to 65535")
    return number


# argparse names the type in its message
_positive.__name__ = _port.__name__ = "number"
_sizes.__name__ = "list of numbers"
