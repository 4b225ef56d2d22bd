"""What the screen says when something stands in the way, and what still works then."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.fakes.runtime import Event, FakeRuntime, died
from tests.integration.tui import projects, stage
from tests.integration.tui.player import playing
from tests.integration.tui.stage import Setting
from workbench.errors import BuildFailed, EngineUnreachable
from workbench.model.invocation import OutcomeKind
from workbench.model.names import FunctionName
from workbench.tui.desk import FunctionState
from workbench.tui.situation import Pane

ORDERS = FunctionName("orders")
REFUSED = EngineUnreachable(
    cause="Docker did not answer at unix:///var/run/docker.sock: permission denied.",
    remedy="Add yourself to the group docker: sudo usermod -aG docker $USER",
)
STEPS = ["Get:1 trixie/main python3", "Unpacking python3 (3.13.5)", "Installing awslambdaric"]
BROKE = BuildFailed(
    "image python3.13",
    step="4/9: pip install awslambdaric",
    output="Collecting awslambdaric\nERROR: No matching distribution found for awslambdaric",
)


async def test_an_engine_being_opened_is_said(shop: Path) -> None:
    async with playing(shop, setting=Setting(opening=True)) as player:
        assert "engine ◐ opening" in player.lines[0]

        await player.press("ctrl+r")

        assert "orders  waits for the container engine" in player.status
        await player.press("f9")
        assert player.status == "orders was not run"


async def test_an_engine_out_of_reach_says_why_what_to_do_and_when_it_is_tried_again(
    shop: Path,
) -> None:
    async with playing(shop, setting=Setting(refused=REFUSED)) as player:
        await player.until(lambda: "not reachable" in player.text)
        assert "permission denied." in player.text
        assert "sudo usermod -aG docker $USER" in player.text
        assert "Events, drafts and past runs still work." in player.text
        assert "next try in" in player.text

        await player.press("ctrl+r")

        assert player.status.startswith("Docker did not answer")
        await player.press("r")
        assert player.status == "looking for the container engine"


async def test_an_engine_that_goes_and_comes_back(shop: Path) -> None:
    async with playing(shop) as player:
        await player.run("ctrl+r")
        player.scene.presence.gone.set()
        await player.until(lambda: "The Docker daemon went away" in player.text)
        assert "accepted" in player.response  # past runs are still there

        player.scene.presence.gone.clear()
        await player.press("r")
        await player.until(lambda: "docker ● ready" in player.lines[0])

        assert "not reachable" not in player.text
        await player.run("ctrl+r")


async def test_the_embedded_driver_is_labelled_at_every_size(shop: Path) -> None:
    for size in ((120, 36), (80, 24), (60, 20)):
        setting = Setting(kind="process", isolated=False)
        async with playing(shop, size=size, setting=setting) as player:
            assert " no isolation " in player.lines[0]


async def test_a_build_shows_how_far_it_is_and_the_run_follows_it(shop: Path) -> None:
    def build(scene: stage.Scene) -> None:
        scene.images.steps = list(STEPS)

    async with playing(shop, prepare=build) as player:
        await player.press("ctrl+r")
        await player.until(lambda: "Building image python3.13" in player.text)
        assert "step 3 of 5" in player.text
        assert "Installing awslambdaric" in player.text
        assert "orders  builds image python3.13 3/5" in player.status
        function = player.app.desk.find(ORDERS)
        assert function is not None
        assert player.app.desk.state_of(function) is FunctionState.STARTING

        player.scene.images.gate.set()
        await player.until(lambda: "accepted" in player.response)

        assert "Building" not in player.text


async def test_waiting_for_a_build_can_be_given_up(shop: Path) -> None:
    def build(scene: stage.Scene) -> None:
        scene.images.steps = list(STEPS)

    async with playing(shop, prepare=build) as player:
        await player.press("ctrl+r")
        await player.until(lambda: "Building image" in player.text)

        await player.press("f9")

        assert player.status == "orders was not run"
        assert not player.app.desk.asked
        player.scene.images.gate.set()
        await player.until(lambda: "Building" not in player.text)
        assert player.app.desk.rows(ORDERS) == []


async def test_a_failed_build_shows_its_step_and_its_output_and_is_tried_again(shop: Path) -> None:
    def broken(scene: stage.Scene) -> None:
        scene.images.fails = BROKE

    async with playing(shop, prepare=broken) as player:
        await player.press("ctrl+r")
        await player.until(lambda: "could not be built" in player.text)
        assert "failed at: 4/9: pip install awslambdaric" in player.text
        assert "ERROR: No matching distribution found" in player.text

        player.scene.images.fails = None
        await player.press("b")
        await player.until(lambda: player.status.startswith("orders is ready: code"))

        assert "could not be built" not in player.text


async def test_new_code_that_cannot_initialise_says_so_before_anybody_runs_it(shop: Path) -> None:
    async def cannot(scene: stage.Scene, runtime: FakeRuntime, event: Event) -> None:
        body = {"errorType": "Runtime.UserCodeSyntaxError", "errorMessage": "Syntax error: line 3"}
        await runtime.init_error(json.dumps(body).encode(), body["errorType"])
        raise died(1)

    async with playing(shop) as player:
        await player.run("ctrl+r")
        player.scene.scripts["orders init"] = cannot
        (shop / "orders" / "app.py").write_text("def handler(event, context)\n")
        await player.until(lambda: "The new code of orders cannot initialise" in player.text)
        assert "Syntax error: line 3" in player.text
        assert "Runtime.UserCodeSyntaxError" in player.text
        assert player.status == "the new code of orders cannot initialise"

        del player.scene.scripts["orders init"]
        (shop / "orders" / "app.py").write_text("def handler(event, context):\n    return 2\n")
        await player.until(lambda: "cannot initialise" not in player.text)


async def test_a_reload_is_told_and_the_next_run_has_the_new_code(shop: Path) -> None:
    async with playing(shop) as player:
        await player.run("ctrl+r")
        before = player.app.desk.rows(ORDERS)[0].code_digest

        (shop / "orders" / "app.py").write_text("def handler(event, context):\n    return 2\n")
        await player.until(lambda: "orders runs its new code" in player.status)

        await player.run("ctrl+r")
        assert player.app.desk.rows(ORDERS)[0].code_digest != before


async def test_a_broken_edit_is_shown_at_once_and_the_last_good_version_serves_on(
    shop: Path,
) -> None:
    manifest = shop / "orders" / "function.toml"
    good = manifest.read_text()
    async with playing(shop) as player:
        await player.run("ctrl+r")
        manifest.write_text(good.replace("timeout_s = 3", "timeout_s = 3000"))
        await player.until(lambda: "The edit of orders was not taken up" in player.text)
        assert "orders/function.toml:3" in player.text
        assert "timeout_s must be a whole number from 1 to 900" in player.text
        assert "The last good version keeps serving." in player.text

        await player.run("ctrl+r")
        assert player.app.desk.rows(ORDERS)[0].kind is OutcomeKind.SUCCESS
        manifest.write_text(good)
        await player.until(lambda: "was not taken up" not in player.text)


async def test_a_broken_function_says_what_is_wrong_and_hides_no_other(shop: Path) -> None:
    async with playing(shop) as player:
        await player.select("legacy-import")
        assert "legacy-import/function.toml:3" in player.text
        assert "memory_mb must be a whole number from 128 to 10240" in player.text
        assert "! legacy-import" in player.text

        await player.press("ctrl+r")

        assert player.status.startswith("legacy-import is broken: memory_mb must be")
        manifest = shop / "legacy-import" / "function.toml"
        manifest.write_text(manifest.read_text().replace("64", "256"))
        await player.until(lambda: "cannot run" not in player.text)
        await player.run("ctrl+r")


async def test_functions_come_and_go_on_disk(shop: Path) -> None:
    async with playing(shop) as player:
        projects.function(shop, "newcomer")
        await player.until(lambda: "newcomer" in player.text)

        shutil.rmtree(shop / "orders")
        await player.until(lambda: player.app.desk.selected != ORDERS)

        assert player.app.desk.selected == FunctionName("search-index")


async def test_an_empty_project_says_what_to_press(tmp_path: Path) -> None:
    root = projects.empty(tmp_path)
    async with playing(root) as player:
        assert "No functions in shop yet." in player.text
        assert "wb init orders --runtime python3.13" in player.text
        assert "a New function" not in player.text  # ^n is the first of its keys
        assert "^n New function" in player.footer

        await player.press("a")
        await player.type("python3.13")
        await player.press("enter")
        assert "new python3.13 function, named" in player.status
        await player.type("greeter")
        await player.press("enter")
        await player.until(lambda: player.app.desk.selected == FunctionName("greeter"))

        assert "No functions" not in player.text
        assert player.pane() is Pane.FUNCTIONS
        assert (root / "greeter" / "function.toml").exists()
        assert player.app.desk.function is not None
        assert len(player.app.desk.function.events) == 2


async def test_a_name_that_is_taken_is_refused(shop: Path) -> None:
    async with playing(shop) as player:
        await player.press("a", "enter")
        await player.type("orders")
        await player.press("enter")

        assert "There is a function orders already." in player.status
        await player.press("escape")


async def test_without_a_history_functions_run_all_the_same(shop: Path) -> None:
    state = shop / ".workbench"
    state.mkdir()
    (state / "workbench.db").write_bytes(b"this is no database, " * 500)
    async with playing(shop) as player:
        await player.until(lambda: "The history is unavailable." in player.text)

        await player.run("ctrl+r")

        assert "accepted" in player.response
        assert "history unavailable" in player.text


async def test_a_terminal_too_small_says_so_and_recovers(shop: Path) -> None:
    async with playing(shop) as player:
        await player.pilot.resize_terminal(30, 8)
        await player.settle()
        assert "40x10 at least; this is 30x8" in player.text
        assert "orders" not in player.text

        await player.pilot.resize_terminal(80, 24)
        await player.settle()

        assert "orders" in player.text


async def test_two_runs_at_once_are_both_told(shop: Path) -> None:
    async with playing(shop, prepare=lambda s: s.scripts.update(orders=stage.wait)) as player:
        await player.press("ctrl+r")
        await player.until(lambda: len(player.app.desk.live) == 1)
        await player.press("ctrl+r")
        await player.until(lambda: len(player.app.desk.live) == 2)
        await player.until(lambda: "and 1 more" in player.status)
        assert "2 running" in player.lines[0]

        await player.press("tab", "j")  # the older one
        await player.until(lambda: "newer run in progress" in player.text)

        player.scene.gate().set()
        await player.until(lambda: not len(player.app.desk.live))
        assert [row.kind for row in player.app.desk.rows(ORDERS)] == [OutcomeKind.SUCCESS] * 2
