"""Every exception is in the drawn tree, says what to do, and carries what it is about."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from workbench import errors
from workbench.errors import WorkbenchError


def drawn() -> dict[str, str]:
    """The tree of the module's docstring: class → parent."""
    parents: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^(?P<indent>[\s│├└─]*)(?P<name>[A-Z]\w+)(?:\s{2,}|$)", line)
        if match is None or not line.startswith("    "):
            continue
        depth = len(match["indent"])
        while path and path[-1][0] >= depth:
            path.pop()
        parents[match["name"]] = path[-1][1] if path else ""
        path.append((depth, match["name"]))
    return parents


def classes() -> list[type[WorkbenchError]]:
    return [
        value
        for _, value in inspect.getmembers(errors, inspect.isclass)
        if issubclass(value, WorkbenchError)
    ]


def test_the_drawn_tree_is_the_tree() -> None:
    real = {
        each.__name__: "" if each is WorkbenchError else each.__base__.__name__
        for each in classes()
        if each.__base__ is not None
    }
    assert drawn() == real


F19 = ", ".join(f"f{n}" for n in range(19))
SENTENCES = [
    (
        errors.InvalidManifest("unknown key 'x'.", path=Path("/p/function.toml"), line=3),
        "/p/function.toml:3: unknown key 'x'.",
    ),
    (errors.InvalidManifest("not UTF-8.", path=Path("/p/f.toml")), "/p/f.toml: not UTF-8."),
    (errors.InvalidParameter("No.", parameter="memory"), "No."),
    (
        errors.RequestTooLarge(limit_bytes=6291456, operation="InvokeFunction"),
        "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
    ),
    (errors.FunctionNotFound("orders"), "Function not found: orders."),
    (
        errors.FunctionNotFound("orders", qualifier="7", known=("a", "b")),
        "Function not found: orders:7. Known functions: a, b.",
    ),
    (
        errors.FunctionNotFound("ordres", known=("orders", *(f"f{n}" for n in range(30)))),
        f"Function not found: ordres. Did you mean orders? Known functions: orders, {F19} and 11 more.",
    ),
    (errors.EventNotFound("orders", "x"), "orders has no saved event named x. It has none yet."),
    (
        errors.EventNotFound("orders", "x", known=("a",)),
        "orders has no saved event named x. It has: a.",
    ),
    (errors.InvocationNotFound("1-2"), "No invocation with request id 1-2 is known here."),
    (
        errors.RuntimeNotFound("cobol", known=("python3.13",)),
        "No runtime named cobol. Known runtimes: python3.13.",
    ),
    (errors.FunctionNotReady("orders", reason="no image."), "orders cannot run: no image."),
    (
        errors.EngineUnreachable(cause="Nothing answers.", remedy="Start it."),
        "Nothing answers. Start it.",
    ),
    (errors.RuntimeMissing("orders", reason="no Node."), "orders cannot run: no Node."),
    (errors.ImageMissing("x:1", remedy="Build it."), "Image x:1 is not here. Build it."),
    (errors.BuildFailed("orders", step="install", output="no\n"), "orders: install failed.\nno"),
    (errors.BuildFailed("orders", step="install", output=""), "orders: install failed."),
    (
        errors.DiskFull("write /x: no space left on device"),
        (
            "The container engine's disk is full: write /x: no space left on device. Free some of it "
            "(workbench doctor --fix deletes what earlier builds left, docker system df tells what else "
            "there is); the workbench goes on by itself."
        ),
    ),
    (
        errors.DiskFull("No space left on device", near="/run/x"),
        (
            "The disk of /run/x is full: No space left on device. Free some of it; the workbench goes on "
            "by itself."
        ),
    ),
    (errors.ContainerRefused("no space"), "The container engine refused: no space"),
    (errors.InternalError("Odd."), "Odd. This is a bug in workbench: please report it."),
]


@pytest.mark.parametrize(
    ("error", "sentence"), SENTENCES, ids=[type(e).__name__ for e, _ in SENTENCES]
)
def test_an_error_is_a_sentence(error: WorkbenchError, sentence: str) -> None:
    assert str(error) == sentence


def test_a_refusal_of_the_runtime_api_carries_its_answer() -> None:
    error = errors.ProtocolError("Invalid request ID", status=400, error_type="InvalidRequestID")
    assert (error.status, error.error_type) == (400, "InvalidRequestID")
