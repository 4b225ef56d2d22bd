"""What builds take from this machine: its certificates, and where its packages come from.

Invariant: nothing of it ends up in a final image.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from workbench.values import dataclass

_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
_CA_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # Alpine, macOS
)
_INDEX_VARIABLES = {
    "PIP_INDEX_URL": ("PIP_INDEX_URL",),
    "NPM_CONFIG_REGISTRY": ("NPM_CONFIG_REGISTRY", "npm_config_registry"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildHost:
    """This machine, as builds see it."""

    ca_bundle: Path
    """Certificates that downloads are checked against: the host's, so that its proxies are trusted."""
    package_indexes: tuple[tuple[str, str], ...] = ()
    """PIP_INDEX_URL and NPM_CONFIG_REGISTRY where the person has set them."""


def build_host(environment: Mapping[str, str]) -> BuildHost:
    """Read this machine. `environment` is the process's own."""
    named = (environment.get(name) for name in _CA_VARIABLES)
    candidates = [Path(path) for path in (*named, *_CA_BUNDLES) if path]
    bundle = next((path for path in candidates if path.is_file()), None)
    indexes = {
        name: next((environment[spelt] for spelt in spellings if environment.get(spelt)), None)
        for name, spellings in _INDEX_VARIABLES.items()
    }
    return BuildHost(
        ca_bundle=(bundle or _bundled()).resolve(),  # as an engine elsewhere sees it: no links
        package_indexes=tuple((name, value) for name, value in indexes.items() if value),
    )


def _bundled() -> Path:
    import certifi  # comes with the engine's client

    return Path(certifi.where())
