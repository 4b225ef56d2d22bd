"""Every value the history keeps, as hypothesis makes them: any text, any bytes, any figure."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from workbench.model.concurrency import InitializationType
from workbench.model.container import ContainerOrigin, Figures, LogStream
from workbench.model.environment import EnvironmentSnapshot, EnvironmentState
from workbench.model.invocation import (
    Acceptance,
    InitSplit,
    InvocationRecord,
    LogEntry,
    Measurements,
    Origin,
    Outcome,
    OutcomeKind,
)
from workbench.model.names import EnvironmentId, FunctionName, Qualifier, RequestId, Target

texts = st.text(max_size=60)
"""Any characters but lone surrogates: NUL, right-to-left marks and astral ones among them."""
safe_texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)
"""What a list shows was made safe for a terminal when it was read."""
payloads = st.binary(max_size=200)
times = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
whole = st.integers(min_value=0, max_value=2**53)
milliseconds = st.floats(min_value=0, max_value=1e9)
function_names = st.from_regex(r"[a-zA-Z0-9_-]{1,64}", fullmatch=True).map(FunctionName)
qualifiers = st.sampled_from(["$LATEST", "live", "7"]).map(Qualifier)
request_ids = st.uuids(version=4).map(lambda made: RequestId(str(made)))
environment_ids = st.uuids(version=4).map(lambda made: EnvironmentId(made.hex))
outcomes = st.builds(
    Outcome,
    kind=st.sampled_from(OutcomeKind),
    payload=payloads,
    error_type=st.none() | safe_texts,
    error_message=st.none() | safe_texts,
)


@st.composite
def acceptances(draw: st.DrawFn) -> Acceptance:
    name = draw(function_names)
    return Acceptance(
        request_id=draw(request_ids),
        target=Target(
            name=name,
            qualifier=draw(st.none() | qualifiers),
            region=draw(st.none() | st.just("eu-central-1")),
            account=draw(st.none() | st.just("123456789012")),
        ),
        function=name,
        version=draw(qualifiers),
        origin=draw(st.sampled_from(Origin)),
        event=draw(st.none() | texts),
        accepted_at=draw(times),
        payload=draw(payloads),
        code_digest=draw(st.just("ab" * 32)),
        memory_mb=draw(st.integers(128, 10240)),
        timeout_s=draw(st.integers(1, 900)),
    )


splits = st.builds(
    InitSplit,
    create_ms=st.none() | milliseconds,
    start_ms=st.none() | milliseconds,
    boot_ms=st.none() | milliseconds,
    import_ms=st.none() | milliseconds,
    claim_ms=st.none() | milliseconds,
)


def measurements(memory_mb: int) -> st.SearchStrategy[Measurements]:
    """Of an invocation with this memory size."""
    return st.builds(
        Measurements,
        queued_ms=milliseconds,
        container_ms=st.none() | milliseconds,
        init_ms=st.none() | milliseconds,
        split=splits,
        duration_ms=milliseconds,
        billed_ms=whole,
        memory_mb=st.just(memory_mb),
        max_memory_bytes=st.none() | whole,
        cpu_ms=st.none() | milliseconds,
    )


@st.composite
def records(draw: st.DrawFn) -> InvocationRecord:
    """Running, ended, or reported."""
    acceptance = draw(acceptances())
    running = InvocationRecord(acceptance=acceptance, outcome=None)
    stage = draw(st.sampled_from(["running", "ended", "reported"]))
    if stage == "running":
        return running
    figures = draw(st.none() | measurements(acceptance.memory_mb)) if stage == "reported" else None
    return InvocationRecord(
        acceptance=acceptance,
        outcome=draw(outcomes),
        environment_id=draw(st.none() | environment_ids),
        cold=draw(st.none() | st.booleans()),
        initialization_type=draw(st.none() | st.sampled_from(InitializationType)),
        ended_at=draw(times),
        measurements=figures,
        log_lines=draw(whole) if stage == "reported" else 0,
        log_bytes_dropped=draw(whole) if stage == "reported" else 0,
    )


@st.composite
def entries(draw: st.DrawFn, request_id: RequestId | None = None) -> LogEntry:
    return LogEntry(
        at=draw(times),
        function=draw(function_names),
        environment_id=draw(environment_ids),
        request_id=request_id,
        stream=draw(st.sampled_from(LogStream)),
        text=draw(texts),
        level=draw(st.none() | st.sampled_from(["INFO", "ERROR"])),
    )


snapshots = st.builds(
    EnvironmentSnapshot,
    environment_id=environment_ids,
    function=function_names,
    version=qualifiers,
    state=st.sampled_from([state for state in EnvironmentState if state != "stopped"]),
    container=texts,
    created_at=times,
    changed_at=times,
    idle_until=st.none() | times,
    invocations=whole,
    invocation=st.none() | request_ids,
    init_ms=st.none() | milliseconds,
    memory_mb=st.integers(128, 10240),
    figures=st.builds(
        Figures,
        peak_bytes=st.none() | whole,
        current_bytes=st.none() | whole,
        cpu_ns=st.none() | whole,
        oom_kills=st.none() | whole,
    ),
    code_digest=st.just("cd" * 32),
    retiring=st.booleans(),
    origin=st.sampled_from(ContainerOrigin),
    initialization_type=st.sampled_from(InitializationType),
)
