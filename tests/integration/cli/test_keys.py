"""`workbench keys`, as a process, on keys of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.versions import a_published_version
from tests.integration.cli.program import Project
from workbench.assembly.keys import key_care
from workbench.config.locations import keys_folder, state_folder
from workbench.model.release import PublishedVersion
from workbench.store.releases import versions
from workbench.store.releases.database import ReleaseDatabase
from workbench.store.releases.sealed import sealed_about
from workbench.store.sealing import Keys


@pytest.fixture(autouse=True)
def own_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "workbench" / "keys"


@contextmanager
def releases(project: Project) -> Iterator[ReleaseDatabase]:
    with closing(ReleaseDatabase(state_folder(project.root) / "releases.db")) as database:
        yield database


def publish(project: Project, *, key: str | None = None) -> PublishedVersion:
    """A published version of which only the variables matter."""
    version = a_published_version()
    keys = Keys(keys_folder(), place=state_folder(project.root))
    about = sealed_about(version.function, version.revision_id)
    with releases(project) as database, keys.keeping():
        sealed = keys.seal(b"hunter2", key=key, about=about)
        return database.write_now(
            lambda connection: versions.insert(connection, replace(version, variables=sealed))
        )


def test_keys_are_made_listed_rotated_and_removed(project: Project, own_keys: Path) -> None:
    assert project.run("keys", "ls", "--json").json == []
    published = publish(project)

    assert project.run("keys", "new", "acme").code == 0
    acme, default = project.run("keys", "--json").json
    assert (acme["name"], acme["sealed"], acme["generations"]) == ("acme", 0, [1])
    assert default == {
        "name": "default",
        "path": str(own_keys / "default.key"),
        "generations": [1],
        "sealed": 1,
        "places": [],
        "problem": None,
    }

    rotated = project.run("keys", "rotate", "--json").json
    assert (rotated["generation"], rotated["resealed"], rotated["kept"]) == (2, 1, [])
    with releases(project) as database:
        (now,) = database.read_now(versions.all_of)
    assert now == replace(published, variables=now.variables)
    assert now.variables != published.variables
    keys = Keys(own_keys, place=state_folder(project.root))
    about = sealed_about(now.function, now.revision_id)
    assert keys.open(now.variables, about=about) == b"hunter2"

    refused = project.run("keys", "rm", "default")
    assert refused.code == 2
    assert "could never be read again" in refused.err
    assert project.run("keys", "rm", "acme").code == 0
    assert [path.name for path in own_keys.glob("*.key")] == ["default.key"]


def test_a_key_that_is_not_there_is_said(project: Project, own_keys: Path) -> None:
    publish(project)
    (own_keys / "default.key").unlink()

    listed = project.run("keys", "ls")

    assert listed.code == 0
    assert "Its file is not here" in listed.err
    assert "hunter2" not in listed.text + listed.err
    assert project.run("keys", "rotate").code == 2
    assert not any(
        b"hunter2" in path.read_bytes()
        for path in state_folder(project.root).rglob("*")
        if path.is_file()
    )


@pytest.mark.parametrize(
    "words", [("new",), ("rm",), ("ls", "acme"), ("new", "../up"), ("rotate", "nope")]
)
def test_what_makes_no_sense_is_refused(
    project: Project, own_keys: Path, words: tuple[str, ...]
) -> None:
    assert project.run("keys", *words).code == 2
    assert not list(own_keys.glob("*.key"))


def test_a_project_without_releases_needs_no_key(project: Project) -> None:
    with key_care(state_folder(project.root)) as care:
        assert care.listed() == ()
    assert not (state_folder(project.root) / "releases.db").exists()
