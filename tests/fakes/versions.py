"""Valid values of the model, for tests that care about one field of them."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import replace
from pathlib import Path

from tests.fakes.clock import EPOCH
from workbench.model.function import FunctionConfiguration, Variable
from workbench.model.invocation import Acceptance, Origin
from workbench.model.names import (
    LATEST,
    FunctionName,
    Qualifier,
    RequestId,
    RuntimeName,
    Target,
)
from workbench.model.release import CodePackage, PublishedVersion, new_revision
from workbench.model.runtime import HandlerRule, Runtime
from workbench.model.version import Code, Image, Version, version_digest

_numbers = itertools.count(1)


def new_request_id() -> RequestId:
    """One that no other test has."""
    return RequestId(str(uuid.UUID(int=next(_numbers), version=4)))


def a_runtime(name: str = "python3.13", **changes: object) -> Runtime:
    """A runtime, with `changes` to its fields."""
    usual = Runtime(
        name=RuntimeName(name),
        folder=Path("/runtimes") / name,
        language="Python",
        summary="A runtime of the tests",
        base="trixie",
        context=(),
        command=("/var/runtime/bootstrap",),
        log_frames=True,
        execution_env=f"AWS_Lambda_{name}",
        variables=(("PATH", "/usr/local/bin:/usr/bin:/bin"),),
        handler=HandlerRule(default="app.handler", files=("{module}.py",), symbol=None),
        dependencies=None,
        process=None,
        preload=None,
        template=None,
    )
    return replace(usual, **changes)  # type: ignore[arg-type] # each caller names real fields


def a_variable(name: str, value: str, *, secret: bool = False) -> Variable:
    """A variable from function.toml."""
    return Variable(name=name, value=value, source="orders/function.toml:9", secret=secret)


def a_version(
    name: str = "orders",
    *,
    code: str = "1",
    timeout_s: int = 3,
    memory_mb: int = 128,
    variables: tuple[Variable, ...] = (),
    runtime: Runtime | None = None,
    image: Image | None = None,
    qualifier: str = LATEST,
) -> Version:
    """A version of a function; another `code` is another digest."""
    runtime = runtime or a_runtime()
    image = image or Image(reference="workbench/python3.13:test", digest="ab" * 32)
    configuration = FunctionConfiguration(
        name=FunctionName(name),
        runtime=runtime.name,
        handler="app.handler",
        timeout_s=timeout_s,
        memory_mb=memory_mb,
        variables=variables,
    )
    taken = Code(folder=Path("/code") / code, digest=(code * 64)[:64])
    return Version(
        configuration=configuration,
        version=Qualifier(qualifier),
        runtime=runtime,
        image=image,
        code=taken,
        dependencies=None,
        digest=version_digest(configuration, taken, image, None),
    )


def an_acceptance(
    version: Version | None = None,
    *,
    payload: bytes = b"{}",
    qualifier: str | None = None,
    request_id: RequestId | None = None,
) -> Acceptance:
    """An invocation of `version` as it is accepted; `qualifier` as its caller named it."""
    version = version or a_version()
    return Acceptance(
        request_id=request_id or new_request_id(),
        target=Target(
            name=version.name, qualifier=None if qualifier is None else Qualifier(qualifier)
        ),
        function=version.name,
        version=version.version,
        origin=Origin.CLI,
        event=None,
        accepted_at=EPOCH,
        payload=payload,
        code_digest=version.code.digest,
        memory_mb=version.configuration.memory_mb,
        timeout_s=version.configuration.timeout_s,
    )


def a_published_version(name: str = "orders", **changes: object) -> PublishedVersion:
    """A version to be published, with `changes` to its fields."""
    usual = PublishedVersion(
        function=FunctionName(name),
        number=0,
        description="",
        published_at=EPOCH,
        revision_id=new_revision(),
        package=CodePackage(
            digest="c" * 64, sha256=f"{'A' * 43}=", zip_bytes=1000, unzipped_bytes=3000
        ),
        configuration=replace(a_version(name).configuration, variables=()),
        variables=b"sealed",
        image=Image(reference="workbench/python3.13:3f2a1b7c9d0e", digest="d" * 64),
    )
    return replace(usual, **changes)  # type: ignore[arg-type] # each caller names real fields
