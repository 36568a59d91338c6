"""What a pair is asked to do and how hard it tries: the plain values that its state machine starts from."""

from decimal import ROUND_CEILING, Decimal
from enum import StrEnum

import msgspec

from messages import Intent, Side
from strategies.sizing import ZERO, LegRules

MAX_CLIENT_ORDER_ID_LENGTH = 36


class Mode(StrEnum):
    """How the legs are brought about."""

    TAKER = "TAKER"  # both at once, immediate or cancelled
    MAKER = "MAKER"  # one rests post-only, the other follows what has been seen to fill


class LegPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One leg: `direction` is BUY for a long position; `held` and `target` are sizes in base units.

    `reference_price_usd` is the best price at planning time on the side that the leg takes.
    """

    venue: str
    instrument_id: str
    direction: Side
    held: Decimal
    target: Decimal
    reference_price_usd: Decimal
    rules: LegRules


class PairPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done: OPEN raises both legs from `held` to `target`, CLOSE reduces them to it.

    `clip` bounds, in base units, how much of one leg may be sent before the other has followed; None sends all
    at once. In MAKER mode leg number `maker_leg` rests. `pair_id` is never used again: it carries the time at
    which it was planned.
    """

    pair_id: str
    asset: str
    intent: Intent
    legs: tuple[LegPlan, LegPlan]
    clip: Decimal | None = None
    mode: Mode = Mode.TAKER
    maker_leg: int = 0

    def __post_init__(self) -> None:
        if len(self.pair_id) + 5 > MAX_CLIENT_ORDER_ID_LENGTH or not all(c.isalnum() or c == "-" for c in self.pair_id):
            raise ValueError(
                f"pair id {self.pair_id!r} leaves no room for a client order id or has other characters than A-Za-z0-9-"
            )
        for leg in self.legs:
            grows = leg.target > leg.held
            if min(leg.held, leg.target) < 0 or (grows and self.intent is Intent.CLOSE):
                raise ValueError(f"{self.pair_id}: {self.intent} cannot take {leg.instrument_id} from {leg.held} to {leg.target}")
        if (self.clip is not None and self.clip <= 0) or self.maker_leg not in (0, 1):
            raise ValueError(f"{self.pair_id}: a clip of {self.clip}, maker leg {self.maker_leg}")


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How hard a pair tries: slippages in bps, durations in wall nanoseconds.

    `max_slippage_bps` bounds the first orders; each retry of an opening adds `retry_slippage_bps` to
    it, against the plan's own prices. Reducing orders take the market of the moment and allow
    `reduce_slippage_bps` more with each attempt in a row, up to `reduce_slippage_bps_max`.
    A resting order is replaced when the market has moved `reprice_bps` away from it, `max_reprices` times in all,
    not sooner than `reprice_pause_ns` after it was placed, and never beyond the plan's bound; `maker_deadline_ns`
    after a clip began, its rest is taken.
    """

    max_slippage_bps: Decimal
    retry_slippage_bps: Decimal = Decimal(5)
    max_retries: int = 2
    reduce_slippage_bps: Decimal = Decimal(20)
    reduce_slippage_bps_max: Decimal = Decimal(100)
    max_reductions: int = 8
    reduce_delay_ns: int = 500_000_000
    in_doubt_after_ns: int = 3_000_000_000
    maker_deadline_ns: int = 20_000_000_000
    reprice_bps: Decimal = Decimal(1)
    reprice_pause_ns: int = 500_000_000
    max_reprices: int = 20


def clip_of(remaining: Decimal, clip: Decimal | None, step: Decimal) -> Decimal:
    """Return the next of the equal clips that `remaining` is cut into, a multiple of `step` where it is not the last."""
    if clip is None or remaining <= clip:
        return remaining
    count = (remaining / clip).to_integral_value(rounding=ROUND_CEILING)
    even = (remaining / count / step).to_integral_value(rounding=ROUND_CEILING) * step
    return max(min(even, clip), ZERO)
