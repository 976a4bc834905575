"""The models as plain data in the wire's own forms, both ways (cattrs); no I/O, and no knowledge of actions.

    {"ttl": "300", "auto_ttl": 0}  --structure-->    Record(ttl=300, auto_ttl=False)
                                   <--unstructure--

`models.Form` names the forms, and this module carries them out.
It reads more than it writes: a number where text is documented, `""` where a number is missing, an
empty list where PHP meant an empty mapping; what cannot be read is told by field, never by value.
"""

from __future__ import annotations

import functools
import operator
import re
import types
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Union, cast, get_args, get_origin

import attrs

from . import models

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["WHOLE", "Mismatch", "converter", "explained", "natural", "structure", "to_str", "unstructure"]

Plain = dict[str, Any]


class Mismatch(ValueError):
    """A value that cannot be what its field says; its text names the kind of value, never the value."""

    def __init__(self, expected: str, value: object) -> None:
        super().__init__(f"expected {expected}, got {type(value).__name__}")


def to_str(value: Any, _: object = None) -> str:
    """Text, from text or from a whole number: some replies have ids as numbers."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise Mismatch("text", value)


WHOLE = re.compile(r"\s*-?\d{1,19}\s*", re.ASCII)


def _to_int(value: Any, _: object = None) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and WHOLE.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise Mismatch("a whole number", value)


_BOOLS: Final[Mapping[object, bool]] = {
    "0": False,
    "1": True,
    "false": False,
    "true": True,
    "off": False,
    "on": True,
}


def _to_bool(value: Any, _: object = None) -> bool:
    # Nearly always it is one of these texts as they stand.
    found = _BOOLS.get(value) if type(value) is str else None
    if found is None and isinstance(value, (int, str)):
        found = _BOOLS.get(str(value).strip().lower())
    if found is None:
        raise Mismatch("a bool, 0 or 1", value)
    return found


_DECIMAL = re.compile(r"\s*-?\d{1,300}(?:\.\d{1,300})?\s*", re.ASCII)


def _to_float(value: Any, _: object = None) -> float:
    # A whole number stays one: 38 is not written back as 38.0.
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return float(value)
    raise Mismatch("a number", value)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _time(value: Any, unit: int) -> datetime:
    """The time that is so many units (of so many microseconds) after 1970."""
    try:
        return _EPOCH + timedelta(microseconds=_to_int(value) * unit)
    except OverflowError:
        raise Mismatch("a time", value) from None


def _count(value: datetime, unit: int) -> int:
    return (value - _EPOCH) // timedelta(microseconds=unit)


_SECOND: Final = 1_000_000
_MILLISECOND: Final = 1_000


def _to_expiry(value: Any, _: object = None) -> datetime | bool:
    number = int(value) if isinstance(value, bool) else _to_int(value)
    return bool(number) if number in {0, 1} else _time(number, _SECOND)


def _from_expiry(value: datetime | bool) -> int:
    return int(value) if isinstance(value, bool) else _count(value, _SECOND)


def _to_array(value: Any, _: object = None) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(to_str(item) for item in value)
    inner = to_str(value).strip().removeprefix("{").removesuffix("}")
    return tuple(part.strip().strip('"') for part in inner.split(",") if part.strip())


def _from_array(value: tuple[str, ...]) -> str | None:
    return "{" + ",".join(value) + "}" if value else None


def _is_optional(type_: Any) -> bool:
    args = get_args(type_)
    return get_origin(type_) in {Union, types.UnionType} and len(args) == 2 and types.NoneType in args


def _inner(type_: Any) -> Any:
    return next(arg for arg in get_args(type_) if arg is not types.NoneType)


def _form_of(type_: Any) -> models.Form | None:
    marks = getattr(type_, "__metadata__", ())
    return next((mark for mark in marks if isinstance(mark, models.Form)), None)


_READ_FORM: Final[Mapping[models.Form, Callable[[Any, Any], Any]]] = {
    models.Form.SECONDS: lambda value, _: _time(value, _SECOND),
    models.Form.TEXT_SECONDS: lambda value, _: _time(value, _SECOND),
    models.Form.MILLISECONDS: lambda value, _: _time(value, _MILLISECOND),
    models.Form.EXPIRY: _to_expiry,
    models.Form.ARRAY_TEXT: _to_array,
}

_WRITE_FORM: Final[Mapping[models.Form, Callable[[Any], Any]]] = {
    models.Form.TEXT: lambda value: str(int(value)),
    models.Form.BIT: int,
    models.Form.SECONDS: lambda value: _count(value, _SECOND),
    models.Form.TEXT_SECONDS: lambda value: str(_count(value, _SECOND)),
    models.Form.MILLISECONDS: lambda value: _count(value, _MILLISECOND),
    models.Form.EXPIRY: _from_expiry,
    models.Form.ARRAY_TEXT: _from_array,
    models.Form.NULL_IF_EMPTY: lambda value: list(value) or None,
}

_SCALARS: Final[Mapping[type, Callable[[Any, Any], Any]]] = {
    str: to_str,
    int: _to_int,
    bool: _to_bool,
    float: _to_float,
}


_OPEN: Final[Mapping[type, Callable[[Any, Any], Any]]] = {
    models.OpenStr: lambda value, type_: type_(to_str(value)),
    models.OpenInt: lambda value, type_: type_(_to_int(value)),
    models.Minify: lambda value, type_: type_(_to_int(value)),
}


def _optional_in(type_: Any, conv: Converter) -> Callable[[Any, Any], Any]:
    inner = _inner(type_)
    hook = conv.get_structure_hook(inner)
    nothing: tuple[Any, ...] = (None,) if inner is str else (None, "")
    return lambda value, _: None if value in nothing else hook(value, inner)


def _optional_out(type_: Any, conv: Converter) -> Callable[[Any], Any]:
    hook = conv.get_unstructure_hook(_inner(type_))
    return lambda value: None if value is None else hook(value)


def _has_form(type_: Any) -> bool:
    return _form_of(type_) is not None


def _form_in(type_: Any, conv: Converter) -> Callable[[Any, Any], Any]:
    read = _READ_FORM.get(cast("models.Form", _form_of(type_)))
    if read is not None:
        return read
    plain = type_.__origin__
    hook = conv.get_structure_hook(plain)
    return hook if plain in _SCALARS else lambda value, _: hook(value, plain)


def _form_out(type_: Any) -> Callable[[Any], Any]:
    return _WRITE_FORM[cast("models.Form", _form_of(type_))]


def _is_tuple(type_: Any) -> bool:
    return getattr(type_, "__origin__", None) is tuple and not _has_form(type_)


def _tuple_in(type_: Any, conv: Converter) -> Callable[[Any, Any], Any]:
    of_list = types.GenericAlias(list, (type_.__args__[0],))
    hook = conv.get_structure_hook(of_list)

    def convert(value: Any, _: object) -> tuple[Any, ...]:
        if not value:
            return ()
        if isinstance(value, dict):  # PHP's array with holes
            value = list(value.values())
        if not isinstance(value, list):
            raise Mismatch("a list", value)
        return tuple(hook(value, of_list))

    return convert


def _is_mapping(type_: Any) -> bool:
    return getattr(type_, "__origin__", None) is Mapping


def _object(value: Any, _: object = None) -> Plain:
    """A JSON object; the service is written in PHP, whose empty mapping is an empty list in JSON."""
    if isinstance(value, dict):
        return value
    if value is None or value == []:
        return {}
    raise Mismatch("an object", value)


def _is_model(type_: Any) -> bool:
    return attrs.has(getattr(type_, "__origin__", type_))


def _key(attribute: str) -> str:
    return "async" if attribute == "async_" else attribute


def _is_ours(field: attrs.Attribute[Any]) -> bool:
    return "ours" in field.metadata


def _class_in(type_: Any, conv: Converter) -> Callable[[Any, Any], Any]:
    from cattrs.gen import make_dict_structure_fn, override

    fields = attrs.fields(getattr(type_, "__origin__", type_))
    renamed: Any = {field.name: override(rename=_key(field.name), omit=_is_ours(field)) for field in fields}
    required = {_key(field.name) for field in fields if field.default is attrs.NOTHING}
    hook = make_dict_structure_fn(type_, conv, **renamed)

    def convert(value: Any, _: object) -> Any:
        # What is null and has a default is as good as left out.
        return hook({key: item for key, item in _object(value).items() if item is not None or key in required}, type_)

    return _with_extra(type_, conv, convert) if "extra" in renamed else convert


def _with_extra(type_: Any, conv: Converter, convert: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The same for a class that keeps in `extra` what it does not know or cannot read."""
    fields = attrs.fields(attrs.resolve_types(type_, include_extras=True))
    known = {_key(field.name): field.type for field in fields if field.name != "extra" and not _is_ours(field)}

    def readable(key: str, item: Any) -> bool:
        try:
            conv.structure(item, known[key])
        except Exception:  # whatever it is, it is kept as it came
            return False
        return True

    def divided(data: Plain, fit: Plain) -> Any:
        return convert({**fit, "extra": {key: item for key, item in data.items() if key not in fit}}, type_)

    def convert_with_extra(value: Any, _: object) -> Any:
        data = _object(value)
        try:
            if data.keys() <= known.keys():
                return convert(data, type_)
            return divided(data, {key: item for key, item in data.items() if key in known})
        except Exception:
            # One value that cannot be read must not hide the others.
            fit = {key: item for key, item in data.items() if key in known and readable(key, item)}
            return divided(data, fit)

    return convert_with_extra


def _class_out(type_: Any, conv: Converter) -> Callable[[Any], Plain]:
    from cattrs.gen import make_dict_unstructure_fn, override

    fields = attrs.fields(getattr(type_, "__origin__", type_))
    forms: Any = {
        field.name: override(rename=_key(field.name), omit_if_default="absent" in field.metadata, omit=_is_ours(field))
        for field in fields
    }
    hook = make_dict_unstructure_fn(type_, conv, **forms)

    def convert(value: Any) -> Plain:
        data = hook(value)
        extra = data.pop("extra", None)
        return {**extra, **data} if extra else data

    return convert


@functools.cache
def converter() -> Converter:
    """The converter, made when it is first needed: cattrs is loaded only then."""
    from cattrs import Converter

    conv = Converter(detailed_validation=True)
    for type_, read in {**_SCALARS, **_OPEN}.items():
        conv.register_structure_hook(type_, read)
    for type_ in _OPEN:
        conv.register_unstructure_hook(type_, operator.attrgetter("value"))
    conv.register_structure_hook_func(_is_mapping, _object)
    conv.register_structure_hook_factory(_is_model, _class_in)
    conv.register_unstructure_hook_factory(_is_model, _class_out)
    conv.register_structure_hook_factory(_is_tuple, _tuple_in)
    conv.register_structure_hook_factory(_is_optional, _optional_in)
    conv.register_unstructure_hook_factory(_is_optional, _optional_out)
    conv.register_structure_hook_factory(_has_form, _form_in)
    conv.register_unstructure_hook_factory(_has_form, _form_out)
    return conv


def structure(value: Any, type_: Any) -> Any:
    """The value of this type that the plain data say; raises what `explained` puts into words."""
    return converter().structure(value, type_)


def unstructure(value: Any, type_: Any) -> Any:
    """The plain data of a value of this type."""
    return converter().unstructure(value, unstructure_as=type_)


def explained(error: Exception) -> str:
    """Which fields are wrong and how, in one line; at most three of them."""
    from cattrs import ClassValidationError, IterableValidationError, transform_error
    from cattrs.v import format_exception

    def words(exc: BaseException, type_: type | None) -> str:
        return str(exc) if type(exc) is Mismatch else format_exception(exc, type_)

    if isinstance(error, ClassValidationError | IterableValidationError):
        reasons = transform_error(error, path="reply", format_exception=words)
        return "; ".join(reasons[:3])
    return (
        str(error)
        if isinstance(error, Mismatch)
        else f"the reply is not of the documented shape ({type(error).__name__})"
    )


@functools.cache
def _natural_converter() -> Converter:
    from cattrs import Converter
    from cattrs.gen import make_dict_unstructure_fn, override

    conv = Converter()

    def class_out(type_: Any) -> Callable[[Any], Plain]:
        names: Any = {field.name: override(rename=_key(field.name)) for field in attrs.fields(type_)}
        return make_dict_unstructure_fn(type_, conv, **names)

    conv.register_unstructure_hook_factory(attrs.has, class_out)
    conv.register_unstructure_hook(datetime, lambda value: value.isoformat().replace("+00:00", "Z"))
    for type_ in _OPEN:
        conv.register_unstructure_hook(type_, operator.attrgetter("value"))
    conv.register_unstructure_hook_func(
        _has_form, lambda value: list(value) if isinstance(value, tuple) else conv.unstructure(value)
    )
    return conv


def natural(value: Any) -> Any:
    """A value as plain data for reports and programs: numbers, booleans, ISO 8601 times; nothing left out."""
    return _natural_converter().unstructure(value)
