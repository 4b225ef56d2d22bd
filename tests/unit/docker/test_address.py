"""Which engine is meant, as the docker command would have it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from workbench.docker.address import EngineAddress, engine_address

USUAL = EngineAddress(url="unix:///var/run/docker.sock")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Of a person who has chosen the context colima, and has another one."""
    docker = tmp_path / ".docker"
    docker.mkdir()
    (docker / "config.json").write_text('{"currentContext": "colima"}')
    write_context(docker, "colima", {"Host": "unix:///colima/docker.sock"})
    write_context(docker, "far", {"Host": "tcp://far:2376", "SkipTLSVerify": False})
    return tmp_path


def write_context(docker: Path, name: str, endpoint: object) -> Path:
    digest = hashlib.sha256(name.encode()).hexdigest()
    folder = docker / "contexts" / "meta" / digest
    folder.mkdir(parents=True)
    meta = folder / "meta.json"
    meta.write_text(json.dumps({"Name": name, "Endpoints": {"docker": endpoint}}))
    return docker / "contexts" / "tls" / digest / "docker"


def test_nobody_who_says_anything_means_the_usual_socket(tmp_path: Path) -> None:
    assert engine_address({"HOME": str(tmp_path)}) == USUAL
    assert engine_address({}) == USUAL
    assert USUAL.socket == "/var/run/docker.sock"


def test_the_chosen_context_is_meant(home: Path) -> None:
    found = engine_address({"HOME": str(home)})

    assert found.url == "unix:///colima/docker.sock"
    assert found.socket == "/colima/docker.sock"
    assert found.named_by == "The docker context colima"


def test_docker_config_is_another_folder(home: Path) -> None:
    assert engine_address({"DOCKER_CONFIG": str(home / ".docker")}).url.endswith(".sock")


def test_docker_context_comes_before_what_was_chosen_and_docker_host_before_both(
    home: Path,
) -> None:
    variables = {"HOME": str(home), "DOCKER_CONTEXT": "far"}

    assert engine_address(variables).url == "tcp://far:2376"
    assert engine_address(variables | {"DOCKER_CONTEXT": "default"}) == USUAL
    assert engine_address(variables | {"DOCKER_HOST": "tcp://x:1"}) == EngineAddress(
        url="tcp://x:1", named_by="DOCKER_HOST"
    )


def test_a_contexts_certificates_come_with_it_and_no_others(home: Path) -> None:
    variables = {"HOME": str(home), "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/own"}
    given = engine_address(variables).variables(variables)
    certificates = write_context(
        home / ".docker", "tls", {"Host": "tcp://t:1", "SkipTLSVerify": True}
    )
    certificates.mkdir(parents=True)
    variables["DOCKER_CONTEXT"] = "tls"

    assert "DOCKER_CERT_PATH" not in given
    assert "DOCKER_TLS_VERIFY" not in given
    assert engine_address(variables).variables(variables) == variables | {
        "DOCKER_HOST": "tcp://t:1",
        "DOCKER_CERT_PATH": str(certificates),
        "DOCKER_TLS_VERIFY": "",
    }


def test_docker_hosts_certificates_are_those_of_the_variables() -> None:
    variables = {"DOCKER_HOST": "tcp://x:1", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/own"}

    assert engine_address(variables).variables(variables) == variables


@pytest.mark.parametrize("endpoint", [None, [], {}, {"Host": 3}, "unix:///x"])
def test_a_context_that_names_nothing_is_told_by_its_name(home: Path, endpoint: object) -> None:
    write_context(home / ".docker", "odd", endpoint)

    found = engine_address({"HOME": str(home), "DOCKER_CONTEXT": "odd"})

    assert (found.url, found.named_by) == ("", "The docker context odd")


def test_a_context_that_is_not_there_is_told_by_its_name(home: Path) -> None:
    found = engine_address({"HOME": str(home), "DOCKER_CONTEXT": "../gone\udcff"})

    assert (found.url, found.in_context) == ("", True)


@pytest.mark.parametrize("text", ["", "[]", "{", "\xff", '{"currentContext": 3}'])
def test_a_configuration_that_says_nothing_means_the_usual_socket(home: Path, text: str) -> None:
    (home / ".docker" / "config.json").write_text(text, encoding="latin-1")

    assert engine_address({"HOME": str(home)}) == USUAL
