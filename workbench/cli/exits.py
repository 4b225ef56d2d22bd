"""Exit codes, and which exception ends in which: one table.

Quick to import: `--help` does not wait for anything that only a command needs.
"""

from __future__ import annotations

from enum import IntEnum

from workbench import errors
from workbench.errors import WorkbenchError


class Exit(IntEnum):
    """What the shell is told."""

    SUCCESS = 0
    FUNCTION_FAILED = 1
    """It ran, and answered with an error or not as expected."""
    DIFFERENT = 1
    """What was compared is not the same. Source: POSIX, diff."""
    BAD_REQUEST = 2
    """What was asked, or a file of the project, is wrong. argparse's own code too."""
    COULD_NOT = 3
    """The workbench could not do its job: no engine, a failed build, a bug."""
    INTERRUPTED = 130
    """Ctrl-C. Source: the shells' 128 + SIGINT."""
    TERMINATED = 143
    """128 + SIGTERM."""
    BROKEN_PIPE = 141
    """128 + SIGPIPE: the reader of stdout had enough."""


EXITS: dict[type[WorkbenchError], Exit] = {
    errors.RequestError: Exit.BAD_REQUEST,
    errors.InvalidManifest: Exit.BAD_REQUEST,
    errors.InvalidParameter: Exit.BAD_REQUEST,
    errors.ConstraintViolated: Exit.BAD_REQUEST,
    errors.InvalidRequestContent: Exit.BAD_REQUEST,
    errors.RequestTooLarge: Exit.BAD_REQUEST,
    errors.CodeTooLarge: Exit.BAD_REQUEST,
    errors.ZipTooLarge: Exit.BAD_REQUEST,
    errors.InvalidArchive: Exit.BAD_REQUEST,
    errors.InvalidExport: Exit.BAD_REQUEST,
    errors.UnknownOperation: Exit.BAD_REQUEST,
    errors.HookReportRefused: Exit.BAD_REQUEST,
    errors.AccessDenied: Exit.BAD_REQUEST,
    errors.NotFoundError: Exit.BAD_REQUEST,
    errors.FunctionNotFound: Exit.BAD_REQUEST,
    errors.AliasNotFound: Exit.BAD_REQUEST,
    errors.LayerVersionNotFound: Exit.BAD_REQUEST,
    errors.DeploymentNotFound: Exit.BAD_REQUEST,
    errors.EventNotFound: Exit.BAD_REQUEST,
    errors.InvocationNotFound: Exit.BAD_REQUEST,
    errors.RuntimeNotFound: Exit.BAD_REQUEST,
    errors.ProvisionedConcurrencyNotFound: Exit.BAD_REQUEST,
    errors.KeyNotFound: Exit.BAD_REQUEST,
    errors.ConflictError: Exit.BAD_REQUEST,
    errors.AlreadyExists: Exit.BAD_REQUEST,
    errors.AliasExists: Exit.BAD_REQUEST,
    errors.PreconditionFailed: Exit.BAD_REQUEST,
    errors.DeploymentRunning: Exit.BAD_REQUEST,
    errors.FunctionNotReady: Exit.BAD_REQUEST,
    errors.KeyInUse: Exit.BAD_REQUEST,
    errors.ThrottledError: Exit.COULD_NOT,
    errors.DriverError: Exit.COULD_NOT,
    errors.EngineUnreachable: Exit.COULD_NOT,
    errors.ImageMissing: Exit.COULD_NOT,
    errors.RuntimeMissing: Exit.COULD_NOT,
    errors.BuildFailed: Exit.COULD_NOT,
    errors.DiskFull: Exit.COULD_NOT,
    errors.ContainerRefused: Exit.COULD_NOT,
    errors.FolderNotShared: Exit.COULD_NOT,
    errors.ContainerLost: Exit.COULD_NOT,
    errors.StoreError: Exit.COULD_NOT,
    errors.DatabaseLocked: Exit.COULD_NOT,
    errors.DatabaseFull: Exit.COULD_NOT,
    errors.DatabaseReadOnly: Exit.COULD_NOT,
    errors.DatabaseCorrupt: Exit.COULD_NOT,
    errors.DatabaseTooNew: Exit.COULD_NOT,
    errors.SealingError: Exit.COULD_NOT,
    errors.KeyMissing: Exit.COULD_NOT,
    errors.KeyDenied: Exit.COULD_NOT,
    errors.CodeDamaged: Exit.COULD_NOT,
    errors.ProtocolError: Exit.COULD_NOT,
    errors.InternalError: Exit.COULD_NOT,
}


def exit_of(error: WorkbenchError) -> Exit:
    """The code of an exception: its class's, or that of the nearest class above."""
    return next(EXITS[kind] for kind in type(error).__mro__ if kind in EXITS)


def root_cause(error: BaseException) -> BaseException:
    """What a task group's exception is about: its one leaf, or of several the first that is a bug.

    A group of several of ours is the first of ours: each is a full sentence by itself.
    """
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = [root_cause(inner) for inner in error.exceptions]
    bugs = [leaf for leaf in leaves if not isinstance(leaf, WorkbenchError)]
    return (bugs or leaves)[0]
