"""From the telemetry to the screen: one message per frame, however much is said.

Invariant: the first value after a silence is on its way at once; after that at most one message
every `FRAME_S`. Nothing here waits for the screen, and nothing on the path of an invocation for this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.message import Message

from workbench.clock import Clock
from workbench.model.telemetry import Telemetry
from workbench.telemetry import Feed

FRAME_S = 0.04


class Heard(Message):
    """Values that came together."""

    def __init__(self, values: Sequence[Telemetry]) -> None:
        super().__init__()
        self.values = values


async def hear(feed: Feed, post: Callable[[Heard], object], clock: Clock) -> None:
    """Post what a feed brings, until it is closed or this is cancelled."""
    while values := await feed.wait_values():
        post(Heard(values))
        await clock.sleep(FRAME_S)
