"""`dataclass` for frozen values: the standard one's, made sooner.

The standard one writes up to seven methods of every class as source text and compiles them, which for
150 classes took a sixth of the time until the screen was there. Here a class has only its `__init__`
written, and that when it has had a few values; the other methods are the same for all and find the
fields when they are called. What it makes is a standard dataclass otherwise: `replace`, `fields`,
`asdict`, defaults, factories, `__post_init__`.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["dataclass"]

_BY_HAND = 8
"""So many values of a class are filled in by hand, before it pays to write its `__init__` (0.3 ms)."""

T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(
        *, frozen: bool = False, slots: bool, kw_only: bool = False, eq: bool = True
    ) -> Callable[[type[T]], type[T]]:
        """As the standard one, which makes what is not frozen."""
        if frozen:
            return partial(_value, kw_only=kw_only)
        return dataclasses.dataclass(slots=slots, kw_only=kw_only, eq=eq)


def _value(stated: type[T], *, kw_only: bool) -> type[T]:
    made: Any = dataclasses.dataclass(
        init=False, repr=False, eq=False, slots=True, kw_only=kw_only
    )(stated)
    fields = dataclasses.fields(made)
    if not all(field.init and field.hash is None for field in fields):
        raise TypeError("`init` and `hash` of a field are not offered here")
    if "__init__" not in stated.__dict__:
        made.__init__ = _Unwritten(made, fields)
    for method in _shared(fields):
        if method.__name__ not in stated.__dict__:
            method.__qualname__ = f"{made.__qualname__}.{method.__name__}"
            setattr(made, method.__name__, method)
    value: type[T] = made
    return value


class _Unwritten:
    """Stands for `__init__` until it pays to write the real one, and gives its place to that. Most
    classes have no value before the first paint, and others a handful.
    """

    def __init__(self, made: Any, fields: tuple[Field[Any], ...]) -> None:
        self._made, self._fields = made, fields
        self._slowly = _BY_HAND
        self._puts: list[tuple[str, Callable[[Any, Any], None], Any, Any]] = []
        self._in_order: list[str] = []

    def __get__(self, value: object, kind: type[Any]) -> Any:
        if value is None or not self._slowly:
            return self._written().__get__(value, kind)
        if self._slowly == _BY_HAND:
            self._in_order = [field.name for field in self._fields if not field.kw_only]
            self._puts = [
                (
                    each.name,
                    getattr(self._made, each.name).__set__,
                    each.default,
                    each.default_factory,
                )
                for each in self._fields
            ]
        self._slowly -= 1
        return partial(self._make, value)

    def _make(self, value: Any, /, *ordered: Any, **named: Any) -> None:
        if not self._filled(value, ordered, named):
            self._written()(value, *ordered, **named)  # it says what is wrong
        elif hasattr(value, "__post_init__"):
            value.__post_init__()

    def _filled(self, value: Any, ordered: tuple[Any, ...], named: dict[str, Any]) -> bool:
        """Whether it could be made of this."""
        given = dict(zip(self._in_order, ordered, strict=False)) | named
        if len(given) < len(ordered) + len(named):
            return False
        used = 0
        for name, put, default, factory in self._puts:
            if name in given:
                used += 1
                put(value, given[name])
            elif default is not MISSING:
                put(value, default)
            elif factory is not MISSING:
                put(value, factory())
            else:
                return False
        return used == len(given)

    def _written(self) -> Any:
        written = _init_of(self._made, self._fields)
        written.__qualname__ = f"{self._made.__qualname__}.__init__"
        self._made.__init__ = written
        return written


def _init_of(made: Any, fields: tuple[Field[Any], ...]) -> Callable[..., None]:
    """The one method that is written: nothing else is as quick to call with names and defaults."""
    known: dict[str, Any] = {"_unset": object()}
    taken, body = ["self"], []
    for field in sorted(fields, key=lambda field: bool(field.kw_only)):
        name, taken_as = field.name, field.name
        known[f"_put_{name}"] = getattr(made, name).__set__
        if field.kw_only and "*" not in taken:
            taken.append("*")
        if field.default is not MISSING:
            known[f"_default_{name}"] = field.default
            taken_as = f"{name}=_default_{name}"
        elif field.default_factory is not MISSING:
            known[f"_make_{name}"] = field.default_factory
            taken_as = f"{name}=_unset"
            body.append(f"if {name} is _unset: {name} = _make_{name}()")
        taken.append(taken_as)
        body.append(f"_put_{name}(self, {name})")
    if hasattr(made, "__post_init__"):
        body.append("self.__post_init__()")
    # inside a function, so that its globals are those of the module in which its types have names
    inner = f" def __init__({', '.join(taken)}):\n  " + "\n  ".join(body or ["pass"])
    text = f"def outer({', '.join(known)}):\n{inner}\n return __init__"
    found: dict[str, Any] = {}
    exec(text, vars(sys.modules[made.__module__]), found)  # noqa: S102 - as the standard one does
    init: Callable[..., None] = found["outer"](**known)
    init.__annotations__ = {field.name: field.type for field in fields} | {"return": None}
    return init


def _shared(fields: tuple[Field[Any], ...]) -> tuple[Callable[..., Any], ...]:
    """Of a value with these fields."""
    names = [field.name for field in fields]
    compared = [field.name for field in fields if field.compare]
    said = [field.name for field in fields if field.repr]
    # `attrgetter` needs a name, and answers with no tuple when it has just one: equal all the same
    key: Callable[[Any], Any] = attrgetter(*compared) if compared else lambda _: ()

    def __eq__(self: Any, other: object) -> bool:  # noqa: N807
        if other.__class__ is not self.__class__:
            return NotImplemented
        return bool(key(self) == key(other))

    def __hash__(self: Any) -> int:  # noqa: N807
        return hash(key(self))

    def __repr__(self: Any) -> str:  # noqa: N807
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in said)
        return f"{self.__class__.__qualname__}({shown})"

    def __setattr__(self: Any, name: str, value: object) -> None:  # noqa: ARG001, N807
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self: Any, name: str) -> None:  # noqa: ARG001, N807
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __getstate__(self: Any) -> list[object]:  # noqa: N807
        return [getattr(self, name) for name in names]

    def __setstate__(self: Any, state: list[object]) -> None:  # noqa: N807
        for name, value in zip(names, state, strict=True):
            object.__setattr__(self, name, value)

    return __eq__, __hash__, __repr__, __setattr__, __delattr__, __getstate__, __setstate__
