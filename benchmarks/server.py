"""A server that is not the bottleneck: a bare asyncio protocol that answers with bytes made beforehand.

    python -m benchmarks.server [--latency MS] [--records N] [--zones N] [--tls CERT KEY]

It prints its port and serves until its standard input ends. By what the body of a POST begins with it is
`zone_settings`, `rec_load_all` or `zone_load_multi` of version 1, and whatever else a small reply; by its path a
GET is a page of records or a setting of version 4.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import ssl
import sys
from typing import Final

from benchmarks import canned


def _whole(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


_SMALL: Final = _whole(canned.SMALL)
_SETTINGS: Final = _whole(canned.settings())
_V4_PAGE: Final = _whole(canned.v4_page())
_V4_SETTING: Final = _whole(canned.v4_setting())


class _Answers:
    def __init__(self, records: int, zones: int) -> None:
        self._page = functools.cache(lambda offset: _whole(canned.page(offset, records)))
        self._zones = functools.cache(lambda offset: _whole(canned.zones(offset, zones)))

    def to(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"GET") and b"/api_json.html?" in head:
            body = head.split(b" ", 2)[1].partition(b"?")[2]
        elif head.startswith(b"GET"):
            return _V4_PAGE if b"/dns_records" in head else _V4_SETTING if b"/settings/" in head else _SMALL
        if b"a=rec_load_all" in body:
            return self._page(_offset(body))
        if b"a=zone_settings" in body:
            return _SETTINGS
        if b"a=zone_load_multi" in body:
            return self._zones(_offset(body))
        return _SMALL


def _offset(body: bytes) -> int:
    return next((int(pair[2:]) for pair in body.split(b"&") if pair.startswith(b"o=")), 0)


class _Protocol(asyncio.Protocol):
    def __init__(self, answers: _Answers, latency: float) -> None:
        self._answers = answers
        self._latency = latency
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            place = head.lower().find(b"content-length:")
            length = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
            answer = self._answers.to(head, body)
            if self._latency:
                asyncio.get_running_loop().call_later(self._latency, self._write, answer)
            else:
                self._transport.write(answer)

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


async def _serve(arguments: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    answers = _Answers(arguments.records, arguments.zones)
    context = None
    if arguments.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*arguments.tls)
    server = await loop.create_server(
        lambda: _Protocol(answers, arguments.latency / 1000), "127.0.0.1", 0, ssl=context, backlog=8192
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.server", description=__doc__)
    parser.add_argument("--latency", type=float, default=0, help="milliseconds that each answer takes")
    parser.add_argument("--records", type=int, default=canned.PAGE_SIZE, help="records of every zone")
    parser.add_argument("--zones", type=int, default=300, help="zones of the account")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
