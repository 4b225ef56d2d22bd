"""JSON text as the lines of a pretty view, made a slice at a time from the text as it stands.

Nothing is decoded and nothing is written anew: a line is a stretch of the source, so that numbers,
escapes and duplicate keys are shown exactly as they were sent. Six megabytes are a million lines at
most; the first screenful is there after the first slice.

Invariant: after every slice the lines so far are right; whether the text *is* JSON is known at the
end (`complete`) or as soon as it is not (`problem`).
"""

from __future__ import annotations

import re
from array import array
from enum import IntEnum

from workbench.expression import expression
from workbench.values import dataclass

_TOKEN = expression(
    r"""[ \t\n\r]*+(?:
      (?P<string>"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+")
    | (?P<open>[\[{])
    | (?P<close>[\]}])
    | (?P<comma>,)
    | (?P<colon>:)
    | (?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)
    | (?P<word>true|false|null|NaN|-?Infinity)
    )""",
    re.VERBOSE,
)
_BLANK = expression(r"[ \t\n\r]*+")

_INLINE_CELLS = 60
"""A container of scalars only is shown on one line if it is no longer than this."""
_DEEPEST = 500
"""Python's own parser gives up at about twice that; nobody reads such a text."""
_NONE = 0xFFFFFFFF


class Kind(IntEnum):
    """What a line is."""

    SCALAR = 0
    OPEN = 1
    CLOSE = 2
    INLINE = 3
    """A whole small container, or an empty one."""


class _Expect(IntEnum):
    """What may come next."""

    VALUE = 0
    VALUE_OR_CLOSE = 1
    KEY = 2
    KEY_OR_CLOSE = 3
    COLON = 4
    COMMA_OR_CLOSE = 5
    END = 6


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `start` and `end` are where it stands in the text, key included."""

    index: int
    kind: Kind
    start: int
    end: int
    depth: int
    partner: int | None
    """For OPEN the line that closes it, if that is known yet; for CLOSE the one that opened it."""
    children: int
    """For OPEN and INLINE: members."""
    comma: bool


@dataclass(slots=True)
class _Open:
    """A container that has not been closed yet."""

    line: int
    is_object: bool
    children: int = 0
    plain: bool = True
    """It holds nothing but scalars so far."""


class JsonLines:
    """The lines of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.problem: int | None = None
        """Where the text stops being JSON."""
        self.complete = False
        self._at = 0
        self._expect = _Expect.VALUE
        self._stack: list[_Open] = []
        self._key_start = _NONE
        """Where the key of the value to come stands."""
        self._kinds = array("B")
        self._starts = array("I")
        self._ends = array("I")
        self._depths = array("H")
        self._partners = array("I")
        self._parents = array("I")
        self._ordinals = array("I")
        self._counts = array("I")
        self._commas = array("B")

    def __len__(self) -> int:
        return len(self._kinds)

    def line(self, index: int) -> Line:
        """One of them."""
        partner = self._partners[index]
        return Line(
            index=index,
            kind=Kind(self._kinds[index]),
            start=self._starts[index],
            end=self._ends[index],
            depth=self._depths[index],
            partner=None if partner == _NONE else partner,
            children=self._counts[index],
            comma=bool(self._commas[index]),
        )

    def pairs(self, depths: range) -> dict[int, int]:
        """Every container whose depth is one of `depths`: its opening and its closing line."""
        partners = self._partners
        return {
            index: partners[index]
            for index, (kind, depth) in enumerate(zip(self._kinds, self._depths, strict=True))
            if kind == Kind.OPEN and depth in depths and partners[index] != _NONE
        }

    def at_offset(self, offset: int) -> int:
        """The line that a place in the text is on."""
        low, high = 0, len(self._starts)
        while low < high:
            middle = (low + high) // 2
            if self._starts[middle] <= offset:
                low = middle + 1
            else:
                high = middle
        return max(0, low - 1)

    def parents(self, index: int) -> list[int]:
        """The lines that opened what it stands in, outermost first."""
        found: list[int] = []
        if self._kinds[index] == Kind.CLOSE:
            index = self._partners[index]
        parent = self._parents[index]
        while parent != _NONE:
            found.append(parent)
            parent = self._parents[parent]
        return found[::-1]

    def path(self, index: int) -> str:
        """Where a line stands, as one would write it in JavaScript: `.detail.lines[0].sku`."""
        if self._kinds[index] == Kind.CLOSE:
            index = self._partners[index]
        parts: list[str] = []
        for each in [*self.parents(index), index]:
            key = self._key(each)
            if key is not None:
                parts.append(f".{key}" if key.isidentifier() else f'["{key}"]')
            elif self._parents[each] != _NONE:
                parts.append(f"[{self._ordinals[each]}]")
        return "".join(parts) or "."

    def value(self, index: int) -> str:
        """The text of the value on a line, for a container all of it; without its key."""
        if self._kinds[index] == Kind.CLOSE:
            index = self._partners[index]
        start, end = self._starts[index], self._ends[index]
        if self._key(index) is not None:
            colon = self._after_key(start)
            start = colon
        if self._kinds[index] == Kind.OPEN and self._partners[index] != _NONE:
            end = self._ends[self._partners[index]]
        return self.text[start:end]

    def _key(self, index: int) -> str | None:
        parent = self._parents[index]
        if parent == _NONE or self.text[self._ends[parent] - 1] != "{":
            return None
        start = self._starts[index]
        match = _TOKEN.match(self.text, start)
        assert match is not None, "a member of an object starts with its key"
        return match["string"][1:-1]

    def _after_key(self, start: int) -> int:
        """Where the value begins whose key begins at `start`."""
        key = _TOKEN.match(self.text, start)
        assert key is not None, "called for members of objects only"
        colon = _TOKEN.match(self.text, key.end())
        assert colon is not None, "what was read once can be read again"
        blank = _BLANK.match(self.text, colon.end())
        return colon.end() if blank is None else blank.end()

    # --- reading -------------------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        """Read to the end, or to where it stops being JSON."""
        return self.complete or self.problem is not None

    def read(self, tokens: int) -> bool:
        """Read on, at most `tokens` of them; whether that was all."""
        match = _TOKEN.match
        text = self.text
        for _ in range(tokens):
            if self.done:
                return True
            found = match(text, self._at)
            if found is None:
                self._finish()
                return True
            kind = found.lastgroup
            assert kind is not None, "every alternative has a name"
            if not self._take(kind, found.start(kind), found.end()):
                self.problem = found.start(kind)
                return True
            self._at = found.end()
        return self.done

    def _finish(self) -> None:
        blank = _BLANK.match(self.text, self._at)
        at = self._at if blank is None else blank.end()
        if self._expect is _Expect.END and at == len(self.text):
            self.complete = True
        else:
            self.problem = at

    def _take(self, kind: str, start: int, end: int) -> bool:
        """One token; False: it may not stand here."""
        if kind == "string" and self._expect in (_Expect.KEY, _Expect.KEY_OR_CLOSE):
            self._key_start = start
            self._expect = _Expect.COLON
            return True
        if kind == "open":
            return self._opened(start, end)
        if kind == "close":
            return self._closed(start, end)
        if kind == "comma":
            return self._comma()
        return self._colon() if kind == "colon" else self._scalar(start, end)

    def _colon(self) -> bool:
        if self._expect is not _Expect.COLON:
            return False
        self._expect = _Expect.VALUE
        return True

    def _scalar(self, start: int, end: int) -> bool:
        if self._expect not in (_Expect.VALUE, _Expect.VALUE_OR_CLOSE):
            return False
        self._add(Kind.SCALAR, start, end)
        self._value_over()
        return True

    def _opened(self, start: int, end: int) -> bool:
        if self._expect not in (_Expect.VALUE, _Expect.VALUE_OR_CLOSE):
            return False
        if len(self._stack) >= _DEEPEST:
            return False
        if self._stack:
            self._stack[-1].plain = False
        self._add(Kind.OPEN, start, end)
        is_object = self.text[start] == "{"
        self._stack.append(_Open(len(self._kinds) - 1, is_object))
        self._expect = _Expect.KEY_OR_CLOSE if is_object else _Expect.VALUE_OR_CLOSE
        return True

    def _closed(self, start: int, end: int) -> bool:
        if not self._stack or self._expect not in (
            _Expect.COMMA_OR_CLOSE,
            _Expect.KEY_OR_CLOSE,
            _Expect.VALUE_OR_CLOSE,
        ):
            return False
        top = self._stack[-1]
        if (self.text[start] == "}") is not top.is_object:
            return False
        self._stack.pop()
        self._counts[top.line] = top.children
        if not top.children or (top.plain and self._fits(top.line)):
            self._fold_into_line(top.line, end)
        else:
            self._partners[top.line] = len(self._kinds)
            self._append(Kind.CLOSE, start, end, partner=top.line)
        self._value_over()
        return True

    def _comma(self) -> bool:
        if self._expect is not _Expect.COMMA_OR_CLOSE:
            return False
        self._commas[-1] = 1
        self._expect = _Expect.KEY if self._stack[-1].is_object else _Expect.VALUE
        return True

    def _value_over(self) -> None:
        if not self._stack:
            self._expect = _Expect.END
            return
        self._stack[-1].children += 1
        self._expect = _Expect.COMMA_OR_CLOSE

    # --- lines ---------------------------------------------------------------------------------------

    def _add(self, kind: Kind, start: int, end: int) -> None:
        if self._key_start != _NONE:
            start, self._key_start = self._key_start, _NONE
        self._append(kind, start, end)

    def _append(self, kind: Kind, start: int, end: int, *, partner: int = _NONE) -> None:
        self._kinds.append(kind)
        self._starts.append(start)
        self._ends.append(end)
        self._depths.append(len(self._stack))
        self._partners.append(partner)
        self._parents.append(self._stack[-1].line if self._stack else _NONE)
        self._ordinals.append(self._stack[-1].children if self._stack else 0)
        self._counts.append(0)
        self._commas.append(0)

    def _fits(self, opener: int) -> bool:
        """The container is small enough for one line, whatever blanks its source has."""
        members = len(self._kinds) - opener - 1
        cells = 4 + 2 * members
        if cells > _INLINE_CELLS:
            return False
        for index in range(opener + 1, len(self._kinds)):
            cells += self._ends[index] - self._starts[index]
        return cells + self._ends[opener] - self._starts[opener] <= _INLINE_CELLS

    def _fold_into_line(self, opener: int, end: int) -> None:
        for column in (
            self._kinds,
            self._starts,
            self._ends,
            self._depths,
            self._partners,
            self._parents,
            self._ordinals,
            self._counts,
            self._commas,
        ):
            del column[opener + 1 :]
        self._kinds[opener] = Kind.INLINE
        self._ends[opener] = end
        self._commas[opener] = 0


class Folds:
    """Which lines are in sight when some containers are folded.

    A fold hides the lines after an opening one up to and with the closing one.
    """

    def __init__(self) -> None:
        self._hidden: list[tuple[int, int]] = []
        """Outermost hidden stretches, first and last line, in order."""
        self._folded: dict[int, int] = {}
        """By opening line: its closing line."""
        self._before: list[int] = []
        """How many lines are hidden before each stretch."""

    def __contains__(self, opener: int) -> bool:
        return opener in self._folded

    @property
    def hidden(self) -> int:
        """Lines out of sight."""
        if not self._hidden:
            return 0
        first, last = self._hidden[-1]
        return self._before[-1] + last - first + 1

    def fold(self, pairs: dict[int, int]) -> None:
        """Fold containers, given by their opening and closing lines."""
        self._folded.update(pairs)
        self._arrange()

    def unfold(self, openers: list[int] | None = None) -> None:
        """Unfold some, or all."""
        if openers is None:
            self._folded.clear()
        else:
            for opener in openers:
                self._folded.pop(opener, None)
        self._arrange()

    def line_of(self, row: int) -> int:
        """The line that is `row`-th in sight."""
        low, high = 0, len(self._hidden)
        while low < high:
            middle = (low + high) // 2
            first, _ = self._hidden[middle]
            if first - self._before[middle] <= row:
                low = middle + 1
            else:
                high = middle
        if not low:
            return row
        first, last = self._hidden[low - 1]
        return row + self._before[low - 1] + last - first + 1

    def row_of(self, line: int) -> int:
        """The row on which a line is; for a hidden one, the row of what hides it."""
        low, high = 0, len(self._hidden)
        while low < high:
            middle = (low + high) // 2
            if self._hidden[middle][0] <= line:
                low = middle + 1
            else:
                high = middle
        if not low:
            return line
        first, last = self._hidden[low - 1]
        before = self._before[low - 1]
        return first - 1 - before if line <= last else line - before - (last - first + 1)

    def _arrange(self) -> None:
        hidden: list[tuple[int, int]] = []
        before: list[int] = []
        total = 0
        for opener in sorted(self._folded):
            if hidden and opener <= hidden[-1][1]:
                continue  # inside another fold
            first, last = opener + 1, self._folded[opener]
            before.append(total)
            hidden.append((first, last))
            total += last - first + 1
        self._hidden, self._before = hidden, before
