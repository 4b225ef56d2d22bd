from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from workbench.api import wire
from workbench.errors import (
    ConstraintViolated,
    InvalidParameter,
    InvalidRequestContent,
    RequestError,
    UnknownOperation,
)
from workbench.model import failures
from workbench.model.invocation import Outcome, OutcomeKind
from workbench.model.names import LATEST, FunctionName, Qualifier, RequestId, Target

ARN = "arn:aws:lambda:us-east-1:123456789012:function:orders"
REQUEST_ID = RequestId("3f2a1b7c-55d1-4c0e-9a1b-0123456789ab")
TRACE_ROOT = "1-5f84c7a1-1234567890abcdef12345678"


def path_of(name: str, query: str = "") -> str:
    return f"/2015-03-31/functions/{name}/invocations{query}"


def parse(
    name: str = "orders", query: str = "", headers: Mapping[str, str] | None = None
) -> wire.InvokeCall:
    return wire.parse_call("POST", path_of(name, query), CIMultiDict(headers or {}))


def client_context(value: object) -> str:
    return base64.b64encode(json.dumps(value, indent=2).encode()).decode()


# --- the function ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "qualifier"),
    [
        ("orders", None),
        ("orders:live", "live"),
        ("orders:$LATEST", "$LATEST"),
        ("function:orders", None),
        ("123456789012:function:orders:7", "7"),
        (ARN, None),
        (f"{ARN}:7", "7"),
    ],
)
@pytest.mark.parametrize("encode", [str, lambda text: quote(text, safe="")])
def test_a_function_is_named_in_any_form_encoded_or_not(
    name: str, qualifier: str | None, encode: object
) -> None:
    assert callable(encode)

    target = parse(encode(name)).target

    assert (target.name, target.qualifier) == ("orders", qualifier)


def test_an_arn_keeps_its_region_and_account() -> None:
    assert parse(quote(ARN, safe="")).target == Target(
        name=FunctionName("orders"), region="us-east-1", account="123456789012"
    )


@pytest.mark.parametrize("query", ["?Qualifier=live", "?Qualifier=%24LATEST&x=1", "?x&Qualifier=7"])
def test_a_qualifier_may_stand_in_the_query(query: str) -> None:
    assert parse(query=query).target.qualifier in ("live", "$LATEST", "7")


def test_the_same_qualifier_twice_is_one() -> None:
    assert parse("orders:live", "?Qualifier=live").target.qualifier == "live"


def test_two_different_qualifiers_are_refused_in_the_recorded_words() -> None:
    with pytest.raises(
        InvalidParameter,
        match=r"^The derived qualifier from the function name does not match the specified",
    ):
        parse("orders:live", "?Qualifier=7")


def test_a_query_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"given twice"):
        parse(query="?Qualifier=live&Qualifier=7")


def test_an_endless_query_is_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"too many fields"):
        parse(query="?" + "&".join(f"a{n}=1" for n in range(101)))


@pytest.mark.parametrize("name", ["or%20ders", "%2Fetc", "or.ders", "orders:", "%ff", "orders:a:b"])
def test_what_names_no_function_breaks_the_models_pattern(name: str) -> None:
    with pytest.raises(
        ConstraintViolated, match=r"at 'functionName' failed to .* regular expression pattern"
    ):
        parse(name)


def test_a_name_over_64_characters_is_an_invalid_parameter_as_recorded() -> None:
    with pytest.raises(
        InvalidParameter,
        match=r"'functionName' .* Member must have length less than or equal to 64$",
    ):
        parse("n" * 65)


def test_a_name_over_256_characters_breaks_the_model() -> None:
    with pytest.raises(ConstraintViolated, match=r"less than or equal to 256$"):
        parse("n" * 257)


@pytest.mark.parametrize(
    ("qualifier", "constraint"),
    [
        ("", "length greater than or equal to 1"),
        ("q" * 129, "length less than or equal to 128"),
        ("a.b", "regular expression pattern"),
        ("$OLDEST", "regular expression pattern"),
    ],
)
def test_a_qualifier_that_is_none_breaks_the_model(qualifier: str, constraint: str) -> None:
    with pytest.raises(ConstraintViolated, match=constraint):
        parse(query=f"?Qualifier={quote(qualifier)}")


# --- the operation --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", path_of("orders")),
        ("PUT", path_of("orders")),
        ("POST", "/"),
        ("POST", ""),
        ("POST", "/2015-03-31/functions/invocations"),
        ("POST", "/2015-03-31/functions//invocations"),
        ("POST", "/2015-03-31/functions/a/b/invocations"),
        ("POST", "/2015-03-31/functions/orders/invocations/"),
        ("GET", "/2015-03-31/functions"),
        ("POST", "/2021-11-15/functions/orders/response-streaming-invocations"),
        ("POST", "http://127.0.0.1/2015-03-31/functions/orders/invocations"),
    ],
)
def test_another_operation_is_told_what_is_served(method: str, path: str) -> None:
    with pytest.raises(UnknownOperation) as refusal:
        wire.parse_call(method, path, {})

    assert wire.SERVED in str(refusal.value)


# --- headers --------------------------------------------------------------------------------------------


def test_without_headers_it_is_a_plain_synchronous_call() -> None:
    assert parse() == wire.InvokeCall(
        target=Target(name=FunctionName("orders")),
        kind=wire.InvocationType.REQUEST_RESPONSE,
        log_tail=False,
        client_context=None,
        trace_id=None,
    )


@pytest.mark.parametrize("kind", list(wire.InvocationType))
def test_every_invocation_type_of_the_model_is_read(kind: wire.InvocationType) -> None:
    assert parse(headers={"x-amz-invocation-type": kind}).kind is kind


@pytest.mark.parametrize(
    ("header", "member", "allowed"),
    [
        ("X-Amz-Invocation-Type", "invocationType", r"\[Event, RequestResponse, DryRun\]"),
        ("X-Amz-Log-Type", "logType", r"\[None, Tail\]"),
    ],
)
def test_another_value_is_told_the_allowed_ones(header: str, member: str, allowed: str) -> None:
    with pytest.raises(
        ConstraintViolated,
        match=rf"^1 validation error detected: Value 'tail' at '{member}' failed to satisfy "
        f"constraint: Member must satisfy enum value set: {allowed}$",
    ):
        parse(headers={header: "tail"})


def test_log_tail_is_asked_for_by_name() -> None:
    assert parse(headers={"X-Amz-Log-Type": "Tail"}).log_tail
    assert not parse(headers={"X-Amz-Log-Type": "None"}).log_tail


def test_a_client_context_becomes_one_line_of_ascii() -> None:
    header = client_context({"custom": {"name": "Zoë\n"}, "client": None})

    context = parse(headers={"X-Amz-Client-Context": header}).client_context

    assert context == b'{"custom":{"name":"Zo\\u00eb\\n"},"client":null}'


@pytest.mark.parametrize(
    "header",
    [
        "",
        "string",
        "e30\n",
        "é",
        client_context([]),
        client_context("text"),
        base64.b64encode(b'{"a": NaN}').decode(),
        base64.b64encode(b"{\xff}").decode(),
        base64.b64encode(b"[" * 2000).decode(),
    ],
)
def test_another_client_context_is_refused_in_the_recorded_words(header: str) -> None:
    with pytest.raises(
        InvalidRequestContent, match=r"^Client context must be a valid Base64-encoded JSON object.$"
    ):
        wire.parse_client_context(header)


def test_a_client_context_has_a_size() -> None:
    fits = client_context({"a": "b" * 2672})
    assert len(fits) <= wire.CLIENT_CONTEXT_BYTES < len(fits) + 4

    assert wire.parse_client_context(fits)
    with pytest.raises(ConstraintViolated, match=r"'clientContext' .* equal to 3583$"):
        wire.parse_client_context(client_context({"a": "b" * 2673}))


@pytest.mark.parametrize(
    ("header", "handed_on"),
    [
        (f"Root={TRACE_ROOT};Sampled=1", f"Root={TRACE_ROOT};Sampled=1"),
        (f"root={TRACE_ROOT}", f"Root={TRACE_ROOT};Sampled=0"),
        (
            f"Sampled=1; Root={TRACE_ROOT}; Parent=53995c3f42cd8ad8; Lineage=a:1|b:2",
            f"Root={TRACE_ROOT};Sampled=1;Parent=53995c3f42cd8ad8;Lineage=a:1|b:2",
        ),
        (f"Root={TRACE_ROOT};Evil=a b;Other=\xff;Fine=1", f"Root={TRACE_ROOT};Fine=1;Sampled=0"),
        ("Root=1-2-3", None),
        ("Parent=53995c3f42cd8ad8", None),
        ("nonsense", None),
        ("", None),
        (f"Root={TRACE_ROOT};" + "a" * 1024, None),
    ],
)
def test_a_trace_header_is_handed_on_if_it_is_one(header: str, handed_on: str | None) -> None:
    assert wire.parse_trace_id(header) == handed_on


# --- answers --------------------------------------------------------------------------------------------


def test_a_success_carries_the_functions_bytes_and_lambdas_headers() -> None:
    answer = wire.invoked(
        Outcome(kind=OutcomeKind.SUCCESS, payload=b"\x00 any bytes"),
        request_id=REQUEST_ID,
        version=LATEST,
        trace_id=f"Root={TRACE_ROOT};Parent=53995c3f42cd8ad8;Sampled=1",
    )

    assert (answer.status, answer.body) == (200, b"\x00 any bytes")
    assert answer.headers == {
        "Content-Type": "application/json",
        "x-amzn-RequestId": REQUEST_ID,
        "x-amzn-Remapped-Content-Length": "0",
        "X-Amz-Executed-Version": "$LATEST",
        "X-Amzn-Trace-Id": f"root={TRACE_ROOT};sampled=1",
    }


def test_a_failed_function_is_a_200_that_says_so() -> None:
    answer = wire.invoked(
        failures.timed_out(REQUEST_ID, timeout_s=3),
        request_id=REQUEST_ID,
        version=Qualifier("7"),
        trace_id=f"Root={TRACE_ROOT};Sampled=0",
    )

    assert answer.status == 200
    assert answer.headers["X-Amz-Function-Error"] == "Unhandled"
    assert answer.headers["X-Amz-Executed-Version"] == "7"
    assert json.loads(answer.body)["errorType"] == "Sandbox.Timedout"


def test_the_log_tail_is_base64_in_a_header() -> None:
    plain = wire.Answer(status=200, headers={"x": "y"}, body=b"1")

    answer = wire.with_log_tail(plain, "START é\n".encode())

    assert base64.b64decode(answer.headers["X-Amz-Log-Result"]).decode() == "START é\n"
    assert (answer.status, answer.body, answer.headers["x"]) == (200, b"1", "y")
    assert "X-Amz-Log-Result" not in plain.headers


def test_a_dry_run_has_no_body_and_no_version() -> None:
    answer = wire.dry_run(request_id=REQUEST_ID)

    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["x-amzn-RequestId"] == REQUEST_ID
    assert "X-Amz-Executed-Version" not in answer.headers


# --- anything at all --------------------------------------------------------------------------------------

INTERESTING = st.sampled_from(
    [
        b"",
        b"POST",
        b"/2015-03-31/functions/",
        b"/invocations",
        b"?Qualifier=",
        b"orders",
        b":live",
        b"%24LATEST",
        b"%",
        b"%ff",
        b"&",
        b"arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Aorders",
        b"Root=1-5f84c7a1-1234567890abcdef12345678;Sampled=1",
        b"Tail",
        b"Event",
        base64.b64encode(b'{"custom":{}}'),
    ]
)
ANYTHING = st.lists(st.one_of(INTERESTING, st.binary(max_size=40)), max_size=6).map(b"".join)
HEADER = st.sampled_from(
    [
        "X-Amz-Invocation-Type",
        "X-Amz-Log-Type",
        "X-Amz-Client-Context",
        "X-Amzn-Trace-Id",
        "Qualifier",
    ]
)


def as_read(raw: bytes) -> str:
    """As the HTTP parser hands bytes on."""
    return raw.decode("utf-8", "surrogateescape")


@given(
    method=ANYTHING,
    path=st.one_of(ANYTHING, ANYTHING.map(lambda raw: path_of("a").encode() + raw)),
    headers=st.dictionaries(HEADER, ANYTHING, max_size=4),
)
def test_any_bytes_are_a_call_or_a_request_error(
    method: bytes, path: bytes, headers: dict[str, bytes]
) -> None:
    fields = CIMultiDict({name: as_read(value) for name, value in headers.items()})
    try:
        call = wire.parse_call(as_read(method), as_read(path), fields)
    except RequestError:
        return
    check_sound(call)


@given(name=ANYTHING, query=ANYTHING, headers=st.dictionaries(HEADER, ANYTHING, max_size=4))
def test_any_bytes_in_the_right_place_are_a_call_or_a_request_error(
    name: bytes, query: bytes, headers: dict[str, bytes]
) -> None:
    fields = CIMultiDict({key: as_read(value) for key, value in headers.items()})
    path = f"/2015-03-31/functions/{as_read(name)}/invocations?{as_read(query)}"
    try:
        call = wire.parse_call("POST", path, fields)
    except RequestError:
        return
    check_sound(call)


def check_sound(call: wire.InvokeCall) -> None:
    """What was accepted can be handed on in headers and in an ARN."""
    assert str(call.target).isascii()
    if call.client_context is not None:
        assert isinstance(json.loads(call.client_context), dict)
        assert call.client_context.isascii()
        assert b"\n" not in call.client_context
    if call.trace_id is not None:
        assert call.trace_id.isascii()
        assert call.trace_id.isprintable()
        assert wire.parse_trace_id(call.trace_id) == call.trace_id


# --- ours -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "cold"), [("true", True), (" TRUE ", True), ("false", False)])
def test_a_new_environment_is_asked_for_in_words(text: str, *, cold: bool) -> None:
    assert wire.parse_cold(text) is cold


@pytest.mark.parametrize("text", ["", "1", "yes", "cold", "true, true", "\x00"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match="X-Workbench-Cold is true or false"):
        wire.parse_cold(text)
