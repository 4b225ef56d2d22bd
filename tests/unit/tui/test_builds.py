from __future__ import annotations

from tests.unit.tui.values import NOW, ORDERS
from workbench.model.telemetry import (
    BuildBroke,
    BuildFinished,
    BuildProgress,
    BuildStarted,
    Telemetry,
)
from workbench.tui.builds import Builds

STARTED = BuildStarted(subject="image python3.13", functions=(ORDERS,))
BROKE = BuildBroke(subject="image python3.13", step="4/9 pip", output="no network")


def heard(*values: Telemetry) -> Builds:
    builds = Builds(lambda: NOW)
    for value in values:
        assert builds.hear(value)
    return builds


def progress(step: int, steps: int, line: str) -> BuildProgress:
    return BuildProgress(subject="image python3.13", step=step, steps=steps, line=line)


def test_a_function_finds_the_build_it_waits_for() -> None:
    builds = heard(STARTED, progress(3, 6, "unpacking"), progress(3, 6, "  "))

    build = builds.waited_for(ORDERS)
    assert build is not None
    assert (build.step, build.steps, build.line) == (3, 6, "unpacking")
    assert build.share == 2 / 6


def test_how_far_it_is_may_be_unknown() -> None:
    build = heard(STARTED, progress(1, 0, "working")).waited_for(ORDERS)

    assert build is not None
    assert build.share is None


def test_a_finished_build_is_gone() -> None:
    builds = heard(STARTED, BuildFinished(subject="image python3.13", took_s=1.0))

    assert len(builds) == 0
    assert builds.newest is None


def test_a_broken_one_is_remembered_until_it_is_tried_again() -> None:
    builds = heard(STARTED, BROKE)
    broken = builds.broken(ORDERS)
    assert broken is not None
    assert (broken.step, broken.output) == ("4/9 pip", "no network")

    builds.hear(STARTED)

    assert builds.broken(ORDERS) is None


def test_it_is_forgiven_when_the_function_has_changed() -> None:
    builds = heard(STARTED, BROKE)

    builds.forgive(ORDERS)

    assert builds.broken(ORDERS) is None


def test_progress_of_a_build_that_began_before_is_shown_too() -> None:
    builds = heard(progress(2, 3, "half way"))

    assert builds.newest is not None
    assert builds.newest.line == "half way"
