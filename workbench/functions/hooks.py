"""Where hook functions of deployments are heard.

Invariant: an invocation reports for the execution it was given and for no other; once it is over it
reports nothing more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from workbench.errors import AccessDenied, InternalError, WorkbenchError
from workbench.model.hook_report import (
    HookReport,
    accepted,
    already_completed,
    parse_report,
    refused,
)
from workbench.model.names import RequestId
from workbench.ports import Answering
from workbench.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedHook:
    """A hook that runs."""

    deployment_id: str
    execution_id: str | None
    tasks: asyncio.TaskGroup | None
    """Of reports on their way into the store. `None`: the deployment has gone on without it."""
    keep: Callable[[HookReport], Awaitable[None]]
    """Puts one into the store. Raises `WorkbenchError`."""


class HookDesk:
    """Where environments hand in reports. See `ports.HookReports`.

    Made before everything else, because environments are given it; it knows hooks only while they run.
    """

    def __init__(self) -> None:
        self._asked: dict[RequestId, AskedHook] = {}

    def expect(self, request_id: RequestId, asked: AskedHook) -> None:
        """This invocation may report."""
        self._asked[request_id] = asked

    def conclude(self, request_id: RequestId) -> None:
        """Nobody waits for its reports any more, though it may still run."""
        asked = self._asked.get(request_id)
        if asked is not None:
            self._asked[request_id] = replace(asked, tasks=None)

    def forget(self, request_id: RequestId) -> None:
        """It is over."""
        self._asked.pop(request_id, None)

    def take(self, request_id: RequestId, target: str, body: bytes, answer: Answering) -> None:
        """See `ports.HookReports`."""
        asked = self._asked.get(request_id)
        try:
            report = parse_report(target, body)
            mine = asked is not None and (report.deployment_id, report.execution_id) == (
                asked.deployment_id,
                asked.execution_id,
            )
            if asked is None or not mine:
                raise AccessDenied("An invocation reports for the execution that it was asked by.")
            if asked.tasks is None:
                raise already_completed(f"A hook of deployment {asked.deployment_id}")
        except WorkbenchError as error:
            answer(*refused(error))
        else:
            task = asked.tasks.create_task(_hand_in(asked, report, answer), name="hook report")
            task.add_done_callback(partial(_answer_given_up, asked, answer))


def _answer_given_up(asked: AskedHook, answer: Answering, task: asyncio.Task[None]) -> None:
    """The deployment went on while the report was on its way."""
    if task.cancelled():
        answer(*refused(already_completed(f"A hook of deployment {asked.deployment_id}")))


async def _hand_in(asked: AskedHook, report: HookReport, answer: Answering) -> None:
    try:
        await asked.keep(report)
    except WorkbenchError as error:
        answer(*refused(error))
    except Exception as error:
        answer(*refused(InternalError(f"A report was not taken: {error!r}.")))
        raise
    else:
        answer(*accepted(report))
