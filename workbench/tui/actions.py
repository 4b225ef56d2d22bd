"""Everything a person can do on the screen, in one table.

Key bindings, footer, palette, help, the keys sidebar and docs/keys.md are all made from it, so
that none of them can say something else than what happens. What an action *does* is in `deeds/`,
under the same id.

Over the usual size because it is one table.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from enum import StrEnum

from workbench.tui.situation import Pane, Situation, Tab
from workbench.values import dataclass


class Scope(StrEnum):
    """While what has the focus an action's keys work."""

    ALWAYS = "always"
    """Also while typing."""
    OUTSIDE = "outside editors"
    """Everywhere but in a text being typed."""
    LIST = "in lists and texts"
    """The widget with the focus moves by itself."""


class Danger(StrEnum):
    """What it takes to do it."""

    NONE = "none"
    UNDOABLE = "undoable"
    """Done at once; `u` takes it back."""
    ASKS = "asks"
    """Interrupts work: a question on the status line, and No is the answer of every key but y."""


def _always(_: Situation) -> bool:
    return True


def _never_refused(_: Situation) -> str | None:
    return None


def _no_line(_: Situation) -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One row."""

    id: str
    """Stable: keymaps name it."""
    label: str
    """A word or two, for the footer."""
    help: str
    """What happens, one sentence."""
    group: str
    long: str = ""
    """For the palette, where the label alone says too little."""
    keys: tuple[str, ...] = ()
    """As Textual names them; the first is shown."""
    scope: Scope = Scope.OUTSIDE
    panes: frozenset[Pane] = frozenset()
    """Only with the focus in one of these; empty is anywhere."""
    applies: Callable[[Situation], bool] = _always
    """False: it means nothing here, and is not even listed."""
    why_not: Callable[[Situation], str | None] = _never_refused
    """Why it cannot be done just now; said when its key is pressed, and it is dimmed."""
    danger: Danger = Danger.NONE
    cli: Callable[[Situation], str | None] = _no_line
    """The same from a shell."""
    footer: int = 0
    """Its place in the footer, from 1; 0 is nowhere."""
    footer_in: frozenset[Pane] = frozenset()
    """Only named in the footer of these; empty is any."""
    palette: bool = True
    opens: bool = False
    """It asks for something at once: keys that follow are for what it opens."""

    def here(self, situation: Situation) -> bool:
        """Its keys mean something where the focus is."""
        if situation.typing and self.scope is not Scope.ALWAYS:
            return False
        if self.panes and situation.pane not in self.panes:
            return False
        return self.applies(situation)


# --- why not, and the same from a shell -------------------------------------------------------------


def _needs_function(situation: Situation) -> str | None:
    return None if situation.function else "There is no function yet: a makes one."


def _cannot_run(situation: Situation) -> str | None:
    if refused := _needs_function(situation) or situation.cannot_run:
        return refused
    if situation.engine_down:
        return f"{situation.engine_down} r looks for it again."
    if situation.flaw:
        return f"The event is not JSON: {situation.flaw}."
    return None


def _cannot_repeat(situation: Situation) -> str | None:
    if situation.run is None:
        return "There is no run to repeat yet: ^r makes the first."
    return situation.cannot_run


def _needs_run(situation: Situation) -> str | None:
    return None if situation.run else "There is no run yet: ^r makes the first."


def _needs_ended_run(situation: Situation) -> str | None:
    if situation.running:
        return "It is still running."
    return _needs_run(situation)


def _nothing_in_flight(situation: Situation) -> str | None:
    return None if situation.in_flight else "Nothing is running."


def _needs_saved_event(situation: Situation) -> str | None:
    if refused := _needs_function(situation):
        return refused
    return None if situation.event else "This event was never saved: ^s saves it."


def _needs_events(situation: Situation) -> str | None:
    if refused := _needs_function(situation):
        return refused
    return None if situation.events else "This function has no saved events: ^s saves this one."


def _nothing_to_save(situation: Situation) -> str | None:
    if refused := _needs_function(situation):
        return refused
    if situation.event and not situation.dirty:
        return "It is saved as it is."
    return None


def _nothing_to_undo(situation: Situation) -> str | None:
    return None if situation.undoable else "There is nothing to undo in this session."


def _no_editor(situation: Situation) -> str | None:
    return None if situation.editor else "No editor was found: set EDITOR."


def _no_pager(situation: Situation) -> str | None:
    return None if situation.pager else "No pager was found: set PAGER."


def _no_search(situation: Situation) -> str | None:
    return None if situation.found else "Nothing is being searched for: / does."


def _engine_is_up(situation: Situation) -> bool:
    return situation.engine_down is None


def _engine_is_down(situation: Situation) -> bool:
    return situation.engine_down is not None


def _in_logs(situation: Situation) -> bool:
    return situation.pane is Pane.RESULT and situation.tab is Tab.LOGS


def _project(situation: Situation) -> str:
    return "" if situation.project == "." else f" --project {shlex.quote(situation.project)}"


def cli_run(situation: Situation) -> str | None:
    """The line that runs what `run` would run."""
    if situation.function is None:
        return None
    line = f"wb invoke {situation.function}"
    if situation.event and not situation.dirty:
        line += f" -e {shlex.quote(situation.event)}"
    elif situation.payload is not None:
        line += f" --payload {shlex.quote(situation.payload)}"
    else:
        line += " --payload @FILE"
    return line + _project(situation)


def _cli_build(situation: Situation) -> str | None:
    return f"wb build {situation.function}{_project(situation)}" if situation.function else None


def _cli_new(situation: Situation) -> str | None:
    return f"wb init NAME --runtime RUNTIME{_project(situation)}"


def _cli_logs(situation: Situation) -> str | None:
    return f"wb logs {situation.function}{_project(situation)}" if situation.function else None


def _cli_events(situation: Situation) -> str | None:
    return f"wb events {situation.function}{_project(situation)}" if situation.function else None


_LEFT = frozenset({Pane.FUNCTIONS, Pane.RUNS, Pane.EVENT})
_EVENT = frozenset({Pane.EVENT})
_FUNCTIONS = frozenset({Pane.FUNCTIONS})
_RUNS = frozenset({Pane.RUNS})
_RESULT = frozenset({Pane.RESULT})
_OF_A_RUN = frozenset({Pane.RUNS, Pane.RESULT})
_EVENTS_OF = frozenset({Pane.EVENT, Pane.RUNS, Pane.RESULT, Pane.NOTICE})
_TEXTS = frozenset({Pane.EVENT, Pane.RESULT, Pane.RUNS, Pane.NOTICE})

# --- the table -------------------------------------------------------------------------------------------

ACTIONS: tuple[Action, ...] = (
    # Run
    Action(
        id="run",
        label="Run",
        help="Run the selected function with what stands in the editor, saved or not.",
        group="Run",
        long="run with the event in the editor",
        keys=("ctrl+r", "f5", "ctrl+enter"),
        scope=Scope.ALWAYS,
        why_not=_cannot_run,
        cli=cli_run,
        footer=1,
    ),
    Action(
        id="run.cancel",
        label="Cancel",
        help="Stop the run in progress; what it has logged by then stays.",
        group="Run",
        long="cancel the run in progress",
        keys=("f9",),
        scope=Scope.ALWAYS,
        why_not=_nothing_in_flight,
        footer=2,
    ),
    Action(
        id="again",
        label="Again",
        help="Repeat the shown run with the very payload it had.",
        group="Run",
        long="repeat the shown run",
        keys=("r",),
        applies=_engine_is_up,
        why_not=_cannot_repeat,
        footer=5,
        footer_in=_OF_A_RUN,
    ),
    Action(
        id="run.save",
        label="Save as event",
        help="Save the payload of the shown run as an event.",
        group="Run",
        long="save the run's payload as an event",
        keys=("S",),
        why_not=_needs_run,
        danger=Danger.UNDOABLE,
        footer=9,
        panes=_OF_A_RUN,
        opens=True,
    ),
    # Result
    Action(
        id="tab.prev",
        label="Tab",
        help="Show the previous tab.",
        group="Result",
        keys=("[",),
        panes=_RESULT,
        palette=False,
    ),
    Action(
        id="tab.next",
        label="Tab",
        help="Show the next tab.",
        group="Result",
        keys=("]",),
        panes=_RESULT,
        footer=3,
        palette=False,
    ),
    Action(
        id="see.response",
        label="Response",
        help="Show what the function answered.",
        group="Result",
        long="show the response",
        why_not=_needs_run,
    ),
    Action(
        id="see.logs",
        label="Logs",
        help="Show what the run wrote.",
        group="Result",
        long="show the logs",
        keys=("L",),
        why_not=_needs_run,
        cli=_cli_logs,
        footer=7,
        panes=_OF_A_RUN,
    ),
    Action(
        id="see.report",
        label="Report",
        help="Show the run's figures, and where it failed.",
        group="Result",
        long="show the report",
        why_not=_needs_run,
    ),
    Action(
        id="copy",
        label="Copy",
        help="Copy what the cursor is on: the value, the log line, the event, the request id.",
        group="Result",
        long="copy what the cursor is on",
        keys=("y",),
        footer=6,
        footer_in=_TEXTS,
    ),
    Action(
        id="copy.whole",
        label="Copy all",
        help="Copy all of the tab: the response, the log, the report.",
        group="Result",
        long="copy all of the tab",
        why_not=_needs_ended_run,
    ),
    Action(
        id="copy.cli",
        label="Copy as CLI",
        help="Copy the shell line that does the same as running this.",
        group="Result",
        keys=("Y",),
        why_not=_needs_function,
        cli=cli_run,
        footer=12,
        footer_in=_EVENTS_OF,
    ),
    Action(
        id="copy.request",
        label="Copy request id",
        help="Copy the request id of the shown run.",
        group="Result",
        long="copy the request id",
        why_not=_needs_run,
    ),
    Action(
        id="find",
        label="Find",
        help="Search in the pane; small letters find capitals too. Keeps everything in sight.",
        group="Result",
        keys=("/",),
        footer=8,
        footer_in=frozenset({Pane.FUNCTIONS, Pane.RUNS, Pane.RESULT}),
        opens=True,
    ),
    Action(
        id="find.next",
        label="Next match",
        help="Go to the next match.",
        group="Result",
        keys=("n",),
        why_not=_no_search,
        palette=False,
    ),
    Action(
        id="find.prev",
        label="Previous match",
        help="Go to the previous match.",
        group="Result",
        keys=("N",),
        why_not=_no_search,
        palette=False,
    ),
    Action(
        id="filter",
        label="Only",
        help="Show only log lines that match; a ! in front shows the others. Empty shows all again.",
        group="Result",
        keys=("&",),
        applies=_in_logs,
        footer=4,
        opens=True,
    ),
    Action(
        id="follow",
        label="Follow",
        help="Go to the end of the log and stay there while it grows.",
        group="Result",
        keys=("f",),
        applies=_in_logs,
        footer=4,
    ),
    # Event
    Action(
        id="save",
        label="Save",
        help="Save what stands in the editor; asks for a name when it has none.",
        group="Event",
        long="save",
        keys=("ctrl+s",),
        scope=Scope.ALWAYS,
        why_not=_nothing_to_save,
        danger=Danger.UNDOABLE,
        footer=3,
        footer_in=_EVENT,
    ),
    Action(
        id="event.edit",
        label="Type",
        help="Put the cursor into the event's text; esc leaves it.",
        group="Event",
        keys=("enter", "i"),
        panes=_EVENT,
        footer=2,
        why_not=_needs_function,
        palette=False,
    ),
    Action(
        id="event.choose",
        label="Events",
        help="Choose one of the function's saved events.",
        group="Event",
        long="choose...",
        keys=("o",),
        why_not=_needs_events,
        cli=_cli_events,
        footer=4,
        panes=_LEFT,
        footer_in=frozenset({Pane.FUNCTIONS, Pane.EVENT}),
        opens=True,
    ),
    Action(
        id="event.prev",
        label="Event",
        help="Show the function's previous event.",
        group="Event",
        keys=("[",),
        panes=_LEFT,
        why_not=_needs_events,
        palette=False,
    ),
    Action(
        id="event.next",
        label="Event",
        help="Show the function's next event.",
        group="Event",
        keys=("]",),
        panes=_LEFT,
        why_not=_needs_events,
        footer=6,
        palette=False,
        footer_in=frozenset({Pane.FUNCTIONS, Pane.EVENT}),
    ),
    Action(
        id="event.new",
        label="New event",
        help="Begin a new event for the function; it gets its name when it is saved.",
        group="Event",
        long="new",
        keys=("ctrl+n",),
        scope=Scope.ALWAYS,
        panes=_EVENTS_OF,
        why_not=_needs_function,
        footer=10,
        footer_in=_EVENT,
    ),
    Action(
        id="event.add",
        label="New event",
        help="Begin a new event for the function.",
        group="Event",
        keys=("a",),
        panes=_EVENT,
        why_not=_needs_function,
        palette=False,
    ),
    Action(
        id="dup",
        label="Duplicate",
        help="Make a copy of the event under another name.",
        group="Event",
        long="duplicate",
        keys=("d",),
        panes=_EVENT,
        why_not=_needs_saved_event,
        danger=Danger.UNDOABLE,
        footer=8,
        opens=True,
    ),
    Action(
        id="rename",
        label="Rename",
        help="Give the event another name.",
        group="Event",
        long="rename...",
        why_not=_needs_saved_event,
        danger=Danger.UNDOABLE,
        opens=True,
    ),
    Action(
        id="delete",
        label="Delete",
        help="Move the event to the trash; u brings it back.",
        group="Event",
        long="delete",
        keys=("x",),
        panes=_EVENT,
        why_not=_needs_saved_event,
        danger=Danger.UNDOABLE,
        footer=9,
    ),
    Action(
        id="revert",
        label="Discard changes",
        help="Show the event as it is on disk again.",
        group="Event",
        long="discard changes",
        applies=lambda situation: situation.dirty and situation.event is not None,
        danger=Danger.UNDOABLE,
    ),
    Action(
        id="undo",
        label="Undo",
        help="Take back the newest saving, duplicating, renaming or deleting of this session.",
        group="Event",
        keys=("u",),
        why_not=_nothing_to_undo,
        footer=11,
        footer_in=_EVENT,
    ),
    # Function
    Action(
        id="function.new",
        label="New function",
        help="Make a function from a runtime's template, with two events.",
        group="Function",
        long="new from a template...",
        keys=("ctrl+n", "a"),
        panes=_FUNCTIONS,
        cli=_cli_new,
        footer=8,
        opens=True,
    ),
    Action(
        id="function.open",
        label="Open",
        help="Go to the function's event.",
        group="Function",
        keys=("enter",),
        panes=_FUNCTIONS,
        footer=2,
        why_not=_needs_function,
        palette=False,
    ),
    Action(
        id="function.code",
        label="Code",
        help="Open the function's handler in your editor, a broken one where it is broken.",
        group="Function",
        long="open its code",
        keys=("e", "f4"),
        panes=frozenset({Pane.FUNCTIONS, Pane.NOTICE}),
        why_not=lambda situation: _needs_function(situation) or _no_editor(situation),
        footer=3,
    ),
    Action(
        id="build",
        label="Build",
        help="Make the function ready now: image, dependencies, code.",
        group="Function",
        long="make ready now",
        keys=("b",),
        panes=frozenset({Pane.FUNCTIONS, Pane.NOTICE}),
        why_not=lambda situation: _needs_function(situation) or situation.cannot_run,
        cli=_cli_build,
        footer=7,
    ),
    Action(
        id="engine.retry",
        label="Retry",
        help="Look for the container engine again, now.",
        group="Engine",
        long="look for it again",
        keys=("r",),
        applies=_engine_is_down,
        footer=1,
    ),
    # Runs
    Action(
        id="run.open",
        label="Open",
        help="Go to the run's result.",
        group="Run",
        keys=("enter",),
        panes=_RUNS,
        footer=3,
        why_not=_needs_run,
        palette=False,
    ),
    # Text
    Action(
        id="pager",
        label="Pager",
        help="Read the pane's text in your pager.",
        group="Text",
        long="open in pager",
        keys=("f3",),
        scope=Scope.ALWAYS,
        panes=_TEXTS,
        why_not=_no_pager,
        footer=13,
    ),
    Action(
        id="editor",
        label="Editor",
        help="Edit the event in your editor, or open a copy of the pane's text in it.",
        group="Text",
        long="open in editor",
        keys=("f4",),
        scope=Scope.ALWAYS,
        panes=frozenset({Pane.EVENT, Pane.RESULT, Pane.RUNS}),
        why_not=_no_editor,
        footer=5,
    ),
    Action(
        id="editor.outside",
        label="Editor",
        help="Edit the event in your editor, or open a copy of the pane's text in it.",
        group="Text",
        keys=("e",),
        panes=frozenset({Pane.EVENT, Pane.RESULT, Pane.RUNS}),
        why_not=_no_editor,
        palette=False,
    ),
    # Go
    Action(
        id="palette",
        label="Commands",
        help="Everything that can be done now, and every function, event and run.",
        group="Go",
        keys=("ctrl+p",),
        scope=Scope.ALWAYS,
        footer=99,
        palette=False,
        opens=True,
    ),
    Action(
        id="palette.colon",
        label="Commands",
        help="Everything that can be done now, and every function, event and run.",
        group="Go",
        keys=("colon",),
        palette=False,
        opens=True,
    ),
    Action(
        id="goto",
        label="Go to",
        help="Go to a function, an event or a run by a few letters of its name.",
        group="Go",
        keys=("ctrl+g",),
        scope=Scope.ALWAYS,
        footer=14,
        palette=False,
        opens=True,
    ),
    Action(
        id="jump",
        label="Jump",
        help="Put a letter on every pane and tab; pressing it goes there.",
        group="Go",
        long="jump to a pane or tab",
        keys=("ctrl+o",),
        scope=Scope.ALWAYS,
        footer=15,
        opens=True,
    ),
    Action(
        id="pane.next",
        label="Next pane",
        help="Go to the next pane.",
        group="Go",
        keys=("tab",),
        palette=False,
    ),
    Action(
        id="pane.prev",
        label="Previous pane",
        help="Go to the previous pane.",
        group="Go",
        keys=("shift+tab",),
        palette=False,
    ),
    Action(
        id="leave",
        label="Leave",
        help="Leave the text for its pane; else go back one step: zoom, search, filter, pane. "
        "With nothing to go back from, cancel the run in progress. Never quits.",
        group="Go",
        keys=("escape",),
        scope=Scope.ALWAYS,
        footer=16,
        palette=False,
    ),
    # View
    Action(
        id="zoom",
        label="Zoom",
        help="Let the pane have the whole screen, or give it back.",
        group="View",
        long="zoom the pane",
        keys=("f10",),
        scope=Scope.ALWAYS,
        footer=17,
    ),
    Action(
        id="zoom.outside",
        label="Zoom",
        help="Let the pane have the whole screen, or give it back.",
        group="View",
        keys=("z",),
        palette=False,
    ),
    Action(
        id="help",
        label="Help",
        help="What this pane is, and what can be done in it.",
        group="View",
        long="help on this pane",
        keys=("f1",),
        scope=Scope.ALWAYS,
        footer=98,
        opens=True,
    ),
    Action(
        id="keys",
        label="Keys",
        help="Show or hide the keys of the focused pane beside it.",
        group="View",
        long="show or hide its keys",
        keys=("f8",),
        scope=Scope.ALWAYS,
    ),
    Action(
        id="keys.outside",
        label="Keys",
        help="Show or hide the keys of the focused pane beside it.",
        group="View",
        keys=("question_mark",),
        palette=False,
    ),
    Action(
        id="theme",
        label="Theme",
        help="Choose the colours; each is shown while you look at its name.",
        group="View",
        long="theme...",
        opens=True,
    ),
    Action(
        id="ascii",
        label="Plain signs",
        help="Draw with ASCII only, for fonts and terminals that have nothing else; or not.",
        group="View",
        long="plain ASCII signs on or off",
    ),
    # App
    Action(
        id="copy.sel",
        label="Copy selection",
        help="Copy what is selected; with nothing selected, say how to quit.",
        group="App",
        keys=("ctrl+c", "super+c"),
        scope=Scope.ALWAYS,
        palette=False,
    ),
    Action(
        id="quit",
        label="Quit",
        help="Leave. Drafts are kept; asks first when a run is in progress.",
        group="App",
        keys=("ctrl+q",),
        scope=Scope.ALWAYS,
        danger=Danger.ASKS,
    ),
    # Move: the widgets do it themselves
    Action(
        id="move.down",
        label="Down",
        help="One row down.",
        group="Move",
        keys=("j", "down"),
        scope=Scope.LIST,
        palette=False,
    ),
    Action(
        id="move.up",
        label="Up",
        help="One row up.",
        group="Move",
        keys=("k", "up"),
        scope=Scope.LIST,
        palette=False,
    ),
    Action(
        id="move.first",
        label="First",
        help="To the first row.",
        group="Move",
        keys=("g", "home"),
        scope=Scope.LIST,
        palette=False,
    ),
    Action(
        id="move.last",
        label="Last",
        help="To the last row; in a log this also follows it.",
        group="Move",
        keys=("G", "end"),
        scope=Scope.LIST,
        palette=False,
    ),
    Action(
        id="move.half_down",
        label="Half a page down",
        help="Half a page down.",
        group="Move",
        keys=("ctrl+d",),
        scope=Scope.LIST,
        palette=False,
    ),
    Action(
        id="move.half_up",
        label="Half a page up",
        help="Half a page up.",
        group="Move",
        keys=("ctrl+u",),
        scope=Scope.LIST,
        palette=False,
    ),
    Action(
        id="move.page_down",
        label="Page down",
        help="One page down.",
        group="Move",
        keys=("pagedown",),
        scope=Scope.LIST,
        palette=False,
    ),
    Action(
        id="move.page_up",
        label="Page up",
        help="One page up.",
        group="Move",
        keys=("pageup",),
        scope=Scope.LIST,
        palette=False,
    ),
    Action(
        id="move.left",
        label="Fold, left",
        help="Fold, or go to what holds this; in a log, scroll left.",
        group="Move",
        keys=("h", "left"),
        scope=Scope.LIST,
        palette=False,
    ),
    Action(
        id="move.right",
        label="Unfold, right",
        help="Unfold; in a log, scroll right.",
        group="Move",
        keys=("l", "right"),
        scope=Scope.LIST,
        palette=False,
    ),
    Action(
        id="open",
        label="Open",
        help="In a response, fold or unfold; in a stack trace, open the file there in your editor.",
        group="Move",
        keys=("enter",),
        scope=Scope.LIST,
        panes=_RESULT,
        palette=False,
    ),
    Action(
        id="fold.all",
        label="Fold all",
        help="Fold everything below the first level of the response.",
        group="Move",
        keys=("less_than_sign",),
        scope=Scope.LIST,
        panes=_RESULT,
        palette=False,
    ),
    Action(
        id="fold.none",
        label="Unfold all",
        help="Unfold the whole response.",
        group="Move",
        keys=("greater_than_sign",),
        scope=Scope.LIST,
        panes=_RESULT,
        palette=False,
    ),
)

BY_ID: dict[str, Action] = {action.id: action for action in ACTIONS}

_SHOWN = {
    "escape": "esc",
    "enter": "⏎",
    "question_mark": "?",
    "colon": ":",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "space": "space",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "home": "Home",
    "end": "End",
    "down": "↓",
    "up": "↑",
    "left": "←",
    "right": "→",
}


_WORDS = frozenset({"enter", "down", "up", "left", "right"})


def shown_key(key: str, *, ascii_only: bool = False) -> str:
    """A key as the footer writes it: `^r`, `f5`, `⏎`."""
    if ascii_only and key in _WORDS:
        return key
    if key in _SHOWN:
        return _SHOWN[key]
    if key.startswith("ctrl+"):
        return f"^{shown_key(key.removeprefix('ctrl+'))}"
    return key


def here(situation: Situation) -> list[Action]:
    """Everything whose keys mean something now; of several with one key, the first."""
    return [
        action for action in ACTIONS if action.scope is not Scope.LIST and action.here(situation)
    ]


def footer(situation: Situation) -> list[Action]:
    """What the footer names, most useful first."""
    wanted = [
        action
        for action in here(situation)
        if action.footer and (not action.footer_in or situation.pane in action.footer_in)
    ]
    if not situation.in_flight:
        wanted = [action for action in wanted if action.id != "run.cancel"]
    if not situation.typing:
        wanted = [action for action in wanted if action.id != "leave"]
    if situation.function is None:
        wanted = [action for action in wanted if action.why_not(situation) is None]
    return sorted(wanted, key=lambda action: action.footer)
