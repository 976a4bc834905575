"""Who may use a gateway, and as whom: wrappers of a connect, which refuse before anything is asked.

    each_their_own(connect)     the credentials of a request are those of its account
    Bound(backend, keys)        one account for all clients, each of which has a key of the gateway's own

Neither keeps a credential of a request.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Final

import attrs

from .backend import Backend, Connect, Credentials
from .errors import ConfigurationError, Unauthorized
from .gateway import UNKNOWN_USER

__all__ = ["MIN_KEY", "NO_EMAIL", "Bound", "each_their_own"]

#: the "e-mail address" beside which the key is an API token, as ddclient has it
NO_EMAIL: Final = "token"
#: how many characters a client's key has at least
MIN_KEY: Final = 16

# Of this process alone, so that a digest is of no use outside of it.
_SALT: Final = secrets.token_bytes(32)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16, key=_SALT).digest()


@attrs.frozen
class _Claimed(Credentials):
    """Credentials that somebody claims to have.

    Whoever knows an e-mail address and not its key must neither use up its limit nor see what is remembered for it.
    """

    @property
    def principal(self) -> str:
        """Of the address and the key together."""
        return f"{self.email or NO_EMAIL} {_digest(self.key).hex()}"


def each_their_own(connect: Connect) -> Connect:
    """A connect for which each request carries its own account, as version 1's requests do.

    Beside the e-mail address "token" the key is an API token.
    """

    def connected(credentials: Credentials) -> Backend:
        email, key = credentials.email, credentials.key
        if not (email or "").isascii() or not key.isascii():
            # They go into headers, and nobody has such a key.
            raise Unauthorized(UNKNOWN_USER, code="E_UNAUTH")
        return connect(_Claimed(None if email == NO_EMAIL else email, key))

    return connected


class Bound:
    """A connect for which every request is that of one account, whatever its e-mail address; `tkn` is a client's key.

    Args:
        backend: who carries the actions out.
        keys: the clients' keys; none of them is kept, only what tells them again.

    Raises:
        ConfigurationError: there is no key, or one is too short.
    """

    def __init__(self, backend: Backend, keys: Iterable[str]) -> None:
        given = tuple(keys)
        if not given:
            raise ConfigurationError("a gateway that is bound to an account needs a key for its clients")
        if any(len(key) < MIN_KEY for key in given):
            raise ConfigurationError(f"a client's key is too short: expected {MIN_KEY} characters or more")
        self._backend = backend
        self._digests = tuple(map(_digest, given))

    def __repr__(self) -> str:
        """Whose, and for how many keys."""
        return f"<Bound to {self._backend!r} for {len(self._digests)} keys>"

    def __call__(self, credentials: Credentials) -> Backend:
        """The backend, where the key is a client's; every key is compared, in constant time."""
        shown = _digest(credentials.key)
        if sum(hmac.compare_digest(shown, known) for known in self._digests) == 0:
            raise Unauthorized(UNKNOWN_USER, code="E_UNAUTH")
        return self._backend
