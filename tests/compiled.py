"""The schemas of an OpenAPI 3.0 description, compiled; openapi-core's own validator runs where something is wrong.

openapi-core finds the operation, the parameters, the credentials and the schema of a body; to hold a page of a
thousand records against its schema takes it seconds. So each schema is translated into JSON Schema (draft 4), which
jsonschema-rs compiles once, and openapi-core's validator runs where that one refuses a value. What it then says
counts: a value is refused by both or by none.

What the two must not differ in is what the compiled one lets through, so the translation is exact:

1. Every value is looked at whole, each time: nothing is remembered by its shape.
2. A keyword that is not known here ends the run instead of being left out.
3. Formats and patterns are judged by the very functions that openapi-core has.
4. `test_openapi.py` spoils recorded replies and requests in thousands of ways, and compares both verdicts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final

import jsonschema_rs
from jsonschema_path import SchemaPath
from openapi_core import V30RequestValidator, V30ResponseValidator
from openapi_core.validation.schemas import oas30_read_schema_validators_factory, oas30_write_schema_validators_factory
from openapi_core.validation.schemas.factories import SchemaValidatorsFactory
from openapi_core.validation.schemas.validators import SchemaValidator

__all__ = ["Compiled", "Requests", "Responses", "translated"]

#: keywords that say nothing of a value
_SILENT: Final = frozenset({"description", "example", "title", "default", "deprecated"})
#: those that mean in OpenAPI 3.0 what they mean in draft 4
_SAME: Final = frozenset(
    {"$ref", "enum", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems"}
)
_SCHEMAS: Final = frozenset({"allOf", "anyOf", "oneOf"})


def translated(schema: Mapping[str, Any], *, write: bool) -> dict[str, Any]:
    """A schema of OpenAPI 3.0 in draft 4; `write` where it is a request's, in which nothing may be read-only."""
    made: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in _SAME:
            assert keyword != "$ref" or len(schema) == 1, "beside a reference nothing counts in draft 4"
            made[keyword] = value
        elif keyword in _SCHEMAS:
            made[keyword] = [translated(inner, write=write) for inner in value]
        elif keyword == "type":
            made["type"] = [value, "null"] if schema.get("nullable") is True else value
        elif keyword == "properties":
            made["properties"] = {name: translated(inner, write=write) for name, inner in value.items()}
        elif keyword == "items":
            made["items"] = translated(value, write=write)
        elif keyword == "additionalProperties":
            made[keyword] = value if isinstance(value, bool) else translated(value, write=write)
        elif keyword == "required":
            inner = schema.get("properties", {})
            needed = [name for name in value if not (write and inner.get(name, {}).get("readOnly", False))]
            made |= {"required": needed} if needed else {}
        elif keyword == "readOnly":
            made |= {"not": {}} if write and value else {}
        elif keyword in {"format", "pattern"}:
            made.setdefault("allOf", []).append({"format": f"{keyword} {value}"})
        else:
            assert keyword in _SILENT or keyword == "nullable", f"what does {keyword} mean?"
    return made


class Compiled(SchemaValidator):
    """A validator of openapi-core behind a compiled one, which knows at once what is right."""

    def __init__(self, factory: Factory, spec: SchemaPath, schema: SchemaPath) -> None:
        self.schema = schema
        self._factory = factory
        self._spec = spec

    @cached_property
    def validator(self) -> Any:
        """That of openapi-core."""
        return self._factory.slow.create(self._spec, self.schema).validator

    @cached_property
    def is_valid(self) -> Callable[[Any], bool]:
        """Whether the compiled schema has nothing against a value."""
        with self.schema.resolve() as resolved:
            own: Any = resolved.contents
        whole = {**self._factory.described(self._spec), "allOf": [self._factory.draft4(own)]}
        return jsonschema_rs.Draft4Validator(whole, formats=self._factory.formats, validate_formats=True).is_valid

    def validate(self, value: Any) -> None:
        """Raises what openapi-core raises."""
        try:
            right = self.is_valid(value)
        except ValueError:  # half a character, say, is nothing that Rust can hold
            right = False
        if not right:
            super().validate(value)


class Factory(SchemaValidatorsFactory):
    """Makes one validator for each place in the description, where openapi-core makes one for each value."""

    def __init__(self, slow: SchemaValidatorsFactory, *, write: bool) -> None:
        super().__init__(slow.schema_validator_cls)
        self.slow = slow
        self.write = write
        self.formats: dict[str, Callable[[str], bool]] = {}
        self._made: dict[SchemaPath, Compiled] = {}
        self._described: dict[str, Any] = {}

    def create(self, spec: SchemaPath, schema: SchemaPath, *_: Any, **__: Any) -> Compiled:
        """The validator of this place."""
        if schema not in self._made:
            self._made[schema] = Compiled(self, spec, schema)
        return self._made[schema]

    def draft4(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """A schema in draft 4."""
        made = translated(schema, write=self.write)
        self._learn(made)
        return made

    def described(self, spec: SchemaPath) -> dict[str, Any]:
        """All schemas that one may refer to, at their places."""
        if not self._described:
            with (spec / "components" / "schemas").resolve() as resolved:
                schemas: Any = resolved.contents
            found = {name: self.draft4(schema) for name, schema in schemas.items()}
            self._described = {"components": {"schemas": found}}
        return self._described

    def _learn(self, made: Any) -> None:
        """The functions of the formats and patterns in it."""
        if isinstance(made, list):
            for inner in made:
                self._learn(inner)
        elif isinstance(made, dict):
            for key, inner in made.items():
                if key == "format" and isinstance(inner, str):
                    self.formats[inner] = self._judging(*inner.split(" ", 1))
                else:
                    self._learn(inner)

    def _judging(self, kind: str, name: str) -> Callable[[str], bool]:
        if kind == "pattern":
            return lambda value: re.search(name, value) is not None
        return lambda value: bool(self.format_checker.conforms(value, name))


class Requests(V30RequestValidator):
    """openapi-core's validator of requests, compiled."""

    schema_validators_factory = Factory(oas30_write_schema_validators_factory, write=True)


class Responses(V30ResponseValidator):
    """openapi-core's validator of replies, compiled."""

    schema_validators_factory = Factory(oas30_read_schema_validators_factory, write=False)
