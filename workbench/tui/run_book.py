"""The runs of every function: what the history says and what happened since, in one list each.

Invariant: a run is in a list once. What was heard here is newer than what the history says.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from workbench.model.invocation import InvocationRecord, LogEntry, RunSummary, summary
from workbench.model.names import FunctionName, RequestId
from workbench.values import dataclass

_MOST_KEPT = 40
"""Records with their payloads and logs, of whatever functions. Others are asked for again."""
_MOST_LISTED = 1000
"""Of one function, unless more were asked for."""


@dataclass(frozen=True, slots=True)
class KeptRun:
    """An ended run with all that there is to show of it."""

    record: InvocationRecord
    logs: Sequence[LogEntry] | None
    """`None`: only the history knows them."""


class RunBook:
    """All lists."""

    def __init__(self) -> None:
        self._lists: dict[FunctionName, dict[RequestId, RunSummary]] = {}
        self._kept: OrderedDict[RequestId, KeptRun] = OrderedDict()
        self._latest: dict[FunctionName, RunSummary] = {}
        self._loaded: dict[FunctionName, int] = {}
        self._whole: set[FunctionName] = set()

    def ended(self, record: InvocationRecord, logs: Sequence[LogEntry] | None) -> None:
        """A run is over and measured."""
        self.keep(record, logs)
        self._note(summary(record))

    def load(self, function: FunctionName, found: Iterable[RunSummary], *, limit: int) -> None:
        """What the history says, newest first; fewer than `limit` means that there are no more."""
        known = self._lists.setdefault(function, {})
        count = 0
        for each in found:
            count += 1
            mine = known.get(each.request_id)
            if mine is None or mine.kind is None:
                self._note(each)
        self._loaded[function] = self._loaded.get(function, 0) + count
        if count < limit:
            self._whole.add(function)

    def load_latest(self, found: Iterable[RunSummary]) -> None:
        """The newest run of each function, as the history says."""
        for each in found:
            before = self._latest.get(each.function)
            if before is None or before.accepted_at <= each.accepted_at:
                self._latest[each.function] = each

    def rows(self, function: FunctionName) -> list[RunSummary]:
        """The ended ones, newest first, and those that run somewhere else."""
        known = self._lists.get(function, {})
        return sorted(known.values(), key=_age, reverse=True)

    def whole(self, function: FunctionName) -> bool:
        """The history has no older ones."""
        return function in self._whole

    def loaded(self, function: FunctionName) -> bool:
        """The history was asked, and nothing ran elsewhere that may have ended since."""
        running = (row.kind is None for row in self._lists.get(function, {}).values())
        return function in self._loaded and not any(running)

    def latest(self, function: FunctionName) -> RunSummary | None:
        """The newest ended one."""
        return self._latest.get(function)

    def keep(self, record: InvocationRecord, logs: Sequence[LogEntry] | None) -> None:
        """Remember all of one for as long as there is room."""
        self._kept[record.request_id] = KeptRun(record, logs)
        self._kept.move_to_end(record.request_id)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)

    def kept(self, request_id: RequestId) -> KeptRun | None:
        return self._kept.get(request_id)

    def _note(self, found: RunSummary) -> None:
        known = self._lists.setdefault(found.function, {})
        known[found.request_id] = found
        room = max(_MOST_LISTED, self._loaded.get(found.function, 0) + _MOST_LISTED)
        if len(known) > room:
            for each in sorted(known.values(), key=_age)[: room // 10]:
                del known[each.request_id]
            self._whole.discard(found.function)
        if found.kind is not None:
            self.load_latest([found])


def _age(found: RunSummary) -> tuple[object, str]:
    return found.accepted_at, found.request_id
