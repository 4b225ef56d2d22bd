"""Configurations and variables of published versions, written and read."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.store.strategies import function_names
from workbench.errors import StoreError
from workbench.model.function import Architecture, FunctionConfiguration, Variable
from workbench.model.names import RuntimeName
from workbench.store.releases import configuration as kept

texts = st.text(st.characters(), max_size=40)  # lone surrogates among them
variables = st.lists(
    st.builds(
        Variable,
        name=st.from_regex(r"[a-zA-Z][a-zA-Z0-9_]{1,20}", fullmatch=True),
        value=texts,
        source=texts,
        secret=st.booleans(),
        overrides=st.lists(texts, max_size=3).map(tuple),
    ),
    max_size=5,
).map(tuple)
configurations = st.builds(
    FunctionConfiguration,
    name=function_names,
    runtime=st.sampled_from(["python3.13", "provided.al2023"]).map(RuntimeName),
    handler=texts,
    memory_mb=st.integers(128, 10240),
    timeout_s=st.integers(1, 900),
    ephemeral_storage_mb=st.integers(512, 10240),
    architecture=st.sampled_from(Architecture),
    description=texts,
    variables=variables,
    layers=st.lists(texts, max_size=5).map(tuple),
    kms_key=st.none() | st.from_regex(r"[a-zA-Z0-9-_]{1,64}", fullmatch=True),
    image=st.none() | texts,
    reserved_concurrency=st.none() | st.integers(0, 100_000),
    keep_alive_s=st.none() | st.floats(0, 86_400),
    freeze=st.none() | st.booleans(),
)
MINIMAL = {"name": "orders", "runtime": "python3.13", "handler": "app.handler"}


@given(stated=configurations)
def test_a_configuration_is_read_as_it_was_without_its_variables(
    stated: FunctionConfiguration,
) -> None:
    text = kept.to_json(stated)

    assert kept.from_json(text) == replace(stated, variables=())
    assert "variables" not in json.loads(text)
    assert kept.to_json(kept.from_json(text)) == text


@given(stated=variables)
def test_variables_are_read_as_they_were(stated: tuple[Variable, ...]) -> None:
    assert kept.variables_from_bytes(kept.variables_to_bytes(stated)) == stated


def test_a_field_that_did_not_exist_then_has_its_default() -> None:
    found = kept.from_json(json.dumps(MINIMAL))

    for field in fields(FunctionConfiguration):
        if field.name not in MINIMAL:
            assert getattr(found, field.name) == field.default


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(MINIMAL | {"colour": "blue"}),
        json.dumps({"name": "orders"}),
        json.dumps(MINIMAL | {"architecture": "sparc"}),
        json.dumps([MINIMAL]),
        "null",
        "{",
        "",
    ],
)
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(StoreError):
        kept.from_json(text)


@pytest.mark.parametrize(
    "plain",
    [
        b'[{"name": "hunter2", "valu',
        b"\xffhunter2",
        b'[{"name": "hunter2"}]',
        b'{"hunter2": 1}',
        b"1",
    ],
)
def test_damaged_variables_are_refused_and_not_shown(plain: bytes) -> None:
    with pytest.raises(StoreError) as refused:
        kept.variables_from_bytes(plain)

    assert "hunter2" not in str(refused.value)
    assert refused.value.__suppress_context__
