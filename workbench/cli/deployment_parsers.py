"""The command line of deployments. As quick to import as `parsers`, which has the rest."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.cli.command_list import Commands


def add_deployment_commands(commands: Commands) -> None:
    """All of them."""
    deploy = commands.add(
        "deploy",
        "Move an alias's traffic to another version step by step, and back when an alarm fires.",
        examples=(
            "deploy orders --alias live --to 8 --strategy canary10percent5minutes",
            "deploy orders --alias live --to 8 --strategy linear:20%:1m --alarm 'error-rate>5%'",
            "deploy orders --alias live --to 8 --pre-hook check-orders --detach",
            "deploy stop d-1A2B3C4D5",
            "deploy report d-1A2B3C4D5 EXECUTION Succeeded",
        ),
    )
    deploy.add_argument(
        "function",
        metavar="FUNCTION",
        help="what to deploy; or `stop ID`; or, in place of a hook, `report ID EXECUTION STATUS`",
    )
    deploy.add_argument(
        "rest",
        metavar="ID",
        nargs="*",
        help="with stop: the deployment; with report: it, the execution, and Succeeded or Failed",
    )
    deploy.add_argument("--alias", metavar="NAME", help="whose traffic moves")
    deploy.add_argument("--to", metavar="VERSION", help="the number of the version that gets it")
    deploy.add_argument(
        "--strategy",
        metavar="S",
        default="AllAtOnce",
        help="as CodeDeploy names it (Canary10Percent5Minutes, Linear10PercentEvery1Minute, ...), or "
        "canary:25%%:90s, linear:20%%:1m (default: AllAtOnce)",
    )
    deploy.add_argument(
        "--pre-hook", metavar="F", help="the function that decides before any traffic moves"
    )
    deploy.add_argument(
        "--post-hook", metavar="F", help="the function that decides when all traffic has moved"
    )
    deploy.add_argument(
        "--alarm",
        metavar="A",
        action="append",
        default=[],
        help="go back when this is so: 'error-rate>5%%', 'p95>250ms', 'throttles>0'; at most ten",
    )
    deploy.add_argument(
        "--alarm-after",
        metavar="N",
        type=_count,
        help="calls of the new version before an alarm can fire (default: 10; throttles: 1)",
    )
    deploy.add_argument(
        "--detach", action="store_true", help="leave it to a workbench that runs, and do not wait"
    )
    deploy.add_argument(
        "--no-rollback", action="store_true", help="with stop: leave the traffic where it is"
    )

    listed = commands.add(
        "deployments",
        "List deployments, the newest first; or show one with all its steps.",
        examples=("deployments", "deployments orders", "deployments --show d-1A2B3C4D5 --json"),
    )
    listed.add_argument("function", metavar="FUNCTION", nargs="?", help="a function's name")
    listed.add_argument("--show", metavar="ID", help="one, with its steps and its traffic")
    listed.add_argument(
        "-n", "--limit", metavar="N", type=_count, default=20, help="how many (default: 20)"
    )


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not 1 or more")
    return number


_count.__name__ = "number"  # argparse names the type in its message
