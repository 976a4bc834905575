"""Who may issue certificates for the zone, and whether its answers are signed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cfclient.audit.model import Fault, Rule, Severity, Unseen, ZoneData
from cfclient.models import RecordType

__all__ = ["RULES"]

_PENDING: Final = {
    "pending": "DNSSEC waits for the DS record at the registrar",
    "pending-disabled": "DNSSEC is about to be switched off",
    "error": "DNSSEC has an error",
}


def _dnssec_off(data: ZoneData) -> Iterator[Fault]:
    status = data.settings.dnssec_status
    if status != "active":
        yield Fault(_PENDING.get(str(status), f"DNSSEC is {status}: the zone's answers are not signed"))


def _caa_missing(data: ZoneData) -> Iterator[Fault | Unseen]:
    if data.at(data.zone, RecordType.CAA):
        return
    if data.of_version_1:
        yield Unseen("version 1 of the API does not list CAA records, so none can be seen")
    else:
        yield Fault(f"{data.zone} has no CAA record: any authority may issue certificates for it", (data.zone,))


def _caa_invalid(data: ZoneData) -> Iterator[Fault]:
    for record in data.by_type.get(RecordType.CAA, ()):
        flags, _, rest = record.content.strip().partition(" ")
        tag, _, value = rest.strip().partition(" ")
        if not (flags.isascii() and flags.isdecimal() and int(flags[:9]) < 256 and tag.isalnum() and value.strip()):
            yield Fault(f"the CAA of {record.name} is not flags, tag and value: {record.content}", (record.name,))
        elif int(flags) & 128 and tag.lower() not in _TAGS:
            yield Fault(
                f"the CAA of {record.name} marks the tag {tag} as critical, which no authority may know", (record.name,)
            )


_TAGS: Final = frozenset({"issue", "issuewild", "issuemail", "iodef", "contactemail", "contactphone", "issuevmc"})

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        id="dnssec-off",
        severity=Severity.MEDIUM,
        title="DNSSEC is not active",
        why="A resolver cannot tell a forged answer from a true one.",
        mend="Dashboard, DNS > Settings: enable DNSSEC, then hand the DS record to the registrar; "
        "on today's API PATCH /zones/ID/dnssec (active).",
        source="RFC 9364; Cloudflare documentation, DNS: DNSSEC",
        check=_dnssec_off,
        needs=("dnssec_status",),
    ),
    Rule(
        id="caa-missing",
        severity=Severity.LOW,
        title="Any authority may issue certificates for the zone",
        why="The weakest of some hundred authorities decides who gets a certificate for the name.",
        mend='await cf.rec_new(zone, "CAA", "@", \'0 issue "letsencrypt.org"\') for each authority in use '
        "(today's Cloudflare adds its own); version 1 writes no CAA.",
        source="RFC 8659; Cloudflare documentation, SSL/TLS: CAA records",
        check=_caa_missing,
        consults=("universal_ssl",),
    ),
    Rule(
        id="caa-invalid",
        severity=Severity.MEDIUM,
        title="A CAA that authorities cannot read",
        why="An authority that cannot read it issues no certificate, and renewals fail.",
        mend="await cf.rec_edit(...) with a content such as '0 issue \"letsencrypt.org\"'",
        source="RFC 8659 §4.1",
        check=_caa_invalid,
    ),
)
