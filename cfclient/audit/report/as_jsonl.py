"""JSON Lines: an object a line, each written when its zone is finished."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TextIO

from cfclient.audit.model import Rule, Summary, ZoneAudit
from cfclient.audit.rules import RULES

from .plain import SCHEMA_VERSION, Plain, failure_out, rule_out, summary_out, zone_out

__all__ = ["JsonLinesReport"]


class JsonLinesReport:
    """A JSON object a line, each written when its zone is finished; with the account where there are several."""

    def __init__(
        self,
        stream: TextIO,
        *,
        rules: Iterable[Rule] = RULES,
        with_records: bool = False,
        account: str | None = None,
    ) -> None:
        self._stream = stream
        #: whose the zones are that come next
        self.account = account
        self._with_records = with_records
        self._rules = [rule_out(rule) for rule in rules]

    def _write(self, kind: str, line: Plain) -> None:
        whose = {"account": self.account} if self.account is not None and kind != "summary" else {}
        self._stream.write(json.dumps({"kind": kind, **whose, **line}) + "\n")
        self._stream.flush()

    def zone(self, audit: ZoneAudit) -> None:
        """Writes the zone's line."""
        if audit.failure is None:
            self._write("zone", zone_out(audit, with_records=self._with_records))
        else:
            self._write("failure", failure_out(audit.zone, audit.failure))

    def finish(self, summary: Summary) -> None:
        """Writes the last line."""
        self._write(
            "summary", {"schema_version": SCHEMA_VERSION, "summary": summary_out(summary), "rules": self._rules}
        )
