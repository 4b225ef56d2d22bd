"""Save, and the next invocation runs what was saved; what was accepted before keeps what it had.

Nothing is waited for between a save and the invocation after it, but that the kernel has told us.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.live import AT_GATE, Live, a_live_project, done, told, toml
from workbench.errors import FunctionNotFound, FunctionNotReady
from workbench.facade.invocations import Run
from workbench.model.environment import EnvironmentState
from workbench.model.invocation import OutcomeKind
from workbench.model.names import FunctionName
from workbench.model.telemetry import CodeReloaded, InitFailed, ReloadRejected, Telemetry

pytestmark = [pytest.mark.docker, pytest.mark.asyncio(loop_scope="module")]

Save = Callable[[Path, str], None]

APP = "import part\ndef handler(event, context):\n    return part.VALUE\n"


def part(value: object) -> str:
    return f"VALUE = {value!r}\n"


async def save(work: Callable[[], object]) -> None:
    """Change files from another thread, as another program would, until our loop has been told."""
    await asyncio.to_thread(work)
    await asyncio.to_thread(os.getpid)  # the loop has turned, and looked at its file descriptors


def manifest(**keys: Any) -> str:
    return toml({"runtime": "python3.13", "handler": "app.handler", **keys})


# --- ways of saving ---------------------------------------------------------------------------------------


def truncate_and_write(path: Path, text: str) -> None:
    """VS Code, nano, `cat >`."""
    path.write_text(text)


def write_in_place(path: Path, text: str) -> None:
    """Nothing but the bytes changes: not the file, and where the text is as long, not its size."""
    with path.open("r+") as file:
        file.write(text)
        file.truncate()


def write_in_pieces(path: Path, text: str) -> None:
    with path.open("w") as file:
        for character in text:
            file.write(character)
            file.flush()


def write_beside_and_rename(path: Path, text: str) -> None:
    """JetBrains, `sed -i`, whoever is careful."""
    beside = path.with_name(f"{path.name}___jb_tmp___")
    beside.write_text(text)
    beside.replace(path)


def vim(path: Path, text: str) -> None:
    """With a swap file, the probe that vim makes, and `backupcopy=no`."""
    swap, probe, backup = (
        path.with_name(n) for n in (f".{path.name}.swp", "4913", f"{path.name}~")
    )
    swap.write_text("b0VIM")
    probe.touch()
    probe.unlink()
    path.rename(backup)
    path.write_text(text)
    backup.unlink()
    swap.unlink()


def emacs(path: Path, text: str) -> None:
    """With a lock that leads nowhere, and a backup that stays."""
    lock = path.with_name(f".#{path.name}")
    lock.symlink_to("somebody@somewhere.1:2")
    shutil.copy2(path, path.with_name(f"{path.name}~"))
    path.write_text(text)
    lock.unlink()


def delete_and_write(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


def swap_a_link(path: Path, text: str) -> None:
    """What deploys by link do."""
    target = path.with_name(f"version-{text.__hash__() & 0xFFFF}.txt")
    target.write_text(text)
    beside = path.with_name("link")
    beside.symlink_to(target.name)
    beside.replace(path)


def keep_the_times(path: Path, text: str) -> None:
    """`cp -p` and `rsync --inplace -t` of a file as long and as old as the one that was there."""
    before = path.stat()
    write_in_place(path, text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    "way",
    [
        truncate_and_write,
        write_in_place,
        write_in_pieces,
        write_beside_and_rename,
        vim,
        emacs,
        delete_and_write,
        swap_a_link,
        keep_the_times,
    ],
)
async def test_invocation_after_a_save_runs_what_was_saved(live: Live, way: Save) -> None:
    name = await live.add({"app.py": APP, "part.py": part(100)})
    file = live.root / name / "part.py"

    before = await live.invoke(name)
    await save(lambda: way(file, part(101)))
    after = await live.invoke(name)
    await save(lambda: way(file, part(102)))
    again = await live.invoke(name)

    assert [before.answer, after.answer, again.answer] == [100, 101, 102]
    assert len({d.record.acceptance.code_digest for d in (before, after, again)}) == 3


async def test_many_files_at_once_are_seen_together(live: Live) -> None:
    every = [f"part{number}" for number in range(40)]
    app = f"import {', '.join(every)}\ndef handler(e, c):\n    return [{', '.join(f'{m}.VALUE' for m in every)}]\n"
    name = await live.add({"app.py": app, **{f"{module}.py": part(1) for module in every}})

    def save_all() -> None:
        for module in every:
            (live.root / name / f"{module}.py").write_text(part(2))

    before = await live.invoke(name)
    await save(save_all)
    after = await live.invoke(name)

    assert (set(before.answer), set(after.answer)) == ({1}, {2})


async def test_git_checkout_of_500_files_is_seen_whole(live: Live) -> None:
    app = (
        "import glob, runpy\nVALUES = {runpy.run_path(p)['VALUE'] for p in glob.glob('/var/task/*/*.py')}\n"
        "def handler(e, c):\n    return sorted(VALUES), len(glob.glob('/var/task/*/*.py'))\n"
    )
    files = {f"pkg{number % 20}/module_{number}.py": part("one") for number in range(500)}
    name = await live.add({"app.py": app, **files}, memory_mb=1024)
    folder = live.root / name

    def git(*words: str) -> None:
        identity = ("-c", "user.name=n", "-c", "user.email=e@example.com", "-c", "gc.auto=0")
        subprocess.run(
            ["git", *identity, *words], cwd=folder, check=True, capture_output=True, timeout=60
        )

    def commit_two_branches() -> None:
        git("init", "-q", "-b", "one")
        git("add", ".")
        git("commit", "-q", "-m", "one")
        git("checkout", "-q", "-b", "two")
        for path in files:
            (folder / path).write_text(part("two"))
        git("commit", "-q", "-a", "-m", "two")

    await save(commit_two_branches)
    answers = [(await live.invoke(name)).answer]
    for branch in ("one", "two"):
        await save(lambda branch=branch: git("checkout", "-q", branch))  # type: ignore[misc] # bound
        answers.append((await live.invoke(name)).answer)

    assert answers == [[["two"], 500], [["one"], 500], [["two"], 500]]


# --- invocations meanwhile --------------------------------------------------------------------------------


async def test_what_is_in_flight_finishes_on_the_code_it_began_with(live: Live) -> None:
    app = f"import part\n{AT_GATE}\ndef handler(e, c):\n    at_gate('go')\n    import late\n    return [part.VALUE, late.VALUE]\n"
    files = {"app.py": app, "part.py": part("old"), "late.py": part("old")}
    name = await live.add(files, timeout_s=60)
    old = await live.start(name)
    await live.until_printed(old, "at gate")

    def save_both() -> None:
        for module in ("part.py", "late.py"):
            (live.root / name / module).write_text(part("new"))

    await save(save_both)
    new = await live.start(name)
    await live.until_printed(new, "at gate")
    await live.let_go(old, "go")
    await live.let_go(new, "go")
    ended = [(await done(run)).answer for run in (old, new)]

    assert ended == [["old", "old"], ["new", "new"]]
    await live.until(lambda: len(live.environments(name)) == 1)


async def test_stream_of_invocations_never_goes_back_and_loses_none(live: Live) -> None:
    """Source: house.md 7.2, the invariant of a reload."""
    saves, callers = 12, 4
    app = "import part, time\nBEGAN = part.VALUE\ndef handler(e, c):\n    time.sleep(0.02)\n    return [BEGAN, open('/var/task/part.py').read()]\n"
    name = await live.add({"app.py": app, "part.py": part(0)}, timeout_s=60)
    file = live.root / name / "part.py"
    await live.invoke(name)
    seen, begun, over = 0, 0, False
    ended: list[tuple[int, int, Run]] = []
    enough = asyncio.Event()
    ways = (truncate_and_write, write_in_place, vim, write_beside_and_rename, delete_and_write)

    async def call() -> None:
        while not over:
            least = seen
            run = await live.start(name)
            ended.append((least, begun, run))
            await done(run)
            enough.set()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(callers):
            tasks.create_task(call())
        for value in range(1, saves + 1):
            begun = value
            await save(lambda value=value: ways[value % len(ways)](file, part(value)))  # type: ignore[misc] # bound
            seen = value
            enough.clear()
            await enough.wait()  # whatever the machine's pace, something is asked in between
        over = True

    by_digest: dict[str, int] = {}
    for least, most, run in ended:
        finished = await done(run)
        assert finished.outcome.kind is OutcomeKind.SUCCESS, finished.outcome
        value, late = finished.answer
        assert late == part(value), "its files are those it began with"
        assert least <= value <= most, "what was saved before it was accepted, or newer"
        assert by_digest.setdefault(run.acceptance.code_digest, value) == value
    assert len({run.acceptance.request_id for *_, run in ended}) == len(ended)
    history = await live.workbench.invocations.recent(FunctionName(name), limit=len(ended) + 10)
    assert len(history) == len(ended) + 1
    assert {each.kind for each in history} == {OutcomeKind.SUCCESS}
    assert max(by_digest.values()) == saves


# --- function.toml ------------------------------------------------------------------------------------------


async def test_function_toml_is_taken_up_as_code_is(live: Live) -> None:
    app = "import os\ndef handler(e, c):\n    return [c.memory_limit_in_mb, os.environ.get('COLOUR'), c.get_remaining_time_in_millis() > 20_000]\n"
    name = await live.add({"app.py": app}, memory_mb=256, timeout_s=10)
    stated = live.root / name / "function.toml"
    edits: list[dict[str, Any]] = [
        {"memory_mb": 512, "timeout_s": 10},
        {"memory_mb": 512, "timeout_s": 60},
        {"memory_mb": 512, "timeout_s": 60, "environment": {"COLOUR": "red"}},
        {"memory_mb": 512, "timeout_s": 60, "environment": {"COLOUR": "blue"}},
    ]

    found = [await live.invoke(name)]
    for keys in edits:
        await save(lambda keys=keys: stated.write_text(manifest(**keys)))  # type: ignore[misc] # bound
        found.append(await live.invoke(name))

    assert [each.answer for each in found] == [
        ["256", None, False],
        ["512", None, False],
        ["512", None, True],
        ["512", "red", True],
        ["512", "blue", True],
    ]
    assert [each.report["Memory Size"] for each in found] == ["256 MB"] + ["512 MB"] * 4
    assert found[2].record.acceptance.timeout_s == 60


async def test_shorter_timeout_holds_from_the_next_invocation_on(live: Live) -> None:
    app = f"{AT_GATE}\ndef handler(e, c):\n    at_gate('go')\n    return 'in time'\n"
    name = await live.add({"app.py": app}, timeout_s=60)
    long = await live.start(name)
    await live.until_printed(long, "at gate")

    await save(lambda: (live.root / name / "function.toml").write_text(manifest(timeout_s=1)))
    short = await live.invoke(name)
    await live.let_go(long, "go")

    assert short.outcome.kind is OutcomeKind.TIMEOUT
    assert (await done(long)).answer == "in time"


# --- folders ------------------------------------------------------------------------------------------------


async def test_folder_deleted_and_made_again_serves_its_new_code(live: Live) -> None:
    name = await live.add({"app.py": APP, "part.py": part("old")})
    folder = live.root / name
    await live.invoke(name)

    def again() -> None:
        shutil.rmtree(folder)
        folder.mkdir()
        (folder / "part.py").write_text(part("new"))
        (folder / "app.py").write_text(APP)
        (folder / "function.toml").write_text(manifest())

    await save(again)
    after = await live.invoke(name)

    assert after.answer == "new"


async def test_folder_moved_away_is_no_function_and_its_containers_go(live: Live) -> None:
    name = await live.add({"app.py": APP, "part.py": part("here")})
    folder, away = live.root / name, live.root.parent / "away"
    await live.invoke(name)

    await save(lambda: folder.rename(away))
    await live.until(lambda: not live.environments(name))
    with pytest.raises(FunctionNotFound):
        await live.invoke(name)

    def back() -> None:
        (away / "part.py").write_text(part("back"))
        away.rename(folder)

    with live.workbench.subscribe() as feed:
        await save(back)
        await told(feed, lambda v: name in getattr(v, "functions", ()))
    assert (await live.invoke(name)).answer == "back"


# --- broken edits -------------------------------------------------------------------------------------------


async def test_broken_function_toml_is_told_at_once_and_the_last_good_one_serves(
    live: Live,
) -> None:
    name = await live.add({"app.py": APP, "part.py": part(1)}, memory_mb=256)
    stated = live.root / name / "function.toml"
    await live.invoke(name)

    with live.workbench.subscribe() as feed:
        await save(lambda: stated.write_text(manifest(memory_mb=7)))
        rejected = await told(feed, lambda v: isinstance(v, ReloadRejected))
    during = await live.invoke(name)
    await save(lambda: (live.root / name / "part.py").write_text(part(2)))
    still = await live.invoke(name)
    await save(lambda: stated.write_text(manifest(memory_mb=512)))
    mended = await live.invoke(name)

    assert isinstance(rejected, ReloadRejected)
    (problem,) = rejected.problems
    assert (rejected.function, problem.path, problem.line) == (name, stated, 3)
    assert "128" in problem.message
    assert (during.answer, during.report["Memory Size"]) == (1, "256 MB")
    assert (still.answer, still.report["Memory Size"]) == (1, "256 MB"), "all of it, or nothing"
    assert (mended.answer, mended.report["Memory Size"]) == (2, "512 MB")


async def test_function_that_is_new_and_broken_says_why(live: Live) -> None:
    name = await live.add({"app.py": APP, "part.py": part(1)}, memory_mb=7)
    stated = live.root / name / "function.toml"

    with pytest.raises(FunctionNotReady, match=r"function\.toml:3"):
        await live.invoke(name)
    await save(lambda: stated.write_text(manifest()))

    assert (await live.invoke(name)).answer == 1


async def test_syntax_error_is_told_before_anybody_asks(live: Live) -> None:
    name = await live.add({"app.py": APP, "part.py": part(1)})
    file = live.root / name / "part.py"
    await live.invoke(name)

    def says_so(value: Telemetry) -> bool:
        return (
            isinstance(value, InitFailed) and value.function == name and "part.py" in value.message
        )

    with live.workbench.subscribe() as feed:
        await save(lambda: file.write_text("VALUE = = 1\n"))
        await told(feed, says_so)
    broken = await live.invoke(name)
    await save(lambda: file.write_text(part(2)))
    mended = await live.invoke(name)

    assert broken.outcome.kind is not OutcomeKind.SUCCESS
    assert broken.outcome.error_type == "Runtime.UserCodeSyntaxError"
    assert "part.py" in str(broken.answer)
    assert mended.answer == 2


# --- one change, one reload -------------------------------------------------------------------------------


async def test_one_change_is_one_reload_however_many_files_it_has() -> None:
    """With a debounce so long that no machine is too slow for it."""
    settings = {"timeouts": {"debounce_s": 1, "debounce_limit_s": 60}}
    async with a_live_project(settings) as live:
        name = await live.add({"app.py": APP, "part.py": part(0)})
        await live.invoke(name)

        def save_often() -> None:
            for value in range(1, 30):
                (live.root / name / "part.py").write_text(part(value))
                (live.root / name / f"more{value}.py").write_text(part(value))
            (live.root / name / "function.toml").write_text(manifest(memory_mb=256))

        with live.workbench.subscribe() as feed:
            await save(save_often)
            after = await live.invoke(name)
            heard = list(feed.take_nowait())
        waiting = (EnvironmentState.IDLE, EnvironmentState.FROZEN)
        idle = [e for e in live.environments(name) if e.state in waiting]

    assert after.answer == 29
    assert [v.function for v in heard if isinstance(v, CodeReloaded)] == [name]
    assert len(idle) <= 1


async def test_what_is_no_change_is_no_reload(live: Live) -> None:
    """The same text again, an event, bytecode, a swap file: the environment stays as it is."""
    name = await live.add({"app.py": APP, "part.py": part(1)})
    folder = live.root / name
    first = await live.invoke(name)

    def touch_about() -> None:
        (folder / "part.py").write_text(part(1))
        (folder / "events").mkdir()
        (folder / "events" / "one.json").write_text("{}")
        (folder / "__pycache__").mkdir()
        (folder / "__pycache__" / "part.cpython-313.pyc").write_bytes(b"x")
        (folder / ".part.py.swp").write_text("b0VIM")

    with live.workbench.subscribe() as feed:
        await save(touch_about)
        second = await live.invoke(name)
        heard = list(feed.take_nowait())

    assert second.record.environment_id == first.record.environment_id
    assert not [v for v in heard if isinstance(v, CodeReloaded)]
