"""Asking version 4 again: a service that refuses exact duplicates settles what became of a lost create."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import anyio
import attrs
import h11
import pytest
from anyio.abc import AnyByteStream

import cfclient
from cfclient import models
from cfclient.backend import departed
from cfclient.errors import ConnectionFailed, OutcomeUnknown, RateLimited
from cfclient.http import Reply, Request
from cfclient.http.httpx import Lanes, Timeouts
from cfclient.retry import Retry
from tests import loopback
from tests.test_retry import on_mock_clock
from tests.v4fake import BASE, URL, ZONE, Fake, no, ok

TOKEN = "a-token"
LOST = ConnectionFailed("reset", maybe_carried_out=True)


class Losing:
    """An adapter that loses answers: of each request to a place, by its script."""

    def __init__(self, fake: Fake, method: str, *script: str) -> None:
        self.fake = fake
        self.method = method
        self.script = list(script)
        self.times: list[float] = []

    async def exchange(self, request: Request, /) -> Reply:
        await anyio.lowlevel.checkpoint()
        if request.method != self.method or "dns_records" not in request.url:
            return await self.fake.exchange(request)
        departed()
        self.times.append(anyio.current_time())
        lost = self.script.pop(0) if self.script else "never"
        if lost == "before":
            raise LOST
        reply = await self.fake.exchange(request)
        if lost == "after":
            raise LOST
        return reply


def run(http: Any, call: Callable[[cfclient.Client], Any], **options: Any) -> Any:
    """The answer to a call of a client that asks again, on a clock that jumps; an `OutcomeUnknown` as it is."""

    async def main() -> Any:
        policy = Retry(draw=lambda: 1.0, **options)
        async with cfclient.connect(URL, token=TOKEN, http=http, retry=policy, pace=None) as cf:
            try:
                return await call(cf)
            except OutcomeUnknown as error:
                return error

    return on_mock_clock(main)


def _new(cf: cfclient.Client) -> Any:
    return cf.rec_new("example.com", "A", "www", "192.0.2.1")


@pytest.mark.parametrize("lost", ["after", "before"])
def test_a_lost_create_is_asked_once_more(lost: str) -> None:
    """Refused as a duplicate it was created before; accepted it is created now: one record either way."""
    fake = Fake()

    made = run(Losing(fake, "POST", lost), _new)

    assert [made.rec_id] == list(fake.records)
    assert ("www.example.com", "192.0.2.1") == (made.name, made.content)


def test_the_one_repeat_waits_until_things_have_settled() -> None:
    """The first request's connection has ended by then, and what it began has had its time."""
    http = Losing(Fake(), "POST", "after")

    run(http, _new, settle=2.0)

    assert 2.0 == http.times[1] - http.times[0]


@pytest.mark.parametrize(
    "call",
    [
        lambda cf: cf.rec_new("example.com", "SPF", "@", "v=spf1 -all"),
        lambda cf: cf.rec_new("example.com", "TXT", "@", "v=spf1 -all"),
        lambda cf: cf.rec_new(ZONE, "A", "www", "192.0.2.1"),
        lambda cf: cf.rec_new(ZONE, "A", "@", "192.0.2.1"),
        lambda cf: cf.rec_new("example.com", "CAA", "@", '0 issue "ca.example"'),
    ],
)
def test_the_record_is_known_again_however_the_service_keeps_it(call: Callable[[cfclient.Client], Any]) -> None:
    """SPF as TXT, text in quotes, a zone by its id."""
    fake = Fake()
    http = Losing(fake, "POST", "after")

    async def exchange(request: Request, /) -> Reply:
        reply = await Losing.exchange(http, request)
        body = json.loads(reply.body)
        for one in body["result"] if request.method == "GET" and "dns_records" in request.url else ():
            if one["type"] == "TXT":
                one["content"] = f'"{one["content"]}"'
            if one["type"] == "CAA":
                one["content"] = '0 issue "ca.example"'
        return attrs.evolve(reply, body=json.dumps(body).encode())

    http.exchange = exchange  # type: ignore[method-assign]  # what is kept is shown otherwise
    made = run(http, call)

    assert [made.rec_id] == list(fake.records)


async def _listed(cf: cfclient.Client) -> Any:
    await cf.records("example.com").all()
    return await _new(cf)


@pytest.mark.parametrize("script", [("after", "before"), ("before", "after")])
def test_a_second_create_that_is_lost_too_is_looked_for(script: tuple[str, str]) -> None:
    """As on a service that takes duplicates; where the zone was never listed, nobody knows whose it is."""
    fake, other = Fake(), Fake()

    found = run(Losing(fake, "POST", *script), _listed)
    unknown = run(Losing(other, "POST", *script), _new)

    assert [found.rec_id] == list(fake.records)
    assert isinstance(unknown, OutcomeUnknown)
    assert "no answer came, twice (" in str(unknown)
    assert list(other.records) == list(unknown.seen)


def test_a_second_create_that_is_refused_for_another_reason() -> None:
    """That reason it is where nothing like it is there: the first one was refused too, or never came."""
    fake = Fake()
    fake.rules["POST", f"/zones/{ZONE}/dns_records"] = no(400, 9007, "Content for A record must be an IPv4 address.")

    with pytest.raises(cfclient.InvalidInput, match="9007"):
        run(Losing(fake, "POST", "before"), _new)


@pytest.mark.parametrize("listed", [False, True])
def test_a_second_cname_is_refused_with_a_code_of_its_own(listed: bool) -> None:
    """Which may be the first attempt's doing, so it is looked for: a new one is ours, others are nobody knows whose."""
    fake = Fake()

    def taken(request: Request) -> Reply:
        if fake.records:
            return no(400, 81053, "An A, AAAA, or CNAME record with that host already exists.")
        fake.add(**{"type_": "CNAME", **json.loads(request.body)})
        return Reply(status=502, body=b"<html>")

    fake.rules["POST", f"/zones/{ZONE}/dns_records"] = taken

    async def call(cf: cfclient.Client) -> Any:
        if listed:
            await cf.records("example.com").all()
        return await cf.rec_new("example.com", "CNAME", "www", "example.net")

    made = run(fake, call)

    assert ([made.rec_id] if listed else list(made.seen)) == list(fake.records)


def test_a_refusal_holds_where_what_is_there_is_older() -> None:
    """The first attempt was refused as well."""
    fake = Fake()
    fake.add(name="www.example.com")
    fake.rules["POST", f"/zones/{ZONE}/dns_records"] = no(400, 81053, "A record with that host already exists.")

    with pytest.raises(cfclient.InvalidInput, match="81053"):
        run(Losing(fake, "POST", "before"), _listed)


@pytest.mark.parametrize("listing", [Reply(status=400, body=b'{"success":false}'), None])
def test_a_duplicate_that_is_not_found_is_unknown(listing: Reply | None) -> None:
    """Whether looking for it fails, or shows nothing."""
    fake = Fake()
    if listing is not None:
        fake.rules["GET", f"/zones/{ZONE}/dns_records"] = listing
    fake.rules["POST", f"/zones/{ZONE}/dns_records"] = no(400, 81058, "An identical record already exists.")

    unknown = run(Losing(fake, "POST", "before"), _new)

    assert isinstance(unknown, OutcomeUnknown)


def test_a_duplicate_is_refused_where_nothing_was_lost() -> None:
    """At once, and with the service's own words."""
    fake = Fake()
    fake.add(name="www.example.com")

    with pytest.raises(cfclient.InvalidInput, match="81058"):
        run(Losing(fake, "POST"), _new)


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_change_of_the_type_whose_answer_was_lost(lost: str) -> None:
    """Was carried out or not; the repeat answers with the new record, and there is one."""
    fake = Fake()
    made = fake.add(name="www.example.com")
    fake.add(type_="CNAME", name="other.example.com", content="host.example.net")
    edit = lambda cf: cf.rec_edit("example.com", made["id"], "CNAME", "www", "host.example.net")  # noqa: E731
    edited = run(Losing(fake, "POST", lost), edit)

    assert (models.RecordType.CNAME, "www.example.com", "host.example.net") == (
        edited.type,
        edited.name,
        edited.content,
    )
    assert [edited.rec_id] == [ident for ident, one in fake.records.items() if one["name"] == "www.example.com"]


def test_a_record_that_was_replaced_and_cannot_be_told_from_others() -> None:
    """Is not guessed at."""
    fake = Fake()
    made = fake.add(name="www.example.com")
    for number in range(2):
        fake.add(type_="TXT", name="www.example.com", content=f"{number}")
    lost = Losing(fake, "POST", "after")

    fake.rules["GET", f"/zones/{ZONE}/dns_records"] = lambda _: ok(
        [one for one in fake.records.values() if one["content"] != "three"]
    )

    unknown = run(lost, lambda cf: cf.rec_edit("example.com", made["id"], "TXT", "www", "three"))

    assert isinstance(unknown, OutcomeUnknown)
    assert "replaced by one of another type" in str(unknown)
    assert sorted(ident for ident, one in fake.records.items() if one["content"] != "three") == sorted(unknown.seen)


@pytest.mark.parametrize(
    ("type_", "theirs", "known"), [("A", "192.0.2.9", False), ("TXT", "their text", True), ("A", "192.0.2.1", True)]
)
def test_a_lone_record_of_the_new_type_is_ours_where_its_content_may_be(type_: str, theirs: str, known: bool) -> None:
    """An address comes back as it was given, so another one is another's; a text may be told otherwise."""
    fake = Fake()
    made = fake.add(type_="AAAA", name="www.example.com", content="2001:db8::1")
    other = fake.add(type_=type_, name="www.example.com", content=theirs)
    fake.rules["GET", f"/zones/{ZONE}/dns_records"] = lambda _: ok([other])
    content = "192.0.2.1" if type_ == "A" else "our text"

    def vanishing(_: Any) -> Any:
        departed()
        fake.records.pop(made["id"], None)
        del fake.rules["POST", f"/zones/{ZONE}/dns_records/batch"]
        raise LOST

    fake.rules["POST", f"/zones/{ZONE}/dns_records/batch"] = vanishing

    answer = run(fake, lambda cf: cf.rec_edit("example.com", made["id"], type_, "www", content))

    if known:
        assert other["id"] == answer.rec_id
    else:
        assert isinstance(answer, OutcomeUnknown)
        assert (other["id"],) == answer.seen


def test_a_repeated_delete_that_finds_nothing_has_succeeded() -> None:
    """81044 after a lost answer; without one it is a refusal."""
    fake = Fake()
    made = fake.add()

    assert None is run(Losing(fake, "DELETE", "after"), lambda cf: cf.rec_delete("example.com", made["id"]))
    with pytest.raises(cfclient.InvalidInput, match="Invalid record id"):
        run(Losing(fake, "DELETE"), lambda cf: cf.rec_delete("example.com", made["id"]))


def test_a_limit_is_waited_for() -> None:
    """As long as it says."""
    fake = Fake()
    replies = [no(429, 10100, "More than 1200 requests per 300 seconds", None, **{"retry-after": "37"})]
    times: list[float] = []

    class Limiting:
        async def exchange(self, request: Request, /) -> Reply:
            await anyio.lowlevel.checkpoint()
            times.append(anyio.current_time())
            return replies.pop() if replies else await fake.exchange(request)

    zones = run(Limiting(), lambda cf: cf.zones().all())

    assert 1 == len(zones)
    assert 37.0 == times[1] - times[0]
    with pytest.raises(RateLimited):
        replies.append(no(429, 10100, "More", None, **{"retry-after": "4000"}))
        run(Limiting(), lambda cf: cf.zones().all())


@pytest.mark.anyio
async def test_a_lost_create_is_asked_again_when_its_connection_has_ended() -> None:
    """So that the first request cannot be carried out behind the second one."""
    fake, ended = Fake(), anyio.Event()
    creates: list[bool] = []

    async def script(stream: AnyByteStream) -> None:
        http = h11.Connection(h11.SERVER)
        while True:
            asked = await loopback._read(http, stream)
            if asked.method == "POST":
                creates.append(ended.is_set())
                if len(creates) == 1:
                    try:
                        await stream.receive()
                    finally:
                        ended.set()
            path = asked.target
            reply = await fake.exchange(Request(method=asked.method, url=f"http://x{path}", body=asked.body))
            head = h11.Response(status_code=reply.status, headers=[("content-length", str(len(reply.body)))])
            out = http.send(head)
            await stream.send(b"".join([out, http.send(h11.Data(reply.body)), http.send(h11.EndOfMessage())]))
            http.start_next_cycle()

    policy = Retry(settle=0.001, first=0.001)
    async with loopback.listen(script) as server, Lanes(timeouts=Timeouts(read=0.3)) as lanes:
        url = server.url.partition("/api_json")[0] + BASE
        async with cfclient.connect(url, token=TOKEN, http=lanes, retry=policy, pace=None) as cf:
            made = await _new(cf)

    assert [False, True] == creates
    assert isinstance(made, models.Record)
    assert [made.rec_id] == list(fake.records)
    assert "192.0.2.1" == json.loads(fake.asked[-1].body)["content"]


# -- looking for what is to be changed -----------------------------------------------------------------


class LosingLooks:
    """An adapter whose first look-ups of a zone's name end so, the name not yet being known."""

    def __init__(self, fake: Fake, *script: Any) -> None:
        self.fake = fake
        self.script = list(script)

    async def exchange(self, request: Request, /) -> Reply:
        await anyio.lowlevel.checkpoint()
        departed()
        if request.method == "GET" and self.script:
            outcome = self.script.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            if isinstance(outcome, Reply):
                return outcome
            await anyio.sleep_forever()
        return await self.fake.exchange(request)


DOWN = Reply(status=502, body=b"<html>")


@pytest.mark.parametrize("lost", [LOST, DOWN], ids=["no answer", "502"])
def test_a_delete_of_nothing_is_refused_where_only_the_look_for_its_zone_was_lost(lost: Any) -> None:
    """No attempt can have deleted the record, so that it is not there is no success."""
    with pytest.raises(cfclient.InvalidInput, match="Invalid record id"):
        run(LosingLooks(Fake(), lost), lambda cf: cf.rec_delete("example.com", "f" * 32))


@pytest.mark.parametrize("lost", [LOST, DOWN], ids=["no answer", "502"])
def test_a_create_is_asked_again_where_only_the_look_for_its_zone_was_lost(lost: Any) -> None:
    """It surely was not carried out, so nothing is looked for."""
    fake = Fake()

    made = run(LosingLooks(fake, lost), _new)

    assert [made.rec_id] == list(fake.records)
    assert ["GET", "POST"] == [request.method for request in fake.asked]


@pytest.mark.parametrize("lost", [LOST, DOWN], ids=["no answer", "502"])
def test_a_change_of_which_only_the_look_for_its_zone_was_lost_was_not_carried_out(lost: Any) -> None:
    """And the error says so."""
    with pytest.raises(cfclient.CloudflareError) as caught:
        run(LosingLooks(Fake(), lost), lambda cf: cf.sec_lvl("example.com", "high"), attempts=1)

    assert isinstance(caught.value, ConnectionFailed | cfclient.UnexpectedAnswer)
    assert caught.value.maybe_carried_out is False


@pytest.mark.parametrize("script", [[None], [LOST, None]], ids=["at once", "in the second attempt"])
@pytest.mark.parametrize("pace", [None, cfclient.Pace()], ids=["alone", "paced"])
@pytest.mark.parametrize("change", [False, True], ids=["read", "change"])
def test_a_change_that_is_cancelled_while_its_zone_is_looked_for_is_no_warning(
    script: list[Any], pace: Any, change: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of it has left; a read's look-up is a part of the reading."""
    caplog.set_level(logging.WARNING, "cfclient.retry.reads")  # the documents, run in this process as well, silence it

    async def main() -> None:
        http = LosingLooks(Fake(), *script)
        async with cfclient.connect(URL, token=TOKEN, http=http, pace=pace) as cf:
            with anyio.move_on_after(5):
                await (cf.sec_lvl("example.com", "high") if change else cf.zone_settings("example.com"))

    on_mock_clock(main)

    expected = [] if change else ["cfclient.retry.reads"]
    assert expected == [one.name for one in caplog.records]


@pytest.mark.parametrize("lost", [LOST, DOWN], ids=["no answer", "502"])
def test_a_look_that_is_lost_does_not_deny_what_an_earlier_attempt_may_have_done(lost: Any) -> None:
    """The rule was found and its deletion lost; then not even looking for it worked any more."""
    fake = Fake()

    class LosesTheDeletion:
        gone = False

        async def exchange(self, request: Request, /) -> Reply:
            await anyio.lowlevel.checkpoint()
            departed()
            if self.gone and isinstance(lost, Reply):
                return lost
            if self.gone or request.method == "DELETE":
                self.gone = True
                raise LOST
            return await fake.exchange(request)

    async def listed_and_lifted(cf: cfclient.Client) -> None:
        await cf.ban("192.0.2.1")
        await cf.nul("192.0.2.1")

    with pytest.raises(cfclient.CloudflareError) as caught:
        run(LosesTheDeletion(), listed_and_lifted)

    assert isinstance(caught.value, ConnectionFailed | cfclient.UnexpectedAnswer)
    assert caught.value.maybe_carried_out is True
