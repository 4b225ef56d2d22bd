"""`workbench replay`: every saved event against what is expected of it."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.cli import values
from workbench.cli.exits import Exit, exit_of
from workbench.cli.junit import junit_report
from workbench.cli.narration import narrated
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.cli.render import Cell, Column, milliseconds, print_table
from workbench.errors import InvalidParameter
from workbench.facade.replay import Verdict
from workbench.facade.workbench import Workbench

COLUMNS = (
    Column(title=""),
    Column(title="function"),
    Column(title="event"),
    Column(title="outcome"),
    Column(title="duration", right=True),
    Column(title="init", right=True),
    Column(title="not as expected", fold=True),
)


async def run(arguments: Namespace, output: Output) -> int:
    """Replay the events of the named functions, of all by default; or of one on two versions."""
    if arguments.versions is not None:
        from workbench.cli.version_replay import compare_versions  # plain replay does without

        return await compare_versions(arguments, output)
    if arguments.runs is not None or arguments.ignore:
        raise InvalidParameter("--runs and --ignore go with --versions.", parameter="--versions")
    async with opened(arguments) as workbench:
        return await replay(
            workbench,
            output,
            functions=arguments.functions,
            jobs=arguments.jobs,
            junit=arguments.junit,
        )


async def replay(
    workbench: Workbench,
    output: Output,
    *,
    functions: Sequence[str] = (),
    jobs: int | None = None,
    junit: Path | None = None,
) -> Exit:
    """Run them, print a table, write a report; the exit code."""
    cases = workbench.replay.cases(functions)
    async with narrated(workbench, output):
        await workbench.environments.wait_engine()
        verdicts = await workbench.replay.run(
            cases,
            # more at once than there are CPUs only makes each of them look slower
            jobs=jobs or min(4, os.cpu_count() or 1),
            on_verdict=lambda verdict: output.say(_line(verdict)),
        )
    if junit is not None:
        write_report(junit, junit_report(verdicts))
    if output.json:
        output.object([_value(verdict) for verdict in verdicts])
    elif verdicts:
        print_table(output, COLUMNS, (_row(verdict) for verdict in verdicts))
    good = sum(verdict.as_expected for verdict in verdicts)
    output.say(f"{good} of {len(verdicts)} as expected" if verdicts else "There are no events yet.")
    return exit_of_verdicts(verdicts)


def exit_of_verdicts(verdicts: Sequence[Verdict]) -> Exit:
    """What could not run weighs more than what was wrong, and that more than what failed."""
    errors = [exit_of(verdict.error) for verdict in verdicts if verdict.error is not None]
    failed = any(verdict.mismatches for verdict in verdicts)
    return max([*errors, Exit.FUNCTION_FAILED if failed else Exit.SUCCESS])


def _line(verdict: Verdict) -> str:
    mark = "✔" if verdict.as_expected else "✖"
    return f"{mark} {verdict.case.function}/{verdict.case.event}"


def _row(verdict: Verdict) -> list[Cell | str]:
    record = verdict.record
    outcome = None if record is None else record.outcome
    measured = None if record is None else record.measurements
    good = verdict.as_expected
    return [
        Cell("✔", "green") if good else Cell("✖", "red"),
        verdict.case.function,
        verdict.case.event,
        "-" if outcome is None else str(outcome.kind),
        milliseconds(None if measured is None else measured.duration_ms),
        milliseconds(None if measured is None else measured.init_ms),
        " ".join(_complaints(verdict)),
    ]


def _value(verdict: Verdict) -> dict[str, Any]:
    record = verdict.record
    return {
        "function": verdict.case.function,
        "event": verdict.case.event,
        "as_expected": verdict.as_expected,
        "mismatches": [str(mismatch) for mismatch in verdict.mismatches],
        "error": None if verdict.error is None else str(verdict.error),
        "run": None if record is None else values.invocation(record, verdict.logs),
    }


def _complaints(verdict: Verdict) -> list[str]:
    if verdict.error is not None:
        return [str(verdict.error)]
    return [str(mismatch) for mismatch in verdict.mismatches]


def write_report(path: Path, report: bytes) -> None:
    """Raises `InvalidParameter`."""
    try:
        path.write_bytes(report)
    except OSError as error:
        raise InvalidParameter(
            f"{path} cannot be written: {error.strerror}.", parameter="--junit"
        ) from error
