"""Releases as JSON on stdout, with the names that Lambda's API has for them, in our own case."""

from __future__ import annotations

from typing import Any

from workbench.cli.values import rounded
from workbench.facade.provisioning import Wanted
from workbench.facade.versions import Latest
from workbench.model.alarm import Traffic
from workbench.model.configured import Configured
from workbench.model.layer_version import LayerVersion
from workbench.model.release import Alias, Change, PublishedVersion
from workbench.model.transfer import Exported, Imported


def version(each: PublishedVersion, *, aliases: tuple[str, ...] = ()) -> dict[str, Any]:
    """A published version, without its variables."""
    return {
        "function": each.function,
        "version": str(each.number),
        "description": each.description,
        "published_at": each.published_at.isoformat(),
        "revision_id": each.revision_id,
        "code_sha256": each.package.sha256,
        "code_size": each.package.zip_bytes,
        "unzipped_bytes": each.package.unzipped_bytes,
        "runtime": each.configuration.runtime,
        "handler": each.configuration.handler,
        "memory_mb": each.configuration.memory_mb,
        "timeout_s": each.configuration.timeout_s,
        "image": each.image.digest,
        "layers": [layer.stated for layer in each.layers],
        "aliases": list(aliases),
    }


def latest(each: Latest) -> dict[str, Any]:
    """`$LATEST` as it would be published now."""
    return {
        "function": each.version.name,
        "version": each.version.version,
        "revision_id": each.revision_id,
        "code_sha256": each.package.sha256,
        "code_size": each.package.zip_bytes,
        "unzipped_bytes": each.package.unzipped_bytes,
    }


def alias(each: Alias) -> dict[str, Any]:
    """An alias; the weights as Lambda writes them."""
    weights = {} if each.additional is None else {each.additional: each.weight}
    return {
        "function": each.function,
        "name": each.name,
        "version": each.version,
        "additional_version_weights": weights,
        "description": each.description,
        "revision_id": each.revision_id,
    }


def provisioned(each: Wanted, states: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What was asked for, and how far each workbench is with it."""
    return {
        "function": each.function,
        "qualifier": each.qualifier,
        "version": each.version,
        "requested": each.requested,
        "workbenches": [
            {
                "workbench": name,
                "allocated": state["allocated"],
                "available": state["available"],
                "status": state["status"],
                "reason": state["reason"],
            }
            for name, state in states.items()
        ],
    }


def traffic(version: str, each: Traffic) -> dict[str, Any]:
    """What one version did of an alias's calls."""
    return {
        "version": version,
        "requests": each.calls,
        "errors": each.errors,
        "throttles": each.throttles,
        "p50_ms": rounded(each.p50_ms),
        "p95_ms": rounded(each.p95_ms),
    }


def layer_version(each: LayerVersion, *, arn: str) -> dict[str, Any]:
    """A version of a layer."""
    return {
        "name": each.name,
        "version": each.number,
        "arn": arn,
        "description": each.description,
        "created_at": each.created_at.isoformat(),
        "code_sha256": each.package.sha256,
        "code_size": each.package.zip_bytes,
        "unzipped_bytes": each.package.unzipped_bytes,
        "compatible_runtimes": list(each.runtimes),
        "compatible_architectures": list(each.architectures),
        "license": each.license,
    }


def change(each: Change) -> dict[str, Any]:
    """An entry of the journal of changes."""
    undone = each.undone_at
    return {
        "number": each.number,
        "at": each.at.isoformat(),
        "kind": str(each.kind),
        "subject": each.subject,
        "summary": each.summary,
        "undone_at": None if undone is None else undone.isoformat(),
    }


def exported(each: Exported) -> dict[str, Any]:
    """What an export has, and what it has not."""
    return {
        "function": each.function,
        "path": str(each.path),
        "size_bytes": each.size_bytes,
        **_transferred(each),
        "left_out": list(each.left_out),
    }


def imported(each: Imported) -> dict[str, Any]:
    """What was imported, and what it lacks."""
    return {
        "function": each.function,
        "folder": None if each.folder is None else str(each.folder),
        **_transferred(each),
        "notes": list(each.notes),
    }


def counted(each: Exported | Imported) -> str:
    """`3 versions, 1 alias, no events`."""
    counts = {
        "version": len(each.versions),
        "alias": len(each.aliases),
        "event": len(each.events),
    }
    plural = {"version": "versions", "alias": "aliases", "event": "events"}
    return ", ".join(
        f"{count or 'no'} {word if count == 1 else plural[word]}" for word, count in counts.items()
    )


def _transferred(each: Exported | Imported) -> dict[str, Any]:
    return {
        "versions": [str(number) for number in each.versions],
        "aliases": list(each.aliases),
        "events": list(each.events),
        "without_values": {lost.version: list(lost.names) for lost in each.without_values},
    }


def configured(each: Configured) -> dict[str, Any]:
    """A function's configuration with where it comes from; secret values masked, as everywhere."""
    return {
        "function": each.function,
        "file": str(each.file),
        "configuration": {
            value.key: {"value": value.value, "source": value.source} for value in each.values
        },
        "variables": [
            {
                "name": variable.name,
                "value": variable.shown if variable.secret else variable.value,
                "secret": variable.secret,
                "source": variable.source,
                "overrides": list(variable.overrides),
            }
            for variable in each.variables
        ],
    }
