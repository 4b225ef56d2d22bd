"""Which stem cells are worth it, and which functions one could become."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.versions import a_runtime, a_variable, a_version
from workbench.model.container import Mount
from workbench.model.names import EnvironmentId
from workbench.model.runtime import PreloadRule
from workbench.model.settings import Settings, StemSettings
from workbench.model.stem import CellKind, Demand, asked, cell_kind, expected, wanted
from workbench.model.variables import boot_variables, runtime_variables
from workbench.model.version import Version

RULE = PreloadRule(boot_variables=("PYTHON*", "LANG", "AWS_LAMBDA_LOG_*"))
PRELOADING = a_runtime(preload=RULE)
SIZED = a_runtime(
    "nodejs22.x",
    preload=PreloadRule(boot_variables=("NODE_*", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE")),
)


def kind_of(version: Version, settings: Settings | None = None) -> CellKind:
    return cell_kind(
        version.configuration,
        version.runtime,
        version.image,
        mounts=version.mounts,
        settings=settings or Settings(),
    )


# --- kinds ---------------------------------------------------------------------------------------------


def test_functions_of_one_runtime_share_a_kind_whatever_their_code_name_and_memory() -> None:
    orders = a_version("orders", code="1", memory_mb=128, runtime=PRELOADING)
    other = a_version(
        "other",
        code="2",
        memory_mb=1024,
        runtime=PRELOADING,
        variables=(a_variable("STAGE", "dev"),),
    )

    assert kind_of(orders) == kind_of(other)
    assert kind_of(orders).preload is not None


def test_what_cannot_be_changed_in_a_container_makes_another_kind() -> None:
    version = a_version(runtime=PRELOADING)
    larger = replace(version.configuration, ephemeral_storage_mb=1024)
    dependencies = Mount(source=Path("/dependencies/1"), target="/var/dependencies")

    kinds = {
        kind_of(version),
        kind_of(replace(version, configuration=larger)),
        kind_of(replace(version, dependencies=dependencies)),
        kind_of(replace(version, image=replace(version.image, reference="another"))),
        kind_of(version, Settings(memory_limits=False)),
    }

    assert len(kinds) == 5
    assert all(mount.target != "/var/task" for kind in kinds for mount in kind.mounts)


def test_function_whose_variables_count_at_boot_is_not_preloaded() -> None:
    for name in ("PYTHONPATH", "PYTHONHASHSEED", "LANG", "AWS_LAMBDA_LOG_FORMAT"):
        version = a_version(runtime=PRELOADING, variables=(a_variable(name, "x"),))
        assert kind_of(version).preload is None, name


def test_runtime_without_a_rule_or_image_of_the_functions_own_is_not_preloaded() -> None:
    version = a_version(runtime=PRELOADING)
    own = replace(version, image=replace(version.image, built_for_runtime=False))

    assert kind_of(a_version(runtime=a_runtime())).preload is None
    assert kind_of(own).preload is None


def test_memory_is_part_of_the_kind_only_where_the_runtime_reads_it_at_boot() -> None:
    small, large = (a_version(memory_mb=mb, runtime=SIZED) for mb in (128, 256))

    assert kind_of(small) != kind_of(large)
    preload = kind_of(large).preload
    assert preload is not None
    assert ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256") in preload.variables


def test_every_variable_of_a_preloaded_runtime_comes_again_at_the_claim() -> None:
    """So a claim only ever sets variables: none has to be taken away."""
    for runtime in (PRELOADING, SIZED):
        version = a_version(runtime=runtime, variables=(a_variable("TZ", "Asia/Tokyo"),))
        before = dict(boot_variables(runtime, memory_mb=128, settings=Settings()))
        after = dict(
            runtime_variables(
                version,
                environment_id=EnvironmentId("0" * 32),
                created_at=datetime(2026, 1, 1, tzinfo=UTC),
                settings=Settings(),
            )
        )

        assert before.keys() <= after.keys()
        decided = {name for name in before if runtime.preload and runtime.preload.decides(name)}
        assert {name: before[name] for name in decided} == {n: after[n] for n in decided}


# --- how many ------------------------------------------------------------------------------------------

ONE, TWO, THREE = (
    kind_of(a_version(runtime=replace(PRELOADING, command=(f"/runtime-{n}",)))) for n in range(3)
)
SETTINGS = StemSettings(
    minimum=1, maximum=4, time_to_live_s=100, memory_bytes=100, cell_bytes=10, burst_s=1.0
)


def demanded(*at_s: float, memory_mb: int = 128) -> Demand:
    demand = None
    for moment_s in at_s:
        demand = asked(demand, memory_mb=memory_mb, now_s=moment_s, settings=SETTINGS)
    assert demand is not None
    return demand


def test_as_many_as_were_wanted_at_once_within_minimum_and_maximum() -> None:
    demands = {
        ONE: demanded(1, 5, 9),
        TWO: demanded(1, 1.2, 1.4, 9),
        THREE: demanded(*[2 + n / 10 for n in range(9)]),
    }

    assert wanted(demands, cell_bytes={}, now_s=10, settings=SETTINGS) == {ONE: 1, TWO: 3, THREE: 4}


def test_none_of_what_nobody_asked_for_in_a_long_time() -> None:
    demands = {ONE: demanded(1), TWO: demanded(60)}

    assert wanted(demands, cell_bytes={}, now_s=101, settings=SETTINGS) == {ONE: 0, TWO: 1}


def test_under_the_budget_those_asked_for_last_come_first_and_each_has_one_before_a_second() -> (
    None
):
    demands = {ONE: demanded(1, 1.1, 1.2), TWO: demanded(2, 2.1), THREE: demanded(3)}
    sizes = {ONE: 30, TWO: 30, THREE: 30}

    counts = wanted(demands, cell_bytes=sizes, now_s=10, settings=SETTINGS)
    fewer = wanted(demands, cell_bytes=sizes | {TWO: 60}, now_s=10, settings=SETTINGS)

    assert counts == {ONE: 1, TWO: 1, THREE: 1}
    assert fewer == {ONE: 0, TWO: 1, THREE: 1}


@given(
    bursts=st.dictionaries(st.sampled_from([ONE, TWO, THREE]), st.integers(0, 20), min_size=1),
    sizes=st.dictionaries(st.sampled_from([ONE, TWO, THREE]), st.integers(0, 60)),
    minimum=st.integers(0, 5),
    maximum=st.integers(0, 5),
)
def test_never_more_than_the_maximum_nor_than_the_budget_holds(
    bursts: dict[CellKind, int], sizes: dict[CellKind, int], minimum: int, maximum: int
) -> None:
    settings = replace(SETTINGS, minimum=minimum, maximum=maximum)
    demands = {k: Demand(memory_mb=128, last_s=1, burst=burst) for k, burst in bursts.items()}

    counts = wanted(demands, cell_bytes=sizes, now_s=2, settings=settings)

    assert counts.keys() == demands.keys()
    assert all(0 <= count <= maximum for count in counts.values())
    held = sum(count * sizes.get(kind, 10) for kind, count in counts.items())
    assert held <= settings.memory_bytes


def test_memory_of_whoever_asked_last_is_what_the_next_cell_gets() -> None:
    first = asked(None, memory_mb=128, now_s=1, settings=SETTINGS)

    assert asked(first, memory_mb=512, now_s=9, settings=SETTINGS).memory_mb == 512


def test_kinds_nobody_has_asked_for_yet_have_one_each_those_of_most_functions_first() -> None:
    settings = replace(SETTINGS, minimum=2, foreseen=1)
    few = expected(None, memory_mb=128, now_s=1)
    many = expected(few, memory_mb=128, now_s=2)
    demands = {ONE: few, TWO: many, THREE: demanded(3)}

    assert wanted(demands, cell_bytes={}, now_s=4, settings=settings) == {ONE: 0, TWO: 1, THREE: 2}
