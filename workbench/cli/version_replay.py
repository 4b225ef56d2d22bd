"""`workbench replay --versions`: what has become of each saved event from one version to another."""

from __future__ import annotations

import json
import shlex
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from workbench.cli.commands.replay import write_report
from workbench.cli.exits import Exit, exit_of
from workbench.cli.junit import Case, junit_file
from workbench.cli.narration import narrated
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.cli.render import Cell, Column, milliseconds, print_table
from workbench.errors import InvalidParameter
from workbench.facade.version_replay import EventResult, Plan, VersionResults
from workbench.model.difference import ChangeType
from workbench.model.json_diff import JsonChange, pattern
from workbench.model.names import qualifier
from workbench.model.version_runs import LEAST_ROUNDS, Comparison, ResponseChange, Timing

COLUMNS = (
    Column(title=""),
    Column(title="event"),
    Column(title="outcome"),
    Column(title="duration", right=True),
    Column(title="what has changed", fold=True),
)
_SHOWN = 5
"""Paths of one event, in a table."""
_LONGEST = 60
"""Characters of a value there."""


async def compare_versions(arguments: Namespace, output: Output) -> int:
    """1 when an outcome or a response has changed; time changes nothing."""
    if len(arguments.functions) != 1:
        raise InvalidParameter(
            "--versions are those of one function: name it.", parameter="--versions"
        )
    plan = _plan(arguments)
    a, b = (qualifier(text) for text in arguments.versions)
    async with opened(arguments) as workbench, narrated(workbench, output):
        await workbench.environments.wait_engine()
        results = await workbench.version_replay.run(
            arguments.functions[0], a, b, plan, on_result=lambda result: output.say(_line(result))
        )
    if arguments.junit is not None:
        write_report(arguments.junit, report(results))
    show(results, plan, output)
    return exit_of_results(results)


def show(results: VersionResults, plan: Plan, output: Output) -> None:
    """A table of what there is to say of events, or all of them as JSON; and how many there were."""
    told = [each for each in results.events if each.told]
    if output.json:
        output.object(value(results, plan))
    elif told:
        print_table(output, COLUMNS, (_row(each) for each in told))
    _say_rest(results, output)


def report(results: VersionResults) -> bytes:
    """A JUnit XML file."""
    return junit_file([_case(results, each) for each in results.events])


def exit_of_results(results: VersionResults) -> Exit:
    """What could not run weighs more than what has changed."""
    errors = [exit_of(each.error) for each in results.events if each.error is not None]
    changed = any(each.changed for each in results.events)
    return max([*errors, Exit.DIFFERENT if changed else Exit.SUCCESS])


def value(results: VersionResults, plan: Plan) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "function": results.function,
        "a": results.a,
        "b": results.b,
        "runs": plan.runs,
        "events": [_event_value(each) for each in results.events],
    }


# --- inside -------------------------------------------------------------------------------------------


def _plan(arguments: Namespace) -> Plan:
    plan = Plan(jobs=arguments.jobs or 1, ignored=tuple(pattern(text) for text in arguments.ignore))
    if arguments.runs is None:
        return plan
    if arguments.runs < LEAST_ROUNDS:
        raise InvalidParameter(
            f"--runs {arguments.runs} is too few to tell times apart: use {LEAST_ROUNDS} or more.",
            parameter="--runs",
        )
    return Plan(runs=arguments.runs, jobs=plan.jobs, ignored=plan.ignored)


def _say_rest(results: VersionResults, output: Output) -> None:
    number = len(results.events)
    if not number:
        output.say("There are no events yet.")
        return
    found = [each.comparison for each in results.events if each.comparison is not None]
    changed = sum(each.changed for each in found)
    timed = sum(each.timing is not None and each.timing.changed for each in found)
    output.say(
        f"{results.function}: {results.a} -> {results.b}: {changed} of {number} events changed, "
        f"{timed} {'takes' if timed == 1 else 'take'} another time"
    )
    varying = sorted({each.change.where for one in found for each in one.response if each.varies})
    if varying:
        output.say(
            "These differ from run to run of one version, too. To leave them out: "
            + " ".join(f"--ignore {shlex.quote(path)}" for path in varying[:_SHOWN])
        )


def _line(result: EventResult) -> str:
    mark = "✖" if result.changed or result.error is not None else "✔"
    return f"{mark} {result.event}"


def _row(result: EventResult) -> list[Cell | str]:
    found = result.comparison
    if found is None:
        return [Cell("✖", "red"), result.event, "-", "-", str(result.error)]
    return [
        Cell("✖", "red") if found.changed else Cell("~", "yellow"),
        result.event,
        _outcomes(found),
        "-" if found.timing is None else _durations(found.timing),
        "; ".join(_complaints(found)),
    ]


def _complaints(found: Comparison) -> list[str]:
    told = [_outcome_change(found)] if found.outcome_changed else []
    told += [_change(each) for each in found.response[:_SHOWN]]
    if len(found.response) > _SHOWN:
        told.append(f"and {len(found.response) - _SHOWN} more")
    if found.timing is not None and found.timing.changed:
        told.append(_timing_change(found.timing))
    return told


def _outcome_change(found: Comparison) -> str:
    return f"outcome: {_counted(found.a)} -> {_counted(found.b)}"


def _outcomes(found: Comparison) -> str:
    a, b = _counted(found.a), _counted(found.b)
    return f"{a} -> {b}" if found.outcome_changed else "/".join(found.a)


def _counted(outcomes: Mapping[Any, int]) -> str:
    if len(outcomes) == 1:
        return str(next(iter(outcomes)))
    return ", ".join(f"{kind} x{count}" for kind, count in outcomes.items())


def _change(each: ResponseChange) -> str:
    told = _change_text(each.change)
    return f"{told} (varies)" if each.varies else told


def _change_text(change: JsonChange) -> str:
    if change.type is ChangeType.ADDED:
        return f"{change.where}: added {_short(change.b)}"
    if change.type is ChangeType.REMOVED:
        return f"{change.where}: removed {_short(change.a)}"
    return f"{change.where}: {_short(change.a)} -> {_short(change.b)}"


def _short(found: Any) -> str:
    text = json.dumps(found, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _durations(timing: Timing) -> str:
    return f"{milliseconds(timing.a_ms)} -> {milliseconds(timing.b_ms)}"


def _timing_change(timing: Timing) -> str:
    slower = timing.b_ms > timing.a_ms
    least = min(timing.a_ms, timing.b_ms)
    times = f"{max(timing.a_ms, timing.b_ms) / least:.1f} times " if least > 0 else ""
    return f"{times}{'slower' if slower else 'faster'} ({_durations(timing)})"


def _case(results: VersionResults, each: EventResult) -> Case:
    found = each.comparison
    timing = None if found is None else found.timing
    failures = []
    if found is not None:
        failures = [_outcome_change(found)] if found.outcome_changed else []
        failures += [_change(change) for change in found.response]
    return Case(
        function=results.function,
        event=each.event,
        seconds=0.0 if timing is None else timing.b_ms / 1000,
        failures=failures,
        failure_type="Changed",
        error=each.error,
        log=[_timing_change(timing)] if timing is not None and timing.changed else (),
    )


def _event_value(each: EventResult) -> dict[str, Any]:
    found = each.comparison
    return {
        "event": each.event,
        "changed": each.changed,
        "error": None if each.error is None else str(each.error),
        "outcome": None
        if found is None
        else {"changed": found.outcome_changed, "a": found.a, "b": found.b},
        "response": []
        if found is None
        else [
            {
                "path": change.change.where,
                "change": change.change.type,
                "a": change.change.a,
                "b": change.change.b,
                "varies": change.varies,
            }
            for change in found.response
        ],
        "timing": None if found is None or found.timing is None else _timing_value(found.timing),
    }


def _timing_value(timing: Timing) -> dict[str, Any]:
    return {
        "changed": timing.changed,
        "a_ms": round(timing.a_ms, 2),
        "b_ms": round(timing.b_ms, 2),
        "rounds": timing.rounds,
        "noise_ms": round(timing.noise_ms, 2),
    }
