"""A workbench to be killed: tells invocations to a store and says on stdout what it has told.

Run as a program: `python -m tests.integration.store.killed STATE [COUNT]`. A line on stdout is
written after the call it speaks of has returned, as a caller is answered after `ended`:

    A <request id>          accepted
    E <request id> <kind>   ended
    R <request id>          reported

Payloads and log lines follow from the request id, so that whoever reads knows what to expect.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

from tests.integration.store.runs import Told, accept, end, report, telling
from workbench.model.invocation import Acceptance, InvocationRecord, OutcomeKind
from workbench.model.names import RequestId

KINDS = (OutcomeKind.SUCCESS, OutcomeKind.ERROR, OutcomeKind.TIMEOUT)


def payload_of(request_id: str) -> bytes:
    """Mostly small; one in a few is large enough to be cut in the middle of a write."""
    size = 3_000_000 if request_id[0] == "0" else int(request_id[:3], 16)
    return request_id.encode() * (size // len(request_id) + 1)


def lines_of(request_id: str) -> list[str]:
    """What it logs before its outcome is settled."""
    return [f"{request_id} line {number}" for number in range(int(request_id[1], 16) % 4)]


async def tell(told: Told, count: int) -> None:
    """Tell of `count` invocations, several of them in progress at a time."""
    dice = random.Random()  # every run another one: the moment of death is random too
    running: list[Acceptance] = []
    over: list[InvocationRecord] = []
    begun = 0
    while begun < count or running or over:
        if begun < count and len(running) < 8:
            acceptance = accept()
            acceptance = accept(
                request_id=acceptance.request_id, payload=payload_of(acceptance.request_id)
            )
            told.store.journal.accepted(acceptance)
            say("A", acceptance.request_id)
            running.append(acceptance)
            begun += 1
        if running and (dice.random() < 0.5 or begun == count):
            over.append(answer(told, running.pop(dice.randrange(len(running))), dice))
        if over and (dice.random() < 0.7 or begun == count):
            record = over.pop(dice.randrange(len(over)))
            told.store.journal.reported(report(record))
            say("R", record.request_id)
        if dice.random() < 0.2:
            await asyncio.sleep(dice.choice((0, 0.001, 0.03)))  # noqa: TID251 - as functions do


def answer(told: Told, acceptance: Acceptance, dice: random.Random) -> InvocationRecord:
    request_id = acceptance.request_id
    told.log(*lines_of(request_id), request_id=request_id)
    record = end(acceptance, payload=payload_of(request_id)[::-1], kind=dice.choice(KINDS))
    told.store.journal.ended(record)
    assert record.outcome is not None
    say("E", request_id, record.outcome.kind)
    return record


def say(word: str, request_id: RequestId, *more: str) -> None:
    os.write(1, f"{' '.join((word, request_id, *more))}\n".encode())


async def main() -> None:
    state = Path(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    async with telling(state) as told:
        say("O", RequestId(told.store.instance.name))
        await tell(told, count)


if __name__ == "__main__":
    asyncio.run(main())
