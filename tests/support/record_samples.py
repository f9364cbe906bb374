"""One sample and one hypothesis strategy for every record class, built from its type hints."""

import types
import typing
from collections.abc import Iterator
from typing import Any, Literal, NewType

import msgspec
from hypothesis import strategies as st


def sample(kind: Any, name: str = "", number: int = 1, default: Any = None) -> Any:
    """Return a value of the type `kind` in which every field differs from its default."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(kind, NewType):
        return f"{name or 'id'}-{number}"
    if origin is Literal:
        return next(a for a in args if a != default)
    if origin in (typing.Union, types.UnionType):
        return sample(next(a for a in args if a is not type(None)), name, number)
    if origin is tuple and args[-1] is not ...:
        return tuple(sample(arg, name, n) for n, arg in enumerate(args, start=1))
    if origin is tuple:
        return tuple(sample(args[0], name, n) for n in (1, 2))
    if origin is dict:
        return {sample(args[0], name, n): sample(args[1], name, n) for n in (1, 2)}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        defaults = {f.name: f.default for f in msgspec.structs.fields(kind)}
        return kind(**{f: sample(t, f, i, defaults[f]) for i, (f, t) in enumerate(fields(kind), start=1)})
    simple: dict[Any, Any] = {
        str: f"{name}-{number} é 客",
        int: number + 40,
        float: 1_700_000_000.25 + number,
        bool: True,
        bytes: bytes([0, 200, number]),
    }
    return simple[kind]


def anything(kind: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for all values of the type `kind` that can be written down."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(kind, NewType):
        return anything(kind.__supertype__)
    if origin is Literal:
        return st.sampled_from(args)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([anything(a) for a in args])
    if origin is tuple and args[-1] is not ...:
        return st.tuples(*(anything(arg) for arg in args))
    if origin is tuple:
        return st.lists(anything(args[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(anything(args[0]), anything(args[1]), max_size=3)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return st.builds(kind, **{f: anything(t) for f, t in fields(kind)})
    simple: dict[Any, st.SearchStrategy[Any]] = {
        str: st.text(),
        int: st.integers(-(2**63), 2**63 - 1),
        float: st.floats(allow_nan=False, allow_infinity=False),
        bool: st.booleans(),
        bytes: st.binary(),
        type(None): st.none(),
    }
    return simple[kind]


def fields(kind: type[msgspec.Struct]) -> Iterator[tuple[str, Any]]:
    hints = typing.get_type_hints(kind)
    return ((f, hints[f]) for f in kind.__struct_fields__)
