"""Which rules are checked, how bad they are, and what is known already: what `config.toml` says in [audit].

    [audit]
    select = ["mail", "ssl-", "high"]      # areas, ids or their beginnings, severities, or "all"
    ignore = ["dmarc-none"]                # wins over select

    [audit.severity]
    waf-off = "high"

    [[audit.exceptions]]
    zone = "example.com"
    rule = "origin-exposed"
    record = "direct.example.com"          # may be left out
    reason = "the honeypot"
    until = 2027-03-31                     # the last day on which it holds

What is selected is decided after severities are overridden. Nothing here does I/O but `read_policy`.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, overload

import attrs

from cfclient import shapes
from cfclient.errors import ConfigurationError, InvalidInput
from cfclient.private import unread

from .model import Check, Exemption, Rule, Severity
from .rules import AREAS, RULES

__all__ = ["KNOWN", "Policy", "joined", "parse_policy", "read_policy", "rule", "selected"]

#: every rule of ours, also those that are checked only where they are selected
KNOWN: Final[tuple[Rule, ...]] = tuple(rule for rules in AREAS.values() for rule in rules)
_BY_DEFAULT: Final = frozenset(rule.id for rule in RULES)


# -- rules of one's own ------------------------------------------------------------------------------


@overload
def rule(function: Check, /) -> Rule: ...


@overload
def rule(
    *,
    id: str | None = None,
    severity: Severity | str = Severity.MEDIUM,
    title: str | None = None,
    why: str = "",
    mend: str = "",
    source: str = "",
    needs: Iterable[str] = (),
    consults: Iterable[str] = (),
    follows: bool | Iterable[str] = False,
) -> Callable[[Check], Rule]: ...


def rule(
    function: Check | None = None,
    /,
    *,
    id: str | None = None,  # noqa: A002  the rule's own name for it
    severity: Severity | str = Severity.MEDIUM,
    title: str | None = None,
    why: str = "",
    mend: str = "",
    source: str = "",
    needs: Iterable[str] = (),
    consults: Iterable[str] = (),
    follows: bool | Iterable[str] = False,
) -> Rule | Callable[[Check], Rule]:
    """Makes a rule of a function over one zone; with or without brackets, as a decorator or called.

        @cfclient.rule(severity="low", needs=["ssl"])
        def no_ftp(zone):
            \"\"\"A name for FTP\"\"\"
            for record in zone.at(f"ftp.{zone.zone}", "A", "CNAME"):
                yield f"{record.name} is still there"

    Args:
        function: takes a `ZoneData`, and yields sentences, `Fault`s, or one `Unseen`.
        id: what the rule is called; the function's name with hyphens unless given.
        severity: how bad a finding is.
        title: what can be wrong, in a few words; the first line of the function's docstring unless given.
        why: what happens where nothing is done.
        mend: the call or the setting that mends it.
        source: the standard or the document that says so.
        needs: the fields of `ZoneSettings` without which nothing can be said.
        consults: the fields that are looked at where they are known.
        follows: whether it looks at `ZoneData.beyond`, which costs readings of the account's other zones: True for
            all of it, or which of "CNAME", "MX", "NS", "SRV" (where those lead) and "DMARC" (of the zones above).

    Raises:
        ConfigurationError: the id, the severity or a field is none.
    """

    def made(check: Check) -> Rule:
        name = getattr(check, "__name__", "")
        return Rule(
            id=name.strip("_").replace("_", "-") if id is None else id,
            severity=severity,
            title=(check.__doc__ or name).strip().split("\n")[0].rstrip(".") if title is None else title,
            why=why,
            mend=mend,
            source=source,
            check=check,
            needs=needs,
            consults=consults,
            follows=follows,
        )

    return made if function is None else made(function)


def joined(rules: Iterable[Rule], own: Iterable[Rule | Check]) -> tuple[Rule, ...]:
    """All of them, functions made into rules.

    Raises:
        ConfigurationError: two have the same id, which would mix up their findings and exceptions.
    """
    found = [*rules, *(one if isinstance(one, Rule) else rule(one) for one in own)]
    ids: set[str] = set()
    for one in found:
        if one.id in ids:
            raise ConfigurationError(f"there are two rules with the id {one.id!r}: give one of them another")
        ids.add(one.id)
    return tuple(found)


# -- selecting ---------------------------------------------------------------------------------------


def _matches(selector: str, one: Rule) -> bool:
    """Whether a word means this rule: its id or the beginning of it, its severity, its area, or all."""
    return (
        one.id.startswith(selector)
        or selector in {"all", one.severity.value}
        or any(one.id == other.id for other in AREAS.get(selector, ()))
    )


def _words(selectors: Iterable[str], rules: Sequence[Rule], what: str) -> tuple[str, ...]:
    """The words, each of which means at least one rule."""
    words = tuple(word for selector in selectors for part in selector.split(",") if (word := part.strip().lower()))
    severities = [severity.value for severity in Severity]
    for word in words:
        if word not in severities and not any(_matches(word, one) for one in rules):
            names = [*(one.id for one in rules), *AREAS, *severities, "all"]
            near = difflib.get_close_matches(word, names, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ConfigurationError(
                f"{what} {word!r} means no rule{hint}: expected an id or its beginning, "
                f"a severity, all, or an area: {', '.join(AREAS)}"
            )
    return words


def selected(rules: Iterable[Rule], select: Iterable[str] = (), ignore: Iterable[str] = ()) -> tuple[Rule, ...]:
    """The rules that are meant; without `select` all of them but the optional ones.

    Args:
        rules: those to choose from.
        select: ids or their beginnings, areas, severities, or all; each may be several with commas.
        ignore: the same, for what is left out all the same.

    Raises:
        ConfigurationError: a word means no rule.
    """
    rules = tuple(rules)
    chosen, left_out = _words(select, rules, "select"), _words(ignore, rules, "ignore")
    optional = {one.id for one in KNOWN} - _BY_DEFAULT
    return tuple(
        one
        for one in rules
        if (any(_matches(word, one) for word in chosen) if chosen else one.id not in optional)
        and not any(_matches(word, one) for word in left_out)
    )


# -- what config.toml says ---------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Policy:
    """What is checked, how bad it is, and what is known already."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    #: by the id of a rule
    severities: Mapping[str, Severity] = attrs.field(factory=dict, hash=False)
    exemptions: tuple[Exemption, ...] = ()

    def rules(
        self, known: Iterable[Rule] = KNOWN, *, select: Iterable[str] = (), ignore: Iterable[str] = ()
    ) -> tuple[Rule, ...]:
        """The rules to check, with their severities.

        Args:
            known: the rules that there are.
            select: instead of this policy's own, where any is given.
            ignore: beside this policy's own.

        Raises:
            ConfigurationError: a word or an override means no rule.
        """
        rules = tuple(known)
        for name in self.severities:
            _require(name, rules, "severity of")
        for one in self.exemptions:
            _require(one.rule, rules, f"exception in {one.zone} for")
        weighed = tuple(attrs.evolve(one, severity=self.severities.get(one.id, one.severity)) for one in rules)
        return selected(weighed, tuple(select) or self.select, (*self.ignore, *ignore))

    def expired(self, today: date) -> tuple[Exemption, ...]:
        """The exceptions that have run out."""
        return tuple(one for one in self.exemptions if one.until < today)


def _require(name: str, rules: Iterable[Rule], place: str) -> None:
    ids = [one.id for one in rules]
    if name not in ids:
        near = difflib.get_close_matches(name, ids, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ConfigurationError(f"{place} {name!r}: there is no such rule{hint}; cfclient rules lists them")


def _texts(table: Mapping[str, Any], key: str, place: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise ConfigurationError(f'{place}: {key}: expected a list of words such as ["mail", "high"]')
    return tuple(value)


_EXCEPTION: Final = {"zone": str, "rule": str, "reason": str, "until": date, "record": str}


def _exemptions(table: Mapping[str, Any], place: str) -> Iterator[Exemption]:
    entries = table.get("exceptions", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigurationError(f"{place}: exceptions: expected tables such as [[audit.exceptions]]")
    for number, entry in enumerate(entries, 1):
        at = f"{place}: exception {number}"
        if odd := sorted(entry.keys() - _EXCEPTION.keys()):
            raise ConfigurationError(f"{at}: {odd[0]!r} is not known; known are {', '.join(_EXCEPTION)}")
        for key, kind in _EXCEPTION.items():
            value = entry.get(key)
            # A datetime is a date, and says more than can be meant.
            if (value is None and key != "record") or (
                value is not None and (not isinstance(value, kind) or isinstance(value, datetime))
            ):
                like = "a day such as 2027-03-31" if kind is date else "text"
                raise ConfigurationError(f"{at}: {key}: expected {like}, got {value!r}")
            if value == "":
                raise ConfigurationError(f"{at}: {key} is empty")
        try:
            zone = shapes.domain_name(entry["zone"])
        except InvalidInput as error:
            raise ConfigurationError(f"{at}: {error.msg}") from None
        yield Exemption(**{**entry, "zone": zone})


def parse_policy(table: object, place: str = "config.toml") -> Policy:
    """The policy that a table says, as it stands under [audit].

    Raises:
        ConfigurationError: it is not of the shape that this module's docstring shows.
    """
    if not isinstance(table, dict):
        raise ConfigurationError(f"{place}: audit: expected a table such as [audit]")
    if odd := sorted(table.keys() - {"select", "ignore", "severity", "exceptions"}):
        raise ConfigurationError(
            f"{place}: audit: {odd[0]!r} is not known; known are select, ignore, severity, exceptions"
        )
    weights = table.get("severity", {})
    if not isinstance(weights, dict):
        raise ConfigurationError(f"{place}: severity: expected a table such as [audit.severity]")
    offer = [severity.value for severity in Severity]
    for name, value in weights.items():
        if value not in offer:
            raise ConfigurationError(f"{place}: severity of {name!r}: expected one of {', '.join(offer)}")
    return Policy(
        select=_texts(table, "select", place),
        ignore=_texts(table, "ignore", place),
        severities={name: Severity(value) for name, value in weights.items()},
        exemptions=tuple(_exemptions(table, place)),
    )


def read_policy(path: Path) -> Policy:
    """The policy of a `config.toml`; one that says nothing where there is no file.

    Raises:
        ConfigurationError: the file cannot be read, or its [audit] is not of the right shape.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Policy()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(unread(path, error)) from None
    return parse_policy(data.get("audit", {}), str(path))
