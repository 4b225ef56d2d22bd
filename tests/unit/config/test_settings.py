"""workbench.toml: every key arrives, every mistake is told, none stops the project."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.config.conftest import GOOD, RUNTIMES, ProjectOnDisk
from workbench.config.settings import SETTINGS_KEYS, Overrides, read_settings
from workbench.errors import InvalidParameter
from workbench.model.settings import EngineKind, Limits, Retention, Settings, StemSettings, Timeouts


def settings(disk: ProjectOnDisk, overrides: Overrides | None = None) -> Settings:
    return read_settings(disk.root, runtimes=RUNTIMES, overrides=overrides).settings


def test_project_without_a_file_has_the_defaults(disk: ProjectOnDisk) -> None:
    file = read_settings(disk.root, runtimes=RUNTIMES)

    assert file.settings == Settings()
    assert file.problems == ()


EVERY_KEY = """
[project]
environment_name = "staging"
ignore = ["archive/", "*.bak"]
[account]
id = "000011112222"
region = "eu-central-1"
concurrency = 7
[engine]
kind = "process"
keep_alive_s = 1.5
freeze = false
freeze_after_s = 2
memory_limits = false
parallel_starts = 2
[stem_cells]
minimum = 2
maximum = 3
time_to_live_s = 60
budget_mb = 100
[limits]
request_bytes = 2048
response_bytes = 4096
invocation_log_bytes = 8192
[timeouts]
pull_s = 11
build_s = 12
create_s = 13
init_s = 14.5
drain_s = 0
[history]
max_age_days = 3
max_mb = 20
[reload]
debounce_s = 0.2
debounce_limit_s = 2
[defaults]
memory_mb = 256
"""


def test_every_key_arrives(disk: ProjectOnDisk) -> None:
    disk.write("workbench.toml", EVERY_KEY)

    assert disk.complaints() == []
    assert settings(disk) == Settings(
        engine=EngineKind.PROCESS,
        region="eu-central-1",
        account="000011112222",
        keep_alive_s=1.5,
        freeze=False,
        freeze_after_s=2,
        memory_limits=False,
        ignored_paths=("archive/", "*.bak"),
        environment_name="staging",
        timeouts=Timeouts(
            pull_s=11,
            build_s=12,
            create_s=13,
            init_s=14.5,
            drain_s=0,
            debounce_s=0.2,
            debounce_limit_s=2,
        ),
        limits=Limits(
            request_bytes=2048,
            response_bytes=4096,
            concurrency=7,
            concurrency_stated=True,
            parallel_starts=2,
            invocation_log_bytes=8192,
        ),
        retention=Retention(max_age_days=3, max_bytes=20 * 1024 * 1024),
        stem=StemSettings(minimum=2, maximum=3, time_to_live_s=60, memory_bytes=100 * 1024 * 1024),
    )


def test_what_cannot_be_set_is_on_purpose() -> None:
    """A new field of the settings is a new key, or stands here."""
    internal = {"stop_s", "provisioned_init_s", "log_line_bytes", "log_backlog"}
    internal |= {"concurrency_stated"}
    internal |= {
        "cell_bytes",
        "foreseen",
        "burst_s",
        "refill_after_s",
        "refill_limit_s",
        "parallel",
    }
    named_otherwise = {"engine": "kind", "account": "id", "ignored_paths": "ignore"}
    named_otherwise |= {"max_bytes": "max_mb", "memory_bytes": "budget_mb"}
    keys = {key for table in SETTINGS_KEYS.values() for key in table}

    for kind in (Settings, Timeouts, Limits, Retention, StemSettings):
        for field in fields(kind):
            if field.name in ("timeouts", "limits", "retention", "stem") or field.name in internal:
                continue
            assert named_otherwise.get(field.name, field.name) in keys, field.name


@pytest.mark.parametrize(
    ("text", "line", "complaint"),
    [
        (
            "[enginee]\n",
            1,
            'Unknown table "enginee"; did you mean engine?',
        ),
        (
            "[xyz]\n",
            1,
            (
                'Unknown table "xyz"; allowed: account, defaults, engine, history, limits, project, '
                "reload, stem_cells, timeouts."
            ),
        ),
        ("memory_mb = 1\n", 1, '"memory_mb" belongs in [defaults].'),
        ('region = "eu-central-1"\n', 1, '"region" belongs in [account].'),
        (
            '[environment]\nA = "1"\n',
            1,
            "Variables for every function belong in [defaults.environment].",
        ),
        ("engine = 1\n", 1, "engine must be a table: write [engine]."),
        (
            "[engine]\nkeepalive_s = 1\n",
            2,
            'Unknown key "keepalive_s" in [engine]; did you mean keep_alive_s?',
        ),
        ('[engine]\nregion = "x"\n', 2, '"region" belongs in [account].'),
        (
            '[engine]\nkind = "podman"\n',
            2,
            'engine.kind must be "auto" or "docker" or "process", not the text "podman".',
        ),
        (
            "[engine]\nmemory_limits = 1\n",
            2,
            "engine.memory_limits must be true or false, not the number 1.",
        ),
        (
            "[engine]\nkeep_alive_s = inf\n",
            2,
            "engine.keep_alive_s must be a number from 0 to 86400 seconds, not the number inf.",
        ),
        (
            "[engine]\nkeep_alive_s = true\n",
            2,
            "engine.keep_alive_s must be a number from 0 to 86400 seconds, not true.",
        ),
        (
            "[account]\nid = 123456789012\n",
            2,
            "account.id must be 12 digits in quotes, not the number 123456789012.",
        ),
        (
            '[account]\nregion = "moon"\n',
            2,
            'account.region must be a region, such as eu-central-1, not the text "moon".',
        ),
        (
            '[project]\nenvironment_name = "../prod"\n',
            2,
            'project.environment_name must be 1 to 64 letters, digits, - and _, not the text "../prod".',
        ),
        (
            '[project]\nignore = ["!"]\n',
            2,
            '"!" is no pattern as in .gitignore, such as *.log or build/.',
        ),
        (
            '[defaults]\nname = "x"\n',
            2,
            (
                'Unknown key "name" in [defaults]; allowed: architecture, description, environment, '
                "ephemeral_storage_mb, freeze, handler, image, keep_alive_s, kms_key, layers, memory_mb, "
                "reserved_concurrency, runtime, timeout_s."
            ),
        ),
        (
            "[defaults]\nmemory_mb = 1\n",
            2,
            "defaults.memory_mb must be a whole number from 128 to 10240, not the number 1.",
        ),
        (
            '[defaults]\nruntime = "python3.12"\n',
            2,
            'Unknown runtime "python3.12"; did you mean python3.13?',
        ),
        (
            "[defaults.environment]\nPORT = 1\n",
            2,
            'PORT must be text, not the number 1. Write "1".',
        ),
        (
            "[defaults]\n[oops\n",
            2,
            "Not valid TOML: expected ']' at the end of a table declaration.",
        ),
    ],
)
def test_complains_with_the_line_and_keeps_the_defaults(
    disk: ProjectOnDisk, text: str, line: int, complaint: str
) -> None:
    disk.write("workbench.toml", text)
    disk.function("orders", GOOD)

    assert disk.complaints() == [f"workbench.toml:{line}: {complaint}"]
    assert settings(disk) == Settings()
    assert not disk.only().broken


def test_command_line_wins_over_the_file(disk: ProjectOnDisk) -> None:
    disk.write("workbench.toml", EVERY_KEY)

    found = settings(disk, Overrides(engine=EngineKind.DOCKER, environment_name="prod"))

    assert found.engine is EngineKind.DOCKER
    assert found.environment_name == "prod"


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a b", "x" * 65, "ü"])
def test_environment_that_could_name_another_file_is_refused(name: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        Overrides(environment_name=name)

    assert caught.value.parameter == "environment"


def test_ignored_project_folders_are_not_looked_into(disk: ProjectOnDisk) -> None:
    disk.write("workbench.toml", '[project]\nignore = ["archive/", "/old"]\n')
    for folder in ("orders", "archive/a", "deep/archive/b", "old/c", "deep/old/d"):
        disk.function(folder, f'{GOOD}name = "{folder[-1]}"')

    project = disk.read().project

    assert [f.folder.relative_to(disk.root).as_posix() for f in project.functions] == [
        "deep/old/d",
        "orders",
    ]
    assert all(f.ignored_paths == ("archive/", "/old") for f in project.functions)


@given(st.binary(max_size=80))
def test_any_file_gives_settings(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    root: Path = tmp_path_factory.mktemp("project")
    (root / "workbench.toml").write_bytes(content)

    file = read_settings(root, runtimes=RUNTIMES)

    assert isinstance(file.settings, Settings)
