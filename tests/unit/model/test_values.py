"""Versions, functions, events of the history: small values, and what they promise."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from tests.fakes.clock import EPOCH
from tests.fakes.versions import a_variable, a_version, an_acceptance
from workbench.model.container import Mount
from workbench.model.function import (
    FUNCTION_WIDE,
    Architecture,
    Function,
    FunctionConfiguration,
    Problem,
    Severity,
)
from workbench.model.invocation import (
    InvocationRecord,
    Measurements,
    Outcome,
    OutcomeKind,
    summary,
)
from workbench.model.names import FunctionName
from workbench.model.version import Image, version_digest

# --- versions ----------------------------------------------------------------------------------------------

USUAL = a_version()
CHANGES: dict[str, dict[str, object]] = {
    "handler": {"handler": "app.other"},
    "memory_mb": {"memory_mb": 256},
    "timeout_s": {"timeout_s": 4},
    "ephemeral_storage_mb": {"ephemeral_storage_mb": 1024},
    "architecture": {"architecture": Architecture.ARM64},
    "description": {"description": "new"},
    "layers": {"layers": ("one",)},
    "kms_key": {"kms_key": "acme"},
    "image": {"image": "mine"},
    "variables": {"variables": (a_variable("A", "1"),)},
}


def digest(configuration: FunctionConfiguration) -> str:
    return version_digest(configuration, USUAL.code, USUAL.image, None)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_of_the_configuration_is_another_version(change: dict[str, object]) -> None:
    changed = replace(USUAL.configuration, **change)  # type: ignore[arg-type] # real fields
    assert digest(changed) != digest(USUAL.configuration)
    assert digest(replace(changed)) == digest(changed)


def test_what_is_the_functions_and_no_versions_makes_no_other_version() -> None:
    changed = replace(USUAL.configuration, reserved_concurrency=3, keep_alive_s=5.0)
    assert digest(changed) == digest(USUAL.configuration)


def test_every_field_of_the_configuration_is_tried() -> None:
    tried = {name for change in CHANGES.values() for name in change} | FUNCTION_WIDE
    assert set(FunctionConfiguration.__slots__) - tried == {"name", "runtime"}


def test_code_image_and_dependencies_make_another_version_too() -> None:
    configuration, code, image = USUAL.configuration, USUAL.code, USUAL.image
    other_image = Image(reference=image.reference, digest="cd" * 32)
    installed = Mount(source=Path("/dependencies/1"), target="/opt/python")
    digests = {
        version_digest(configuration, code, image, None),
        version_digest(configuration, replace(code, digest="f" * 64), image, None),
        version_digest(configuration, code, other_image, None),
        version_digest(configuration, code, image, installed),
    }
    assert len(digests) == 4


def test_a_secret_that_changed_is_a_change_though_it_is_never_shown() -> None:
    first, second = (
        replace(USUAL.configuration, variables=(a_variable("API_KEY", value, secret=True),))
        for value in ("one", "two")
    )
    assert digest(first) != digest(second)
    assert repr(first) == repr(second)


def test_where_the_code_was_taken_to_does_not_matter() -> None:
    elsewhere = replace(USUAL.code, folder=Path("/elsewhere"))
    assert version_digest(USUAL.configuration, elsewhere, USUAL.image, None) == USUAL.digest


def test_a_version_sees_its_code_and_its_dependencies() -> None:
    installed = Mount(source=Path("/dependencies/1"), target="/opt/python")
    assert [mount.target for mount in USUAL.mounts] == ["/var/task"]
    with_them = replace(USUAL, dependencies=installed)
    assert [mount.target for mount in with_them.mounts] == ["/var/task", "/opt/python"]


def test_values_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        USUAL.digest = "other"  # type: ignore[misc] # that is the point


# --- functions -----------------------------------------------------------------------------------------------


def test_a_secret_is_not_in_what_is_shown_nor_in_its_repr() -> None:
    secret, plain = a_variable("API_KEY", "hunter2", secret=True), a_variable("STAGE", "dev")
    assert "hunter2" not in repr((secret, plain))
    assert secret.shown == "••••••••"
    assert plain.shown == "dev"


def test_a_warning_does_not_break_a_function_an_error_does() -> None:
    path = Path("/p/orders/function.toml")
    warning = Problem(path=path, line=3, message="odd", severity=Severity.WARNING)
    error = Problem(path=path, line=None, message="wrong")
    function = Function(name=FunctionName("orders"), folder=path.parent, configuration=None)
    assert not function.broken
    assert not replace(function, problems=(warning,)).broken
    assert replace(function, problems=(warning, error)).broken


def test_a_problem_says_where_it_is() -> None:
    path = Path("/p/orders/function.toml")
    assert str(Problem(path=path, line=3, message="odd")) == f"{path}:3: odd"
    assert str(Problem(path=path, line=None, message="odd")) == f"{path}: odd"


# --- invocations ---------------------------------------------------------------------------------------------


def test_the_summary_of_an_invocation_that_runs() -> None:
    short = summary(InvocationRecord(acceptance=an_acceptance(), outcome=None))
    assert (short.kind, short.error_type, short.cold, short.duration_ms) == (None, None, None, None)


def test_the_summary_of_one_that_is_over() -> None:
    outcome = Outcome(
        kind=OutcomeKind.ERROR, payload=b"{}", error_type="ValueError", error_message="no"
    )
    record = InvocationRecord(
        acceptance=an_acceptance(payload=b'"long"'),
        outcome=outcome,
        cold=True,
        ended_at=EPOCH,
        measurements=Measurements(duration_ms=1.5, init_ms=20.0),
    )
    short = summary(record)
    assert short.request_id == record.request_id
    assert short.kind is OutcomeKind.ERROR
    assert (short.error_type, short.error_message) == ("ValueError", "no")
    assert (short.cold, short.duration_ms, short.init_ms) == (True, 1.5, 20.0)
    assert "long" not in repr(short)
