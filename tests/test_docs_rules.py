"""The pages on rules say what the rules say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from cfclient.audit.policy import KNOWN, parse_policy
from cfclient.audit.rules import AREAS, OPTIONAL

DOCS = Path(__file__).resolve().parents[1] / "docs"

HEAD = """# The rules of the audit

`cfclient rules` lists them and `cfclient rules ID` explains one.
A rule is not checked, and says why, where the service does not report what it looks at.
CNAMEs are followed into the account's other zones: all of them, or those that are named where any is.
Those marked "optional" are checked where they are selected by name.

`--select` and `--ignore` choose among them by ids or their beginnings, areas, severities, or `all`.
So does `config.toml`, or the file of `--policy FILE`:

```toml
[audit]
select = ["mail", "ssl-", "high"]
ignore = ["dmarc-none"]

[audit.severity]
waf-off = "high"

[[audit.exceptions]]
zone = "example.com"
rule = "origin-exposed"
record = "direct.example.com"  # may be left out
reason = "the honeypot"
until = 2027-03-31  # the last day on which it holds
```

A finding that an exception covers is counted as excepted; an exception that has run out covers nothing, and is said.

This page is made from the rules themselves: `python -m tests.test_docs_rules` writes it anew.
"""


def page() -> str:
    """The text of docs/rules.md."""
    parts = [HEAD]
    for area, rules in AREAS.items():
        parts.append(f"\n## {area}\n")
        for rule in rules:
            optional = ", optional" if rule in OPTIONAL else ""
            needs = f"Looks at: {', '.join(f'`{name}`' for name in rule.needs)}.\n" if rule.needs else ""
            parts.append(
                f"\n### {rule.id}\n\n"
                f"{rule.title} ({rule.severity.value}{optional}).\n{rule.why}\n{needs}"
                f"\n- Mend: {rule.mend}\n- Source: {rule.source}\n"
            )
    return "".join(parts)


def test_the_page_of_rules_is_made_from_the_rules() -> None:
    """Every one of them, by area."""
    assert page() == (DOCS / "rules.md").read_text(encoding="utf-8")


def test_the_policy_shown_is_one() -> None:
    """As it stands on the page."""
    (text,) = re.findall(r"^```toml\n(.*?)^```", HEAD, re.DOTALL | re.MULTILINE)

    policy = parse_policy(tomllib.loads(text)["audit"])

    assert {"spf-missing", "ssl-off"} <= {rule.id for rule in policy.rules()}
    assert 1 == len(policy.exemptions)


def test_the_measure_names_rules_that_there_are() -> None:
    """Each check of the others has a rule of ours, or a reason."""
    text = (DOCS / "rules-measure.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")
    ]

    ids = {rule.id for rule in KNOWN}
    named = {name for row in rows for name in re.findall(r"`([a-z0-9-]+)`", row[1])}
    assert named <= ids
    assert [] == [row[0] for row in rows if not (re.search("`", row[1]) or row[2])]
    assert 45 < len(rows)


if __name__ == "__main__":
    (DOCS / "rules.md").write_text(page(), encoding="utf-8")
