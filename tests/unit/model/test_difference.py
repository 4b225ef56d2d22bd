from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.model.difference import (
    ChangeType,
    Difference,
    LayerState,
    configuration_changes,
    layer_changes,
    variable_changes,
)
from workbench.model.function import Architecture, FunctionConfiguration, Variable
from workbench.model.names import FunctionName, Qualifier, RuntimeName

CONFIGURATION = FunctionConfiguration(
    name=FunctionName("orders"), runtime=RuntimeName("python3.13"), handler="app.handler"
)

VARIABLES = st.builds(
    lambda values: tuple(
        Variable(name=name, value=value, source="a.toml:1", secret=secret)
        for name, (value, secret) in sorted(values.items())
    ),
    st.dictionaries(
        st.sampled_from("ABCD"),
        st.tuples(st.sampled_from(["hidden 7a1f", "hidden 2", ""]), st.booleans()),
    ),
)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("memory_mb", 256),
        ("timeout_s", 9),
        ("handler", "app.other"),
        ("runtime", "nodejs22.x"),
        ("architecture", Architecture.ARM64),
        ("description", "another"),
        ("ephemeral_storage_mb", 1024),
        ("kms_key", "acme"),
        ("image", "mine"),
    ],
)
def test_each_field_is_told_with_both_of_its_values(field: str, value: object) -> None:
    (change,) = configuration_changes(CONFIGURATION, replace(CONFIGURATION, **{field: value}))  # type: ignore[arg-type] # any field

    assert (change.field, change.a, change.b) == (field, getattr(CONFIGURATION, field), value)


def test_what_is_the_functions_own_and_what_has_a_part_of_its_own_is_left_out() -> None:
    other = replace(
        CONFIGURATION,
        reserved_concurrency=3,
        keep_alive_s=1.0,
        freeze=False,
        layers=("common",),
        variables=(Variable(name="A", value="1", source="", secret=False),),
    )

    assert configuration_changes(CONFIGURATION, other) == ()


@given(VARIABLES, VARIABLES)
def test_no_secret_value_is_kept_and_every_change_is(
    a: tuple[Variable, ...], b: tuple[Variable, ...]
) -> None:
    found = {change.name: change for change in variable_changes(a, b)}
    ours = {variable.name: variable for variable in a}
    theirs = {variable.name: variable for variable in b}

    for name in ours.keys() | theirs.keys():
        one, other = ours.get(name), theirs.get(name)
        values = tuple(None if each is None else each.value for each in (one, other))
        assert (name in found) == (values[0] != values[1])
        if name in found:
            secret = any(each is not None and each.secret for each in (one, other))
            assert found[name].secret == secret
            assert (found[name].a, found[name].b) == ((None, None) if secret else values)
            if secret:
                assert "hidden" not in repr(found[name])


def test_where_a_value_came_from_is_no_change() -> None:
    one = Variable(name="A", value="1", source="dev.env:1", secret=False)

    assert variable_changes((one,), (replace(one, source="function.toml:3"),)) == ()


def test_layers_are_told_by_their_place() -> None:
    common, other = (
        LayerState(stated="common", digest="a" * 64),
        LayerState(stated="other", digest="c" * 64),
    )
    newer = replace(common, digest="b" * 64)

    assert layer_changes((common, other), (common, other)) == ()
    moved = layer_changes((common, other), (other, common))
    assert [(change.position, change.type) for change in moved] == [
        (1, ChangeType.CHANGED),
        (2, ChangeType.CHANGED),
    ]
    grown = layer_changes((common,), (newer, other))
    assert [change.type for change in grown] == [ChangeType.CHANGED, ChangeType.ADDED]
    assert [change.type for change in layer_changes((common,), ())] == [ChangeType.REMOVED]


def test_an_image_alone_is_a_difference() -> None:
    same = Difference(function=CONFIGURATION.name, a=Qualifier("1"), b=Qualifier("2"))

    assert same.equal
    assert not replace(same, image=("0" * 64, "1" * 64)).equal
