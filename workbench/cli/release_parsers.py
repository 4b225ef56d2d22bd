"""The command line of releases: versions, what they differ in, aliases, and taking changes back. As
quick to import as `parsers`, which has the rest.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.cli.command_list import Commands

_FUNCTION = "a function's name"
_LAYER_VERBS = ("publish", "ls", "show", "rm")
_ALIAS_VERBS = ("ls", "show", "create", "update", "rm")


def add_release_commands(commands: Commands) -> None:
    """All of them."""
    _publishing(commands)
    _comparing(commands)
    _aliases(commands)
    _provisioning(commands)
    _layers(commands)
    _configuring(commands)
    _taking_back(commands)
    _transferring(commands)


def _publishing(commands: Commands) -> None:
    publish = commands.add(
        "publish",
        "Make a version: what the function is now, for good. Unchanged it stays the newest one.",
        examples=("publish orders", "publish orders --description 'first release' --json"),
    )
    publish.add_argument("function", metavar="FUNCTION", help=_FUNCTION)
    publish.add_argument(
        "--description", metavar="TEXT", help="what it is, in place of the function's own"
    )
    publish.add_argument(
        "--code-sha256", metavar="SHA256", help="refuse unless the code has this CodeSha256"
    )
    publish.add_argument(
        "--revision-id", metavar="ID", help="refuse unless $LATEST has this revision"
    )
    versions = commands.add(
        "versions",
        "List a function's versions; or do one thing with one of them.",
        examples=("versions orders", "versions orders --show 3", "versions orders --rm 2"),
    )
    versions.add_argument("function", metavar="FUNCTION", help=_FUNCTION)
    what = versions.add_mutually_exclusive_group()
    what.add_argument("--show", metavar="VERSION", help="all that is known of one")
    what.add_argument("--rm", metavar="VERSION", help="delete one that no alias leads to")


def _comparing(commands: Commands) -> None:
    diff = commands.add(
        "diff",
        "Show what two versions differ in: code, configuration, variables, layers, dependencies, "
        "image.",
        examples=("diff orders", "diff orders 7 8", "diff orders live '$LATEST' --json"),
    )
    diff.add_argument("function", metavar="FUNCTION", help=_FUNCTION)
    diff.add_argument(
        "a",
        metavar="A",
        nargs="?",
        help="a number, an alias or $LATEST (default: the newest version)",
    )
    diff.add_argument("b", metavar="B", nargs="?", help="likewise (default: $LATEST)")


def add_version_replay(replay: argparse.ArgumentParser) -> None:
    """What `replay` needs for two versions."""
    replay.add_argument(
        "--versions",
        metavar="A,B",
        type=_two_versions,
        help="run a function's events on both, and list what has changed",
    )
    replay.add_argument(
        "--runs", metavar="N", type=int, help="runs of each event on each version (default: 10)"
    )
    replay.add_argument(
        "--ignore",
        metavar="PATH",
        action="append",
        default=[],
        help="what of responses is not compared, such as body.items[*].id; may be repeated",
    )


def _aliases(commands: Commands) -> None:
    alias = commands.add(
        "alias",
        "Names for versions, and how their traffic is shared out: list, show, make, move, remove.",
        examples=(
            "alias ls orders",
            "alias create orders:live 7",
            "alias update orders:live --weight 8=0.1",
            "alias update orders:live 8 --no-weight",
            "alias show orders:live --hours 1",
            "alias rm orders:live",
        ),
    )
    alias.add_argument(
        "verb", metavar="{ls,show,create,update,rm}", choices=_ALIAS_VERBS, help="what to do"
    )
    alias.add_argument(
        "target",
        metavar="FUNCTION[:ALIAS]",
        help="a function's name and an alias of it; ls takes the function alone",
    )
    alias.add_argument(
        "version", metavar="VERSION", nargs="?", help="where it leads: a number or $LATEST"
    )
    shares = alias.add_mutually_exclusive_group()
    shares.add_argument(
        "--weight",
        metavar="VERSION=SHARE",
        type=_weight,
        help="a second version, and its share of the calls: 0 to 1",
    )
    shares.add_argument(
        "--no-weight", action="store_true", help="no second version any more", dest="no_weight"
    )
    alias.add_argument(
        "--hours",
        metavar="N",
        type=float,
        default=24.0,
        help="with show: how far back its calls are looked at (default: 24)",
    )
    alias.add_argument("--description", metavar="TEXT", help="what it is for")
    alias.add_argument(
        "--revision-id", metavar="ID", help="with update: refuse unless it has this revision"
    )


def _provisioning(commands: Commands) -> None:
    provision = commands.add(
        "provision",
        "Keep environments of a version initialised before anybody calls; or list what is kept.",
        examples=("provision", "provision orders:live 5", "provision orders:live --off"),
    )
    provision.add_argument(
        "target",
        metavar="FUNCTION:VERSION",
        nargs="?",
        help="a published version or an alias; a function alone lists what it has",
    )
    provision.add_argument("count", metavar="N", nargs="?", type=int, help="how many environments")
    provision.add_argument("--off", action="store_true", help="none any more")


def _layers(commands: Commands) -> None:
    layer = commands.add(
        "layer",
        "Layers that functions share: publish a version of one, list, show, remove.",
        examples=(
            "layer publish common layers/common --description 'first'",
            "layer publish tools tools.zip --compatible-runtime python3.13",
            "layer ls",
            "layer ls common",
            "layer show common:3",
            "layer rm common:3",
        ),
    )
    layer.add_argument(
        "verb", metavar="{publish,ls,show,rm}", choices=_LAYER_VERBS, help="what to do"
    )
    layer.add_argument(
        "layer",
        metavar="NAME[:N]",
        nargs="?",
        help="a layer's name; show and rm take one version of it; ls takes none for all",
    )
    layer.add_argument(
        "content",
        metavar="PATH",
        nargs="?",
        help="with publish: a folder or a zip, laid out as in /opt",
    )
    layer.add_argument("--description", metavar="TEXT", help="what it is")
    layer.add_argument(
        "--compatible-runtime",
        metavar="RUNTIME",
        action="append",
        default=[],
        help="a runtime it is for; up to 15 times",
    )
    layer.add_argument(
        "--compatible-architecture",
        metavar="ARCHITECTURE",
        action="append",
        default=[],
        help="x86_64 or arm64, or both",
    )
    layer.add_argument("--license", metavar="TEXT", help="its license, or where that is")


def _configuring(commands: Commands) -> None:
    configure = commands.add(
        "configure",
        "Edit a function's function.toml; or show its configuration, and where each value is from.",
        examples=(
            "configure orders",
            "configure orders memory_mb=512 timeout_s=30",
            "configure orders environment.TABLE=orders-dev --unset reserved_concurrency",
            "configure orders 'layers=[\"../layers/common\"]' --json",
        ),
    )
    configure.add_argument("function", metavar="FUNCTION", help=_FUNCTION)
    configure.add_argument(
        "settings",
        metavar="KEY=VALUE",
        nargs="*",
        help="a key as in function.toml, or environment.NAME for a variable",
    )
    configure.add_argument(
        "--unset", metavar="KEY", nargs="+", action="extend", help="take these keys out"
    )


def _taking_back(commands: Commands) -> None:
    commands.add(
        "undo",
        "Take back the last change: a version, a move of an alias, a deletion, an edit.",
        examples=("undo",),
    )
    changes = commands.add(
        "changes",
        "List what was published, moved, deleted and configured, the newest first.",
        examples=("changes", "changes -n 100 --json"),
    )
    changes.add_argument(
        "-n", "--limit", metavar="N", type=int, default=50, help="how many (default: 50)"
    )


def _transferring(commands: Commands) -> None:
    export = commands.add(
        "export",
        "Write a function to one file: versions, aliases, layers, events; no secret values.",
        examples=("export orders", "export orders -o orders.zip --json"),
    )
    export.add_argument("function", metavar="FUNCTION", help=_FUNCTION)
    export.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        help="the file, which must not exist (default: FUNCTION.workbench.zip)",
    )
    imports = commands.add(
        "import",
        "Take in a function that was exported: versions, aliases, layers, events.",
        examples=(
            "import orders.workbench.zip",
            "import orders.workbench.zip --as orders-copy --values secrets.env",
        ),
    )
    imports.add_argument("file", metavar="FILE", type=Path, help="what export has written")
    imports.add_argument("--as", metavar="NAME", dest="name", help="another name for it here")
    imports.add_argument(
        "--values",
        metavar="FILE.env",
        type=Path,
        help="a NAME.env file with the values of secret variables",
    )


def _two_versions(text: str) -> tuple[str, str]:
    a, comma, b = text.partition(",")
    if not (a and comma and b) or "," in b:
        raise argparse.ArgumentTypeError(f"{text} is not A,B, such as 7,8 or live,$LATEST")
    return a, b


def _weight(text: str) -> tuple[str, float]:
    version, _, share = text.partition("=")
    if not version or not share:
        raise argparse.ArgumentTypeError(f"{text} is not VERSION=SHARE, such as 8=0.1")
    try:
        return version, float(share)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{share} is no share: use 0 to 1") from None
