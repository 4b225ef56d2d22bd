"""reserved_concurrency and keep_alive_s: mistakes with their line, and reservations that do not fit."""

from __future__ import annotations

import pytest

from tests.unit.config.conftest import GOOD, RUNTIMES, ProjectOnDisk
from workbench.config.capacity import budget_mb
from workbench.config.discovery import ProjectReader
from workbench.config.machine import memory_mb
from workbench.model.function import Function
from workbench.model.settings import Settings

TOO_MUCH = (
    "Specified ReservedConcurrentExecutions for function decreases account's "
    "UnreservedConcurrentExecution below its minimum value of [100]. "
    "The function runs without the reservation."
)


WHOLE = "reserved_concurrency must be a whole number from 0 to 100000"
SECONDS = "keep_alive_s must be a number from 0 to 86400 seconds"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("reserved_concurrency = -1", f"{WHOLE}, not the number -1."),
        ("reserved_concurrency = 2.5", f"{WHOLE}, not the number 2.5."),
        ('reserved_concurrency = "3"', f'{WHOLE}, not the text "3". Write it without quotes.'),
        ("keep_alive_s = inf", f"{SECONDS}, not the number inf."),
        ("keep_alive_s = true", f"{SECONDS}, not true."),
    ],
)
def test_mistakes_are_told_with_their_line(disk: ProjectOnDisk, line: str, complaint: str) -> None:
    disk.function("orders", f"{GOOD}{line}\n")

    assert disk.complaints() == [f"orders/function.toml:2: {complaint}"]
    assert disk.only().broken


@pytest.mark.parametrize(
    ("key", "meant"),
    [("reserved_concurency", "reserved_concurrency"), ("keepalive_s", "keep_alive_s")],
)
def test_slip_of_the_pen_is_told_what_was_meant(disk: ProjectOnDisk, key: str, meant: str) -> None:
    disk.function("orders", f"{GOOD}{key} = 1\n")

    (complaint,) = disk.complaints()
    assert complaint.startswith("orders/function.toml:2: ")
    assert meant in complaint


def test_defaults_are_inherited(disk: ProjectOnDisk) -> None:
    disk.write("workbench.toml", "[defaults]\nreserved_concurrency = 7\nkeep_alive_s = 9\n")
    disk.function("orders", f"{GOOD}keep_alive_s = 2\n")

    configuration = disk.configuration()

    assert (configuration.reserved_concurrency, configuration.keep_alive_s) == (7, 2)


def test_key_that_stands_outside_of_a_table_is_told_the_first_it_belongs_in(
    disk: ProjectOnDisk,
) -> None:
    disk.write("workbench.toml", "keep_alive_s = 3\nreserved_concurrency = 3\n")

    assert [complaint.partition(": ")[2] for complaint in disk.complaints()] == [
        '"keep_alive_s" belongs in [engine].',
        '"reserved_concurrency" belongs in [defaults].',
    ]


def test_reservation_that_does_not_fit_is_told_as_lambda_tells_it(disk: ProjectOnDisk) -> None:
    disk.function("billing", f"{GOOD}reserved_concurrency = 600\n")
    disk.function("orders", f"{GOOD}\nreserved_concurrency = 301\n")
    disk.function("quiet", f"{GOOD}reserved_concurrency = 0\n")

    assert disk.complaints() == [f"orders/function.toml:3: {TOO_MUCH}"]
    assert not any(function.broken for function in disk.read().project.functions)


def test_one_function_read_again_is_held_against_all(disk: ProjectOnDisk) -> None:
    disk.function("billing", f"{GOOD}reserved_concurrency = 600\n")
    folder = disk.function("orders", f"{GOOD}reserved_concurrency = 300\n")
    reader = ProjectReader(disk.root, runtimes=RUNTIMES)

    disk.function("orders", f"{GOOD}reserved_concurrency = 301\n")
    too_much = reader.read_function(folder)
    disk.function("orders", f"{GOOD}reserved_concurrency = 300\n")
    enough = reader.read_function(folder)

    assert isinstance(too_much, Function)
    assert isinstance(enough, Function)
    assert [(problem.line, problem.message) for problem in too_much.problems] == [(2, TOO_MUCH)]
    assert enough.problems == ()


def test_small_account_can_reserve_half_of_itself(disk: ProjectOnDisk) -> None:
    disk.write("workbench.toml", "[account]\nconcurrency = 10\n")
    disk.function("orders", f"{GOOD}reserved_concurrency = 5\n")
    assert disk.complaints() == []

    disk.function("orders", f"{GOOD}reserved_concurrency = 6\n")
    assert disk.complaints() == [
        f"orders/function.toml:2: {TOO_MUCH.replace('[100]', '[5]')}",
    ]


# --- memory ----------------------------------------------------------------------------------------------


def test_limit_that_the_memory_is_too_small_for_is_told_where_it_stands(
    disk: ProjectOnDisk,
) -> None:
    disk.write(
        "workbench.toml", "[engine]\nmemory_budget_mb = 2000\n\n[account]\nconcurrency = 9\n"
    )
    disk.function("billing", f"{GOOD}memory_mb = 1024\n")
    disk.function("orders", f"{GOOD}memory_mb = 256\n")

    assert disk.complaints() == [
        (
            "workbench.toml:5: 9 invocations at a time would need 2,304 MB even of the smallest function. "
            "Containers may use 2,000 MB (memory_budget_mb in [engine]), which is room for 7 of them; "
            "the others wait for memory."
        )
    ]


def test_limit_that_fits_or_that_nobody_chose_is_not_complained_about(disk: ProjectOnDisk) -> None:
    disk.function("orders", f"{GOOD}memory_mb = 256\n")
    disk.write("workbench.toml", "[engine]\nmemory_budget_mb = 2000\n")
    assert disk.complaints() == []

    disk.write("workbench.toml", "[engine]\nmemory_budget_mb = 2000\n[account]\nconcurrency = 7\n")
    assert disk.complaints() == []


def test_function_that_never_fits_leaves_room_for_one(disk: ProjectOnDisk) -> None:
    disk.write("workbench.toml", "[engine]\nmemory_budget_mb = 2000\n[account]\nconcurrency = 2\n")
    disk.function("orders", f"{GOOD}memory_mb = 2001\n")

    told = next(each for each in disk.complaints() if each.startswith("workbench.toml:4: "))

    assert "2 invocations at a time would need 4,002 MB" in told
    assert "room for 1 of them" in told


def test_function_that_never_fits_is_told_where_it_says_so(disk: ProjectOnDisk) -> None:
    disk.write("workbench.toml", "[engine]\nmemory_budget_mb = 2000\n")
    disk.function("orders", f"{GOOD}memory_mb = 2001\n")

    assert disk.complaints() == [
        (
            "orders/function.toml:2: It may use 2,001 MB, and all containers together 2,000 MB "
            "(memory_budget_mb in [engine] of workbench.toml): it runs one at a time, beside no other."
        )
    ]
    assert not disk.only().broken


def test_machine_has_memory() -> None:
    assert 64 < memory_mb() < 100_000_000
    assert budget_mb(Settings()) == memory_mb() * 3 // 4
