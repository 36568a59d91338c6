"""Circuit breakers: what of losses, rejects and legs left alone is too much, and who may lift what follows.

All is values: what is remembered goes in and comes out, so it can be journaled as it is.
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from messages import Outcome, PairResult, TradingState
from risk.limits import Limits
from risk.state import NS_PER_SEC

DAILY_LOSS, DRAWDOWN, REJECTS, STRANDED = "daily_loss", "drawdown", "rejects", "stranded"
BREAKERS = (DAILY_LOSS, DRAWDOWN, REJECTS, STRANDED)
# One venue's report may follow a move of the prices seconds after the other's: one sum alone proves no loss.
SIGHTINGS = 3
_DAY_NS = 86_400 * NS_PER_SEC
_WORTH_KEEPING = Decimal("1.001")  # a new highest equity is journaled when it is this much above the last one


class Tripped(msgspec.Struct, frozen=True, kw_only=True):
    """A breaker that is open: what it asks, why, and when it closes by itself; None where it waits for a person."""

    state: TradingState
    reason: str
    since_ns: int
    until_ns: int | None


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the breakers remember.

    `day` counts days since 1970 in UTC, `day_start_usd` is the first equity seen on it, `peak_usd` the highest
    since a person last resumed. `seen` counts sums in a row beyond a limit, `rejects` rejects in a row by venue.
    Cash moved into or out of the accounts looks like a gain or a loss until a person resumes.
    """

    day: int = -1
    day_start_usd: Decimal | None = None
    peak_usd: Decimal | None = None
    seen: Mapping[str, int] = {}
    rejects: Mapping[str, int] = {}
    stranded: int = 0
    tripped: Mapping[str, Tripped] = {}


class EquityRounds:
    """Adds up the venues' equity once all of them have reported anew, so that no sum mixes new with old."""

    def __init__(self, venues: tuple[str, ...]) -> None:
        self._venues = venues
        self._fresh: dict[str, Decimal] = {}

    def report(self, venue: str, equity_usd: Decimal) -> Decimal | None:
        """Take one venue's equity and return the sum of all, None while one has not reported since the last sum."""
        if venue in self._venues:
            self._fresh[venue] = equity_usd
        if len(self._fresh) < len(self._venues):
            return None
        total = sum(self._fresh.values(), Decimal(0))
        self._fresh = {}
        return total


def on_equity(memory: Memory, equity_usd: Decimal, limits: Limits, now_ns: int) -> Memory:
    """Compare the equity of all venues with the day's first and with the highest; trip what stays beyond its limit."""
    day = now_ns // _DAY_NS
    start_usd = memory.day_start_usd if day == memory.day else None
    start_usd = equity_usd if start_usd is None else start_usd
    peak_usd = equity_usd if memory.peak_usd is None else max(memory.peak_usd, equity_usd)
    memory = msgspec.structs.replace(memory, day=day, day_start_usd=start_usd, peak_usd=peak_usd)
    loss_usd = start_usd - equity_usd
    words = f"{loss_usd:.2f} USD lost since midnight UTC, {limits.daily_loss_usd_max} allowed"
    memory = _losing(memory, DAILY_LOSS, loss_usd > limits.daily_loss_usd_max, words, now_ns)
    fall_usd = peak_usd - equity_usd
    words = f"{fall_usd:.2f} USD below the highest equity {peak_usd:.2f}, a fraction of {limits.drawdown_ratio_max} allowed"
    return _losing(memory, DRAWDOWN, fall_usd > peak_usd * limits.drawdown_ratio_max, words, now_ns)


def on_reject(memory: Memory, venue: str, limits: Limits, now_ns: int) -> Memory:
    """Count an order that a venue refused; enough in a row block entries until the cool-down is over."""
    count = memory.rejects.get(venue, 0) + 1
    if count < limits.consecutive_rejects_max:
        return msgspec.structs.replace(memory, rejects={**memory.rejects, venue: count})
    until_ns = now_ns + round(limits.breaker_cooldown_secs * NS_PER_SEC)
    tripped = Tripped(
        state=TradingState.REDUCE_ONLY,
        reason=f"{venue} refused {count} orders in a row",
        since_ns=now_ns,
        until_ns=until_ns,
    )
    return _trip(msgspec.structs.replace(memory, rejects={**memory.rejects, venue: 0}), REJECTS, tripped)


def on_accept(memory: Memory, venue: str) -> Memory:
    """Forget a venue's rejects: it has taken an order."""
    return msgspec.structs.replace(memory, rejects={**memory.rejects, venue: 0}) if memory.rejects.get(venue) else memory


def on_pair_result(memory: Memory, result: PairResult, limits: Limits, now_ns: int) -> Memory:
    """Count a pair that ended with a leg alone; enough in a row block entries until a person resumes."""
    if result.outcome is not Outcome.HALTED:
        return msgspec.structs.replace(memory, stranded=0) if memory.stranded else memory
    count = memory.stranded + 1
    memory = msgspec.structs.replace(memory, stranded=count)
    if count < limits.consecutive_stranded_max:
        return memory
    words = f"{count} pairs in a row ended with a leg alone, the last {result.pair_id}: {result.reason}"
    return _trip(memory, STRANDED, Tripped(state=TradingState.REDUCE_ONLY, reason=words, since_ns=now_ns, until_ns=None))


def on_time(memory: Memory, now_ns: int) -> Memory:
    """Close the breakers whose cool-down is over."""
    left = {name: one for name, one in memory.tripped.items() if one.until_ns is None or one.until_ns > now_ns}
    return memory if len(left) == len(memory.tripped) else msgspec.structs.replace(memory, tripped=left)


def resumed(memory: Memory) -> Memory:
    """Return what is remembered once a person has acknowledged all; a loss that had tripped counts from here again."""
    return msgspec.structs.replace(
        memory,
        day_start_usd=None if DAILY_LOSS in memory.tripped else memory.day_start_usd,
        peak_usd=None if DRAWDOWN in memory.tripped else memory.peak_usd,
        seen={},
        rejects={},
        stranded=0,
        tripped={},
    )


def is_worth_keeping(kept: Memory, memory: Memory) -> bool:
    """Return whether a change has to be journaled at once; a highest equity that creeps up need not be, nor a sighting."""
    if kept.peak_usd is not None and memory.peak_usd is not None and memory.peak_usd < kept.peak_usd * _WORTH_KEEPING:
        memory = msgspec.structs.replace(memory, peak_usd=kept.peak_usd)
    return msgspec.structs.replace(memory, seen=kept.seen) != kept


def _losing(memory: Memory, name: str, is_beyond: bool, words: str, now_ns: int) -> Memory:
    count = memory.seen.get(name, 0) + 1 if is_beyond else 0
    memory = msgspec.structs.replace(memory, seen={**memory.seen, name: count})
    if count < SIGHTINGS:
        return memory
    return _trip(memory, name, Tripped(state=TradingState.HALTED, reason=words, since_ns=now_ns, until_ns=None))


def _trip(memory: Memory, name: str, tripped: Tripped) -> Memory:
    """Open a breaker; one that waits for a person stays as it was when it opened."""
    known = memory.tripped.get(name)
    if known is not None and known.until_ns is None:
        return memory
    return msgspec.structs.replace(memory, tripped={**memory.tripped, name: tripped})
