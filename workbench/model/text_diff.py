"""Two texts held against each other line by line, as a unified diff, within bounds. Pure.

difflib needs time in the third power of what it is given at worst. What a comparison would take is
estimated first, and one that would take too long is not begun.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence

from workbench.expression import expression

CONTEXT = 3
"""Lines of a hunk before and after what has changed."""
NO_LINE_END = "\\ No newline at end of file"
"""Source: GNU diff."""
_STARTS = expression(r"^@@ -(\d+)((?:,\d+)?) \+(\d+)((?:,\d+)?) @@$")
_POPULAR_FROM = 200
"""Source: difflib, "autojunk": with so many lines, those that are more than 1 % are passed over."""


def as_text(raw: bytes) -> str | None:
    """`raw` as text; `None` when it is none: not UTF-8, or with a NUL."""
    if b"\0" in raw:
        return None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


class LineDiff:
    """What two texts have in common is found at once; the rest is compared by `lines`."""

    def __init__(self, a: str, b: str) -> None:
        self._a, self._b = _lines(a), _lines(b)
        shortest = min(len(self._a), len(self._b))
        same = next((n for n in range(shortest) if self._a[n] != self._b[n]), shortest)
        left = shortest - same
        tail = next((n for n in range(left) if self._a[-1 - n] != self._b[-1 - n]), left)
        self._start = max(0, same - CONTEXT)
        tail = max(0, tail - CONTEXT)
        self._a = self._a[self._start : len(self._a) - tail]
        self._b = self._b[self._start : len(self._b) - tail]

    @property
    def work(self) -> int:
        """The most steps that `lines` takes; 10 million are a second or less."""
        if not self._a or not self._b:
            return 0
        theirs = Counter(self._b)
        if len(self._b) >= _POPULAR_FROM:
            most = len(self._b) // 100 + 1
            theirs = Counter({line: count for line, count in theirs.items() if count <= most})
        pairs = sum(theirs[line] for line in self._a)
        return (pairs + len(self._a)) * min(len(self._a), len(self._b))

    def lines(self) -> tuple[str, ...]:
        """Hunks, without the two lines that name files and without line ends; empty: equal."""
        found: list[str] = []
        told = difflib.unified_diff(self._a, self._b, n=CONTEXT, lineterm="")
        for number, line in enumerate(told):
            if number < len(("---", "+++")):
                continue
            if line.startswith("@@"):
                found.append(self._moved(line))
            elif line.endswith("\n"):
                found.append(line[:-1])
            else:
                found += (line, NO_LINE_END)
        return tuple(found)

    def _moved(self, header: str) -> str:
        starts = _STARTS.match(header)
        if starts is None:
            return header
        a, b = int(starts[1]) + self._start, int(starts[3]) + self._start
        return f"@@ -{a}{starts[2]} +{b}{starts[4]} @@"


def whole(text: str, *, added: bool) -> tuple[str, ...]:
    """The diff of a text and none."""
    lines = _lines(text)
    if not lines:
        return ()
    count = "1" if len(lines) == 1 else f"1,{len(lines)}"
    header, mark = (f"@@ -0,0 +{count} @@", "+") if added else (f"@@ -{count} +0,0 @@", "-")
    return header, *_marked(lines, mark)


def _marked(lines: Sequence[str], mark: str) -> list[str]:
    marked = [f"{mark}{line.removesuffix(chr(10))}" for line in lines]
    return marked if lines[-1].endswith("\n") else [*marked, NO_LINE_END]


def _lines(text: str) -> list[str]:
    """Line ends stay; only newlines are any."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines
