"""runtime.toml: what is read, and that every mistake is told with its line."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.config.runtimes import load_runtimes, runtimes_folder
from workbench.errors import InvalidManifest
from workbench.model.names import RuntimeName

GOOD = """\
language = "cobol"
summary = "COBOL"
base = "trixie"
context = ["_shared"]
command = ["/var/runtime/bootstrap"]
log_frames = false

[variables]
LANG = "C"

[handler]
default = "main.run"
files = ["{module}.cob"]
symbol = 'ENTRY "{name}"'

[dependencies]
files = ["deps.txt", "deps.lock"]
required = ["deps.lock"]
states = '\\S'
install = ["get-deps"]
mount = "/var/dependencies"

[process]
interpreters = ["cobol"]
version_argv = ["--version"]
version_prefix = "COBOL"
command = ["{interpreter}", "{runtimes}/_shared/client"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one good runtime."""
    runtime = tmp_path / "runtimes" / "cobol1.x"
    runtime.mkdir(parents=True)
    (runtime / "runtime.toml").write_text(GOOD)
    (runtime / "Dockerfile").write_text("FROM scratch\n")
    (runtime.parent / "_shared").mkdir()
    return runtime.parent


def broken(folder: Path, old: str, new: str) -> InvalidManifest:
    """The complaint about the good manifest with `old` replaced by `new`."""
    assert old in GOOD
    (folder / "cobol1.x" / "runtime.toml").write_text(GOOD.replace(old, new, 1))
    with pytest.raises(InvalidManifest) as caught:
        load_runtimes(folder)
    return caught.value


def test_manifest_becomes_a_runtime(folder: Path) -> None:
    runtime = load_runtimes(folder)[RuntimeName("cobol1.x")]

    assert runtime.folder == folder / "cobol1.x"
    assert runtime.command == ("/var/runtime/bootstrap",)
    assert runtime.variables == (("LANG", "C"),)
    assert runtime.execution_env is None
    assert runtime.handler.symbol == 'ENTRY "{name}"'
    assert runtime.dependencies is not None
    assert runtime.dependencies.required == ("deps.lock",)
    assert runtime.process is not None
    assert runtime.process.version_prefix == "COBOL"
    assert runtime.template is None


def test_tables_that_are_left_out_are_none(folder: Path) -> None:
    path = folder / "cobol1.x" / "runtime.toml"
    path.write_text(GOOD[: GOOD.index("[dependencies]")])

    runtime = load_runtimes(folder)[RuntimeName("cobol1.x")]

    assert runtime.dependencies is None
    assert runtime.process is None


def test_template_is_found(folder: Path) -> None:
    (folder / "cobol1.x" / "template").mkdir()

    runtime = load_runtimes(folder)[RuntimeName("cobol1.x")]

    assert runtime.template == folder / "cobol1.x" / "template"


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('base = "trixie"', 'bass = "trixie"', 3, "did you mean base"),
        ("log_frames = false", 'log_frames = "no"', 6, "must be true or false"),
        ("log_frames = false\n", "", None, "log_frames is missing"),
        ('command = ["/var/runtime/bootstrap"]', "command = []", 5, "must not be empty"),
        ('context = ["_shared"]', 'context = ["_other"]', 4, "no such folder"),
        ('context = ["_shared"]', 'context = ["../_shared"]', 4, "no such folder"),
        ('LANG = "C"', "LANG = 1", 9, "variables.LANG must be text"),
        ("{name}", "name", 14, "must have {name} in it"),
        ("ENTRY", "(ENTRY", 14, "not a regular expression"),
        ("'\\S'", "'('", 19, "not a regular expression"),
        ('required = ["deps.lock"]', 'required = ["x"]', 18, "not one of files"),
        ('mount = "/var/dependencies"', 'mount = "here"', 21, "absolute path"),
        ("[process]\n", "[process]\nshell = true\n", 24, "Unknown key"),
        ('default = "main.run"\n', "", 11, "default in [handler] is missing"),
        ('language = "cobol"', "language =", 1, "Not valid TOML"),
    ],
)
def test_mistake_is_told_with_its_line(
    folder: Path, old: str, new: str, line: int | None, words: str
) -> None:
    error = broken(folder, old, new)

    assert error.path == folder / "cobol1.x" / "runtime.toml"
    assert error.line == line
    assert words in error.message


def test_runtime_without_a_manifest_is_refused(folder: Path) -> None:
    (folder / "other1").mkdir()

    with pytest.raises(InvalidManifest, match=r"no runtime\.toml"):
        load_runtimes(folder)


def test_runtime_without_a_dockerfile_is_refused(folder: Path) -> None:
    (folder / "cobol1.x" / "Dockerfile").unlink()

    with pytest.raises(InvalidManifest, match="no Dockerfile"):
        load_runtimes(folder)


@pytest.mark.parametrize("name", ["Cobol", "cobol 1", "-x", "a..b"])
def test_folder_that_cannot_be_a_runtime_is_refused(folder: Path, name: str) -> None:
    (folder / "cobol1.x").rename(folder / name)

    with pytest.raises(InvalidManifest, match="cannot be a runtime's name"):
        load_runtimes(folder)


def test_folder_without_runtimes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "_shared").mkdir()

    with pytest.raises(InvalidManifest, match="no runtime here"):
        load_runtimes(tmp_path)


def test_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidManifest, match="cannot be read"):
        load_runtimes(tmp_path / "nowhere")


@given(st.binary(max_size=200))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    folder = tmp_path_factory.mktemp("runtimes")
    (folder / "x").mkdir()
    (folder / "x" / "Dockerfile").touch()
    (folder / "x" / "runtime.toml").write_bytes(raw)

    with pytest.raises(InvalidManifest):
        load_runtimes(folder)
    shutil.rmtree(folder)


# --- the runtimes that come with the package -------------------------------------------------------------

OURS = load_runtimes(runtimes_folder())


def test_runtimes_of_this_release_are_there() -> None:
    assert set(OURS) >= {
        "python3.11",
        "python3.13",
        "nodejs20.x",
        "nodejs22.x",
        "provided.al2023",
    }


@pytest.mark.parametrize("name", sorted(OURS))
def test_runtime_has_a_template_with_two_events(name: RuntimeName) -> None:
    template = OURS[name].template

    assert template is not None
    assert "{{name}}" in (template / "function.toml").read_text()
    assert len(list((template / "events").glob("*.json"))) == 2
    assert list((template / "events").glob("*.expect.toml"))


@pytest.mark.parametrize(
    ("runtime", "code", "found"),
    [
        ("python3.13", "def handler(event, context):", True),
        ("python3.13", "async def handler(event, context):", True),
        ("python3.13", "    handler = make()", True),
        ("python3.13", "handler: Callable = make()", True),
        ("python3.13", "from other import make as handler", True),
        ("python3.13", "if handler == 3:", False),
        ("python3.13", "# def handler", False),
        ("nodejs22.x", "exports.handler = async () => 1", True),
        ("nodejs22.x", "module.exports = { a, handler }", True),
        ("nodejs22.x", "module.exports = {\n  a: 1,\n  handler: () => 2,\n}", True),
        ("nodejs22.x", "export const handler = 1", True),
        ("nodejs22.x", "export async function handler() {}", True),
        ("nodejs22.x", "export {\n  inner as handler,\n}", True),
        ("nodejs22.x", "const handler = 1", False),
        ("nodejs22.x", "exports.handlers = 1", False),
    ],
)
def test_definition_is_told_from_mention(runtime: str, code: str, *, found: bool) -> None:
    symbol = OURS[RuntimeName(runtime)].handler.symbol
    assert symbol is not None

    expression = re.compile(symbol.replace("{name}", "handler"), re.MULTILINE)

    assert bool(expression.search(code)) is found


@pytest.mark.parametrize(
    ("runtime", "text", "stated"),
    [
        ("python3.13", "# only a comment\n\n", False),
        ("python3.13", "\n  requests==2.0 # why\n", True),
        ("nodejs22.x", '{"type": "module"}', False),
        ("nodejs22.x", '{"dependencies": {}}', False),
        ("nodejs22.x", '{"devDependencies": {"jest": "1"}}', False),
        ("nodejs22.x", '{\n  "dependencies" : {\n "a": "1"}}', True),
        ("nodejs22.x", '{"optionalDependencies": {"a": "1"}}', True),
    ],
)
def test_stated_dependencies_are_told_from_none(runtime: str, text: str, *, stated: bool) -> None:
    rule = OURS[RuntimeName(runtime)].dependencies
    assert rule is not None

    assert rule.stated_in(text) is stated
