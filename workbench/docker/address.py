"""Where the container engine is, as the docker command finds it: DOCKER_HOST, a context, the usual socket.

Engines in virtual machines (Docker Desktop's, Colima's) listen elsewhere and say so in a context.
Source: docker/cli, `cli/command/cli.go` (which one wins) and `cli/context/store` (where they are kept).
Quick to import: it is asked before the engine's client, which takes a tenth of a second.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.values import dataclass

SOCKET = "/var/run/docker.sock"
_LARGEST = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineAddress:
    """One engine's."""

    url: str
    """`unix:///var/run/docker.sock`, `tcp://far:2376`. Empty: who names it cannot be read."""
    named_by: str | None = None
    """`DOCKER_HOST`, `The docker context colima`; `None`: nobody has chosen another than the usual one."""
    in_context: bool = False
    """It comes from a context, which brings its certificates along."""
    certificates: Path | None = None
    """The folder of its ca.pem, cert.pem and key.pem."""
    verified: bool = True
    """The certificate that it shows is checked."""

    @property
    def socket(self) -> str | None:
        """The path of its unix socket, where that is how it is reached."""
        scheme, _, rest = self.url.partition("://")
        return "/" + rest.lstrip("/") if scheme == "unix" else None

    def variables(self, environment: Mapping[str, str]) -> dict[str, str]:
        """An environment that says to the engine's client what this says."""
        chosen = {**environment, "DOCKER_HOST": self.url}
        if self.in_context:
            for name in ("DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"):
                chosen.pop(name, None)
        if self.certificates is not None:
            chosen["DOCKER_CERT_PATH"] = str(self.certificates)
            chosen["DOCKER_TLS_VERIFY"] = "1" if self.verified else ""
        return chosen


def engine_address(environment: Mapping[str, str]) -> EngineAddress:
    """Of the engine that a process with this environment is to use. Reads up to two small files."""
    host = environment.get("DOCKER_HOST")
    if host:
        return EngineAddress(url=host, named_by="DOCKER_HOST")
    home = environment.get("HOME") or "/"
    folder = Path(environment.get("DOCKER_CONFIG") or Path(home, ".docker"))
    name = environment.get("DOCKER_CONTEXT") or _text(
        _read(folder / "config.json"), "currentContext"
    )
    if not name or name == "default":
        return EngineAddress(url=f"unix://{SOCKET}")
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
    contexts = folder / "contexts"
    endpoints = _read(contexts / "meta" / digest / "meta.json").get("Endpoints")
    endpoint = endpoints.get("docker") if isinstance(endpoints, dict) else None
    given: dict[str, Any] = endpoint if isinstance(endpoint, dict) else {}
    certificates = contexts / "tls" / digest / "docker"
    return EngineAddress(
        url=_text(given, "Host"),
        named_by=f"The docker context {name}",
        in_context=True,
        certificates=certificates if certificates.is_dir() else None,
        verified=given.get("SkipTLSVerify") is not True,
    )


def _read(path: Path) -> dict[str, Any]:
    """Of a file that is not there, or is no such file: nothing."""
    try:
        with path.open("rb") as file:
            value = json.loads(file.read(_LARGEST))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    return value if isinstance(value, str) else ""
