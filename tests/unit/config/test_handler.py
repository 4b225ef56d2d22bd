from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.config.conftest import CUSTOM, NODE, PYTHON
from workbench.config.handler import Finding, check_handler
from workbench.model.function import Severity
from workbench.model.runtime import Runtime


def check(
    folder: Path, handler: str, runtime: Runtime = PYTHON, *, elsewhere: bool = False
) -> Finding | None:
    return check_handler(folder, handler, runtime.handler, elsewhere=elsewhere)


def put(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("file", "code", "handler"),
    [
        ("app.py", "def handler(e, c): ...", "app.handler"),
        ("app.py", "async def handler(e, c): ...", "app.handler"),
        ("app.py", "if True:\n    def handler(e, c): ...", "app.handler"),
        ("app.py", "class handler: ...", "app.handler"),
        ("app.py", "handler = make()", "app.handler"),
        ("app.py", "handler: Handler = make()", "app.handler"),
        ("app/__init__.py", "def handler(e, c): ...", "app.handler"),
        ("src/web/app.py", "def main(e, c): ...", "src/web/app.main"),
        ("src/web/app.py", "def main(e, c): ...", "src.web.app.main"),
    ],
)
def test_finds_a_python_handler(tmp_path: Path, file: str, code: str, handler: str) -> None:
    put(tmp_path, file, code)
    assert check(tmp_path, handler) is None


@pytest.mark.parametrize(
    ("file", "code", "handler"),
    [
        ("index.js", "exports.handler = async () => {}", "index.handler"),
        ("index.js", "module.exports = { a, handler }", "index.handler"),
        ("index.mjs", "export const handler = async () => {}", "index.handler"),
        ("index.mjs", "export async function handler() {}", "index.handler"),
        ("lib/api.cjs", "module.exports.get = () => {}", "lib/api.get"),
        ("index.js", "exports.user = { get() {} }", "index.user.get"),
    ],
)
def test_finds_a_node_handler(tmp_path: Path, file: str, code: str, handler: str) -> None:
    put(tmp_path, file, code)
    assert check(tmp_path, handler, NODE) is None


@pytest.mark.parametrize(
    "code",
    [
        "from real import *",
        "from real import (\n    other,\n    handler,\n)",
        "globals()['hand' + 'ler'] = print",
        "def __getattr__(name): ...",
        "import sys\nsetattr(sys.modules[__name__], 'hand' 'ler', print)",
        "exec(open('x').read())",
        "# handler comes from somewhere",
    ],
)
def test_python_definition_out_of_sight_is_only_a_warning(tmp_path: Path, code: str) -> None:
    put(tmp_path, "app.py", code)

    assert check(tmp_path, "app.handler") == Finding(
        'app.py may define "handler", but not where it can be seen without running it.',
        Severity.WARNING,
    )


@pytest.mark.parametrize(
    "code",
    [
        "module.exports = require('./real')",
        "module.exports = {...require('./real')}",
        "Object.assign(exports, require('./real'))",
        "export * from './real.mjs'",
        "__exportStar(require('./real'), exports);",
        "exports[name] = () => {}",
    ],
)
def test_node_definition_out_of_sight_is_only_a_warning(tmp_path: Path, code: str) -> None:
    put(tmp_path, "index.js", code)

    found = check(tmp_path, "index.handler", NODE)

    assert found is not None
    assert found.severity is Severity.WARNING


def test_symbol_that_is_certainly_missing_is_an_error(tmp_path: Path) -> None:
    put(tmp_path, "app.py", "def main(event, context): ...")
    put(tmp_path, "index.js", "module.exports = { main }")

    assert check(tmp_path, "app.handler") == Finding(
        'app.py does not define "handler".', Severity.ERROR
    )
    assert check(tmp_path, "index.handler", NODE) == Finding(
        'index.js does not define "handler".', Severity.ERROR
    )


@pytest.mark.parametrize(
    ("files", "handler", "message"),
    [
        (
            [],
            "app.handler",
            'Handler "app.handler" needs app.py or app/__init__.py, which is not there.',
        ),
        (
            ["main.py"],
            "app.handler",
            (
                'Handler "app.handler" needs app.py or app/__init__.py, which is not there; '
                "did you mean main.py?"
            ),
        ),
        (
            ["orders.py", "billing.py"],
            "order.handler",
            (
                'Handler "order.handler" needs order.py or order/__init__.py, which is not there; '
                "did you mean orders.py?"
            ),
        ),
        (
            ["src/orders.py", "src/x.py"],
            "src/order.handler",
            (
                'Handler "src/order.handler" needs src/order.py or src/order/__init__.py, which is not '
                "there; did you mean src/orders.py?"
            ),
        ),
        ([], "app", 'Bad handler "app": it must be FILE.NAME, such as app.handler.'),
        ([], "app.", 'Bad handler "app.": it must be FILE.NAME, such as app.handler.'),
        ([], ".handler", 'Bad handler ".handler": it must be FILE.NAME, such as app.handler.'),
        ([], "a.b/c", 'Bad handler "a.b/c": it must be FILE.NAME, such as app.handler.'),
        ([], "../app.handler", 'Handler "../app.handler" leaves the function\'s folder.'),
        ([], "/etc/app.handler", 'Handler "/etc/app.handler" leaves the function\'s folder.'),
    ],
)
def test_handler_that_names_nothing_is_an_error(
    tmp_path: Path, files: list[str], handler: str, message: str
) -> None:
    for file in files:
        put(tmp_path, file, "")

    assert check(tmp_path, handler) == Finding(message, Severity.ERROR)


def test_module_of_a_package_may_come_from_dependencies(tmp_path: Path) -> None:
    put(tmp_path, "app.py", "def handler(e, c): ...")

    assert check(tmp_path, "wrapper/lib.handler", elsewhere=True) == Finding(
        'Handler "wrapper/lib.handler" needs wrapper/lib.py or wrapper/lib/__init__.py, which is not '
        "there; it can still come from a dependency or a layer.",
        Severity.WARNING,
    )
    top_level = check(tmp_path, "ap.handler", elsewhere=True)
    assert top_level is not None
    assert top_level.severity is Severity.ERROR


def test_custom_runtime_needs_an_executable_bootstrap(tmp_path: Path) -> None:
    assert check(tmp_path, "anything", CUSTOM) == Finding(
        "There is no bootstrap here: this runtime needs an executable file of that name.",
        Severity.ERROR,
    )
    put(tmp_path, "bootstrap", "#!/bin/sh\n")
    assert check(tmp_path, "anything", CUSTOM) == Finding(
        "bootstrap is not executable: run `chmod +x bootstrap`.", Severity.ERROR
    )
    (tmp_path / "bootstrap").chmod(0o755)
    assert check(tmp_path, "anything", CUSTOM) is None


def test_code_that_is_no_utf_8_or_huge_is_not_held_against_anyone(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_bytes(b"# \xff\xfe\ndef handler(e, c): ...\n")
    (tmp_path / "bundle.py").write_bytes(b"#" * (4 * 1024 * 1024 + 1))

    assert check(tmp_path, "app.handler") is None
    assert check(tmp_path, "bundle.handler") is None


def test_nothing_is_executed(tmp_path: Path) -> None:
    put(tmp_path, "app.py", f"open({str(tmp_path / 'ran')!r}, 'w')\ndef handler(e, c): ...")

    assert check(tmp_path, "app.handler") is None
    assert not (tmp_path / "ran").exists()


@given(handler=st.text(st.characters(exclude_characters=" \n\t"), min_size=1, max_size=40))
@pytest.mark.parametrize("runtime", [PYTHON, NODE], ids=lambda runtime: str(runtime.name))
def test_any_handler_is_found_or_complained_about(runtime: Runtime, handler: str) -> None:
    folder = Path(__file__).parent / "no-such-folder"

    assert check(folder, handler, runtime) is not None
