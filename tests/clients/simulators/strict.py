"""Holds JSON against Python types, exactly: unknown members, missing members and wrong types are problems, each with its place.

For the types in which vendors' libraries publish their wires (TypedDicts and pydantic models). Not pydantic's own reading: that
overlooks unknown members, converts, and leaves an `Iterable` unread."""

import base64
import binascii
import collections.abc
import datetime
import enum
import functools
import types
import typing

import pydantic
import typing_extensions

UNIONS = (typing.Union, types.UnionType)
LISTS = (list, collections.abc.Iterable, collections.abc.Sequence, tuple, set)
MAPS = (dict, collections.abc.Mapping)
MARKS = (typing_extensions.Required, typing_extensions.NotRequired, typing.Required, typing.NotRequired, typing_extensions.ReadOnly)
PLAIN = {str: (str,), bool: (bool,), int: (int,), float: (int, float), types.NoneType: (types.NoneType,)}


def problems(value, kind, at="$"):
    """What is wrong with `value` as a `kind`; nothing when nothing is."""
    kind = bare(kind)
    if kind in (typing.Any, object):
        return []
    origin = typing.get_origin(kind)
    if origin in UNIONS:
        return best(value, typing.get_args(kind), at)
    if origin is typing.Literal:
        wanted = typing.get_args(kind)
        return [] if any(value == one and type(value) is type(one) for one in wanted) else [f"{at}: {value!r} is none of {wanted}"]
    if origin in LISTS or kind in LISTS:
        return listed(value, (typing.get_args(kind) or (typing.Any,))[0], at)
    if origin in MAPS or kind in MAPS:
        return mapped(value, (typing.get_args(kind) or (str, typing.Any))[1], at)
    if typing_extensions.is_typeddict(kind) or (isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)):
        return members(value, kind, at)
    return single(value, kind, at)


def single(value, kind, at):
    if kind in PLAIN:
        right = isinstance(value, PLAIN[kind]) and (kind in (bool, types.NoneType) or not isinstance(value, bool))
        return [] if right else [f"{at}: {type(value).__name__} where {kind.__name__} is wanted"]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        words = [one.value for one in kind]
        # Google's are read in either case, here as there.
        same = str.upper if any(base.__name__ == "CaseInSensitiveEnum" for base in kind.__mro__) else str
        return [] if isinstance(value, str) and same(value) in words or value in words else [f"{at}: {value!r} is none of {words}"]
    if kind is bytes:
        return bytes_of(value, at)
    if kind in (datetime.datetime, datetime.date):
        return [] if isinstance(value, str) else [f"{at}: no time: {value!r}"]
    if isinstance(kind, typing.TypeVar):
        return []
    # What cannot be in JSON (files, streams, Python's own callables) is no way to say something on a wire.
    return [f"{at}: {type(value).__name__} is no {kind}"]


def bytes_of(value, at):
    try:
        base64.b64decode(value.replace("-", "+").replace("_", "/"), validate=True)
        return []
    except (AttributeError, binascii.Error, ValueError):
        return [f"{at}: no base64: {str(value)[:40]!r}"]


def best(value, kinds, at):
    """Nothing where one alternative fits; else what is wrong with the one that is meant: of the right `type` and `role`, with
    the fewest mistakes at the top."""
    found = [problems(value, kind, at) for kind in kinds]
    other = (f"{at}.type: ", f"{at}.role: ", f"{at}: ")
    return min(found, key=lambda them: (len(them) > 0, any(one.startswith(other) for one in them), len(them)))


def listed(value, kind, at):
    if not isinstance(value, list):
        return [f"{at}: {type(value).__name__} where a list is wanted"]
    return [problem for index, item in enumerate(value) for problem in problems(item, kind, f"{at}[{index}]")]


def mapped(value, kind, at):
    if not isinstance(value, dict):
        return [f"{at}: {type(value).__name__} where an object is wanted"]
    return [problem for name, item in value.items() for problem in problems(item, kind, f"{at}.{name}")]


def members(value, kind, at):
    if not isinstance(value, dict):
        return [f"{at}: {type(value).__name__} where {kind.__name__} is wanted"]
    known, required, others = shape(kind)
    found = [f"{at}: {kind.__name__} lacks `{name}`" for name in sorted(required - set(value))]
    for name, item in value.items():
        if name in known:
            found += problems(item, known[name], f"{at}.{name}")
        elif others is None:
            found.append(f"{at}.{name}: {kind.__name__} has no such member")
        else:
            found += problems(item, others, f"{at}.{name}")
    return found


@functools.cache
def shape(kind):
    """Members by name on the wire, which of them are required, and the type of all others where others may be."""
    if typing_extensions.is_typeddict(kind):
        return typing_extensions.get_type_hints(kind, include_extras=True), set(kind.__required_keys__), getattr(kind, "__extra_items__", None) if own_extra(kind) else None
    fields = kind.model_fields
    names = {name: field.serialization_alias or field.alias or name for name, field in fields.items()}
    # Where a model may be filled by its own names, the wire has them as well.
    both = kind.model_config.get("populate_by_name")
    known = {name: field.annotation for name, field in fields.items()} if both else {}
    required = {names[name] for name, field in fields.items() if field.is_required()}
    return known | {names[name]: field.annotation for name, field in fields.items()}, required, None


def own_extra(kind):
    extra = getattr(kind, "__extra_items__", None)
    return isinstance(extra, type) and extra is not typing_extensions.NoExtraItems


def bare(kind):
    """Without what is written around a type."""
    while True:
        origin = typing.get_origin(kind)
        if origin in (typing.Annotated, *MARKS) or origin is typing_extensions.Annotated:
            kind = typing.get_args(kind)[0]
        elif hasattr(kind, "__value__") and not isinstance(kind, type):
            kind = kind.__value__
        elif isinstance(kind, typing.NewType):
            kind = kind.__supertype__
        else:
            return kind
