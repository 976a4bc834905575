"""A small reader of GraphQL: one query with its variables becomes a tree of fields; values only, no schema.

What the emulator's two queries do not need (fragments, directives, mutations) is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

__all__ = ["Field", "Unreadable", "read"]


class Unreadable(Exception):
    """The text is no query, or one that this reader does not know."""


@attrs.frozen(kw_only=True)
class Field:
    """A field that is asked for: how the reply calls it, its arguments, and what is asked of it."""

    name: str
    alias: str
    arguments: Mapping[str, Any] = attrs.field(factory=dict, hash=False)
    fields: tuple[Field, ...] = ()


_TOKENS: Final = re.compile(
    r"""[\s,\ufeff]+|\#[^\n\r]*|(?P<spread>\.\.\.)|(?P<mark>[!$()\[\]{}:=|&@])"""
    r"""|(?P<text>"(?:[^"\\\n]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<name>[_A-Za-z]\w*)""",
)
_CONSTANTS: Final[Mapping[str, Any]] = {"true": True, "false": False, "null": None}
# So deep that no honest query comes near, and no other exhausts the stack.
_DEPTH: Final = 32


class _Reader:
    """The tokens that are left, and the variables."""

    def __init__(self, text: str, variables: Mapping[str, Any]) -> None:
        self._variables = dict(variables)
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text):
            found = _TOKENS.match(text, at)
            if found is None:
                raise Unreadable(f"Syntax Error: Unexpected character: {text[at]!r}.")
            if found.lastgroup is not None:
                self._tokens.append((found.lastgroup, found.group()))
            at = found.end()
        self._tokens.append(("end", "<EOF>"))
        self._at = 0

    def _peek(self) -> str:
        return self._tokens[self._at][1]

    def _take(self, expected: str | None = None) -> str:
        kind, text = self._tokens[self._at]
        if (expected is None and kind != "name") or (expected is not None and text != expected):
            raise Unreadable(f"Syntax Error: Expected {expected or 'Name'}, found {text}.")
        self._at += 1
        return text

    def _has(self, mark: str) -> bool:
        if self._peek() != mark:
            return False
        self._at += 1
        return True

    def query(self) -> tuple[Field, ...]:
        """The fields of the query."""
        if self._peek() != "{":
            if (kind := self._take()) != "query":
                raise Unreadable(f"{kind} is not understood here: expected one query")
            if self._peek() not in {"(", "{"}:
                self._take()
            if self._has("("):
                self._declarations()
        fields = self._selection(0)
        if self._tokens[self._at][0] != "end":
            raise Unreadable(f"{self._peek()} is not understood here: expected one query")
        return fields

    def _declarations(self) -> None:
        while not self._has(")"):
            self._take("$")
            name = self._take()
            self._take(":")
            required = self._type()
            if self._has("="):
                default = self._value(0)
                self._variables.setdefault(name, default)
            elif required and self._variables.get(name) is None:
                raise Unreadable(f'Variable "${name}" of required type was not provided.')
            else:
                self._variables.setdefault(name, None)

    def _type(self) -> bool:
        if self._has("["):
            self._type()
            self._take("]")
        else:
            self._take()
        return self._has("!")

    def _selection(self, depth: int) -> tuple[Field, ...]:
        if depth > _DEPTH:
            raise Unreadable("The query is nested too deeply.")
        self._take("{")
        fields: list[Field] = []
        while not self._has("}"):
            if self._peek() in {"...", "@"}:
                raise Unreadable("Fragments and directives are not understood here.")
            alias = name = self._take()
            if self._has(":"):
                name = self._take()
            arguments = self._arguments() if self._has("(") else {}
            inner = self._selection(depth + 1) if self._peek() == "{" else ()
            fields.append(Field(name=name, alias=alias, arguments=arguments, fields=inner))
        return tuple(fields)

    def _arguments(self) -> dict[str, Any]:
        given: dict[str, Any] = {}
        while not self._has(")"):
            name = self._take()
            self._take(":")
            given[name] = self._value(0)
        return given

    def _value(self, depth: int) -> Any:
        if depth > _DEPTH:
            raise Unreadable("The query is nested too deeply.")
        kind, text = self._tokens[self._at]
        if text == "$":
            self._at += 1
            name = self._take()
            if name not in self._variables:
                raise Unreadable(f'Variable "${name}" is not defined.')
            return self._variables[name]
        if text == "[":
            self._at += 1
            values = []
            while not self._has("]"):
                values.append(self._value(depth + 1))
            return values
        if text == "{":
            self._at += 1
            given: dict[str, Any] = {}
            while not self._has("}"):
                name = self._take()
                self._take(":")
                given[name] = self._value(depth + 1)
            return given
        if kind not in {"text", "number", "name"}:
            raise Unreadable(f"Syntax Error: Unexpected {text}.")
        self._at += 1
        if kind == "text":
            return re.sub(r"\\(.)", r"\1", text[1:-1])
        if kind == "number":
            return float(text) if set(text) & set(".eE") else int(text)
        return _CONSTANTS.get(text, text)


def read(text: Any, variables: Any) -> tuple[Field, ...]:
    """The fields that a query asks for, with its variables put in their places.

    Raises:
        Unreadable: it is no query; the words say why.
    """
    if not isinstance(text, str) or not isinstance(variables, Mapping | None):
        raise Unreadable("Expected an object with the query, a text, and its variables, an object.")
    return _Reader(text, variables or {}).query()
