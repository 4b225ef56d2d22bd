from __future__ import annotations

import pytest

from workbench.tui.room import in_sight, list_rows, notice_rows, room_for
from workbench.tui.situation import Pane

BOTH = frozenset({Pane.FUNCTIONS, Pane.RUNS})


@pytest.mark.parametrize(
    ("size", "single", "beside", "tall"),
    [
        ((80, 24), False, False, False),
        ((120, 36), False, False, True),
        ((200, 50), False, True, True),
        ((60, 20), True, False, False),
        ((200, 19), True, False, False),
        ((79, 40), True, False, True),
    ],
)
def test_sizes(size: tuple[int, int], single: bool, beside: bool, tall: bool) -> None:
    room = room_for(*size)

    assert (room.single, room.beside, room.tall) == (single, beside, tall)
    assert not room.too_small


def test_there_is_a_size_at_which_nothing_can_be_drawn() -> None:
    assert room_for(39, 24).too_small
    assert room_for(80, 9).too_small


def test_with_room_everything_is_in_sight_and_a_notice_only_when_there_is_one() -> None:
    room = room_for(120, 36)

    assert in_sight(room, Pane.EVENT, zoomed=False, notice=True) == frozenset(Pane)
    without = in_sight(room, Pane.EVENT, zoomed=False, notice=False)
    assert without == frozenset(Pane) - {Pane.NOTICE}


@pytest.mark.parametrize(
    ("at", "sight"),
    [
        (Pane.FUNCTIONS, BOTH),
        (Pane.RUNS, BOTH),
        (Pane.EVENT, frozenset({Pane.EVENT})),
        (Pane.RESULT, frozenset({Pane.RESULT})),
    ],
)
def test_in_a_small_terminal_one_thing_is_in_sight(at: Pane, sight: frozenset[Pane]) -> None:
    assert in_sight(room_for(60, 20), at, zoomed=False, notice=False) == sight


def test_a_zoomed_pane_is_alone() -> None:
    assert in_sight(room_for(200, 50), Pane.RUNS, zoomed=True, notice=True) == {Pane.RUNS}


@pytest.mark.parametrize("functions", [0, 1, 8, 1000])
@pytest.mark.parametrize("height", [17, 21, 33, 47])
def test_the_runs_always_have_rows_too(functions: int, height: int) -> None:
    rows = list_rows(room_for(120, height + 3), functions, height)

    assert height - rows >= 3
    assert rows >= 6


def test_a_notice_leaves_room_for_the_rest() -> None:
    assert notice_rows(4, 21) == 4
    assert notice_rows(40, 21) == 8
