from __future__ import annotations

import inspect

import pytest

from workbench import errors
from workbench.cli.exits import EXITS, Exit, exit_of, root_cause
from workbench.errors import WorkbenchError


def test_every_exception_has_an_exit_code() -> None:
    classes = {
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, WorkbenchError)
    }

    assert set(EXITS) == classes - {WorkbenchError}


def test_an_exception_is_no_success_and_no_failed_function() -> None:
    assert set(EXITS.values()) == {Exit.BAD_REQUEST, Exit.COULD_NOT}


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.RequestError, 2),
        (errors.NotFoundError, 2),
        (errors.ConflictError, 2),
        (errors.ThrottledError, 3),
        (errors.DriverError, 3),
        (errors.StoreError, 3),
        (errors.InternalError, 3),
    ],
)
def test_kinds_of_trouble_have_the_documented_codes(kind: type[WorkbenchError], code: int) -> None:
    assert EXITS[kind] == code
    assert {EXITS[listed] for listed in EXITS if issubclass(listed, kind)} == {code}


def test_a_newer_exception_ends_as_the_class_above() -> None:
    class Unlisted(errors.NotFoundError):
        pass

    assert exit_of(Unlisted("gone")) is Exit.BAD_REQUEST


def test_a_task_groups_exception_is_about_what_is_in_it() -> None:
    inner = errors.DriverError("no engine")

    assert root_cause(inner) is inner
    assert root_cause(BaseExceptionGroup("a", [ExceptionGroup("b", [inner])])) is inner


def test_of_several_a_bug_matters_most() -> None:
    bug = KeyError("x")
    group = ExceptionGroup("both", [errors.DriverError("no engine"), ExceptionGroup("c", [bug])])

    assert root_cause(group) is bug
