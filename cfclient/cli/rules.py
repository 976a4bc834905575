"""The command `rules`, and the choice of rules that `audit` shares with it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import attrs
from cyclopts import Group, Parameter

from cfclient.audit import Exemption, Rule, Severity
from cfclient.audit.policy import KNOWN, Policy, read_policy
from cfclient.audit.rules import AREAS, OPTIONAL
from cfclient.connect import config_path
from cfclient.output import Entries, destination, write

from .options import DEFAULT_OUTPUT, Output, Usage, near, one_of, say

_RULES: Final = Group("Rules", sort_key=1)

_WORDS: Final = "ids or their beginnings (mx-), areas (mail), severities (high), or all, with commas"


RuleId = str
RuleWords = tuple[str, ...]
if not TYPE_CHECKING:
    RuleId = one_of(one.id for one in KNOWN)
    _Word = one_of((*AREAS, *(one.value for one in Severity), "all", *(one.id for one in KNOWN)))
    RuleWords = tuple[_Word, ...]


@Parameter(name="*", group=_RULES)
@attrs.frozen(kw_only=True)
class Choice:
    """Which rules, and what is known already."""

    select: Annotated[
        RuleWords,
        Parameter(
            help=f"Only these: {_WORDS}. Otherwise what [audit] in config.toml says, or ours.",
            show_default=False,
            show_choices=False,
        ),
    ] = ()
    ignore: Annotated[
        RuleWords,
        Parameter(help=f"Not these, beside what [audit] says: {_WORDS}.", show_default=False, show_choices=False),
    ] = ()
    policy: Annotated[Path | None, Parameter(help="A file whose [audit] is read instead of that of config.toml.")] = (
        None
    )

    def made(self) -> tuple[tuple[Rule, ...], tuple[Exemption, ...]]:
        """The rules and the exceptions; those that have run out are said."""
        if self.policy is not None and not self.policy.is_file():
            raise Usage(f"--policy {self.policy}: there is no such file")
        policy: Policy = read_policy(self.policy or config_path())
        for one in policy.expired(datetime.now(UTC).date()):
            say(f"the exception for {one.rule} in {one.zone} ran out on {one.until}: {one.reason}")
        return policy.rules(select=self.select, ignore=self.ignore), policy.exemptions


DEFAULT_CHOICE: Final = Choice()

_COLUMNS: Final = ("id", "severity", "area", "optional", "title")


@attrs.frozen(kw_only=True)
class Explained:
    """All that is to be said of a rule."""

    id: str
    severity: str
    area: str
    title: str
    why: str
    mend: str
    source: str
    needs: tuple[str, ...]
    #: whether it is checked only where it is selected
    optional: bool


_AREA_OF: Final = {one.id: area for area, members in AREAS.items() for one in members}
_OPTIONAL: Final = frozenset(one.id for one in OPTIONAL)


def _explained(rule: Rule) -> Explained:
    return Explained(
        id=rule.id,
        severity=rule.severity.value,
        area=_AREA_OF[rule.id],
        title=rule.title,
        why=rule.why,
        mend=rule.mend,
        source=rule.source,
        needs=rule.needs,
        optional=rule.id in _OPTIONAL,
    )


def rules(
    rule: Annotated[
        RuleId | None, Parameter(help="The id of a rule, to have all of it explained.", show_choices=False)
    ] = None,
    /,
    *,
    choice: Choice = DEFAULT_CHOICE,
    output: Output = DEFAULT_OUTPUT,
) -> int:
    """List the rules of the audit, or explain one.

    Optional rules are those that people disagree about: an audit checks
    them where --select names them.

    For example:

        cfclient rules
        cfclient rules origin-exposed
        cfclient rules --select mail,high --format json
    """
    chosen, _ = choice.made()
    if rule is None:
        # All of them, unless somebody chooses.
        shown = chosen if choice.select or choice.ignore else KNOWN
        weights = {one.id: one for one in chosen}
        found = [weights.get(one.id, one) for one in shown]
    else:
        found = [one for one in (*chosen, *KNOWN) if one.id == rule][:1]
        if not found and rule in AREAS:
            raise Usage(f"{rule} is an area of rules: cfclient rules --select {rule} lists them")
        if not found:
            raise Usage(f"there is no rule {rule!r}{near(rule, [one.id for one in KNOWN])}; cfclient rules lists them")
    with destination(output.output, output.format) as stream:
        if rule is not None:
            write(output.format, stream, _explained(found[0]))
        else:
            entries = Entries(output.format, stream, Explained, columns=_COLUMNS)
            for one in found:
                entries.add(_explained(one))
            entries.finish()
    return 0
