"""What the person has in front of them, as one value: all that an action may ask before it acts."""

from __future__ import annotations

from enum import StrEnum

from workbench.model.names import FunctionName, RequestId
from workbench.values import dataclass


class Pane(StrEnum):
    """A part of the screen that can have the focus, in the order of `tab`."""

    FUNCTIONS = "functions"
    RUNS = "runs"
    EVENT = "event"
    NOTICE = "notice"
    RESULT = "result"


class Tab(StrEnum):
    """What the result pane shows of a run."""

    RESPONSE = "response"
    LOGS = "logs"
    REPORT = "report"


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Here and now."""

    pane: Pane | None = None
    typing: bool = False
    """In the event's text: letters are letters."""
    tab: Tab = Tab.RESPONSE
    project: str = "."
    """The project's folder, as a shell would be told."""
    function: FunctionName | None = None
    cannot_run: str | None = None
    """Why the function could not even be started, a full sentence."""
    engine_down: str | None = None
    event: str | None = None
    """The saved event that the editor shows; `None` when it was never saved."""
    events: int = 0
    dirty: bool = False
    flaw: str | None = None
    """Why the text is not JSON."""
    payload: str | None = None
    """The text, when it is short enough for a command line."""
    run: RequestId | None = None
    """The run that the result pane shows."""
    run_event: str | None = None
    running: bool = False
    """It is in progress."""
    in_flight: bool = False
    """Something is, that `run.cancel` would stop."""
    undoable: bool = False
    notice: bool = False
    editor: bool = True
    """There is a program to edit with."""
    pager: bool = True
    zoomed: bool = False
    found: bool = False
    """Something is being searched for in the pane."""
    filtered: bool = False
