"""Versions held against each other, as they are kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.integration.functions.stage import Stage, stage, write
from workbench.errors import AliasNotFound, CodeDamaged, FunctionNotFound, InvalidParameter
from workbench.facade.comparison import Comparison
from workbench.model.difference import ChangeType
from workbench.model.names import LATEST, FunctionName, Qualifier

ORDERS = FunctionName("orders")
ONE, TWO, LIVE = Qualifier("1"), Qualifier("2"), Qualifier("live")


def comparison(here: Stage) -> Comparison:
    return here.releases.comparison


async def publish(here: Stage) -> None:
    await here.releases.versions.publish(ORDERS)


async def test_what_would_be_published_as_the_same_version_has_no_difference(
    tmp_path: Path,
) -> None:
    write(tmp_path, "orders", "old")
    async with stage(tmp_path, tmp_path / ".workbench") as here:
        await publish(here)
        found = await comparison(here).diff(ORDERS)
        assert (found.a, found.b, found.equal) == (ONE, LATEST, True)


async def test_code_dependencies_and_configuration_are_told(tmp_path: Path) -> None:
    folder = write(tmp_path, "orders", "old\n")
    (folder / "requirements.txt").write_text("idna==3.4\n")
    async with stage(tmp_path, tmp_path / ".workbench") as here:
        await publish(here)
        (folder / "requirements.txt").write_text("idna==3.7\n")
        (folder / "notes.md").write_text("no code")
        write(tmp_path, "orders", "new\n", manifest="60 reserved=2")

        found = await comparison(here).diff(ORDERS, ONE, LATEST)

        (code,) = found.code
        assert (code.path, code.diff) == ("answer", ("@@ -1 +1 @@", "-old", "+new"))
        (stated,) = found.dependencies
        assert (stated.path, stated.type) == ("requirements.txt", ChangeType.CHANGED)
        assert stated.diff == ("@@ -1 +1 @@", "-idna==3.4", "+idna==3.7")
        assert [(each.field, each.a, each.b) for each in found.configuration] == [
            ("timeout_s", 30, 60)
        ]


async def test_versions_of_a_function_that_is_gone_and_aliases(tmp_path: Path) -> None:
    folder = write(tmp_path, "orders", "old")
    async with stage(tmp_path, tmp_path / ".workbench") as here:
        await publish(here)
        write(tmp_path, "orders", "new")
        await publish(here)
        await here.releases.aliases.create(ORDERS, LIVE, version=TWO)
        shutil.rmtree(folder)

        found = await comparison(here).diff(ORDERS, ONE, LIVE)
        back = await comparison(here).diff(ORDERS, LIVE, ONE)

        assert (found.a, found.b) == (ONE, TWO)
        assert [each.path for each in found.code] == [each.path for each in back.code] == ["answer"]
        assert (await comparison(here).diff(ORDERS, TWO, LIVE)).equal


async def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "orders", "old")
    async with stage(tmp_path, tmp_path / ".workbench") as here:
        with pytest.raises(InvalidParameter, match="no versions to compare"):
            await comparison(here).diff(ORDERS)
        await publish(here)
        for missing, error in ((TWO, FunctionNotFound), (LIVE, AliasNotFound)):
            with pytest.raises(error):
                await comparison(here).diff(ORDERS, missing)
        with pytest.raises(FunctionNotFound):
            await comparison(here).diff(FunctionName("nobody"))


async def test_damaged_code_is_mended_or_said_before_it_is_compared(tmp_path: Path) -> None:
    write(tmp_path, "orders", "old")
    state = tmp_path / ".workbench"
    async with stage(tmp_path, state) as here:
        await publish(here)
        digest = (await here.releases.versions.get(ORDERS, ONE)).package.digest
        assert (await comparison(here).diff(ORDERS)).equal
    shutil.rmtree(state / "code" / digest)
    async with stage(tmp_path, state) as here:
        assert (await comparison(here).diff(ORDERS)).equal
    shutil.rmtree(state / "code")
    async with stage(tmp_path, state) as here:
        with pytest.raises(CodeDamaged):
            await comparison(here).diff(ORDERS)
