"""The signs the screen is made of, in Unicode and in plain ASCII.

Invariant: a sign never stands alone; a word says the same beside it or in the pane's frame. Every
sign is one cell wide in its set, so that nothing moves when one replaces another.
"""

from __future__ import annotations

from workbench.model.invocation import OutcomeKind
from workbench.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The lines round a pane."""

    top_left: str
    top_right: str
    bottom_left: str
    bottom_right: str
    across: str
    down: str
    thumb: str
    """Where the part in sight stands, on the right side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glyphs:
    """One set."""

    busy: str
    starting: str
    idle: str
    broken: str
    ok: str
    failed: str
    stopped: str
    never: str
    """Nothing has happened yet."""
    cold: str
    closed: str
    opened: str
    here: str
    """The row the cursor is on."""
    unsaved: str
    between: str
    """Stands between two facts."""
    cut: str
    """Something was left out here."""
    to: str
    enter: str
    heavy: str
    """A rule under what is chosen."""
    down: str
    full: str
    empty: str
    rule: str
    spinner: tuple[str, ...]
    frame: Frame
    focus: Frame
    """The same lines round the pane that has the focus; other ones where there is no colour."""

    def outcome(self, kind: OutcomeKind | None) -> str:
        """The sign of an outcome; `None` is a run in progress, for which the spinner stands."""
        if kind is None:
            return self.spinner[0]
        if kind is OutcomeKind.SUCCESS:
            return self.ok
        return self.stopped if kind is OutcomeKind.STOPPED else self.failed


_ROUND = Frame(
    top_left="╭",
    top_right="╮",
    bottom_left="╰",
    bottom_right="╯",
    across="─",
    down="│",
    thumb="┃",
)
_HEAVY = Frame(
    top_left="┏",
    top_right="┓",
    bottom_left="┗",
    bottom_right="┛",
    across="━",
    down="┃",
    thumb="█",
)
_PLAIN = Frame(
    top_left="+",
    top_right="+",
    bottom_left="+",
    bottom_right="+",
    across="-",
    down="|",
    thumb="#",
)
_PLAIN_FOCUS = Frame(
    top_left="#",
    top_right="#",
    bottom_left="#",
    bottom_right="#",
    across="=",
    down="|",
    thumb="#",
)

UNICODE = Glyphs(
    busy="●",
    starting="◐",
    idle="○",
    broken="!",
    ok="✔",
    failed="✖",
    stopped="■",
    never="·",
    cold="❄",
    closed="▸",
    opened="▾",
    here="▸",
    unsaved="•",
    between="·",
    cut="…",
    to="→",
    enter="⏎",
    heavy="━",
    down="▼",
    full="█",
    empty="░",
    rule="─",
    spinner=("⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"),
    frame=_ROUND,
    focus=_ROUND,
)
COLOURLESS = Glyphs(
    **{name: getattr(UNICODE, name) for name in Glyphs.__slots__ if name != "focus"},
    focus=_HEAVY,
)
ASCII = Glyphs(
    busy="*",
    starting="~",
    idle="o",
    broken="!",
    ok="+",
    failed="x",
    stopped="#",
    never=".",
    cold="c",
    closed=">",
    opened="v",
    here=">",
    unsaved="*",
    between="-",
    cut="~",
    to=">",
    enter="enter",
    heavy="=",
    down="v",
    full="#",
    empty=".",
    rule="-",
    spinner=("|", "/", "-", "\\"),
    frame=_PLAIN,
    focus=_PLAIN_FOCUS,
)


def glyphs(*, ascii_only: bool, colour: bool) -> Glyphs:
    """The set for a terminal. Without colour the focused frame differs by its lines instead."""
    if ascii_only:
        return ASCII
    return UNICODE if colour else COLOURLESS
