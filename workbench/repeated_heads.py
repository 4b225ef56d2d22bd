"""What a client says with every request: parsed once, and recognised from then on.

Whoever calls a thousand times says the same thousand times; parsing it is a twelfth of what a call
takes. Invariant: what is recognised is what the parser would have made of it.
"""

from __future__ import annotations

from typing import NamedTuple

_PLAIN = bytes({*range(0x21, 0x7F)} - set(b'"#<>\\^`{|}'))
"""What a target is made of that needs no parser to be understood."""
_BLOCK_BYTES = 4096
"""Longer header blocks are parsed each time."""
_UNUSUAL = frozenset({"expect", "transfer-encoding", "upgrade"})
"""Requests with these are, too."""
_METHODS = frozenset({b"GET", b"POST"})
_KEY_BYTES = 4
"""Of a request that tell those two apart."""


class Recognised(NamedTuple):
    """A whole request."""

    method: str
    target: str
    headers: dict[str, str]
    """Every request's with this block: not to be changed."""
    body: bytes


class _Known(NamedTuple):
    head: bytes
    """All of the newest head that was parsed: whoever calls one function sends the same each time."""
    method: str
    target: str
    block: bytes
    """From the end of the request line to the empty line."""
    headers: dict[str, str]
    body_bytes: int


class RepeatedHeads:
    """Those of one connection: the newest of each method."""

    def __init__(self) -> None:
        self._known: dict[bytes, _Known] = {}
        """By the first bytes of the request."""

    def recognise(self, data: bytes, *, head_bytes: int) -> Recognised | None:
        """What came at once, if it is one request whose header block is known. `head_bytes` bounds its
        head.
        """
        known = self._known.get(data[:_KEY_BYTES])
        if known is None:
            return None
        if data.startswith(known.head):
            body = data[len(known.head) :]
            if len(body) != known.body_bytes:
                return None
            return Recognised(known.method, known.target, known.headers, body)
        line_end = data.find(b"\r\n")
        words = data[: max(line_end, 0)].split(b" ")
        if len(words) != 3 or words[0] != known.method.encode() or words[2] != b"HTTP/1.1":
            return None
        target = words[1]
        body_at = line_end + len(known.block)
        if (
            len(data) - body_at != known.body_bytes
            or not data.startswith(known.block, line_end)
            or not target.startswith(b"/")
            or target.translate(None, _PLAIN)
            or body_at > head_bytes
        ):
            return None
        return Recognised(known.method, target.decode(), known.headers, data[body_at:])

    def learn(self, data: bytes, target: str, headers: dict[str, str], *, body_bytes: int) -> None:
        """`data` came at once and began with a request that the parser understood, after which the
        connection stays.
        """
        line_end, head_end = data.find(b"\r\n"), data.find(b"\r\n\r\n") + 4
        words = data[: max(line_end, 0)].split(b" ")
        if (
            words[0] in _METHODS
            and len(words) == 3
            and words[2] == b"HTTP/1.1"
            and len(data) - head_end == body_bytes
            and head_end - line_end <= _BLOCK_BYTES
            and _UNUSUAL.isdisjoint(headers)
        ):
            self._known[data[:_KEY_BYTES]] = _Known(
                head=data[:head_end],
                method=words[0].decode(),
                target=target,
                block=data[line_end:head_end],
                headers=headers,
                body_bytes=body_bytes,
            )
