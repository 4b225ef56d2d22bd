"""Identifiers, and every form a caller may give them in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import InvalidParameter
from workbench.model.names import (
    FunctionName,
    Qualifier,
    Target,
    event_name,
    function_arn,
    function_name,
    qualifier,
    target,
)

ARN = "arn:aws:lambda:us-east-1:123456789012:function:orders"

FORMS = [
    ("orders", "orders", None, None, None),
    ("orders:live", "orders", "live", None, None),
    ("orders:$LATEST", "orders", "$LATEST", None, None),
    ("orders:7", "orders", "7", None, None),
    ("function:orders", "orders", None, None, None),
    ("123456789012:function:orders", "orders", None, None, "123456789012"),
    ("123456789012:orders:7", "orders", "7", None, "123456789012"),
    (ARN, "orders", None, "us-east-1", "123456789012"),
    (f"{ARN}:live", "orders", "live", "us-east-1", "123456789012"),
    (f"{ARN}:$LATEST", "orders", "$LATEST", "us-east-1", "123456789012"),
    (ARN.replace("aws", "aws-cn", 1), "orders", None, "us-east-1", "123456789012"),
    ("a" * 64, "a" * 64, None, None, None),
]


@pytest.mark.parametrize(("text", "name", "named", "region", "account"), FORMS)
def test_every_form_of_a_function_reference(
    text: str, name: str, named: str | None, region: str | None, account: str | None
) -> None:
    assert target(text) == Target(
        name=FunctionName(name),
        qualifier=None if named is None else Qualifier(named),
        region=region,
        account=account,
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a" * 65,
        "orders ",
        "orders\n",
        "or.ders",
        "orders:",
        "orders::live",
        "orders:$latest",
        f"orders:{'q' * 129}",
        "arn:aws:s3:::orders",
        f"{ARN}:live:more",
        "../orders",
        "ordérs",
        "١٢٣٤٥٦٧٨٩٠١٢:orders",
        "\x1b[31morders",
    ],
)
def test_what_names_no_function_is_refused_with_what_would(text: str) -> None:
    with pytest.raises(InvalidParameter, match="use NAME") as caught:
        target(text)
    assert caught.value.parameter == "functionName"


@pytest.mark.parametrize("text", ["orders", "A-b_9", "a" * 64])
def test_good_function_names(text: str) -> None:
    assert function_name(text) == text


@pytest.mark.parametrize("text", ["", "a" * 65, "a.b", "a b", "a\n", "ä", "a/b"])
def test_bad_function_names(text: str) -> None:
    with pytest.raises(InvalidParameter, match="1 to 64"):
        function_name(text)


@pytest.mark.parametrize("text", ["$LATEST", "1", "live", "q" * 128])
def test_good_qualifiers(text: str) -> None:
    assert qualifier(text) == text


@pytest.mark.parametrize("text", ["", "$latest", "$LATEST2", "q" * 129, "a b", "live\n"])
def test_bad_qualifiers(text: str) -> None:
    with pytest.raises(InvalidParameter, match="qualifier"):
        qualifier(text)


@pytest.mark.parametrize("text", ["hello", "a.b-c_9", "a" * 100])
def test_good_event_names(text: str) -> None:
    assert event_name(text) == text


@pytest.mark.parametrize("text", ["", ".hidden", "..", "a/b", "a\\b", "a\0", "a" * 101, "hello\n"])
def test_an_event_name_can_always_be_a_file_name(text: str) -> None:
    with pytest.raises(InvalidParameter, match="event name"):
        event_name(text)


def test_an_arn_is_qualified_exactly_as_the_caller_named_it() -> None:
    name = FunctionName("orders")
    made = [
        function_arn(name, named, region="us-east-1", account="123456789012")
        for named in (None, Qualifier("$LATEST"), Qualifier("live"))
    ]
    assert made == [ARN, f"{ARN}:$LATEST", f"{ARN}:live"]


@given(
    st.from_regex(r"[a-zA-Z0-9-_]{1,64}", fullmatch=True),
    st.none() | st.from_regex(r"\$LATEST|[a-zA-Z0-9-_]{1,128}", fullmatch=True),
)
def test_an_arn_is_read_back_as_what_it_was_made_from(name: str, named: str | None) -> None:
    known = None if named is None else Qualifier(named)
    arn = function_arn(FunctionName(name), known, region="eu-west-1", account="000000000001")
    read = target(arn)
    assert (read.name, read.qualifier, read.account) == (name, named, "000000000001")


@pytest.mark.parametrize("text", ["orders", "orders:live", "orders:$LATEST"])
def test_a_target_is_shown_as_it_was_given(text: str) -> None:
    assert str(target(text)) == text
