"""Published versions: what they run, whatever becomes of the folder."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.functions.stage import Stage, stage, write
from workbench.errors import (
    CodeDamaged,
    FunctionNotFound,
    FunctionNotReady,
    InvalidParameter,
    KeyMissing,
    PreconditionFailed,
)
from workbench.facade.aliases import Aliases
from workbench.facade.versions import Versions
from workbench.functions.publishing import Publishing
from workbench.model.invocation import InvokeRequest, Origin
from workbench.model.names import FunctionName, Qualifier, target
from workbench.model.telemetry import CodeReloaded

ORDERS = FunctionName("orders")
ONE, TWO = Qualifier("1"), Qualifier("2")


def versions(here: Stage) -> Versions:
    return here.releases.versions


def aliases(here: Stage) -> Aliases:
    return here.releases.aliases


async def save(here: Stage, answer: str) -> None:
    """A save, taken up."""
    write(here.root, "orders", answer)
    await here.hear(CodeReloaded)


async def test_a_version_runs_what_was_published(tmp_path: Path) -> None:
    write(tmp_path, "orders", "old")
    async with stage(tmp_path, tmp_path / ".workbench") as here:
        first, new = await versions(here).publish(ORDERS)
        assert new
        assert await here.call() == b"old"
        await save(here, "new")
        assert await here.call("orders:1") == b"old"
        assert await here.call("orders:$LATEST") == await here.call() == b"new"
        second, _ = await versions(here).publish(ORDERS)
        assert (first.number, second.number) == (1, 2)
        assert first.package.sha256 != second.package.sha256
        assert [await here.call("orders:1"), await here.call("orders:2")] == [b"old", b"new"]


async def test_versions_stay_warm_side_by_side_and_a_save_touches_only_latest(
    tmp_path: Path,
) -> None:
    write(tmp_path, "orders", "old")
    async with stage(tmp_path, tmp_path / ".workbench") as here:
        await versions(here).publish(ORDERS)
        await here.call("orders:1")
        await here.call()
        await save(here, "new")
        await here.call("orders:1")
        await here.call()
        runs = {
            each.version: each.invocations
            for each in here.scheduler.snapshots()
            if each.invocations
        }
        assert runs == {"1": 2, "$LATEST": 1}


async def test_a_version_needs_no_folder(tmp_path: Path) -> None:
    folder = write(tmp_path, "orders", "old")
    async with stage(tmp_path, tmp_path / ".workbench") as here:
        await versions(here).publish(ORDERS)
    shutil.rmtree(folder)
    write(tmp_path, "billing", "other")
    async with stage(tmp_path, tmp_path / ".workbench") as here:
        assert await here.call("orders:1") == b"old"
        assert len(await versions(here).all(ORDERS)) == 1
        with pytest.raises(FunctionNotFound):
            await here.call("orders")


async def test_publishing_writes_one_file_of_code_and_the_first_call_unpacks_it(
    tmp_path: Path,
) -> None:
    folder, code = write(tmp_path, "orders", "old"), tmp_path / ".workbench" / "code"
    async with stage(tmp_path, tmp_path / ".workbench") as here:
        made, _ = await versions(here).publish(ORDERS)
        assert {path.name for path in code.iterdir()} == {"files", "zips", "packages"}
        assert [*(code / "files").iterdir()] == []
        (folder / "answer").unlink()
        assert await here.call("orders:1") == b"old"
        assert (code / made.package.digest / "answer").read_bytes() == b"old"


async def test_a_damaged_zip_of_what_never_ran_is_refused_until_the_same_is_published_again(
    tmp_path: Path,
) -> None:
    write(tmp_path, "orders", "old")
    async with stage(tmp_path, tmp_path / ".workbench") as here:
        made, _ = await versions(here).publish(ORDERS)
        (kept,) = (tmp_path / ".workbench" / "code" / "zips").iterdir()
        kept.chmod(0o644)
        kept.write_bytes(bytes(made.package.zip_bytes))
        with pytest.raises(CodeDamaged, match="is missing or has other content"):
            await here.call("orders:1")
        again, new = await versions(here).publish(ORDERS)
        assert (again, new) == (made, False)
        assert await here.call("orders:1") == b"old"


async def test_what_is_published_is_the_folder_as_it_is_not_as_it_was_noticed(
    tmp_path: Path,
) -> None:
    write(tmp_path, "orders", "old")
    async with stage(tmp_path, tmp_path / ".workbench") as here:
        await here.call()
        write(tmp_path, "orders", "saved just now")
        await versions(here).publish(ORDERS)
        assert await here.call("orders:1") == b"saved just now"


async def test_unchanged_it_is_the_newest_version_again(tmp_path: Path) -> None:
    write(tmp_path, "orders", "old")
    async with stage(tmp_path, tmp_path / ".workbench") as here:
        first, _ = await versions(here).publish(ORDERS)
        again, new = await versions(here).publish(ORDERS, description="another description")
        assert (again, new) == (first, False)
        write(tmp_path, "orders", "old", manifest="31")
        second, new = await versions(here).publish(ORDERS)
        assert (second.number, new) == (2, True)
        assert second.configuration.timeout_s == 31
        write(tmp_path, "orders", "old")
        third, new = await versions(here).publish(ORDERS)
        assert (third.number, new) == (3, True), "only the newest is compared"


async def test_guards_refuse_what_the_caller_did_not_mean(tmp_path: Path) -> None:
    write(tmp_path, "orders", "old")
    async with stage(tmp_path, tmp_path / ".workbench") as here:
        latest = await versions(here).latest(ORDERS)
        with pytest.raises(InvalidParameter, match=r"CodeSHA256 \(other\) is different"):
            await versions(here).publish(ORDERS, code_sha256="other")
        with pytest.raises(PreconditionFailed):
            await versions(here).publish(ORDERS, revision_id="other")
        with pytest.raises(InvalidParameter, match="256 characters"):
            await versions(here).publish(ORDERS, description="x" * 257)
        made, _ = await versions(here).publish(
            ORDERS, code_sha256=latest.package.sha256, revision_id=latest.revision_id
        )
        assert made.number == 1
        with pytest.raises(PreconditionFailed):  # publishing gives $LATEST another one
            await versions(here).publish(ORDERS, revision_id=latest.revision_id)


async def test_an_alias_shares_its_calls_out(tmp_path: Path) -> None:
    write(tmp_path, "orders", "old")
    async with stage(tmp_path, tmp_path / ".workbench", roll=iter([0.0, 0.24, 0.25, 0.99])) as here:
        await versions(here).publish(ORDERS)
        write(tmp_path, "orders", "new")
        await versions(here).publish(ORDERS)
        await aliases(here).create(ORDERS, "live", ONE, weights={TWO: 0.25})
        answers = [await here.call("orders:live") for _ in range(4)]
    assert answers == [b"new", b"new", b"old", b"old"]


async def test_an_alias_moves_for_the_next_call(tmp_path: Path) -> None:
    write(tmp_path, "orders", "old")
    async with stage(tmp_path, tmp_path / ".workbench") as here:
        await versions(here).publish(ORDERS)
        await aliases(here).create(ORDERS, "live", ONE)
        await aliases(here).create(ORDERS, "edge", Qualifier("$LATEST"))
        run = await here.start("orders:live")
        assert (await run.outcome()).ok
        assert (run.acceptance.version, run.acceptance.target.qualifier) == ("1", "live")
        assert run.function_arn.endswith(":function:orders:live")
        write(tmp_path, "orders", "new")
        await versions(here).publish(ORDERS)
        await aliases(here).update(ORDERS, "live", version=TWO)
        assert await here.call("orders:live") == b"new"
        assert await here.call("orders:edge") == b"new"
        await aliases(here).delete(ORDERS, "live")
        with pytest.raises(FunctionNotFound, match="orders:live"):
            await here.call("orders:live")


async def test_what_is_the_functions_and_no_versions_follows_the_folder(tmp_path: Path) -> None:
    write(tmp_path, "orders", "old")
    async with stage(tmp_path, tmp_path / ".workbench") as here:
        await versions(here).publish(ORDERS)
        await here.call("orders:1")
        entry = here.registry.entry(ORDERS)
        assert entry.function.configuration is not None
        changed = replace(entry.function.configuration, keep_alive_s=7.0)
        here.registry.replace_function(replace(entry.function, configuration=changed))
        await here.call("orders:1")
        (environment,) = here.scheduler.snapshots()
        assert environment.invocations == 2, "it is the same environment"
        ready = here.releases.published.ready_nowait(ORDERS, ONE)
        assert ready is not None
        assert ready.configuration.keep_alive_s == 7.0


async def test_damaged_code_is_mended_from_its_zip_or_refused(tmp_path: Path) -> None:
    state = tmp_path / ".workbench"
    write(tmp_path, "orders", "old")
    async with stage(tmp_path, state) as here:
        made, _ = await versions(here).publish(ORDERS)
        await here.call("orders:1")
    damaged = state / "code" / made.package.digest / "answer"
    for path in (damaged, *(state / "code" / "files").iterdir()):
        path.chmod(0o644)
        path.write_text("not what it was")
    async with stage(tmp_path, state) as here:
        assert await here.call("orders:1") == b"old"
    for path in (state / "code").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_text("not what it was")
    async with stage(tmp_path, state) as here:
        with pytest.raises(CodeDamaged):
            await here.call("orders:1")


async def test_without_its_key_a_version_says_which_is_missing(tmp_path: Path) -> None:
    state = tmp_path / ".workbench"
    write(tmp_path, "orders", "old")
    async with stage(tmp_path, state) as here:
        await versions(here).publish(ORDERS)
    shutil.rmtree(state / "keys")
    async with stage(tmp_path, state) as here:
        with pytest.raises(KeyMissing, match="default"):
            await here.call("orders:1")
        assert await here.call() == b"old", "the folder is not sealed"
        _, new = await versions(here).publish(ORDERS)
        assert new, "nobody can say any more whether anything has changed"
        assert await here.call("orders:2") == b"old"


async def test_gone_dependencies_are_said(tmp_path: Path) -> None:
    state = tmp_path / ".workbench"
    (write(tmp_path, "orders", "old") / "requirements.txt").write_text("boto3")
    async with stage(tmp_path, state) as here:
        await versions(here).publish(ORDERS)
        assert await here.call("orders:1") == b"old"
    shutil.rmtree(state / "dependencies")
    async with stage(tmp_path, state) as here:
        with pytest.raises(FunctionNotReady, match="dependencies are gone"):
            await here.call("orders:1")


async def test_a_published_version_is_checked_like_any_other(tmp_path: Path) -> None:
    write(tmp_path, "orders", "old")
    async with stage(tmp_path, tmp_path / ".workbench") as here:
        request = InvokeRequest(target=target("orders:1"), payload=b"{}", origin=Origin.CLI)
        with pytest.raises(FunctionNotFound):
            here.invoker.check(request)
        await versions(here).publish(ORDERS)
        here.invoker.check(request)
        write(tmp_path, "orders", "old", manifest="broken")
        with pytest.raises(FunctionNotReady):
            await versions(here).publish(ORDERS)
        assert await here.call("orders:1") == b"old"


async def test_publishing_can_be_killed_anywhere_before_its_row(tmp_path: Path) -> None:
    """Everything it needs is there before its row is; without the row there is no version."""
    state = tmp_path / ".workbench"
    write(tmp_path, "orders", "old")

    class Killed(BaseException):
        pass

    async with stage(tmp_path, state) as here:
        publishing: Publishing = here.releases.publishing()
        store = here.releases.repository.store

        def killed(*_: object, **__: object) -> object:
            raise Killed

        real, store.publish_now = store.publish_now, killed  # type: ignore[method-assign,assignment]
        with pytest.raises(Killed):
            await publishing.publish(ORDERS)
        store.publish_now = real  # type: ignore[method-assign]
        assert await store.versions() == ()
        made, _ = await publishing.publish(ORDERS)
        assert made.number == 1
        assert await here.call("orders:1") == b"old"
