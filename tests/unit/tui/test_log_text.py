from __future__ import annotations

import time

import pytest

from tests.unit.tui.values import an_entry
from workbench.model.container import LogStream
from workbench.model.invocation import LogEntry
from workbench.tui.log_text import LogText, filter_of, pattern_of, whole_text


def texts(log: LogText) -> list[str]:
    return [log.row(line).text for line in range(len(log))]


def read(entries: list[LogEntry], wanted: str = "") -> LogText:
    log = LogText(entries, filter_of(wanted))
    while log.behind:
        log.read(2)
    return log


def test_an_entry_of_several_lines_has_several_rows() -> None:
    log = read([an_entry("one"), an_entry("two\n  three\n"), an_entry("four")])

    assert texts(log) == ["one", "two", "  three", "four"]
    assert [log.row(line).part for line in range(4)] == [0, 0, 1, 0]


def test_what_is_added_later_is_taken_up() -> None:
    entries = [an_entry("one")]
    log = read(entries)
    entries.append(an_entry("two"))
    assert log.behind

    log.read()

    assert texts(log) == ["one", "two"]


def test_a_filter_hides_others_but_never_the_platform() -> None:
    entries = [
        an_entry("START", stream=LogStream.PLATFORM),
        an_entry("reserve sku=A-1"),
        an_entry("accepted"),
        an_entry("END", stream=LogStream.PLATFORM),
    ]

    assert texts(read(entries, "reserve")) == ["START", "reserve sku=A-1", "END"]
    assert texts(read(entries, "!reserve")) == ["START", "accepted", "END"]
    assert read(entries, "reserve").left_out == 1
    assert read(entries).left_out == 0


def test_finding_goes_round_and_colours_do_not_matter() -> None:
    log = read([an_entry("a"), an_entry("\x1b[31mer\x1b[0mror"), an_entry("b")])

    assert log.find(pattern_of("error"), 2, 1) == 1
    assert log.find(pattern_of("error"), 0, -1) == 1
    assert log.find(pattern_of("nowhere"), 0, 1) is None
    assert log.matches(pattern_of("[ab]")) == 2


def test_small_letters_find_capitals_and_capitals_do_not_find_small_ones() -> None:
    assert pattern_of("error").search("ERROR")
    assert not pattern_of("ERROR").search("error")


@pytest.mark.parametrize("wanted", ["(", "[", "a{", "*"])
def test_what_is_no_expression_is_searched_for_literally(wanted: str) -> None:
    assert pattern_of(wanted).search(f"x {wanted} y")


@pytest.mark.parametrize(
    "wanted", ["(a+)+$", "(x*)*y", "(.*)(.*)(.*)(.*)z", "(a|a)*b", ".*.*.*.*b"]
)
def test_no_expression_takes_for_ever(wanted: str) -> None:
    log = read([an_entry("a" * 200_000)])

    before = time.process_time()
    log.find(pattern_of(wanted), 0, 1)

    assert time.process_time() - before < 30  # it would be longer than the universe is old


def test_the_whole_text_is_without_colours() -> None:
    assert (
        whole_text([an_entry("\x1b[31mred\x1b[0m"), an_entry("two\nlines\n")])
        == "red\ntwo\nlines\n"
    )
