"""A journal that remembers, and knows the order things must come in."""

from __future__ import annotations

import errno

from workbench.model.invocation import Acceptance, InvocationRecord
from workbench.model.names import RequestId


class RecordingJournal:
    """Fits `ports.Journal`.

    Invariant checked: accepted once, then ended once with an outcome, then reported once with
    figures. What breaks it is kept in `broken`, for the test to fail on at its end: an exception
    here would be raised inside the engine.
    """

    def __init__(self) -> None:
        self.acceptances: dict[RequestId, Acceptance] = {}
        self.ends: dict[RequestId, InvocationRecord] = {}
        self.reports: dict[RequestId, InvocationRecord] = {}
        self.calls: list[tuple[str, RequestId]] = []
        """Everything, in order."""
        self.broken: list[str] = []
        self.full = False
        """The disk is: nothing more is accepted."""

    @property
    def unfinished(self) -> list[RequestId]:
        """Accepted, and not reported."""
        return [request_id for request_id in self.acceptances if request_id not in self.reports]

    def accepted(self, acceptance: Acceptance) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self._note("accepted", acceptance.request_id)
        if acceptance.request_id in self.acceptances:
            self.broken.append(f"{acceptance.request_id} was accepted twice")
        self.acceptances[acceptance.request_id] = acceptance

    def ended(self, record: InvocationRecord) -> None:
        self._note("ended", record.request_id)
        if record.request_id not in self.acceptances:
            self.broken.append(f"{record.request_id} ended without having been accepted")
        if record.request_id in self.ends:
            self.broken.append(f"{record.request_id} ended twice")
        if record.outcome is None or record.ended_at is None:
            self.broken.append(f"{record.request_id} ended without an outcome")
        self.ends[record.request_id] = record

    def reported(self, record: InvocationRecord) -> None:
        self._note("reported", record.request_id)
        ended = self.ends.get(record.request_id)
        if ended is None:
            self.broken.append(f"{record.request_id} was reported before it had ended")
        elif ended.outcome != record.outcome:
            self.broken.append(f"{record.request_id} was reported with another outcome")
        if record.request_id in self.reports:
            self.broken.append(f"{record.request_id} was reported twice")
        if record.measurements is None:
            self.broken.append(f"{record.request_id} was reported without figures")
        self.reports[record.request_id] = record

    def _note(self, call: str, request_id: RequestId) -> None:
        self.calls.append((call, request_id))
