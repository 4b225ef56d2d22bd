from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.config.conftest import GOOD, ProjectOnDisk
from workbench.config.variables import looks_secret
from workbench.model.variables import RESERVED


def test_strongest_layer_wins_and_names_those_it_beat(disk: ProjectOnDisk) -> None:
    disk.write(
        "workbench.toml", '[defaults.environment]\nLEVEL = "1"\nPATH = "/a"\nONLY = "toml"\n'
    )
    disk.write("dev.env", "LEVEL=3\n")
    disk.function("orders", f'{GOOD}\n[environment]\nLEVEL = "2"\nTABLE = "orders"\n')
    disk.write("orders/dev.env", "# nearest of all\nLEVEL=4\n")

    found = {v.name: (v.value, v.source, v.overrides) for v in disk.configuration().variables}

    assert found == {
        "LEVEL": (
            "4",
            "orders/dev.env:2",
            ("workbench.toml:2", "orders/function.toml:4", "dev.env:1"),
        ),
        "PATH": ("/a", "workbench.toml:3", ("runtime python3.13",)),
        "ONLY": ("toml", "workbench.toml:4", ()),
        "TABLE": ("orders", "orders/function.toml:5", ()),
    }


def test_variables_are_sorted_by_name(disk: ProjectOnDisk) -> None:
    disk.function("orders", f'{GOOD}environment = {{ ZZ = "1", AA = "2", MM = "3" }}\n')

    assert [v.name for v in disk.configuration().variables] == ["AA", "MM", "ZZ"]


def test_named_environment_decides_which_files_are_read(disk: ProjectOnDisk) -> None:
    disk.write("dev.env", "STAGE=dev\n")
    disk.write("prod.env", "STAGE=prod\n")
    disk.function("orders")

    (function,) = disk.read(environment="prod").project.functions

    assert function.configuration is not None
    assert [(v.value, v.source) for v in function.configuration.variables] == [
        ("prod", "prod.env:1")
    ]


def test_workbench_toml_chooses_the_environment_too(disk: ProjectOnDisk) -> None:
    disk.write("workbench.toml", '[project]\nenvironment_name = "test"\n')
    disk.write("test.env", "STAGE=test\n")
    disk.function("orders")

    assert [v.value for v in disk.configuration().variables] == ["test"]


@pytest.mark.parametrize(
    ("manifest", "complaint"),
    [
        (
            "PORT = 8080",
            'orders/function.toml:3: PORT must be text, not the number 8080. Write "8080".',
        ),
        (
            "DEBUG = true",
            'orders/function.toml:3: DEBUG must be text, not true. Write "true".',
        ),
        ("LIST = [1]", "orders/function.toml:3: LIST must be text, not an array."),
        (
            'AWS_REGION = "x"',
            (
                "orders/function.toml:3: Lambda was unable to configure your environment variables because "
                "the environment variables you have provided contains reserved keys that are currently "
                "not supported for modification. Reserved keys used in this request: AWS_REGION"
            ),
        ),
        (
            'X = "1"',
            (
                'orders/function.toml:3: "X" cannot be a variable\'s name: use a letter, then at least '
                "one more letter, digit or _."
            ),
        ),
        (
            '1A = "1"',
            (
                'orders/function.toml:3: "1A" cannot be a variable\'s name: use a letter, then at least '
                "one more letter, digit or _."
            ),
        ),
        (
            r'NULL = "\u0000"',
            "orders/function.toml:3: The value of NULL holds a NUL byte, which no variable can.",
        ),
    ],
)
def test_complains_about_a_variable_with_its_line(
    disk: ProjectOnDisk, manifest: str, complaint: str
) -> None:
    disk.function("orders", f"{GOOD}[environment]\n{manifest}\n")

    assert disk.complaints() == [complaint]
    assert disk.only().configuration is None


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_reserved_names_are_refused_in_lambdas_own_words(disk: ProjectOnDisk, name: str) -> None:
    disk.function("orders", f'{GOOD}[environment]\n{name} = "1"\n')

    (complaint,) = disk.complaints()

    assert complaint.endswith(f"Reserved keys used in this request: {name}")


def test_mistakes_of_a_shared_file_are_told_once_and_its_good_lines_hold(
    disk: ProjectOnDisk,
) -> None:
    disk.write("dev.env", "AWS_REGION=x\nGOOD=1\nbad line\n1BAD=2\n")
    disk.function("orders")
    disk.function("billing")

    project = disk.read().project

    assert [(p.path.name, p.line) for p in project.problems] == [
        ("dev.env", 1),
        ("dev.env", 3),
        ("dev.env", 4),
    ]
    for function in project.functions:
        assert not function.broken
        assert function.configuration is not None
        assert [v.name for v in function.configuration.variables] == ["GOOD"]


def test_mistake_in_a_functions_own_env_file_breaks_that_function(disk: ProjectOnDisk) -> None:
    disk.function("orders")
    disk.write("orders/dev.env", "GOOD=1\nbad line\n")

    assert disk.complaints() == [
        'orders/dev.env:2: Expected NAME=value or a # comment, not "bad line".'
    ]
    assert disk.only().broken


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (b"A1=1\nB1=\xff\n", 2, "Byte 0xff is not UTF-8"),
        (b"\xef\xbb\xbfA1=1\n", 1, "It starts with a byte order mark"),
        (b"\xff\xfeA\0", 1, "This is UTF-16"),
    ],
)
def test_env_file_in_the_wrong_encoding_names_the_line(
    disk: ProjectOnDisk, content: bytes, line: int, says: str
) -> None:
    disk.write("dev.env", content)

    (problem,) = disk.read().project.problems

    assert (problem.path.name, problem.line) == ("dev.env", line)
    assert problem.message.startswith(says)


def size(variables: dict[str, str]) -> int:
    return len(json.dumps(variables, separators=(",", ":")).encode())


def test_4096_bytes_of_variables_fit_and_one_more_does_not(disk: ProjectOnDisk) -> None:
    room = 4096 - size({"BIG": "", "SMALL": "x"})
    text = f'{GOOD}\n[environment]\nSMALL = "x"\nBIG = "{{}}"\n'

    disk.function("orders", text.format("a" * room))
    assert disk.complaints() == []

    disk.function("orders", text.format("a" * (room + 1)))
    assert disk.complaints() == [
        (
            "orders/function.toml:3: The variables take 4,097 bytes as JSON; Lambda takes 4,096. "
            "The largest is BIG from orders/function.toml:5."
        )
    ]


def test_size_is_of_all_layers_together(disk: ProjectOnDisk) -> None:
    disk.write("dev.env", f"ONE={'a' * 2100}\n")
    disk.function("orders", f'{GOOD}[environment]\nTWO = "{"b" * 2100}"\n')

    assert "The largest is ONE from dev.env:1." in disk.complaints()[0]


@pytest.mark.parametrize(
    "name",
    [
        "PASSWORD", "DB_PASSWORD", "dbPassword", "DBPASSWORD", "POSTGRES_PASSWD", "PASSPHRASE",
        "DB_PASS", "DB_PWD", "CLIENT_SECRET", "SECRETS", "JWT", "SECRET_NAME", "API_TOKEN",
        "authToken", "GITHUB_TOKENS", "API_KEY", "apikey", "APIKey", "STRIPE_KEY", "SSHKEY",
        "ENCRYPTION_KEYS", "GOOGLE_CREDENTIALS", "Credential", "PRIVATE_KEY_2", "AUTHORIZATION",
        "Key1",
    ],
)  # fmt: skip
def test_names_that_look_secret(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "KEYBOARD", "MONKEY", "TURKEY", "DONKEY_COUNT", "KEYSTONE", "TOKENIZER", "SECRETARY",
        "COMPASS", "BYPASS", "PASSENGER", "TABLE", "LOG_LEVEL", "PWD", "OLDPWD", "STAGE", "AUTHOR",
        "HOCKEY", "passive",
    ],
)  # fmt: skip
def test_names_that_do_not_look_secret(name: str) -> None:
    assert not looks_secret(name)


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("postgres://app:hunter2@db/shop", True),
        ("amqps://user:p%40ss@host:5671/vhost", True),
        ("https://example.com/a:b@c", False),
        ("https://user@example.com", False),
        ("plain text: nothing@all", False),
    ],
)
def test_url_with_a_password_is_secret_whatever_its_name(value: str, secret: bool) -> None:
    assert looks_secret("DATABASE_URL", value) is secret


def test_secret_is_masked_wherever_a_variable_is_shown(disk: ProjectOnDisk) -> None:
    disk.write("dev.env", "API_TOKEN=hunter2-very-secret\n")
    disk.function("orders")

    project = disk.read()
    (variable,) = disk.configuration().variables

    assert variable.value == "hunter2-very-secret"
    assert variable.secret
    assert "hunter2" not in variable.shown
    assert "hunter2" not in repr(project)


def test_size_complaint_never_shows_values(disk: ProjectOnDisk) -> None:
    disk.function("orders", f'{GOOD}[environment]\nAPI_KEY = "{"hunter2" * 700}"\n')

    assert "hunter2" not in "".join(disk.complaints())


def test_shown_value_cannot_drive_a_terminal(disk: ProjectOnDisk) -> None:
    disk.function("orders", GOOD + r'environment = { NOTE = "a\u001b[2Jb\u001b]52;c;eA==\u0007c" }')

    (variable,) = disk.configuration().variables

    assert variable.shown == "abc"


@given(st.text(max_size=12), st.text(max_size=30))
def test_any_name_and_value_is_secret_or_not(name: str, value: str) -> None:
    assert looks_secret(name, value) in (True, False)
