"""Who may send mail in the name of the zone: SPF, DMARC and DKIM."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Final

from cfclient.audit.model import Fault, Rule, Severity, Unseen, ZoneData
from cfclient.models import Record
from cfclient.shapes import canonical

from ._common import ADDRESSING, CNAME, MX, NS, TXT, above, inside, is_dmarc, plain_text, unseen

__all__ = ["RULES"]

_SPF: Final = re.compile(r"v=spf1( |$)", re.IGNORECASE)


def _mail_can_be_forged(data: ZoneData) -> bool:
    """Whether the zone's own name is one that receivers of mail take for real: it has an MX or an address."""
    return bool(data.at(data.zone, MX, *ADDRESSING))


# -- SPF ---------------------------------------------------------------------------------------------


def _policies(data: ZoneData, name: str) -> list[str]:
    """The SPF policies at a name, as text; in one order, whatever the records' was."""
    texts = (plain_text(record.content) for record in data.at(name, TXT))
    return sorted(text for text in texts if _SPF.match(text))


def _published(data: ZoneData) -> Iterator[tuple[str, str]]:
    """Each name of the zone that has one policy, with the policy; several are `spf-several`'s."""
    for name in sorted({canonical(record.name) for record in data.by_type.get(TXT, ())}):
        policies = _policies(data, name)
        if len(policies) == 1:
            yield name, policies[0]


def _terms(policy: str) -> list[str]:
    return [term.lower() for term in policy.split()[1:]]


_ALL: Final = re.compile(r"[+?~-]?all")
_LOOKING_UP: Final = re.compile(r"[+?~-]?(?:(?:include|exists):\S+|(?:a|mx|ptr)(?:[:/]\S*)?)|redirect=\S+")
_LEADING_ON: Final = re.compile(r"[+?~-]?include:(\S+)|redirect=(\S+)")
#: where counting ends: policies that include each other can be counted without end
_MANY: Final = 100


def _evaluated(policy: str) -> Iterator[str]:
    """The terms that a receiver looks at: none behind `all`, which also does away with `redirect` (RFC 7208 §5.1)."""
    terms = _terms(policy)
    ends = any(_ALL.fullmatch(term) for term in terms)
    for term in terms:
        if _ALL.fullmatch(term):
            return
        if not (ends and term.startswith("redirect=")):
            yield term


def _led_to(term: str) -> str:
    """The name whose policy a term brings in, nothing for others."""
    match = _LEADING_ON.fullmatch(term)
    return canonical(match[1] or match[2]) if match else ""


def _lookups(data: ZoneData, policy: str, seen: frozenset[str], count: int = 0) -> int:
    """How many look-ups a policy costs at least: those of policies outside of the zone are not known."""
    for term in _evaluated(policy):
        if count >= _MANY:
            break
        if not _LOOKING_UP.fullmatch(term):
            continue
        count += 1
        name = _led_to(term)
        if name and inside(data, name) and name not in seen:
            for found in _policies(data, name)[:1]:
                count = _lookups(data, found, seen | {name}, count)
    return count


def _spf_missing(data: ZoneData) -> Iterator[Fault]:
    if _mail_can_be_forged(data) and not _policies(data, data.zone):
        yield Fault(f"{data.zone} has no TXT record that begins with v=spf1", (data.zone,))


def _spf_several(data: ZoneData) -> Iterator[Fault]:
    for name in sorted({canonical(record.name) for record in data.by_type.get(TXT, ())}):
        count = len(_policies(data, name))
        if count > 1:
            yield Fault(f"{name} has {count} SPF policies, where one is allowed", (name,))


def _spf_too_many_lookups(data: ZoneData) -> Iterator[Fault]:
    for name, policy in _published(data):
        count = _lookups(data, policy, frozenset({name}))
        if count > 10:
            yield Fault(f"the SPF policy of {name} needs at least {count} look-ups; 10 are allowed", (name,))


def _spf_open(data: ZoneData) -> Iterator[Fault]:
    for name, policy in _published(data):
        wide = [term for term in _terms(policy) if term in {"all", "+all"} or _is_everywhere(term)]
        if wide:
            yield Fault(f"the SPF policy of {name} lets everybody send ({wide[0]})", (name,))


def _is_everywhere(term: str) -> bool:
    match = re.fullmatch(r"\+?ip[46]:(\S+)", term)
    return match is not None and _prefix(match[1]) == 0


def _prefix(text: str) -> int | None:
    """The length of a network's prefix, None for what is no network."""
    try:
        return ipaddress.ip_network(text, strict=False).prefixlen
    except ValueError:
        return None


def _spf_neutral(data: ZoneData) -> Iterator[Fault]:
    """Of policies that decide; one that others include only lists senders, and what it ends in means nothing there."""
    policies = list(_published(data))
    included = {_led_to(term) for _, policy in policies for term in _terms(policy) if not term.startswith("redirect=")}
    for name, policy in policies:
        terms = _terms(policy)
        # No mail comes from a name with an underscore (RFC 5321 §4.1.2), so that it is there to be included.
        if name in included or name.startswith("_"):
            continue
        if "?all" in terms:
            yield Fault(f"the SPF policy of {name} says nothing of senders that it does not list (?all)", (name,))
        elif not any(re.fullmatch(r"[+~-]?all|redirect=\S+", term) for term in terms):
            yield Fault(f"the SPF policy of {name} ends without all or redirect", (name,))


def _spf_ptr(data: ZoneData) -> Iterator[Fault]:
    for name, policy in _published(data):
        found = [term for term in _terms(policy) if re.fullmatch(r"[+?~-]?ptr(:\S*)?", term)]
        if found:
            yield Fault(f"the SPF policy of {name} uses {found[0]}", (name,))


_MECHANISM: Final = re.compile(
    r"[+?~-]?(?:all|(?:include|exists):\S+|(?:a|mx)(?::[^/\s]+)?(?:/[0-9]{1,3})?(?://[0-9]{1,3})?|ptr(?::\S+)?)"
)
_MODIFIER: Final = re.compile(r"[a-z][a-z0-9_.-]*=\S*")


def _is_sound(term: str) -> bool:
    match = re.fullmatch(r"[+?~-]?ip([46]):(\S+)", term)
    if match:
        try:
            return ipaddress.ip_network(match[2], strict=False).version == int(match[1])
        except ValueError:
            return False
    return bool(_MECHANISM.fullmatch(term) or _MODIFIER.fullmatch(term))


def _spf_invalid(data: ZoneData) -> Iterator[Fault]:
    for name, policy in _published(data):
        odd = [term for term in _terms(policy) if not _is_sound(term)]
        if odd:
            yield Fault(f"the SPF policy of {name} cannot be read at {' '.join(odd)}", (name,))


# -- DMARC -------------------------------------------------------------------------------------------


def _dmarc_policies(data: ZoneData) -> list[str]:
    texts = data.answers(f"_dmarc.{data.zone}", TXT)
    return sorted(plain_text(record.content) for record in texts if is_dmarc(record.content))


def _tags(policy: str) -> dict[str, str]:
    """The tags of a policy by name, in small letters; what is no tag is left out."""
    pairs = (part.partition("=") for part in policy.split(";"))
    return {name.strip().lower(): value.strip() for name, equals, value in pairs if equals}


#: below a country's domain, the second labels that registries give names under; the Public Suffix List has more
_REGISTRIES: Final = frozenset({"ac", "co", "com", "edu", "gob", "gouv", "gov", "ne", "net", "or", "org"})


def _is_organisation(name: str) -> bool:
    """Whether a domain is an organisation's own for sure, which is not part of a larger one (RFC 7489 §3.2)."""
    labels = name.split(".")
    return len(labels) == 2 or (len(labels) == 3 and len(labels[2]) == 2 and labels[1] in _REGISTRIES)


def _dmarc_missing(data: ZoneData) -> Iterator[Fault | Unseen]:
    """Of a part of an organisation's domain, the organisation's policy holds where it has none of its own."""
    name = f"_dmarc.{data.zone}"
    # A CNAME or a delegation hands the name to somebody else, whose records are not here.
    if not _mail_can_be_forged(data) or _dmarc_policies(data) or data.at(name, CNAME, NS):
        return
    words = f"{name} has no TXT record that begins with v=DMARC1"
    organisation = next(filter(_is_organisation, (data.zone, *above(data.zone))), data.zone)
    if organisation == data.zone:
        yield Fault(words, (name,))
        return
    wide = f"_dmarc.{organisation}"
    seen = [data.beyond[one] for one in map("_dmarc.{}".format, above(data.zone)) if one in data.beyond]
    if any(one.failure is None and (one.policy or one.leads is not None) for one in seen):
        return
    other = data.beyond.get(wide)
    if other is None:
        yield Unseen(f"the DMARC policy of {organisation} would hold for it, and that zone is not seen here")
    elif other.failure is not None:
        yield from unseen(data, (wide,), "its DMARC policy may be that of")
    else:
        yield Fault(f"{words}, and neither has {wide}, whose policy would hold for it", (name,))


def _dmarc_none(data: ZoneData) -> Iterator[Fault]:
    policies = _dmarc_policies(data)
    if len(policies) != 1:
        return
    tags, name = _tags(policies[0]), f"_dmarc.{data.zone}"
    wish = tags.get("p", "").lower()
    if wish == "none":
        yield Fault(f"the DMARC policy of {data.zone} is p=none: forged mail is delivered", (name,))
    elif wish in {"quarantine", "reject"} and tags.get("sp", "").lower() == "none":
        yield Fault(f"the DMARC policy of {data.zone} is sp=none: mail forged as its subdomains is delivered", (name,))
    if wish in {"quarantine", "reject"} and re.fullmatch("0+", tags.get("pct", "")):
        yield Fault(f"the DMARC policy of {data.zone} is pct=0: its p={wish} holds for no mail", (name,))


def _dmarc_invalid(data: ZoneData) -> Iterator[Fault]:
    name = f"_dmarc.{data.zone}"
    policies = _dmarc_policies(data)
    if len(policies) > 1:
        yield Fault(f"{name} has {len(policies)} DMARC policies, where one is allowed", (name,))
        return
    for policy in policies:
        tags = _tags(policy)
        for tag in ("p", "sp"):
            wish = tags.get(tag)
            if wish is not None and wish.lower() not in {"none", "quarantine", "reject"}:
                yield Fault(f"the DMARC policy of {name} has {tag}={wish}: not none, quarantine or reject", (name,))
        if "p" not in tags:
            yield Fault(f"the DMARC policy of {name} has no p=", (name,))
        share = tags.get("pct")
        if share is not None and not (re.fullmatch("[0-9]{1,3}", share) and int(share) <= 100):
            yield Fault(f"the DMARC policy of {name} has pct={share}: 0 to 100 is known", (name,))


# -- DKIM --------------------------------------------------------------------------------------------


def _keys(data: ZoneData) -> list[Record]:
    """The records at or below `_domainkey` names, of whatever type."""
    return [
        record
        for name, records in data.by_name.items()
        if f".{name}".find("._domainkey.") >= 0
        for record in records
        if record.type in {TXT, CNAME, NS}
    ]


def _sends(data: ZoneData) -> bool:
    """Whether the zone's policy lets anybody send in its name."""
    return any(
        not _ALL.fullmatch(term) or term in {"all", "+all"}
        for policy in _policies(data, data.zone)
        for term in _terms(policy)
    )


def _dkim_missing(data: ZoneData) -> Iterator[Fault]:
    if _sends(data) and not _keys(data):
        yield Fault(f"mail is sent as {data.zone}, and no name under _domainkey.{data.zone} has a key", (data.zone,))


def _dkim_invalid(data: ZoneData) -> Iterator[Fault]:
    for record in _keys(data):
        text = plain_text(record.content)
        tags = _tags(text)
        if record.type != TXT or not ("v" in tags or "p" in tags):
            continue
        key = "".join(tags.get("p", "").split())
        if "p" not in tags:
            yield Fault(f"the DKIM key of {record.name} has no p=", (record.name,))
        elif not re.fullmatch(r"[A-Za-z0-9+/]*={0,2}", key):
            yield Fault(f"the DKIM key of {record.name} is not base64", (record.name,))


_MEND_SPF: Final = 'await cf.rec_edit(zone, record.rec_id, "TXT", name, "v=spf1 ... -all")'
_MEND_DMARC: Final = 'await cf.rec_edit(zone, record.rec_id, "TXT", "_dmarc", "v=DMARC1; p=reject; rua=mailto:...")'

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        id="spf-missing",
        severity=Severity.MEDIUM,
        title="No SPF policy",
        why="A domain with an address or an MX can be written into the sender of any mail; without SPF no receiver "
        "can tell. That holds for domains that never send mail as well.",
        mend='await cf.rec_new(zone, "TXT", "@", "v=spf1 ... -all"); "v=spf1 -all" where no mail is sent.',
        source="RFC 7208 §3, §4.5",
        check=_spf_missing,
    ),
    Rule(
        id="spf-several",
        severity=Severity.HIGH,
        title="More than one SPF policy at a name",
        why="Receivers take that for an error and use none of them: mail of the domain is refused or goes unchecked.",
        mend="Join them into one: cf.rec_edit, and cf.rec_delete for the others.",
        source="RFC 7208 §3.2, §4.5",
        check=_spf_several,
    ),
    Rule(
        id="spf-too-many-lookups",
        severity=Severity.MEDIUM,
        title="An SPF policy needs more than ten look-ups",
        why="Receivers stop at ten and take the policy for an error; what stands behind is never reached.",
        mend=f"Replace include and a by ip4 and ip6 where addresses do not change: {_MEND_SPF}",
        source="RFC 7208 §4.6.4",
        check=_spf_too_many_lookups,
    ),
    Rule(
        id="spf-open",
        severity=Severity.HIGH,
        title="An SPF policy lets everybody send",
        why="Any machine of the world may send mail in the name of the domain, and is confirmed as allowed to.",
        mend=_MEND_SPF,
        source="RFC 7208 §5.1, §11.4",
        check=_spf_open,
    ),
    Rule(
        id="spf-neutral",
        severity=Severity.LOW,
        title="An SPF policy that decides nothing",
        why="Receivers are to treat senders that are not listed as if there were no policy.",
        mend=f"End it in ~all or -all: {_MEND_SPF}",
        source="RFC 7208 §4.7, §8.2",
        check=_spf_neutral,
    ),
    Rule(
        id="spf-ptr",
        severity=Severity.LOW,
        title="An SPF policy relies on reverse names",
        why="It is slow and unreliable, burdens the reverse zones' servers, and is not to be used.",
        mend=f"List the addresses instead (ip4, ip6): {_MEND_SPF}",
        source="RFC 7208 §5.5",
        check=_spf_ptr,
    ),
    Rule(
        id="spf-invalid",
        severity=Severity.MEDIUM,
        title="An SPF policy that cannot be read",
        why="One wrong word makes the whole policy an error, which many receivers treat like none.",
        mend=_MEND_SPF,
        source="RFC 7208 §4.6, §12",
        check=_spf_invalid,
    ),
    Rule(
        id="dmarc-missing",
        severity=Severity.MEDIUM,
        title="No DMARC policy",
        why="Receivers are not told what to do with forged mail, and nobody is told that there is any.",
        mend='await cf.rec_new(zone, "TXT", "_dmarc", "v=DMARC1; p=none; rua=mailto:..."), later p=reject.',
        source="RFC 7489 §6.1, §6.3, §6.6.3",
        check=_dmarc_missing,
        follows={"DMARC"},
    ),
    Rule(
        id="dmarc-none",
        severity=Severity.LOW,
        title="The DMARC policy only watches",
        why="Forged mail is delivered all the same; p=none is for the time in which reports are read.",
        mend=_MEND_DMARC,
        source="RFC 7489 §6.3, appendix B.2",
        check=_dmarc_none,
    ),
    Rule(
        id="dmarc-invalid",
        severity=Severity.MEDIUM,
        title="A DMARC policy that receivers cannot use",
        why="Receivers go on as if there were none.",
        mend=_MEND_DMARC,
        source="RFC 7489 §6.3, §6.6.3",
        check=_dmarc_invalid,
    ),
    Rule(
        id="dkim-missing",
        severity=Severity.INFO,
        title="Mail is sent without a DKIM key",
        why="A forwarded mail loses SPF's confirmation; without a signature, DMARC then takes it for forged.",
        mend='await cf.rec_new(zone, "TXT", "selector._domainkey", "v=DKIM1; k=rsa; p=..."), as the mail server says',
        source="RFC 6376 §3.6; RFC 7489 §4.1",
        check=_dkim_missing,
    ),
    Rule(
        id="dkim-invalid",
        severity=Severity.LOW,
        title="A DKIM key that cannot be read",
        why="Every signature made with it fails.",
        mend='await cf.rec_edit(zone, record.rec_id, "TXT", name, "v=DKIM1; k=rsa; p=...")',
        source="RFC 6376 §3.6.1",
        check=_dkim_invalid,
    ),
)
