"""A value of ours is a standard dataclass in everything a caller can see."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import typing
from dataclasses import FrozenInstanceError, field

import pytest

from workbench.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """One."""

    name: str
    size: int = 3
    parts: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class OursWritten:
    """The same, and has had so many values that its `__init__` was written."""

    name: str
    size: int = 3
    parts: list[str] = field(default_factory=list)


for _ in range(20):
    OursWritten(name="a")
assert inspect.isfunction(vars(OursWritten)["__init__"])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """Its twin."""

    name: str
    size: int = 3
    parts: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Nothing:
    """No fields at all."""


@dataclass(frozen=True, slots=True)
class Pair:
    """In order, and checked."""

    left: int
    right: int = 2

    def __post_init__(self) -> None:
        if self.left > self.right:
            raise ValueError("the wrong way round")

    def __repr__(self) -> str:
        return f"{self.left}..{self.right}"


@dataclass(frozen=True, slots=True)
class Triple(Pair):
    """Has what a pair has."""

    third: int = 3


@pytest.mark.parametrize("kind", [Ours, OursWritten, Standard])
def test_it_is_made_compared_shown_and_replaced_as_the_standard_one(
    kind: type[Ours | OursWritten | Standard],
) -> None:
    value = kind(name="a")
    assert (value.name, value.size, value.parts) == ("a", 3, [])
    assert kind(name="a").parts is not value.parts
    assert value == kind(name="a") != kind(name="b")
    assert repr(value) == f"{kind.__name__}(name='a', size=3, parts=[])"
    assert dataclasses.replace(value, size=4) == kind(name="a", size=4)
    assert dataclasses.asdict(value) == {"name": "a", "size": 3, "parts": []}
    with pytest.raises(TypeError, match="unhashable"):
        hash(value)
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'name'"):
        kind(size=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        kind(name="a", colour="red")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="positional argument"):
        kind("a")  # type: ignore[call-arg]


@pytest.mark.parametrize("kind", [Ours, OursWritten, Standard])
def test_it_stays_as_it_was_made(kind: type[Ours | OursWritten | Standard]) -> None:
    value = kind(name="a")
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'size'"):
        value.size = 4  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'size'"):
        del value.size
    with pytest.raises((AttributeError, TypeError)):
        value.colour = "red"  # type: ignore[union-attr]
    assert not hasattr(value, "__dict__")
    assert value == kind(name="a")


@pytest.mark.parametrize("kind", [Ours, OursWritten, Standard])
def test_it_can_be_copied_and_pickled(kind: type[Ours | OursWritten | Standard]) -> None:
    value = kind(name="a", parts=["b"])
    assert copy.copy(value) == copy.deepcopy(value) == pickle.loads(pickle.dumps(value)) == value


def test_its_signature_and_types_are_the_standard_ones() -> None:
    ours, standard = (inspect.signature(kind).parameters for kind in (Ours, Standard))
    assert [(each.name, each.kind) for each in ours.values()] == [
        (each.name, each.kind) for each in standard.values()
    ]
    assert ours["size"].default == standard["size"].default == 3
    assert typing.get_type_hints(Ours.__init__) == typing.get_type_hints(Standard.__init__)
    assert Pair.__match_args__ == ("left", "right")


def test_own_methods_are_kept_and_inherited_fields_come_first() -> None:
    assert repr(Pair(1)) == "1..2"
    assert repr(Triple(1)) == "Triple(left=1, right=2, third=3)"
    assert Triple(1, 2, 5).third == 5
    assert Triple(1) != Pair(1)
    assert {Pair(1), Pair(1), Pair(0)} == {Pair(0), Pair(1)}
    with pytest.raises(ValueError, match="wrong way"):
        Triple(3, 1)
    assert Nothing() == Nothing()
    assert hash(Nothing()) == hash(Nothing())


@dataclass(frozen=True, slots=True)
class Account:
    """Has what is not for everybody's eyes."""

    name: str
    token: str = field(repr=False)
    seen: int = field(default=0, compare=False)


def test_what_is_not_to_be_shown_or_compared_is_not() -> None:
    assert repr(Account("a", "secret")) == "Account(name='a', seen=0)"
    assert Account("a", "secret", 1) == Account("a", "secret", 2) != Account("a", "other", 1)
    assert hash(Account("a", "secret", 1)) == hash(Account("a", "secret", 2))


def test_its_init_is_written_when_it_has_had_some_values() -> None:
    @dataclass(frozen=True, slots=True)
    class Late:
        """Made late."""

        at: int
        to: int = 0

    assert Late(1).at == 1
    assert not inspect.isfunction(vars(Late)["__init__"])
    assert [Late(at, to=2) for at in range(20)] == [Late(at, 2) for at in range(20)]
    assert inspect.isfunction(vars(Late)["__init__"])


@pytest.mark.parametrize(
    ("ordered", "named", "said"),
    [
        ((), {}, "missing 1 required positional argument: 'left'"),
        ((1, 2, 3), {}, "takes from 2 to 3 positional arguments but 4 were given"),
        ((1,), {"left": 1}, "multiple values for argument 'left'"),
        ((1,), {"middle": 1}, "unexpected keyword argument 'middle'"),
    ],
)
@pytest.mark.parametrize("values", [0, 20])
def test_what_it_cannot_be_made_of_is_said_as_python_says_it(
    ordered: tuple[int, ...], named: dict[str, int], said: str, values: int
) -> None:
    @dataclass(frozen=True, slots=True)
    class Twin:
        """As a pair, and new."""

        left: int
        right: int = 2

    for _ in range(values):
        Twin(1)
    with pytest.raises(TypeError, match=said):
        Twin(*ordered, **named)


def test_what_it_does_not_offer_is_refused() -> None:
    with pytest.raises(TypeError, match="not offered"):

        @dataclass(frozen=True, slots=True)
        class Later:
            """Not filled in when it is made."""

            at: int = field(init=False)


def test_what_is_not_frozen_is_the_standard_one() -> None:
    @dataclass(slots=True)
    class Counter:
        """Counts."""

        count: int = 0

    counter = Counter()
    counter.count += 1
    assert counter == Counter(1)
    assert repr(counter).endswith("Counter(count=1)")
