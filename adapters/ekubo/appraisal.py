"""Swap quotes at any size: asked for at two sizes, and set against the pool on the chain and a perpetual's mark."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import msgspec

from adapters.ekubo import costs, impact, parsing
from adapters.ekubo.constants import BPS, VENUE_NAME
from adapters.ekubo.pools import PoolState, Step, human_price, is_liquidity_certain, largest_input, spot_move, step
from adapters.ekubo.quoting import Quoter
from adapters.ekubo.rpc import StarknetRpc
from adapters.ekubo.schemas import Quote
from adapters.ekubo.tokens import Pair
from adapters.errors import Rejected
from messages import Side, SwapCost, SwapQuote

_NS = 10**9


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: a `base_quantity`, or as much as moves the price by `max_impact_bps`."""

    side: Side
    base_quantity: Decimal | None = None
    max_impact_bps: Decimal | None = None

    def __post_init__(self) -> None:
        given = [each for each in (self.base_quantity, self.max_impact_bps) if each is not None]
        if len(given) != 1 or not (given[0].is_finite() and given[0] > 0):
            raise ValueError("a swap quote is asked for by a positive quantity or by a positive max_impact_bps")
        if self.max_impact_bps is not None and self.max_impact_bps >= BPS:
            raise ValueError(f"an impact of {self.max_impact_bps} bps is everything")


class _Quoted(msgspec.Struct, frozen=True, kw_only=True):
    """The quote asked for, one for next to nothing the same way, and the pool of the latter: its price is the spot price."""

    side: Side
    large: Quote
    small: Quote
    pool: PoolState | None

    @property
    def base_units(self) -> int:
        return int(self.large.sell_amount if self.side is Side.SELL else self.large.buy_amount)

    @property
    def quote_units(self) -> int:
        return int(self.large.buy_amount if self.side is Side.SELL else self.large.sell_amount)


class Appraiser:
    """Makes `SwapQuote`s; with no node it does without what only the chain tells.

    `usd_codes` are the tokens taken for dollars: other quote tokens have no mark and no cost in USD. `probe_quote` is an
    amount of the quote token small enough for any pool.
    """

    def __init__(
        self,
        quoter: Quoter,
        rpc: StarknetRpc | None,
        *,
        core: int,
        usd_codes: frozenset[str],
        probe_quote: Decimal,
        code_of: Callable[[int], str],
        strk_usd: Callable[[], Decimal | None],
        now_ns: Callable[[], int],
    ) -> None:
        self._quoter, self._rpc, self._core, self._usd_codes = quoter, rpc, core, usd_codes
        self._probe_quote = probe_quote
        self._code_of, self._strk_usd, self._now_ns = code_of, strk_usd, now_ns

    async def quote(self, pair: Pair, asked: Asked, mark: Decimal | None) -> SwapQuote:
        """Return the quote; raises `NoRoute`, `QuoteRefused` and whatever the venues' clients raise."""
        if asked.base_quantity is None:
            large, is_exact_out = await self._by_impact(pair, asked), False
        else:
            large, is_exact_out = await self._by_quantity(pair, asked), asked.side is Side.BUY
        small = await self._small(pair, asked.side, large, is_exact_out=is_exact_out)
        quoted = _Quoted(side=asked.side, large=large, small=small, pool=await self._pool(small))
        return self._message(pair, quoted, mark if pair.quote.code in self._usd_codes else None)

    async def _by_quantity(self, pair: Pair, asked: Asked) -> Quote:
        assert asked.base_quantity is not None
        units = pair.base.units(asked.base_quantity)
        if units == 0:
            raise Rejected(f"{asked.base_quantity} {pair.base.code} is less than its smallest unit")
        if asked.side is Side.SELL:
            return await self._quoter.sell(pair.base, pair.quote, units)
        return await self._quoter.buy(pair.quote, pair.base, units)

    async def _by_impact(self, pair: Pair, asked: Asked) -> Quote:
        """Quote the largest size the pool on the chain takes for an impact, by its formula."""
        assert asked.max_impact_bps is not None
        sold, bought = (pair.base, pair.quote) if asked.side is Side.SELL else (pair.quote, pair.base)
        probe = await self._quoter.sell(pair.quote, pair.base, pair.quote.units(self._probe_quote))
        pool = await self._pool(probe)
        if pool is None:
            raise Rejected("the largest size for an impact needs a node and a quote through one pool that it names")
        is_token1 = sold.address == pool.key.token1
        size = largest_input(pool, is_token1=is_token1, max_impact_bps=asked.max_impact_bps)
        if size == 0:
            raise Rejected(f"no size keeps to an impact of {asked.max_impact_bps} bps")
        return await self._quoter.sell(sold, bought, size)

    async def _small(self, pair: Pair, side: Side, large: Quote, *, is_exact_out: bool) -> Quote:
        """Quote next to nothing the same way, the same side exact."""
        sold, bought = (pair.base, pair.quote) if side is Side.SELL else (pair.quote, pair.base)
        sold_units, bought_units = int(large.sell_amount), int(large.buy_amount)
        if is_exact_out:
            units = impact.small_size(bought_units, Fraction(sold_units, bought_units))
            return await self._quoter.buy(sold, bought, units)
        units = impact.small_size(sold_units, Fraction(bought_units, sold_units))
        return await self._quoter.sell(sold, bought, units)

    async def _pool(self, quote: Quote) -> PoolState | None:
        key = parsing.single_pool(quote)
        return None if key is None or self._rpc is None else await self._rpc.pool(self._core, key)

    def _message(self, pair: Pair, quoted: _Quoted, mark: Decimal | None) -> SwapQuote:
        large, side = quoted.large, quoted.side
        price = pair.price(quoted.base_units, quoted.quote_units)
        spot = None if quoted.pool is None else _spot(pair, quoted.pool)
        impact_bps = impact.execution_impact_bps(parsing.amounts(large), parsing.amounts(quoted.small))
        return SwapQuote(
            venue=VENUE_NAME,
            instrument_id=str(parsing.instrument_id(pair.symbol)),
            side=side,
            base_quantity=pair.base.amount(quoted.base_units),
            quote_quantity=pair.quote.amount(quoted.quote_units),
            route=parsing.route_hops(large.routes, self._code_of),
            gas_strk=costs.gas_strk(large),
            gas_usd=costs.gas_usd(large, self._strk_usd()),
            impact_bps=impact_bps,
            spot_move_bps=_spot_move_bps(quoted, impact_bps),
            slippage_bps=None if spot is None else impact.worse_bps(side, price, spot),
            against_mark_bps=None if mark is None else impact.worse_bps(side, price, mark),
            told_impact=large.price_impact,
            cost=self._cost(pair, quoted, impact_bps, mark or spot or price),
            expiry_ns=0 if not large.expiry else int(large.expiry * _NS),
            ts_ns=self._now_ns(),
        )

    def _cost(self, pair: Pair, quoted: _Quoted, impact_bps: Decimal, fair: Decimal) -> SwapCost | None:
        """Return the cost in its parts: the fees are the small quote's, dearer ways a large one is split over are impact."""
        if pair.quote.code not in self._usd_codes:
            return None
        return costs.estimate(
            notional_usd=pair.base.amount(quoted.base_units) * fair,
            impact_bps=impact_bps,
            pool_fee=costs.pool_fee(quoted.small.routes),
            aggregator_fee=costs.aggregator_fee(quoted.small),
            gas_usd=costs.gas_usd(quoted.large, self._strk_usd()),
        )


def _spot_move_bps(quoted: _Quoted, impact_bps: Decimal) -> Decimal:
    """Return how far the pool's price will move: by its own steps where its liquidity is certain, else by the impact."""
    pool, large = quoted.pool, quoted.large
    if pool is not None and parsing.single_pool(large) == pool.key:
        after = _after(pool, int(large.sell_token_address), int(large.sell_amount)).sqrt_ratio_after
        if is_liquidity_certain(pool, after):
            return round(spot_move(pool.sqrt_ratio, after) * BPS, 6)
    return impact.spot_move_bps(impact_bps)


def _after(pool: PoolState, sell_token: int, units: int) -> Step:
    return step(
        sqrt_ratio=pool.sqrt_ratio,
        liquidity=pool.liquidity,
        amount=units,
        is_token1=sell_token == pool.key.token1,
        fee=pool.key.fee,
    )


def _spot(pair: Pair, pool: PoolState) -> Decimal:
    """Return a pool's price, quote per base."""
    if pair.base.address == pool.key.token0:
        return human_price(pool.sqrt_ratio, pair.base.decimals, pair.quote.decimals)
    return 1 / human_price(pool.sqrt_ratio, pair.quote.decimals, pair.base.decimals)
