"""The life of a Paradex session token: five minutes at the venue, three with us."""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable

import msgspec

from adapters.errors import VenueError
from adapters.paradex.signing import Signer

MAX_AGE_SECS = 180.0
_SHARE_OF_LIFE = 0.6  # of a token whose life is shorter than the venue says
_SIGNATURE_LIFE_SECS = 1800
_RETRY_SECS = 5.0


class _Claims(msgspec.Struct, frozen=True):
    exp: float
    iat: float


def login_headers(signer: Signer, now_secs: int) -> dict[str, str]:
    """Return the signed headers of a login at `now_secs` (Unix seconds)."""
    expires = now_secs + _SIGNATURE_LIFE_SECS
    return {
        "PARADEX-STARKNET-ACCOUNT": signer.account_address,
        "PARADEX-STARKNET-SIGNATURE": signer.sign(signer.auth_hash(now_secs, expires)),
        "PARADEX-TIMESTAMP": str(now_secs),
        "PARADEX-SIGNATURE-EXPIRATION": str(expires),
    }


def max_age_secs(token: str) -> float:
    """Return how old a token (JWT) may become before it is renewed, by its own claims where it has any."""
    payload = token.split(".")[1] if token.count(".") == 2 else ""
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), type=_Claims)
    except (msgspec.DecodeError, binascii.Error, ValueError):
        return MAX_AGE_SECS
    life_secs = claims.exp - claims.iat
    return min(MAX_AGE_SECS, life_secs * _SHARE_OF_LIFE) if life_secs > 0 else MAX_AGE_SECS


class Session:
    """Holds the current token and renews it; `login` fetches one, `now_secs` is a clock."""

    def __init__(self, login: Callable[[], Awaitable[str]], now_secs: Callable[[], float]) -> None:
        self._login, self._now_secs = login, now_secs
        self._token = ""
        self._issued_secs = float("-inf")
        self._max_age_secs = MAX_AGE_SECS
        self._lock = asyncio.Lock()

    async def token(self) -> str:
        """Return a token that is young enough to be used."""
        if self._left_secs() < 0:
            await self.renew(self._token)
        return self._token

    async def renew(self, stale: str | None = None) -> str:
        """Log in again; a caller that saw `stale` fail shares the login of one who saw it first."""
        async with self._lock:
            if stale is None or stale == self._token:
                asked_secs = self._now_secs()
                self._token = await self._login()
                self._issued_secs, self._max_age_secs = asked_secs, max_age_secs(self._token)
            return self._token

    async def keep_fresh(self, log: Callable[[str], None]) -> None:
        """Renew in the background for ever, so that no request has to wait for it."""
        while True:
            await asyncio.sleep(max(0.05, self._left_secs()))
            try:
                if self._left_secs() <= 0:
                    await self.renew(self._token)
            except VenueError as e:
                log(f"session token not renewed: {e}")
                await asyncio.sleep(_RETRY_SECS)

    def _left_secs(self) -> float:
        return self._issued_secs + self._max_age_secs - self._now_secs()
