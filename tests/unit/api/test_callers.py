from __future__ import annotations

import pytest
from multidict import CIMultiDict

from workbench.api.callers import check_caller
from workbench.errors import AccessDenied


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "127.0.0.1:9001"},
        {"Host": "127.0.0.1"},
        {"host": "LOCALHOST:80"},
        {"Host": "[::1]:9001"},
        {"Host": "127.8.9.10:1"},
        {"Host": "localhost:9001", "Sec-Fetch-Site": "none"},
    ],
)
def test_a_program_of_this_machine_may_call(headers: dict[str, str]) -> None:
    check_caller(CIMultiDict(headers))


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "127.0.0.1:9001", "Origin": "https://evil.example"},
        {"Host": "127.0.0.1:9001", "origin": "null"},
        {"Host": "localhost:9001", "Origin": "http://localhost:9001"},
        {"Host": "127.0.0.1:9001", "Sec-Fetch-Site": "cross-site"},
        {"Host": "127.0.0.1:9001", "sec-fetch-site": "same-site"},
        {"Host": "127.0.0.1:9001", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_a_web_page_may_not(headers: dict[str, str]) -> None:
    with pytest.raises(AccessDenied, match="Web pages"):
        check_caller(CIMultiDict(headers))


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:9001",
        "127.0.0.1.evil.example",
        "localhost.evil.example:80",
        "evil.example#127.0.0.1",
        "user@127.0.0.1",
        "127.0.0.1:9001 evil.example",
        "0.0.0.0:9001",
        "[::]:9001",
        "10.0.0.1",
        "",
        "127.0.0.1:9001\n",
        "\udcff",
    ],
)
def test_a_name_that_was_rebound_to_loopback_is_refused(host: str) -> None:
    with pytest.raises(AccessDenied, match=r"localhost and 127.0.0.1 only"):
        check_caller(CIMultiDict({"Host": host}))
