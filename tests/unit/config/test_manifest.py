"""function.toml: every mistake, with its line, in one go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.config.conftest import GOOD, HANDLER, RUNTIMES, ProjectOnDisk
from workbench.config.discovery import read_project
from workbench.config.manifest import MANIFEST_KEYS, SHARED_KEYS
from workbench.model.function import Architecture, FunctionConfiguration
from workbench.model.names import FunctionName, RuntimeName

KNOWN = (
    "architecture, description, environment, ephemeral_storage_mb, freeze, handler, ignore, image, "
    "keep_alive_s, kms_key, layers, memory_mb, name, reserved_concurrency, runtime, timeout_s"
)


def test_runtime_alone_is_enough(disk: ProjectOnDisk) -> None:
    disk.function("orders", GOOD)

    assert disk.only().problems == ()
    assert disk.configuration() == FunctionConfiguration(
        name=FunctionName("orders"), runtime=RuntimeName("python3.13"), handler="app.handler"
    )


def test_every_key_reaches_the_configuration(disk: ProjectOnDisk) -> None:
    disk.function(
        "folder",
        """
        name = "orders"
        runtime = "python3.13"
        handler = "app.main"
        memory_mb = 1769
        timeout_s = 900
        ephemeral_storage_mb = 10240
        reserved_concurrency = 0
        keep_alive_s = 1.5
        freeze = false
        architecture = "arm64"
        description = "Takes orders."
        kms_key = "acme-2"
        image = "registry.example:5000/orders@sha256:abc"
        ignore = ["*.log", "/tmp/"]

        [environment]
        TABLE = "orders"
        """,
    )

    function = disk.only()
    configuration = disk.configuration()

    assert function.name == "orders"
    assert function.folder == disk.root / "folder"
    assert function.ignored_paths == ("*.log", "/tmp/")
    assert configuration.handler == "app.main"
    assert configuration.kms_key == "acme-2"
    assert configuration.memory_mb == 1769
    assert configuration.timeout_s == 900
    assert configuration.ephemeral_storage_mb == 10240
    assert configuration.reserved_concurrency == 0
    assert configuration.keep_alive_s == 1.5
    assert configuration.freeze is False
    assert configuration.architecture is Architecture.ARM64
    assert configuration.description == "Takes orders."
    assert configuration.image == "registry.example:5000/orders@sha256:abc"
    assert [(v.name, v.value) for v in configuration.variables] == [("TABLE", "orders")]


@pytest.mark.parametrize(
    ("manifest", "complaint"),
    [
        ("memroy_mb = 512", 'Unknown key "memroy_mb"; did you mean memory_mb?'),
        ("MemorySize = 512", 'Unknown key "MemorySize"; did you mean memory_mb?'),
        ("timeout = 3", 'Unknown key "timeout"; did you mean timeout_s?'),
        ("Timeout_S = 3", 'Unknown key "Timeout_S"; did you mean timeout_s?'),
        ("env = {}", 'Unknown key "env"; did you mean environment?'),
        ("zzz = 1", f'Unknown key "zzz"; allowed: {KNOWN}.'),
        ("[tracing]", f'Unknown key "tracing"; allowed: {KNOWN}.'),
        (
            "memory_mb = 127",
            "memory_mb must be a whole number from 128 to 10240, not the number 127.",
        ),
        (
            "memory_mb = 10241",
            "memory_mb must be a whole number from 128 to 10240, not the number 10241.",
        ),
        (
            "memory_mb = true",
            "memory_mb must be a whole number from 128 to 10240, not true.",
        ),
        (
            "memory_mb = 256.0",
            "memory_mb must be a whole number from 128 to 10240, not the number 256.0.",
        ),
        (
            'memory_mb = "256"',
            (
                'memory_mb must be a whole number from 128 to 10240, not the text "256". '
                "Write it without quotes."
            ),
        ),
        (
            'memory_mb = "much"',
            'memory_mb must be a whole number from 128 to 10240, not the text "much".',
        ),
        (
            "memory_mb = [256]",
            "memory_mb must be a whole number from 128 to 10240, not an array.",
        ),
        ("timeout_s = 0", "timeout_s must be a whole number from 1 to 900, not the number 0."),
        ("timeout_s = 901", "timeout_s must be a whole number from 1 to 900, not the number 901."),
        (
            "timeout_s = 2026-11-20",
            "timeout_s must be a whole number from 1 to 900, not the date or time 2026-11-20.",
        ),
        (
            "ephemeral_storage_mb = 511",
            "ephemeral_storage_mb must be a whole number from 512 to 10240, not the number 511.",
        ),
        (
            "ephemeral_storage_mb = 10241",
            "ephemeral_storage_mb must be a whole number from 512 to 10240, not the number 10241.",
        ),
        (
            'architecture = "x86"',
            'architecture must be "x86_64" or "arm64", not the text "x86".',
        ),
        ("architecture = []", 'architecture must be "x86_64" or "arm64", not an array.'),
        (
            f'description = "{"d" * 257}"',
            "description must be text of at most 256 characters; it has 257 characters.",
        ),
        (
            "description = 1",
            "description must be text of at most 256 characters, not the number 1.",
        ),
        (
            f'handler = "{"h" * 129}"',
            "handler must be 1 to 128 characters without blanks; it has 129 characters.",
        ),
        (
            'handler = "app handler"',
            'handler must be 1 to 128 characters without blanks, not the text "app handler".',
        ),
        (
            'kms_key = "../up"',
            'kms_key must be 1 to 64 letters, digits, - and _, not the text "../up".',
        ),
        ('handler = ""', 'handler must be 1 to 128 characters without blanks, not the text "".'),
        (
            'layers = ["a", "b", "c", "d", "e", "f"]',
            "layers has 6: Cannot reference more than 5 layers.",
        ),
        ("layers = [1]", "layers must be an array of at most 5 layers, without the number 1."),
        ('layers = [""]', "layers must be an array of at most 5 layers, without empty text."),
        ('layers = "a"', 'layers must be an array of at most 5 layers, not the text "a".'),
        (
            'image = "-v /:/host x"',
            (
                "image must be an image reference, such as registry.example/name:tag, "
                'not the text "-v /:/host x".'
            ),
        ),
        (
            'environment = "A=1"',
            'environment must be a table of variables, not the text "A=1".',
        ),
        (
            'ignore = "*.log"',
            'ignore must be an array of patterns as in .gitignore, not the text "*.log".',
        ),
        ('ignore = [\n"!"]', '"!" is no pattern as in .gitignore, such as *.log or build/.'),
        (
            'ignore = [\n"[z-a]"]',
            '"[z-a]" is no pattern as in .gitignore, such as *.log or build/.',
        ),
        (
            'name = "or ders"',
            'name must be 1 to 64 letters, digits, - and _, not the text "or ders".',
        ),
        (
            f'name = "{"n" * 65}"',
            f'name must be 1 to 64 letters, digits, - and _, not the text "{"n" * 60}…".',
        ),
        ("name = 1", "name must be 1 to 64 letters, digits, - and _, not the number 1."),
    ],
)
def test_complains_about_a_key_with_its_line(
    disk: ProjectOnDisk, manifest: str, complaint: str
) -> None:
    disk.function("orders", f"{GOOD}\n{manifest}\n")
    line = 4 if "\n" in manifest else 3

    assert disk.complaints() == [f"orders/function.toml:{line}: {complaint}"]
    assert disk.only().configuration is None
    assert disk.only().broken


@pytest.mark.parametrize(
    ("manifest", "complaints"),
    [
        (
            "memory_mb = 128",
            [
                (
                    "orders/function.toml: It names no runtime. Set runtime to one of: nodejs22.x, "
                    "provided.al2023, python3.13."
                )
            ],
        ),
        (
            'runtime = "python3.12"',
            ['orders/function.toml:1: Unknown runtime "python3.12"; did you mean python3.13?'],
        ),
        (
            'runtime = "cobol"',
            [
                (
                    'orders/function.toml:1: Unknown runtime "cobol"; allowed: nodejs22.x, '
                    "provided.al2023, python3.13."
                )
            ],
        ),
        (
            "runtime = 3.13",
            ["orders/function.toml:1: runtime must be the name of a runtime, not the number 3.13."],
        ),
        (
            'runtime = "nodejs22.x"',
            [
                (
                    'orders/function.toml:1: Handler "index.handler" needs index.js, index.mjs or '
                    "index.cjs, which is not there."
                )
            ],
        ),
        (
            'runtime = "python3.13"\nhandler = "app.main"',
            ['orders/function.toml:2: app.py does not define "main".'],
        ),
        (
            'runtime = "python3.13"\nmemory_mb = 12 # MB\n[environment\n',
            [
                (
                    "orders/function.toml:3: Not valid TOML: expected ']' at the end of a table "
                    "declaration."
                )
            ],
        ),
    ],
)
def test_complains_about_the_function_as_a_whole(
    disk: ProjectOnDisk, manifest: str, complaints: list[str]
) -> None:
    disk.function("orders", manifest)

    assert disk.complaints() == complaints
    assert disk.only().configuration is None


def test_number_of_too_many_digits_is_a_complaint_too(disk: ProjectOnDisk) -> None:
    disk.function("orders", f"{GOOD}memory_mb = 0x{'f' * 5000}\n")

    assert disk.complaints() == [
        (
            "orders/function.toml:2: memory_mb must be a whole number from 128 to 10240, not the "
            "number with too many digits."
        )
    ]


def test_handler_out_of_sight_does_not_keep_a_function_from_running(disk: ProjectOnDisk) -> None:
    disk.function("orders", f'{GOOD}handler = "app.handler"', code="from real import *")

    assert disk.complaints() == [
        (
            'orders/function.toml:2: app.py may define "handler", but not where it can be seen '
            "without running it."
        )
    ]
    assert disk.configuration().handler == "app.handler"


def test_all_mistakes_are_told_at_once_by_line(disk: ProjectOnDisk) -> None:
    disk.function(
        "orders",
        """\
name = "or ders"
runtime = "python3.13"
handler = "main.handler"
memory_mb = 64
timout_s = 3

[environment]
AWS_REGION = "x"
PORT = 1
""",
    )

    assert [line.split(":")[1] for line in disk.complaints()] == ["1", "3", "4", "5", "8", "9"]


def test_description_cannot_drive_a_terminal(disk: ProjectOnDisk) -> None:
    disk.function("orders", GOOD + r'description = "a\u001b[31mred\u001b[2J\u0007"')

    assert disk.configuration().description == "ared"


def test_complaints_cannot_drive_a_terminal(disk: ProjectOnDisk) -> None:
    disk.function("orders", GOOD + r'"\u001b]52;c;eA==\u0007evil\n" = "\u001b[2J"')

    assert all(line.isprintable() for line in disk.complaints())


def test_folder_that_cannot_name_a_function_must_say_its_name(disk: ProjectOnDisk) -> None:
    disk.function("my orders")

    assert disk.complaints() == [
        (
            "my orders/function.toml: The folder's name \"my orders\" cannot be a function's name. "
            "Set name to 1 to 64 letters, digits, - and _."
        )
    ]
    assert disk.only().name == "my-orders"

    disk.function("my orders", f'{GOOD}name = "orders"')
    assert disk.only().problems == ()


def test_function_with_an_image_may_keep_its_code_there(disk: ProjectOnDisk) -> None:
    disk.function("orders", f'{GOOD}image = "mine:1"', code="")

    assert disk.only().problems == ()


# --- dependencies -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requirements", "has"),
    [("six==1.17.0\n", True), ("# nothing yet\n\n", False), ("", False)],
)
def test_requirements_that_state_something_are_dependencies(
    disk: ProjectOnDisk, requirements: str, has: bool
) -> None:
    disk.function("orders")
    disk.write("orders/requirements.txt", requirements)

    assert disk.only().has_dependencies is has
    assert disk.only().problems == ()


def test_requirements_that_cannot_be_read_are_said(disk: ProjectOnDisk) -> None:
    disk.function("orders")
    (disk.root / "orders" / "requirements.txt").mkdir()

    assert disk.complaints() == [
        "orders/requirements.txt: This is a folder; a file was expected here."
    ]

    (disk.root / "orders" / "requirements.txt").rmdir()
    (disk.root / "orders" / "requirements.txt").symlink_to("gone.txt")
    assert disk.complaints() == []
    assert not disk.only().has_dependencies


def test_package_json_with_dependencies_needs_its_lock(disk: ProjectOnDisk) -> None:
    disk.write("site/function.toml", 'runtime = "nodejs22.x"')
    disk.write("site/index.js", "exports.handler = async () => 1")
    disk.write("site/package.json", '{"dependencies": {"ms": "2.1.3"}}')

    assert disk.complaints() == [
        (
            "site/package.json: It states dependencies, and there is no package-lock.json that says "
            "which versions. Let the package manager write it."
        )
    ]

    disk.write("site/package-lock.json", "{}")
    assert disk.complaints() == []
    assert disk.only().has_dependencies


def test_package_json_with_only_a_module_type_needs_nothing(disk: ProjectOnDisk) -> None:
    disk.write("site/function.toml", 'runtime = "nodejs22.x"')
    disk.write("site/index.js", "export const handler = async () => 1")
    disk.write("site/package.json", '{"type": "module"}')

    assert disk.complaints() == []
    assert not disk.only().has_dependencies


# --- defaults of the project --------------------------------------------------------------------------------


def test_defaults_hold_where_the_function_says_nothing(disk: ProjectOnDisk) -> None:
    disk.write(
        "workbench.toml",
        '[defaults]\nruntime = "python3.13"\nmemory_mb = 512\ntimeout_s = 30\n'
        'architecture = "arm64"\ndescription = "ours"\nhandler = "app.main"\n',
    )
    disk.function("orders", "timeout_s = 5\n", code=HANDLER.replace("handler", "main"))

    configuration = disk.configuration()

    assert configuration.runtime == "python3.13"
    assert configuration.memory_mb == 512
    assert configuration.timeout_s == 5
    assert configuration.architecture is Architecture.ARM64
    assert configuration.description == "ours"
    assert configuration.handler == "app.main"


def test_defaults_have_every_key_of_a_function_but_name_and_ignore() -> None:
    from workbench.config.settings import SETTINGS_KEYS

    assert set(SETTINGS_KEYS["defaults"]) == set(MANIFEST_KEYS) - {"name", "ignore"}
    assert set(SHARED_KEYS) == set(MANIFEST_KEYS) - {"name"}


# --- anything at all ----------------------------------------------------------------------------------------

values = st.one_of(
    st.integers(-1, 20_000).map(str),
    st.floats().map(repr),
    st.sampled_from(['"x"', '"app.handler"', '"python3.13"', "true", "[]", "{}", "2026-01-01"]),
    st.text(max_size=5).map(lambda text: "'" + "".join(c for c in text if c.isprintable()) + "'"),
)
manifests = st.lists(
    st.tuples(st.sampled_from([*MANIFEST_KEYS, "nmae", "x.y"]), values).map(" = ".join),
    max_size=8,
).map("\n".join)


@given(manifest=st.one_of(manifests.map(str.encode), st.binary(max_size=60)))
def test_any_manifest_is_a_configuration_or_has_problems(
    tmp_path_factory: pytest.TempPathFactory, manifest: bytes
) -> None:
    disk = ProjectOnDisk(tmp_path_factory.mktemp("project"))
    disk.function("orders", manifest)

    function = disk.only()

    assert (function.configuration is None) == function.broken
    lines = manifest.count(b"\n") + 1
    for problem in function.problems:
        assert problem.line is None or 1 <= problem.line <= lines
        assert problem.message.isprintable()


@given(manifests=st.lists(st.one_of(manifests.map(str.encode), st.binary(max_size=60)), max_size=4))
def test_whatever_is_wrong_with_some_the_sound_one_is_listed_unchanged(
    tmp_path_factory: pytest.TempPathFactory, manifests: list[bytes]
) -> None:
    disk = ProjectOnDisk(tmp_path_factory.mktemp("project"))
    disk.function("sound", f'{GOOD}name = "the-sound-one"\nmemory_mb = 333')
    for index, manifest in enumerate(manifests):
        disk.function(f"other{index}", manifest)

    project = read_project(disk.root, runtimes=RUNTIMES).project
    sound = next(function for function in project.functions if function.folder.name == "sound")

    assert len(project.functions) == len(manifests) + 1
    assert sound.problems == ()
    assert sound.configuration is not None
    assert sound.configuration.memory_mb == 333
