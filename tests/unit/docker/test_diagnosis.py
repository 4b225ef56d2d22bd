"""Judgements: what is good, what is not, why, what to do, and what the doctor can mend."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.clock import EPOCH
from workbench.docker import diagnosis
from workbench.docker.diagnosis import ImageSeen
from workbench.docker.inside import CPU_QUOTA_US, MEMORY_BYTES, Inside, read_what_it_said
from workbench.model.doctor import Finding, Health

GB = diagnosis.GIGABYTE
ALL_WELL = Inside(free_bytes=50 * GB, memory_limited=True, cpu_limited=True, peak_readable=True)
INFO = {"MemoryLimit": True, "CpuCfsQuota": True, "CgroupVersion": "2", "Driver": "overlay2"}


def complete(finding: Finding) -> Finding:
    """A finding that is not good says why and what to do."""
    if finding.health in (Health.WARNING, Health.BAD):
        assert finding.cause
        assert finding.remedy
    return finding


def test_engine_tells_its_version() -> None:
    version = {"Version": "20.10.24", "ApiVersion": "1.41"}
    finding = diagnosis.judge_engine(
        version, {"OSType": "linux", "Architecture": "x86_64"}, near=True
    )

    assert finding.health is Health.GOOD
    assert "20.10.24" in finding.detail


@pytest.mark.parametrize("api", ["1.39", "1.9", "", "nonsense"])
def test_engine_that_was_never_tried_is_told(api: str) -> None:
    finding = complete(diagnosis.judge_engine({"ApiVersion": api}, {}, near=True))

    assert finding.health is Health.WARNING


@pytest.mark.parametrize(("driver", "health"), [("overlay2", "good"), ("vfs", "warning")])
def test_storage_that_copies_is_told(driver: str, health: str) -> None:
    assert complete(diagnosis.judge_storage({"Driver": driver})).health == health


@pytest.mark.parametrize(
    ("info", "inside", "health"),
    [
        (INFO, ALL_WELL, Health.GOOD),
        (INFO, None, Health.GOOD),
        ({**INFO, "MemoryLimit": False}, None, Health.WARNING),
        (
            INFO,
            Inside(free_bytes=1, memory_limited=False, cpu_limited=True, peak_readable=True),
            Health.WARNING,
        ),
        (
            INFO,
            Inside(free_bytes=1, memory_limited=True, cpu_limited=False, peak_readable=True),
            Health.WARNING,
        ),
        (
            INFO,
            Inside(free_bytes=None, memory_limited=None, cpu_limited=None, peak_readable=False),
            Health.GOOD,
        ),
    ],
)
def test_limits_count_as_they_are_seen_inside(
    info: dict[str, object], inside: Inside | None, health: Health
) -> None:
    assert complete(diagnosis.judge_limits(info, inside)).health is health


def test_peak_memory_that_cannot_be_read_is_told() -> None:
    blind = Inside(free_bytes=1, memory_limited=True, cpu_limited=True, peak_readable=False)

    assert diagnosis.judge_peak(ALL_WELL).health is Health.GOOD
    assert complete(diagnosis.judge_peak(blind)).health is Health.WARNING
    assert diagnosis.judge_peak(None).health is Health.UNKNOWN


@pytest.mark.parametrize(
    ("free", "health", "fix"),
    [
        (50 * GB, Health.GOOD, None),
        (2 * GB, Health.WARNING, "leftovers"),
        (GB // 2, Health.BAD, "leftovers"),
        (None, Health.UNKNOWN, None),
    ],
)
def test_disk_is_judged_by_what_is_free(free: int | None, health: Health, fix: str | None) -> None:
    finding = complete(diagnosis.judge_disk(free))

    assert (finding.health, finding.fix) == (health, fix)


@pytest.mark.parametrize(
    ("skew_s", "health", "words"),
    [
        (0.0, Health.GOOD, "agrees"),
        (0.4, Health.GOOD, "agrees"),
        (-90.0, Health.WARNING, "90.00 s behind"),
        (2.5, Health.WARNING, "2.50 s ahead"),
        (None, Health.UNKNOWN, "does not tell"),
    ],
)
def test_clocks_apart_are_told(skew_s: float | None, health: Health, words: str) -> None:
    finding = complete(diagnosis.judge_clock(skew_s))

    assert finding.health is health
    assert words in finding.detail


def seen(reference: str | None, *, days: int = 0) -> ImageSeen:
    return ImageSeen(
        runtime="python3.13",
        architecture="x86_64",
        suite="trixie",
        reference=reference,
        size_bytes=174 * 1024**2,
        created_at=EPOCH - timedelta(days=days),
    )


def test_image_that_is_here_tells_size_and_age() -> None:
    finding = diagnosis.judge_image(seen("workbench/python3.13:1", days=3), now=EPOCH)

    assert finding.health is Health.GOOD
    assert finding.detail == "workbench/python3.13:1, 174 MB, 3 days old"


def test_image_that_is_missing_can_be_built() -> None:
    finding = complete(diagnosis.judge_image(seen(None), now=EPOCH))

    assert finding.health is Health.WARNING
    assert finding.fix == "image python3.13 x86_64"


def test_old_image_can_be_made_anew() -> None:
    finding = complete(diagnosis.judge_image(seen("workbench/x:1", days=61), now=EPOCH))

    assert finding.health is Health.WARNING
    assert finding.fix == "refresh trixie x86_64"


def test_supervisor_orphans_and_leftovers_are_told() -> None:
    assert diagnosis.judge_supervisor(there=True).health is Health.GOOD
    assert complete(diagnosis.judge_supervisor(there=False)).fix == "supervisor"
    assert diagnosis.judge_orphans(0).health is Health.GOOD
    assert complete(diagnosis.judge_orphans(2)).fix == "orphans"
    assert "2 containers" in diagnosis.judge_orphans(2).detail
    assert diagnosis.judge_leftovers(3).health is Health.GOOD


@pytest.mark.parametrize(
    ("network", "health"),
    [
        (None, Health.GOOD),
        ({"Options": {"com.docker.network.bridge.enable_icc": "false"}}, Health.GOOD),
        ({"Options": {}}, Health.BAD),
        ({"Options": None}, Health.BAD),
        ({"Options": {"com.docker.network.bridge.enable_icc": "true"}}, Health.BAD),
    ],
)
def test_network_without_isolation_is_bad(
    network: dict[str, object] | None, health: Health
) -> None:
    finding = complete(diagnosis.judge_network(network))

    assert finding.health is health
    assert (finding.fix == "network") is (health is Health.BAD)


# --- what a container says of itself ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f"disk 1024\nmemory {MEMORY_BYTES}\ncpu {CPU_QUOTA_US} 20000\npeak 4096\n",
        f"disk 1024\nmemory {MEMORY_BYTES}\ncpu {CPU_QUOTA_US}\npeak 4096\n",
    ],
)
def test_both_versions_of_cgroups_are_read(text: str) -> None:
    assert read_what_it_said(text) == Inside(
        free_bytes=1024 * 1024, memory_limited=True, cpu_limited=True, peak_readable=True
    )


def test_limits_that_do_not_hold_are_seen() -> None:
    inside = read_what_it_said("disk 1\nmemory max\ncpu max 100000\npeak\n")

    assert (inside.memory_limited, inside.cpu_limited, inside.peak_readable) == (
        False,
        False,
        False,
    )


@given(st.text(max_size=200))
def test_whatever_it_says_is_read(text: str) -> None:
    read_what_it_said(text)
