"""docs/configuration.md has every key, its default and what it may be, and no other."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from tests.unit.config.conftest import GOOD, ProjectOnDisk
from workbench.config.dotenv import parse
from workbench.config.expectations import EXPECTATION_KEYS, LOGS_KEYS
from workbench.config.keys import Keys
from workbench.config.manifest import MANIFEST_KEYS
from workbench.config.settings import SETTINGS_KEYS
from workbench.model.function import FUNCTION_WIDE, FunctionConfiguration
from workbench.model.keys import DEFAULT_KEY
from workbench.model.settings import Limits, Retention, Settings, StemSettings, Timeouts

TEXT = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")

SECTIONS: dict[str, Keys] = {
    "## function.toml": MANIFEST_KEYS,
    **{f"### [{table}]": keys for table, keys in SETTINGS_KEYS.items()},
}


def section(heading: str) -> str:
    """What stands below a heading, up to the next one."""
    _, _, rest = TEXT.partition(f"\n{heading}\n")
    assert rest, f"there is no {heading}"
    return re.split(r"\n##+ ", rest, maxsplit=1)[0]


def rows(text: str, header: str) -> dict[str, tuple[str, str]]:
    """Default and allowed of each key of the table below `header`."""
    _, _, table = text.partition(f"{header}\n|---|---|---|\n")
    found: dict[str, tuple[str, str]] = {}
    for line in table.split("\n"):
        match = re.fullmatch(r"\| `(\w+)` \| (.*?) \| (.*) \|", line)
        if match is None:
            break
        found[match[1]] = (match[2], match[3])
    return found


KEY = "| Key | Default | Allowed |"
LOGS = "| Key of `[logs]` | Default | Allowed |"


@pytest.mark.parametrize(
    ("heading", "header", "keys"),
    [
        *((heading, KEY, keys) for heading, keys in SECTIONS.items()),
        ("## NAME.expect.toml", KEY, EXPECTATION_KEYS),
        ("## NAME.expect.toml", LOGS, LOGS_KEYS),
    ],
)
def test_every_key_is_documented_as_it_is(heading: str, header: str, keys: Keys) -> None:
    documented = rows(section(heading), header)

    assert {key: allowed for key, (_, allowed) in documented.items()} == {
        key: kind.allowed for key, kind in keys.items()
    }


def test_every_table_is_documented() -> None:
    documented = re.findall(r"^### \[(\w+)\]$", TEXT, re.MULTILINE)

    assert documented == list(SETTINGS_KEYS)


def test_defaults_are_documented_as_they_are() -> None:
    written = {
        **{f.name: f.default for f in fields(FunctionConfiguration)},
        **{f.name: f.default for f in fields(Settings)},
        **{f.name: f.default for f in fields(Limits)},
        **{f.name: f.default for f in fields(Timeouts)},
        **{f.name: f.default for f in fields(StemSettings)},
        "budget_mb": StemSettings().memory_bytes // (1024 * 1024),
        "max_age_days": Retention().max_age_days,
        "max_mb": Retention().max_bytes // (1024 * 1024),
        "kind": Settings().engine,
        "id": Settings().account,
        "kms_key": DEFAULT_KEY,
    }
    otherwise = {"name", "runtime", "handler", "image", "layers", "environment", "ignore"}
    as_the_project = {("## function.toml", key) for key in FUNCTION_WIDE}
    as_the_project.add(("### [engine]", "memory_budget_mb"))
    for heading in SECTIONS:
        if heading == "### [defaults]":
            continue
        for key, (default, _) in rows(section(heading), KEY).items():
            if key not in otherwise and (heading, key) not in as_the_project:
                value = written[key]
                expected = f'"{value}"' if isinstance(value, str) else str(value)
                assert default == (expected.lower() if isinstance(value, bool) else expected), key


def test_example_of_an_env_file_reads_as_it_says() -> None:
    (example,) = re.findall(r"^## NAME\.env\n\n```\n(.*?)```", TEXT, re.MULTILINE | re.DOTALL)

    found = parse(example)

    assert found.complaints == []
    assert {name: value for name, (value, _) in found.values.items()} == {
        "STAGE": "dev",
        "ALSO": "fine",
        "GREETING": "two words",
        "COLOUR": "#fff",
        "AS_IT_STANDS": 'nothing in here is special: $HOME \\n "#"',
        "ESCAPED": 'tab \t, line \n, return \r, quote ", backslash \\, dollar $',
        "LONG": "may span\nlines, in either quotes",
        "EMPTY": "",
    }


def test_toml_examples_are_sound(disk: ProjectOnDisk) -> None:
    manifest, expectation = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    disk.function("orders", manifest)
    assert disk.complaints() == []

    from workbench.config.expectations import parse_expectation
    from workbench.config.toml_file import parse_toml

    found, problems = parse_expectation(parse_toml(Path("x"), expectation.encode()))
    assert problems == ()
    assert found is not None
    assert GOOD.strip() in manifest
