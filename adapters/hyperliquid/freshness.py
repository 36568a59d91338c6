"""Which streams have been silent for too long, and what to do about it; pure."""

from collections.abc import Mapping
from math import inf
from typing import Final, NamedTuple

from adapters.hyperliquid.stream import StreamKey


class Limit(NamedTuple):
    """After how many seconds of silence a stream is subscribed anew, called stale, and its socket reopened."""

    resubscribe_secs: float
    stale_secs: float
    reopen_secs: float


# The first frame of a new subscription tells the present state, so a stream that may be quiet by
# nature (best prices that do not change) is asked before it is called stale. Trades and candles
# follow the trades of others: asked again, and otherwise left alone.
LIMITS: Final[dict[str, Limit]] = {
    "activeAssetCtx": Limit(10.0, 10.0, 30.0),  # about once a second
    "l2Book:fast": Limit(10.0, 10.0, 30.0),  # twice a second, changed or not
    "l2Book": Limit(25.0, 35.0, 60.0),  # every 5 s
    "bbo": Limit(60.0, 70.0, 90.0),
    "trades": Limit(120.0, inf, inf),
    "candle": Limit(120.0, inf, inf),
    "clearinghouseState": Limit(60.0, 90.0, 150.0),
}
_NONE: Final = Limit(inf, inf, inf)


class Verdict(NamedTuple):
    """What is to be done now."""

    resubscribe: list[StreamKey]
    stale: list[StreamKey]
    is_dead: bool  # the socket has to be reopened


class Freshness:
    """Remembers which silences have been answered with a new subscription already: one for each."""

    def __init__(self, limits: Mapping[str, Limit] = LIMITS) -> None:
        self._limits = limits
        self._asked: dict[StreamKey, int] = {}

    def judge(self, last_heard_ns: Mapping[StreamKey, int], now_ns: int) -> Verdict:
        """Return what the silences of all streams call for."""
        verdict, is_dead = Verdict([], [], is_dead=False), False
        for key, last_ns in last_heard_ns.items():
            limit, silent_secs = self._limit(key[0]), (now_ns - last_ns) / 1e9
            if silent_secs > limit.resubscribe_secs and self._asked.get(key) != last_ns:
                self._asked[key] = last_ns
                verdict.resubscribe.append(key)
            if silent_secs > limit.stale_secs:
                verdict.stale.append(key)
            is_dead = is_dead or silent_secs > limit.reopen_secs
        return verdict._replace(is_dead=is_dead)

    def _limit(self, name: str) -> Limit:
        return self._limits.get(name) or self._limits.get(name.partition(":")[0], _NONE)


def named(keys: list[StreamKey]) -> str:
    """Return streams for a person to read."""
    return ", ".join(sorted(" ".join(part for part in key if part) for key in keys))
