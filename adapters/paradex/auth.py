"""The life of a Paradex session token: five minutes at the venue, three with us."""

import asyncio
from collections.abc import Awaitable, Callable

from adapters.errors import VenueError
from adapters.paradex.signing import Signer

MAX_AGE_SECS = 180.0
_SIGNATURE_LIFE_SECS = 1800
_RETRY_SECS = 5.0


def login_headers(signer: Signer, now_secs: int) -> dict[str, str]:
    """Return the signed headers of a login at `now_secs` (Unix seconds)."""
    expires = now_secs + _SIGNATURE_LIFE_SECS
    return {
        "PARADEX-STARKNET-ACCOUNT": signer.account_address,
        "PARADEX-STARKNET-SIGNATURE": signer.sign(signer.auth_hash(now_secs, expires)),
        "PARADEX-TIMESTAMP": str(now_secs),
        "PARADEX-SIGNATURE-EXPIRATION": str(expires),
    }


class Session:
    """Holds the current token and renews it; `login` fetches one, `now_secs` is a clock."""

    def __init__(self, login: Callable[[], Awaitable[str]], now_secs: Callable[[], float]) -> None:
        self._login, self._now_secs = login, now_secs
        self._token = ""
        self._issued_secs = float("-inf")
        self._lock = asyncio.Lock()

    async def token(self) -> str:
        """Return a token that is at most `MAX_AGE_SECS` old."""
        if self._age_secs() > MAX_AGE_SECS:
            await self.renew(self._token)
        return self._token

    async def renew(self, stale: str | None = None) -> str:
        """Log in again; a caller that saw `stale` fail shares the login of one who saw it first."""
        async with self._lock:
            if stale is None or stale == self._token:
                self._token = await self._login()
                self._issued_secs = self._now_secs()
            return self._token

    async def keep_fresh(self, log: Callable[[str], None]) -> None:
        """Renew in the background for ever, so that no request has to wait for it."""
        while True:
            await asyncio.sleep(max(0.05, MAX_AGE_SECS - self._age_secs()))
            try:
                await self.token()
            except VenueError as e:
                log(f"session token not renewed: {e}")
                await asyncio.sleep(_RETRY_SECS)

    def _age_secs(self) -> float:
        return self._now_secs() - self._issued_secs
