"""What builds take from this machine."""

from __future__ import annotations

from pathlib import Path

from workbench.docker.host import build_host


def test_named_bundle_wins(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.touch()

    assert build_host({"SSL_CERT_FILE": str(bundle)}).ca_bundle == bundle


def test_bundle_that_is_not_there_is_passed_over(tmp_path: Path) -> None:
    host = build_host({"SSL_CERT_FILE": str(tmp_path / "gone"), "PIP_CERT": ""})

    assert host.ca_bundle.is_file()


def test_package_indexes_are_taken_where_set() -> None:
    host = build_host(
        {"PIP_INDEX_URL": "https://a.example", "npm_config_registry": "https://b.example"}
    )

    assert dict(host.package_indexes) == {
        "PIP_INDEX_URL": "https://a.example",
        "NPM_CONFIG_REGISTRY": "https://b.example",
    }
    assert build_host({}).package_indexes == ()
