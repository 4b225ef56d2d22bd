"""The part of the app that sees to it that keys take effect in the order they were pressed.

Textual hands a key to what has the focus and goes on to the next one, although the first may be
about to move the focus or to open an overlay. Here the next key waits until the one before has
been dealt with, and until an overlay that it asked for is there. A quick typist on a busy machine,
or a pasted line, then does exactly what a slow one does.
"""

from __future__ import annotations

from collections import deque

from textual import events
from textual.app import App
from textual.dom import DOMNode
from textual.timer import Timer

_PATIENCE_S = 1.0
"""Keys never wait longer than this: what they wait for may be gone."""


class KeyboardApp(App[None], inherit_bindings=False):
    """Keys one at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[events.Key] = deque()
        self._key_in_flight = False
        self._overlay_awaited = False
        self._patience: Timer | None = None

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, events.Key) or event.is_forwarded:
            await super().on_event(event)
        elif self._key_in_flight or self._overlay_awaited:
            self._waiting.append(event)
        else:
            await self._deal_with(event)

    async def _deal_with(self, event: events.Key) -> None:
        self._key_in_flight = True
        self._be_patient()
        target: DOMNode = self.screen.focused or self.screen
        await super().on_event(event)
        target.call_later(self._follow, target)

    async def _follow(self, node: DOMNode) -> None:
        """A key goes from what has the focus up to the app, unless somebody stops it. What follows it
        through the same queues arrives when it has been dealt with, either way.
        """
        above = node.parent
        if isinstance(above, DOMNode):
            above.call_later(self._follow, above)
        else:
            self._key_in_flight = False
            await self._next()

    def await_overlay(self) -> None:
        """What was just done opens an overlay: the keys that follow are for it."""
        self._overlay_awaited = True
        self._be_patient()

    async def overlay_is_there(self) -> None:
        self._overlay_awaited = False
        await self._next()

    def _be_patient(self) -> None:
        if self._patience is not None:
            self._patience.stop()
        self._patience = self.set_timer(_PATIENCE_S, self._lose_patience)

    async def _lose_patience(self) -> None:
        self._key_in_flight = self._overlay_awaited = False
        await self._next()

    async def _next(self) -> None:
        if self._waiting and not (self._key_in_flight or self._overlay_awaited):
            await self._deal_with(self._waiting.popleft())
        elif self._patience is not None and not self._key_in_flight and not self._overlay_awaited:
            self._patience.stop()
