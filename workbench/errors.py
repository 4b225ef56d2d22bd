"""Every exception this package raises on purpose.

A function that fails is an *outcome* (`model.invocation.Outcome`), never an exception. These say
that the workbench could not do its job, or that the request was wrong::

    WorkbenchError
    ├─ RequestError          the caller's fault
    │  ├─ InvalidManifest        a file on disk is wrong; carries path and line
    │  ├─ InvalidParameter       a value given by the caller is not allowed
    │  ├─ ConstraintViolated     a value breaks a constraint of Lambda's API model
    │  ├─ InvalidRequestContent  a payload is not JSON
    │  ├─ RequestTooLarge        a payload is larger than Lambda takes
    │  ├─ CodeTooLarge           code is larger, unpacked, than Lambda takes
    │  │  └─ ZipTooLarge            or packed
    │  ├─ InvalidArchive         an uploaded zip file is broken or unsafe
    │  ├─ InvalidExport          a file to import is none, is damaged, or a newer workbench's
    │  ├─ UnknownOperation       nothing at the endpoint answers to that method and path
    │  ├─ HookReportRefused      a deployment's hook reports what nobody asked it
    │  └─ AccessDenied           refused for who asks, not for what is asked
    ├─ NotFoundError         what was asked for does not exist
    │  ├─ FunctionNotFound
    │  ├─ AliasNotFound
    │  ├─ LayerVersionNotFound
    │  ├─ DeploymentNotFound
    │  ├─ EventNotFound
    │  ├─ InvocationNotFound
    │  ├─ RuntimeNotFound
    │  ├─ ProvisionedConcurrencyNotFound
    │  └─ KeyNotFound
    ├─ ConflictError         it exists already, or is not in a state that allows this
    │  ├─ AlreadyExists
    │  │  └─ AliasExists
    │  ├─ DeploymentRunning      it moves the traffic of that alias
    │  ├─ PreconditionFailed     it was changed since the caller looked
    │  ├─ FunctionNotReady
    │  └─ KeyInUse
    ├─ ThrottledError        over a concurrency limit, or shutting down
    ├─ DriverError           the container engine did not do what was asked
    │  ├─ EngineUnreachable
    │  ├─ ImageMissing
    │  ├─ RuntimeMissing         there are no containers, and no interpreter for it either
    │  ├─ BuildFailed
    │  ├─ DiskFull               the engine's, or where our files for its containers are
    │  ├─ ContainerRefused
    │  │  └─ FolderNotShared     it runs elsewhere, and does not see what the container needs
    │  └─ ContainerLost
    ├─ StoreError            the history, or what was published, could not be read or written
    │  ├─ DatabaseLocked          another program has held it for too long
    │  ├─ DatabaseFull            no room on its disk
    │  ├─ DatabaseReadOnly        its folder or file may not be written
    │  ├─ DatabaseCorrupt         the file is damaged, or is not ours
    │  └─ DatabaseTooNew          a newer workbench made it
    ├─ SealingError          sealed variables could not be used
    │  ├─ KeyMissing              the key they were sealed with is not here
    │  └─ KeyDenied               it is another one, may not be used, or what it sealed is damaged
    ├─ CodeDamaged           kept code is not any more what it was
    ├─ ProtocolError         a runtime broke the Runtime API
    └─ InternalError         our bug

`str(error)` is a full sentence that tells a person what to do next. Front ends map classes to
statuses and exit codes in one table each; a test fails when a class has no row there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

_LISTED = 20
"""Names that a sentence can hold."""
_LARGEST = 5
"""Files likewise."""


class WorkbenchError(Exception):
    """Base of all. Never raised itself."""


# --- the caller's fault ---------------------------------------------------------------------------


class RequestError(WorkbenchError):
    """The request was wrong; the same request will fail again."""


class InvalidManifest(RequestError):
    """A file of the project is wrong."""

    def __init__(self, message: str, *, path: Path, line: int | None = None) -> None:
        where = str(path) if line is None else f"{path}:{line}"
        super().__init__(f"{where}: {message}")
        self.message = message
        self.path = path
        self.line = line


class InvalidParameter(RequestError):
    """A value given by the caller is not allowed. `parameter` is its name as the caller knows it."""

    def __init__(self, message: str, *, parameter: str) -> None:
        super().__init__(message)
        self.parameter = parameter


class ConstraintViolated(RequestError):
    """A value breaks a constraint of Lambda's API model; worded as Lambda words it.

    `member` is the member's name as the model has it, first letter small. Source: recorded texts of
    ValidationException.
    """

    def __init__(self, value: str, *, member: str, constraint: str) -> None:
        super().__init__(
            f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy "
            f"constraint: {constraint}"
        )
        self.value = value
        self.member = member
        self.constraint = constraint


class InvalidRequestContent(RequestError):
    """The payload of an invocation is not JSON."""


class RequestTooLarge(RequestError):
    """The payload is larger than Lambda takes."""

    def __init__(self, *, limit_bytes: int, operation: str) -> None:
        super().__init__(
            f"Request must be smaller than {limit_bytes} bytes for the {operation} operation"
        )
        self.limit_bytes = limit_bytes


class CodeTooLarge(RequestError):
    """Code, unpacked and with its layers, is larger than Lambda takes.

    sizes: of its files, by path, in bytes; the largest are told. taken_bytes: of the layers.
    Source: recorded text, which ours goes on from.
    """

    def __init__(self, *, limit_bytes: int, sizes: Mapping[str, int], taken_bytes: int = 0) -> None:
        layers = f", {taken_bytes} of them in layers" if taken_bytes else ""
        super().__init__(
            f"Unzipped size must be smaller than {limit_bytes} bytes. It has "
            f"{sum(sizes.values()) + taken_bytes}{layers}.{_largest(sizes)}"
        )
        self.limit_bytes = limit_bytes


class ZipTooLarge(CodeTooLarge):
    """The zip file of some code is larger than Lambda takes. sizes: of the files in it, unpacked.

    found_bytes: how large it is; `None`: it was not finished.
    Source: recorded text, which ours goes on from.
    """

    def __init__(
        self, *, limit_bytes: int, sizes: Mapping[str, int] | None = None, found_bytes: int | None
    ) -> None:
        found = "" if found_bytes is None else f" It has {found_bytes}."
        Exception.__init__(
            self,
            f"Zipped size must be smaller than {limit_bytes} bytes.{found}{_largest(sizes or {})}",
        )
        self.limit_bytes = limit_bytes


def _largest(sizes: Mapping[str, int]) -> str:
    """The few files that matter, as a sentence that begins with a space; nothing without any."""
    largest = sorted(sizes.items(), key=lambda each: (-each[1], each[0]))[:_LARGEST]
    listed = ", ".join(f"{path!r} ({size / 1_000_000:.1f} MB)" for path, size in largest)
    return f" The largest files: {listed}." if listed else ""


class InvalidArchive(RequestError):
    """An uploaded zip file is broken, or holds what must not be unpacked. `reason` is a sentence that
    names the entry. Source: recorded text, which ours goes on from.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            "Could not unzip uploaded file. Please check your file, then try to upload again. "
            f"{reason}"
        )
        self.reason = reason


class InvalidExport(RequestError):
    """A file that was to be imported cannot be. `reason` is a sentence, or more, that says what to do."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be imported. {reason}")
        self.path = path
        self.reason = reason


class UnknownOperation(RequestError):
    """Nothing at the endpoint answers to that method and path."""

    def __init__(self, method: str, path: str, *, served: str) -> None:
        super().__init__(f"{method} {path} is not served here. This endpoint serves {served}.")
        self.method = method
        self.path = path


class HookReportRefused(RequestError):
    """A deployment's hook reports what nobody asked it. `code` is CodeDeploy's name for why."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class AccessDenied(RequestError):
    """Refused for who asks, not for what is asked."""


# --- it is not there, or not now --------------------------------------------------------------------


class NotFoundError(WorkbenchError):
    """What was asked for does not exist."""


class FunctionNotFound(NotFoundError):
    """No such function, or no such version or alias of it. `known` are the names there are."""

    def __init__(
        self, name: str, *, qualifier: str | None = None, known: tuple[str, ...] = ()
    ) -> None:
        asked = name if qualifier is None else f"{name}:{qualifier}"
        super().__init__(f"Function not found: {asked}.{_instead(name, known)}")
        self.name = name
        self.qualifier = qualifier


def _instead(name: str, known: tuple[str, ...]) -> str:
    """What may have been meant: the nearest name, and some of them all."""
    import difflib  # 1 ms that only a mistake waits for

    near = difflib.get_close_matches(name, known, n=1)
    listed = ", ".join(known[:_LISTED])
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    meant = f" Did you mean {near[0]}?" if near and near[0] != name else ""
    return f"{meant} Known functions: {listed}{more}." if known else ""


class AliasNotFound(NotFoundError):
    """The function has no alias of that name."""

    def __init__(self, function: str, alias: str, *, known: tuple[str, ...] = ()) -> None:
        have = f"It has: {', '.join(known)}." if known else "It has none yet."
        super().__init__(f"{function} has no alias named {alias}. {have}")
        self.function = function
        self.alias = alias


class LayerVersionNotFound(NotFoundError):
    """There is no such version of a layer, or no more. Source: recorded text."""

    def __init__(self, arn: str) -> None:
        super().__init__(f"Layer version {arn} does not exist.")
        self.arn = arn


class DeploymentNotFound(NotFoundError):
    """There is no deployment of that id."""

    def __init__(self, deployment: str) -> None:
        super().__init__(
            f"There is no deployment {deployment}. `workbench deployments` lists those there are."
        )
        self.deployment = deployment


class EventNotFound(NotFoundError):
    """The function has no saved event of that name."""

    def __init__(self, function: str, event: str, *, known: tuple[str, ...] = ()) -> None:
        have = f"It has: {', '.join(known)}." if known else "It has none yet."
        super().__init__(f"{function} has no saved event named {event}. {have}")
        self.function = function
        self.event = event


class InvocationNotFound(NotFoundError):
    """No invocation with that request id is in the history or running."""

    def __init__(self, request_id: str) -> None:
        super().__init__(f"No invocation with request id {request_id} is known here.")
        self.request_id = request_id


class RuntimeNotFound(NotFoundError):
    """A function names a runtime that has no folder under runtimes/."""

    def __init__(self, runtime: str, *, known: tuple[str, ...]) -> None:
        super().__init__(f"No runtime named {runtime}. Known runtimes: {', '.join(known)}.")
        self.runtime = runtime


class ProvisionedConcurrencyNotFound(NotFoundError):
    """Nothing is provisioned for that version or alias. Source: recorded text."""

    def __init__(self) -> None:
        super().__init__("No Provisioned Concurrency Config found for this function")


class KeyNotFound(NotFoundError):
    """No key has that name. `known` are the names there are."""

    def __init__(self, name: str, *, known: tuple[str, ...]) -> None:
        have = f"There are: {', '.join(known)}." if known else "There are none yet."
        super().__init__(f"There is no key named {name}. {have}")
        self.name = name


class ConflictError(WorkbenchError):
    """It exists already, or is in a state that does not allow this."""


class AlreadyExists(ConflictError):
    """Something of that name is there already, and nothing was overwritten."""


class AliasExists(AlreadyExists):
    """The function has an alias of that name."""

    def __init__(self, function: str, alias: str) -> None:
        super().__init__(f"Alias {alias} of {function} exists already: update it, or delete it.")
        self.function = function
        self.alias = alias


class PreconditionFailed(ConflictError):
    """It was changed since the caller looked. Source: recorded text."""

    def __init__(self) -> None:
        super().__init__(
            "The Revision Id provided does not match the latest Revision Id. Call the "
            "GetFunction/GetAlias API to retrieve the latest Revision Id"
        )


class DeploymentRunning(ConflictError):
    """A deployment is moving the traffic of that alias."""

    def __init__(self, deployment: str, *, function: str, alias: str) -> None:
        super().__init__(
            f"Deployment {deployment} of {function}:{alias} is running. Stop it first: "
            f"`workbench deploy stop {deployment}`."
        )
        self.deployment = deployment


class FunctionNotReady(ConflictError):
    """The function cannot be invoked as it stands: its manifest or its build is broken."""

    def __init__(self, name: str, *, reason: str) -> None:
        super().__init__(f"{name} cannot run: {reason}")
        self.name = name
        self.reason = reason


class KeyInUse(ConflictError):
    """A key stays because something is sealed with it. `needed_by` says what, in words."""

    def __init__(self, name: str, *, needed_by: str) -> None:
        super().__init__(f"The key {name} stays: {needed_by} could never be read again without it.")
        self.name = name


class ThrottledError(WorkbenchError):
    """Over a concurrency limit, or shutting down.

    `message` is what a caller of Lambda is told. `reason` is Lambda's own word for it
    (`ConcurrentInvocationLimitExceeded`, `ReservedFunctionConcurrentInvocationLimitExceeded`) or
    `ShuttingDown`. `detail` tells a person which limit it was, and where it is set.
    """

    def __init__(self, message: str, *, reason: str, detail: str | None = None) -> None:
        super().__init__(message if detail is None else f"{message} {detail}")
        self.message = message
        self.reason = reason


# --- the container engine -----------------------------------------------------------------------------


class DriverError(WorkbenchError):
    """The container engine did not do what was asked."""


class EngineUnreachable(DriverError):
    """Nothing answers. `cause` is why, `remedy` what the person can do."""

    def __init__(self, *, cause: str, remedy: str) -> None:
        super().__init__(f"{cause} {remedy}")
        self.cause = cause
        self.remedy = remedy


class ImageMissing(DriverError):
    """An image that a function needs is neither here nor to be had."""

    def __init__(self, image: str, *, remedy: str) -> None:
        super().__init__(f"Image {image} is not here. {remedy}")
        self.image = image


class RuntimeMissing(DriverError):
    """There are no containers, and nothing else on this machine can run the function."""

    def __init__(self, name: str, *, reason: str) -> None:
        super().__init__(f"{name} cannot run: {reason}")
        self.name = name


class BuildFailed(DriverError):
    """An image or a set of dependencies could not be built.

    `step` is the step that failed, as the builder names it; `output` the tail of the tool's own
    text, already safe for a terminal.
    """

    def __init__(self, subject: str, *, step: str, output: str) -> None:
        super().__init__(f"{subject}: {step} failed.\n{output}".rstrip())
        self.subject = subject
        self.step = step
        self.output = output


class DiskFull(DriverError):
    """There is no room for an image, for a container, or for what it needs beside it.

    `detail` is what could not be written, in the words of who could not. `near` is a path on the disk
    where that is this machine's; `None`: it is the engine's own.
    """

    def __init__(self, detail: str, *, near: str | None = None) -> None:
        where, what = (
            ("The container engine's disk", _ENGINE_ROOM)
            if near is None
            else (f"The disk of {near}", "Free some of it")
        )
        super().__init__(
            f"{where} is full: {detail.rstrip('.')}. {what}; the workbench goes on by itself."
        )
        self.detail = detail
        self.near = near


_ENGINE_ROOM = (
    "Free some of it (workbench doctor --fix deletes what earlier builds left, docker system df tells "
    "what else there is)"
)


class ContainerRefused(DriverError):
    """The engine would not create or start a container. `detail` is its own text."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"The container engine refused: {detail}")
        self.detail = detail


class FolderNotShared(ContainerRefused):
    """The engine does not see a folder of this machine that a container was to have."""


class ContainerLost(DriverError):
    """A container went away before the runtime in it asked for anything."""


# --- the rest --------------------------------------------------------------------------------------------


class StoreError(WorkbenchError):
    """The history could not be read or written (functions run on without it), or the releases."""


class DatabaseLocked(StoreError):
    """Another program has held the database for longer than anyone should. `what` is in it, here
    and below: the history, or the releases.
    """

    def __init__(self, path: Path, *, what: str = "history") -> None:
        super().__init__(
            f"Another program keeps the {what} at {path} locked. Close it (a database browser, "
            f"perhaps) and the {what} can be used again."
        )
        self.path = path


class DatabaseFull(StoreError):
    """There is no room."""

    def __init__(self, path: Path, *, what: str = "history") -> None:
        super().__init__(
            f"No space is left for the {what} at {path}. Free some on that disk, or keep less "
            "history (workbench.toml, [history] max_mb)."
        )
        self.path = path


class DatabaseReadOnly(StoreError):
    """The folder or the file may not be written. `detail` is the system's own text."""

    def __init__(self, path: Path, *, detail: str, what: str = "history") -> None:
        super().__init__(
            f"The {what} at {path} cannot be written: {detail}. Make the folder and its files "
            "writable for you."
        )
        self.path = path
        self.detail = detail


class DatabaseCorrupt(StoreError):
    """The file is damaged, or is something else. `detail` is SQLite's own text."""

    def __init__(self, path: Path, *, detail: str, what: str = "history") -> None:
        super().__init__(
            f"The {what} at {path} cannot be read: {detail}. {_instead_of_damaged(what)}"
        )
        self.path = path
        self.detail = detail


class DatabaseTooNew(StoreError):
    """A newer workbench made the file. `found` and `known` are versions of its schema."""

    def __init__(self, path: Path, *, found: int, known: int, what: str = "history") -> None:
        super().__init__(
            f"The {what} at {path} was made by a newer workbench (schema {found}, this one knows "
            f"{known}). Update workbench, or move the file away to begin with none."
        )
        self.path = path
        self.found = found
        self.known = known


def _instead_of_damaged(what: str) -> str:
    if what == "history":
        return "Move the file away; a new history is begun in its place."
    return "Put a copy of it back, or move it away: what was published is not known then."


class SealingError(WorkbenchError):
    """Sealed variables could not be used. Never carries what is sealed, nor anything of a key."""


class KeyMissing(SealingError):
    """The key that something was sealed with is not here. `path` is the file it would be in."""

    def __init__(self, name: str, *, about: str, path: Path, detail: str) -> None:
        super().__init__(
            f"The variables of {about} are sealed with the key {name}, in {path}, {detail}. Put that "
            "file back, from a copy of it or from where the project came from: without it nothing "
            "of them can be read. Publishing the function anew seals its variables with a key that "
            "is here."
        )
        self.name = name
        self.path = path


class KeyDenied(SealingError):
    """A key is another one, or may not be used, or what it sealed is damaged."""

    def __init__(self, message: str, *, path: Path | None = None) -> None:
        super().__init__(message)
        self.path = path


class CodeDamaged(WorkbenchError):
    """Kept code is not what it was when it was taken, and no sound zip of it is left.

    `broken` are sentences about its files or its zip; `tree` is where it stands.
    """

    def __init__(self, digest: str, *, tree: Path, broken: Sequence[str]) -> None:
        listed = "; ".join(broken[:_LARGEST])
        more = f"; and {len(broken) - _LARGEST} more" if len(broken) > _LARGEST else ""
        super().__init__(
            f"The kept code {digest[:12]} is damaged and cannot be restored: {listed}{more}. Delete "
            f"{tree}, and take or publish the same code again."
        )
        self.digest = digest
        self.tree = tree
        self.broken = tuple(broken)


class ProtocolError(WorkbenchError):
    """A runtime broke the Runtime API.

    `status` and `error_type` are what it is answered with.
    Source: Runtime API, "State machine" (403 InvalidStateTransition, 400 InvalidRequestID).
    """

    def __init__(self, message: str, *, status: int, error_type: str) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type


class InternalError(WorkbenchError):
    """Our bug. Says so, and asks for a report."""

    def __init__(self, message: str) -> None:
        super().__init__(f"{message} This is a bug in workbench: please report it.")
