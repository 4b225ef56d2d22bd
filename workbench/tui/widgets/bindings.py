"""Key bindings made from the action table."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from workbench.tui.actions import ACTIONS, BY_ID, Scope

_FIRST = frozenset({"leave", "copy.sel"})
"""Keys that editors would take for themselves. All others go through what has the focus, so that
keys take effect in the order they were pressed."""


def app_bindings() -> list[BindingType]:
    """One for each action that the app does; the id is what a keymap names."""
    return [
        Binding(
            ",".join(action.keys),
            f"act('{action.id}')",
            action.label,
            show=False,
            priority=action.id in _FIRST,
            id=action.id,
        )
        for action in ACTIONS
        if action.keys and action.scope is not Scope.LIST
    ]


def own_bindings(*ids: str) -> list[BindingType]:
    """For a widget that does some of the `LIST` actions itself, as `action_move_down` and so on."""
    return [
        Binding(
            ",".join(BY_ID[each].keys),
            each.replace(".", "_"),
            BY_ID[each].label,
            show=False,
            id=each,
        )
        for each in ids
    ]
