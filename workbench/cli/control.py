"""Orders to the workbenches that run on this project. The other end is `api/control.py`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from workbench.cli.exits import EXITS, Exit
from workbench.cli.output import Output
from workbench.facade.instances import InstanceInfo
from workbench.facade.workbench import Workbench
from workbench.values import dataclass

NOBODY = "No workbench on this project takes orders: start one with `workbench`, or with `workbench serve`."

STARTS_S = 5.0
"""How long a workbench that has only just been started is waited for until it takes orders."""
SETTLE_S = 2.0
"""How long a workbench that does not answer is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What one of them answered."""

    info: InstanceInfo
    exit: Exit
    answer: dict[str, Any]
    """What was done; nothing when it was refused."""
    refusal: str | None = None
    """Why it was not done, a full sentence."""

    @property
    def name(self) -> str:
        return f"workbench {self.info.kind} (process {self.info.pid})"

    @property
    def value(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "pid": self.info.pid,
            "kind": self.info.kind,
            **self.answer,
            "error": self.refusal,
        }


async def order(workbench: Workbench, what: str, **details: Any) -> list[Reply]:
    """Give an order to all that take any, side by side; what each answered, the oldest first."""
    taking = await workbench.instances.taking_orders(within_s=STARTS_S)
    return await _order(taking, what, details)


async def _order(taking: Sequence[InstanceInfo], what: str, details: dict[str, Any]) -> list[Reply]:
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(_ask(info, what, details)) for info in taking]
    return [each.result() for each in asked]


async def settled(workbench: Workbench, output: Output) -> None:
    """See that what the others have done by now can be read; they write a little later than they do."""
    try:
        async with asyncio.timeout(SETTLE_S):
            await _order(await workbench.instances.taking_orders(), "settle", {})
    except TimeoutError:
        output.say("A workbench on this project does not answer: its newest may not be shown.")


def tell(replies: Sequence[Reply], output: Output, told: Callable[[dict[str, Any]], str]) -> Exit:
    """Say what each answered, `told` in words without a full stop; the exit code: the worst of them,
    and nobody there is one that could not.
    """
    if output.json:
        output.object([reply.value for reply in replies])
    for reply in replies:
        output.say(f"{reply.name}: {reply.refusal or f'{told(reply.answer)}.'}")
    if not replies:
        output.say(NOBODY)
    return max((_exit(reply) for reply in replies), default=Exit.COULD_NOT)


def _exit(reply: Reply) -> Exit:
    started = reply.answer.get("started", reply.answer)
    if started.get("not_started"):
        return Exit.COULD_NOT
    return Exit.FUNCTION_FAILED if started.get("failed") else reply.exit


def told_started(started: dict[str, Any]) -> str:
    """What became of environments that were started, without a full stop."""
    ready = len(started["ready"])
    parts = [f"{ready} started" if ready else "none had to be started"]
    if started["failed"] or started["not_started"]:
        parts = [f"{ready} started"]
    parts += [f"cannot initialise: {why.rstrip('.')}" for why in started["failed"]]
    parts += [f"cannot be started: {why.rstrip('.')}" for why in started["not_started"]]
    return "; ".join(parts)


async def _ask(info: InstanceInfo, what: str, details: dict[str, Any]) -> Reply:
    """It may take as long as an image takes to be built."""
    try:
        status, body = await _post(info, what, json.dumps(details).encode())
        answer = json.loads(body)
    except (OSError, ValueError, asyncio.IncompleteReadError) as error:
        why = f"It did not answer: {error}."
        return Reply(info=info, exit=Exit.COULD_NOT, answer={}, refusal=why)
    if status == 200:
        return Reply(info=info, exit=Exit.SUCCESS, answer=answer)
    known = {kind.__name__: code for kind, code in EXITS.items()}
    return Reply(
        info=info,
        exit=known.get(answer.get("error"), Exit.COULD_NOT),
        answer={},
        refusal=str(answer.get("message")),
    )


async def _post(info: InstanceInfo, what: str, body: bytes) -> tuple[int, bytes]:
    """One request on one connection. Raises `OSError`, `ValueError` for what is no answer."""
    address = urlsplit(info.control or "")
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        head = (
            f"POST /{what} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n"
            f"Authorization: Bearer {info.token}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()
        answer = await reader.read(-1)
    finally:
        writer.close()
    top, found, rest = answer.partition(b"\r\n\r\n")
    if not found:
        raise ConnectionResetError("it hung up")
    return int(top.split(b" ", 2)[1]), rest
