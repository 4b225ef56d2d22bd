from __future__ import annotations

import json
from xml.etree import ElementTree as ET

from tests.unit.cli.streams import Stream
from workbench.cli.exits import Exit
from workbench.cli.output import Output
from workbench.cli.version_replay import exit_of_results, report, show, value
from workbench.errors import DriverError, FunctionNotReady
from workbench.facade.version_replay import EventResult, Plan, VersionResults
from workbench.model.invocation import OutcomeKind
from workbench.model.names import FunctionName, Qualifier
from workbench.model.version_runs import Sample, compared


def runs(*payloads: str, kind: OutcomeKind = OutcomeKind.SUCCESS, ms: float = 10) -> list[Sample]:
    return [Sample(kind=kind, payload=each.encode(), duration_ms=ms) for each in payloads]


def results(*events: EventResult) -> VersionResults:
    return VersionResults(
        function=FunctionName("orders"), a=Qualifier("7"), b=Qualifier("8"), events=events
    )


SAME = EventResult(event="same", comparison=compared(runs(*["1"] * 6), runs(*["1"] * 6)))
SLOW = EventResult(event="slow", comparison=compared(runs(*["1"] * 6), runs(*["1"] * 6, ms=25)))
FAILS = EventResult(
    event="fails", comparison=compared(runs("1", "1"), runs("1", "{}", kind=OutcomeKind.TIMEOUT))
)
PRICED = EventResult(
    event="priced",
    comparison=compared(
        runs('{"at": 1, "gone": "\\u001b[2J\\n", "n": [1]}', '{"at": 2, "gone": "x", "n": [1]}'),
        runs('{"at": 3, "n": [1, 2]}'),
    ),
)
BROKEN = EventResult(event="broken", error=FunctionNotReady("orders", reason="it is broken"))
ALL = results(BROKEN, FAILS, PRICED, SAME, SLOW)


def shown(found: VersionResults, *, as_json: bool = False) -> tuple[str, str]:
    """stdout and stderr."""
    output = Output(stdout=Stream(), stderr=Stream(), json=as_json)
    show(found, Plan(), output)
    assert isinstance(output.stdout, Stream)
    assert isinstance(output.stderr, Stream)
    return output.stdout.text, output.stderr.text


def test_what_has_changed_is_listed_and_nothing_else() -> None:
    out, err = shown(ALL)

    _, broken, fails, priced, slow = out.splitlines()
    assert " ".join(broken.split()) == "✖ broken - - orders cannot run: it is broken"
    assert fails.endswith("outcome: success -> timeout")
    assert priced.endswith(
        'at: 1 -> 3 (varies); gone: removed "\\u001b[2J\\n" (varies); n[1]: added 2'
    )
    assert slow.startswith("~ ")
    assert slow.endswith("2.5 times slower (10.0 ms -> 25.0 ms)")
    assert "orders: 7 -> 8: 2 of 5 events changed, 1 takes another time\n" in err
    assert err.endswith("--ignore at --ignore gone\n")


def test_nothing_to_list_is_said() -> None:
    assert shown(results(SAME)) == (
        "",
        "orders: 7 -> 8: 0 of 1 events changed, 0 take another time\n",
    )
    assert shown(results()) == ("", "There are no events yet.\n")


def test_the_exit_code_counts_outcomes_and_responses_and_not_time() -> None:
    assert exit_of_results(results(SAME, SLOW)) is Exit.SUCCESS
    assert exit_of_results(results(SAME, FAILS)) == exit_of_results(results(PRICED)) == 1
    assert exit_of_results(ALL) is Exit.BAD_REQUEST
    unable = EventResult(event="x", error=DriverError("no engine"))
    assert exit_of_results(results(unable, BROKEN, FAILS)) is Exit.COULD_NOT


def test_json_has_every_event() -> None:
    out, _ = shown(ALL, as_json=True)
    found = json.loads(out)

    assert found == json.loads(json.dumps(value(ALL, Plan())))
    assert [each["event"] for each in found["events"]] == [
        "broken", "fails", "priced", "same", "slow",
    ]  # fmt: skip
    broken, fails, priced, same, slow = found["events"]
    assert broken == {
        "event": "broken",
        "changed": False,
        "error": "orders cannot run: it is broken",
        "outcome": None,
        "response": [],
        "timing": None,
    }
    assert fails["outcome"] == {"changed": True, "a": {"success": 2}, "b": {"timeout": 2}}
    assert priced["response"][2] == {
        "path": "n[1]", "change": "added", "a": None, "b": 2, "varies": False,
    }  # fmt: skip
    assert slow["timing"] == {
        "changed": True, "a_ms": 10, "b_ms": 25, "rounds": 5, "noise_ms": 1,
    }  # fmt: skip
    assert not same["changed"]


def test_junit_has_a_case_for_each_event() -> None:
    (suite,) = ET.fromstring(report(ALL))

    assert [suite.get(key) for key in ("name", "tests", "failures", "errors")] == [
        "orders", "5", "2", "1",
    ]  # fmt: skip
    failures = [failure.get("message") for failure in suite.iter("failure")]
    assert failures == ["outcome: success -> timeout", "at: 1 -> 3 (varies)"]
    assert [log.text for log in suite.iter("system-out")] == [
        "2.5 times slower (10.0 ms -> 25.0 ms)"
    ]
