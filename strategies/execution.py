"""How a pair is brought about: at once as takers, or with one leg resting, whichever is expected to cost less."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from strategies.pair_plan import Mode, PairPlan, Policy
from strategies.sizing import ZERO, round_down

_NS_PER_SEC = 1_000_000_000


class ExecutionMode(StrEnum):
    """What a node is told: one mode for good, or the cheaper one each time."""

    AUTO = "auto"
    TAKER = "taker"
    MAKER = "maker"


class ExecutionTerms(msgspec.Struct, frozen=True, kw_only=True):
    """How orders are sent: `_usd` is notional per leg, `_bps` are of the price, `_secs` wall time.

    `clip_usd` bounds what may stand unhedged. A resting order is given `maker_deadline_secs` before its clip is
    taken, and is moved when the market is `reprice_bps` away. Until fills of our own tell better, a resting order
    is thought to fill in time with probability `maker_fill_chance` and to be worth `maker_markout_bps` against the
    mid afterwards; `maker_wait_bps` is what the waiting for it is thought to cost.
    """

    mode: ExecutionMode = ExecutionMode.TAKER
    clip_usd: Decimal | None = None
    maker_deadline_secs: float = 20.0
    reprice_bps: Decimal = Decimal(1)
    max_reprices: int = 20
    maker_fill_chance: Decimal = Decimal("0.7")
    maker_markout_bps: Decimal = ZERO
    maker_wait_bps: Decimal = Decimal("0.5")
    retry_slippage_bps: Decimal = Decimal(5)
    max_retries: int = 2
    in_doubt_after_secs: float = 3.0

    def policy(self, max_slippage_bps: Decimal) -> Policy:
        """Return how hard a pair tries, its first orders reaching `max_slippage_bps`."""
        return Policy(
            max_slippage_bps=max_slippage_bps,
            retry_slippage_bps=self.retry_slippage_bps,
            max_retries=self.max_retries,
            in_doubt_after_ns=round(self.in_doubt_after_secs * _NS_PER_SEC),
            maker_deadline_ns=round(self.maker_deadline_secs * _NS_PER_SEC),
            reprice_bps=self.reprice_bps,
            max_reprices=self.max_reprices,
        )


class LegCosts(msgspec.Struct, frozen=True, kw_only=True):
    """What trading on one venue costs, in bps of the notional; `markout_bps` is None where no fill has told."""

    maker_fee_bps: Decimal
    taker_fee_bps: Decimal
    half_spread_bps: Decimal
    absorbable_usd: Decimal
    markout_bps: Decimal | None = None

    @property
    def taking_bps(self) -> Decimal:
        """Cost of taking, against the mid."""
        return self.taker_fee_bps + self.half_spread_bps


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A mode, the venue on which one leg would rest, and what each mode is expected to cost, in bps of the notional."""

    mode: Mode
    maker_venue: str
    taker_bps: Decimal
    maker_bps: Decimal


def choose(costs: Mapping[str, LegCosts], terms: ExecutionTerms) -> Choice:
    """Return how to bring a pair about; `costs` are of its two venues.

    The leg on the thinner book would rest. What it gains by resting is its markout, the mid some time after a fill
    less the price of it, which has the half spread earned and the adverse move that filled it in one figure.
    """
    thin = min(costs, key=lambda venue: (costs[venue].absorbable_usd, venue))
    (deep,) = (venue for venue in costs if venue != thin)
    maker_bps = resting_bps(costs[thin], terms) + costs[deep].taking_bps
    taker_bps = costs[thin].taking_bps + costs[deep].taking_bps
    wants_maker = maker_bps < taker_bps if terms.mode is ExecutionMode.AUTO else terms.mode is ExecutionMode.MAKER
    mode = Mode.MAKER if wants_maker else Mode.TAKER
    return Choice(mode=mode, maker_venue=thin, taker_bps=taker_bps, maker_bps=maker_bps)


def resting_bps(leg: LegCosts, terms: ExecutionTerms) -> Decimal:
    """Return what a leg that rests is expected to cost: filled in time or, past its deadline, taken."""
    markout_bps = terms.maker_markout_bps if leg.markout_bps is None else leg.markout_bps
    chance = terms.maker_fill_chance
    return chance * (leg.maker_fee_bps - markout_bps) + (1 - chance) * leg.taking_bps + terms.maker_wait_bps


def arranged(plan: PairPlan, choice: Choice, terms: ExecutionTerms) -> PairPlan:
    """Return a plan cut into clips and given its mode; a clip is one that both venues take."""
    maker_leg = next(i for i, leg in enumerate(plan.legs) if leg.venue == choice.maker_venue)
    return msgspec.structs.replace(plan, mode=choice.mode, maker_leg=maker_leg, clip=_clip(plan, terms))


def _clip(plan: PairPlan, terms: ExecutionTerms) -> Decimal | None:
    price_usd = max(leg.reference_price_usd for leg in plan.legs)
    if terms.clip_usd is None or price_usd <= 0:
        return None
    clip = round_down(terms.clip_usd / price_usd, max(leg.rules.size_step for leg in plan.legs))
    is_takeable = all(not leg.rules.is_too_small(clip, leg.reference_price_usd) for leg in plan.legs)
    return clip if is_takeable else None
