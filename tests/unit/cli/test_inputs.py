from __future__ import annotations

from pathlib import Path

import pytest

from workbench.cli.inputs import read_client_context, read_payload
from workbench.errors import InvalidParameter


def test_a_payload_is_what_was_typed() -> None:
    assert read_payload(' {"a": "é"}') == ' {"a": "é"}'.encode()


def test_a_payload_may_be_a_file_byte_for_byte(tmp_path: Path) -> None:
    (tmp_path / "event.json").write_bytes(b'{"a": 1}\r\n\xff')

    assert read_payload(f"@{tmp_path}/event.json") == b'{"a": 1}\r\n\xff'


def test_bytes_that_are_no_text_survive_the_command_line() -> None:
    assert read_payload('"\udcff"') == b'"\xff"'


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidParameter, match="cannot be read") as refusal:
        read_payload(f"@{tmp_path / name}")

    assert str(tmp_path) in str(refusal.value)


def test_a_file_nobody_meant_is_refused(tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(65 * 1024 * 1024)

    with pytest.raises(InvalidParameter, match="more than 64 MB"):
        read_payload(f"@{huge}")


def test_a_client_context_becomes_one_line(tmp_path: Path) -> None:
    (tmp_path / "context.json").write_text('{\n "custom": {"name": "Zoë"}\n}')

    assert read_client_context('{"a": 1}') == b'{"a":1}'
    assert read_client_context(f"@{tmp_path}/context.json") == b'{"custom":{"name":"Zo\\u00eb"}}'


@pytest.mark.parametrize("text", ["", "{", "[]", '"text"', "null", "[" * 100_000])
def test_another_client_context_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match="client context"):
        read_client_context(text)
