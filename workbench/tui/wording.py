"""How durations, sizes, times and outcomes read on the screen.

Everything here is short, has a fixed form (so that a number that grows does not make its line
jump), and is never used for anything that another program reads.
"""

from __future__ import annotations

from datetime import datetime, tzinfo

from workbench.model.invocation import OutcomeKind, RunSummary
from workbench.model.names import RuntimeName
from workbench.model.terminal_text import plain, safe

_OUTCOMES = {
    OutcomeKind.SUCCESS: "ok",
    OutcomeKind.ERROR: "failed",
    OutcomeKind.TIMEOUT: "timed out",
    OutcomeKind.EXIT: "exited",
    OutcomeKind.OUT_OF_MEMORY: "out of memory",
    OutcomeKind.INIT_ERROR: "init failed",
    OutcomeKind.STOPPED: "stopped",
    OutcomeKind.LOST: "lost",
    OutcomeKind.NOT_STARTED: "not started",
}


def outcome(kind: OutcomeKind | None) -> str:
    """An outcome in a word or two; `None` while it runs."""
    return "running" if kind is None else _OUTCOMES[kind]


def milliseconds(value: float) -> str:
    """`0.4 ms`, `38 ms`, `3.0 s`, `2 m 05 s`."""
    if value < 0.95:
        return f"{value:.1f} ms"
    if value < 999.5:
        return f"{value:.0f} ms"
    return seconds(value / 1000)


def seconds(value: float) -> str:
    """`1.4 s`, `59.9 s`, `2 m 05 s`, `1 h 02 m`. Never less than nothing: clocks may differ."""
    value = max(0.0, value)
    if value < 59.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} m"


def size(count: int) -> str:
    """`412 B`, `1.2 KB`, `6.0 MB`."""
    if count < 1000:
        return f"{count} B"
    if count < 1_000_000:
        return f"{count / 1000:.1f} KB"
    return f"{count / 1_000_000:.1f} MB"


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 line`, `14 lines`, `2 041 lines`."""
    return f"{number(count)} {one if count == 1 else many or f'{one}s'}"


def number(count: int) -> str:
    """With thin groups: `2 041`."""
    return f"{count:,}".replace(",", " ")


def time_of_day(at: datetime, zone: tzinfo | None) -> str:
    """`14:01:58`; `zone` `None` is the machine's own."""
    return f"{at.astimezone(zone):%H:%M:%S}"


def moment(at: datetime, now: datetime, zone: tzinfo | None) -> str:
    """The time of day today, else the day: always eight cells, so that a column of them stands."""
    local, today = at.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return f"{local:%H:%M:%S}"
    return f"{local:%d %b}".rjust(8) if local.year == today.year else f"{local:%b %Y}"


def flat(text: str) -> str:
    """Safe, without colours, on one line, with the blanks between its parts kept."""
    return plain(safe(text)).replace("\n", " ").replace("\t", " ")


def one_line(text: str) -> str:
    """Text from outside, safe for a terminal, without colours, on one line."""
    return " ".join(plain(safe(text)).split())


def runtime(name: RuntimeName) -> str:
    """Without what tells no two of them apart: `python3.13`, `nodejs22`, `provided`."""
    head, dot, tail = name.partition(".")
    return head if dot and not tail[:1].isdigit() else str(name)


def error_text(message: str | None) -> str:
    """An error message without the `RequestId: … Error: ` that Lambda puts in front."""
    text = one_line(message or "")
    if text.startswith("RequestId: "):
        _, found, rest = text.partition(" Error: ")
        text = rest if found else text
    return text


def failure(summary: RunSummary) -> str | None:
    """What a failed run has to say, on one line; `None` when it did not fail."""
    if summary.kind in (None, OutcomeKind.SUCCESS):
        return None
    if summary.kind is OutcomeKind.TIMEOUT:
        return "Task timed out"  # how long it took stands above
    text = error_text(summary.error_message)
    if summary.kind is OutcomeKind.ERROR and summary.error_type:
        return one_line(f"{summary.error_type}: {text}" if text else summary.error_type)
    return text or one_line(summary.error_type or outcome(summary.kind))
