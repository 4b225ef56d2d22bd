from __future__ import annotations

from tests.unit.tui.values import ORDERS, a_record, a_summary, an_entry, an_id
from workbench.model.invocation import OutcomeKind
from workbench.model.names import FunctionName
from workbench.tui.run_book import RunBook


def ids(book: RunBook) -> list[int]:
    return [int(row.request_id[:8], 16) for row in book.rows(ORDERS)]


def test_runs_are_listed_newest_first_and_once() -> None:
    book = RunBook()
    book.ended(a_record(3), None)

    book.load(ORDERS, [a_summary(3), a_summary(2), a_summary(1)], limit=100)

    assert ids(book) == [3, 2, 1]


def test_what_was_heard_is_newer_than_the_history() -> None:
    book = RunBook()
    book.ended(a_record(1, OutcomeKind.ERROR, error_type="KeyError"), None)

    book.load(ORDERS, [a_summary(1, None)], limit=100)

    assert book.rows(ORDERS)[0].kind is OutcomeKind.ERROR


def test_the_history_ends_where_less_comes_than_was_asked_for() -> None:
    book = RunBook()
    assert not book.loaded(ORDERS)

    book.load(ORDERS, [a_summary(3), a_summary(2)], limit=2)
    assert book.loaded(ORDERS)
    assert not book.whole(ORDERS)

    book.load(ORDERS, [a_summary(1)], limit=2)
    assert book.whole(ORDERS)


def test_the_latest_is_the_newest_that_has_ended() -> None:
    book = RunBook()
    book.load_latest([a_summary(2)])
    book.ended(a_record(3, OutcomeKind.TIMEOUT), None)
    book.load_latest([a_summary(1)])

    latest = book.latest(ORDERS)

    assert latest is not None
    assert latest.kind is OutcomeKind.TIMEOUT
    assert book.latest(FunctionName("billing")) is None


def test_records_are_kept_as_long_as_there_is_room() -> None:
    book = RunBook()
    logs = [an_entry("one")]
    book.keep(a_record(1), logs)
    assert book.kept(an_id(1)) is not None

    for number in range(2, 60):
        book.ended(a_record(number), None)

    assert book.kept(an_id(1)) is None
    assert book.kept(an_id(59)) is not None
    assert len(ids(book)) == 58


def test_thousands_of_runs_do_not_pile_up() -> None:
    book = RunBook()

    for number in range(1, 5000):
        book.ended(a_record(number), None)

    assert len(ids(book)) <= 1000
    assert ids(book)[0] == 4999
