"""`workbench down`: nothing of this project runs afterwards."""

from __future__ import annotations

from argparse import Namespace

from workbench.cli.exits import Exit
from workbench.cli.narration import narrated
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.facade.instances import InstanceInfo

_GRACE_S = 15.0
"""Beyond the time that runs in progress are given: for containers to go and history to be written."""
_KILLED_S = 5.0


async def run(arguments: Namespace, output: Output) -> int:
    """Stop the other workbenches; then what they left behind is swept up by opening the engine."""
    async with opened(arguments, engine=False) as workbench, narrated(workbench, output):
        instances = workbench.instances
        others = await instances.others()
        if not others:
            output.say("No workbench runs on this project.")
        for info in others:
            output.say(f"Stopping {_name(info)}")
        within_s = workbench.settings.timeouts.drain_s + _GRACE_S
        remaining = await instances.stop(others, within_s=within_s)
        for info in remaining:
            output.say(f"{_name(info)} does not stop: ending it")
        remaining = await instances.kill(remaining, within_s=_KILLED_S)
        for info in remaining:
            output.say(f"{_name(info)} still runs, and is not ours to end")
        workbench.environments.begin()
        await workbench.environments.wait_engine()
    if output.json:
        output.object(
            {
                "stopped": [info.pid for info in others if info not in remaining],
                "running": [info.pid for info in remaining],
            }
        )
    return Exit.COULD_NOT if remaining else Exit.SUCCESS


def _name(info: InstanceInfo) -> str:
    where = "" if info.address is None else f" at {info.address}"
    return f"workbench {info.kind}{where} (process {info.pid})"
