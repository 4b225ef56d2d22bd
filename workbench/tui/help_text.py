"""What each pane is, in two sentences, and the keys that mean something in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from workbench.tui.actions import ACTIONS, Action, Scope, shown_key
from workbench.tui.situation import Pane, Situation, Tab

PANES: dict[Pane, tuple[str, str]] = {
    Pane.FUNCTIONS: (
        "Functions",
        (
            "Every folder with a function.toml. The sign before a name says how the function is, the "
            "one behind it how its last run ended; a broken one says what is wrong, with file and line."
        ),
    ),
    Pane.RUNS: (
        "Runs",
        (
            "The runs of the selected function, newest first, kept on disk. The result pane shows the "
            "one under the cursor; a failed one says why below its line."
        ),
    ),
    Pane.EVENT: (
        "Event",
        (
            "What a run sends, exactly as it stands here, saved or not. Enter puts the cursor into the "
            "text, esc takes it out; every event is a plain JSON file in the function's events folder."
        ),
    ),
    Pane.NOTICE: (
        "Notice",
        ("What stands in the way or is going on: why, what to do about it, and what still works."),
    ),
    Pane.RESULT: (
        "Result",
        (
            "One run: what it answered, what it wrote, what it took. The frame says when it ran and "
            "how it ended; in a response h and l fold and unfold."
        ),
    ),
}


def pane_actions(pane: Pane, tab: Tab = Tab.RESPONSE) -> list[Action]:
    """The actions whose keys mean something special in a pane."""
    situation = Situation(pane=pane, tab=tab)
    return [
        action
        for action in ACTIONS
        if action.keys and pane in action.panes and action.applies(situation)
    ]


def other_actions(situation: Situation) -> list[Action]:
    """The ones that work in every pane."""
    somewhere = replace(situation, typing=False)
    return [
        action
        for action in ACTIONS
        if action.keys
        and not action.panes
        and action.scope is not Scope.LIST
        and action.applies(somewhere)
        and not action.id.endswith((".outside", ".colon"))
    ]


def moving_actions() -> list[Action]:
    """How one moves in lists and texts."""
    return [action for action in ACTIONS if action.scope is Scope.LIST and not action.panes]


def keys_of(action: Action, *, ascii_only: bool = False) -> str:
    """All its keys, and those of the twin that works outside editors only: `f10 z`."""
    keys = list(action.keys)
    for twin in ACTIONS:
        if twin.id in (f"{action.id}.outside", f"{action.id}.colon"):
            keys += twin.keys
    hidden = ("ctrl+enter", "super+c")
    return " ".join(shown_key(key, ascii_only=ascii_only) for key in keys if key not in hidden)


def manual() -> Iterator[str]:
    """docs/keys.md, line by line."""
    yield "# Keys"
    yield ""
    yield "Made from the action table (`workbench/tui/actions.py`) by `python -m workbench.tui.help_text`;"
    yield "a test fails when it is not as the table says. The first column is the id that a keymap names."
    yield ""
    yield "Works while typing: *always*. Otherwise a letter is a letter as long as the event's text has"
    yield "the focus, and `esc` leaves it. Nothing that matters is on a key that some terminal cannot send."
    groups: dict[str, list[Action]] = {}
    for action in ACTIONS:
        groups.setdefault(action.group, []).append(action)
    for group, actions in groups.items():
        yield ""
        yield f"## {group}"
        yield ""
        yield "| Id | Key | Where | What |"
        yield "|---|---|---|---|"
        for action in actions:
            keys = " ".join(f"`{shown_key(key)}`" for key in action.keys) or "palette"
            yield f"| `{action.id}` | {keys.replace('|', chr(92) + '|')} | {_where(action)} | {action.help} |"


def _where(action: Action) -> str:
    if action.panes:
        panes = ", ".join(PANES[pane][0] for pane in Pane if pane in action.panes)
        return f"{panes}, always" if action.scope is Scope.ALWAYS else panes
    return {
        Scope.ALWAYS: "always",
        Scope.OUTSIDE: "everywhere",
        Scope.LIST: "lists and texts",
    }[action.scope]


if __name__ == "__main__":
    import sys

    sys.stdout.write("\n".join(manual()) + "\n")
