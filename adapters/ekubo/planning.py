"""Turns an order into its next swap: quotes at two sizes, limits, the build, and its verification; nothing is sent here."""

import contextlib
from collections.abc import Awaitable, Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction

import msgspec

from adapters.ekubo import costs, impact, parsing, slices, verification
from adapters.ekubo.api import AvnuApi
from adapters.ekubo.calldata import BranchLayout
from adapters.ekubo.constants import BPS, STRK
from adapters.ekubo.quoting import NoRoute, Quoter, QuoteRefused
from adapters.ekubo.schemas import Quote
from adapters.ekubo.sending import Swap
from adapters.ekubo.signing import Call
from adapters.ekubo.slices import Cut
from adapters.ekubo.tokens import Pair, Token
from adapters.ekubo.verification import Refusal, SwapTerms, VerifiedSwap
from adapters.errors import Rejected
from messages import Side

_NS, _ZERO = 1_000_000_000, Decimal(0)
_CUTS = 3  # how often a size is tried before the pool is too thin for the order


class SwapOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it is worked; `quantity` and `granule` (its smallest step) are units of the base token."""

    client_order_id: str
    strategy_id: str
    instrument_id: str
    is_buy: bool
    quantity: int
    granule: int
    limit_price: Decimal | None  # quote per base
    base: Token
    quote: Token

    @property
    def sold(self) -> Token:
        """What is given."""
        return self.quote if self.is_buy else self.base

    @property
    def bought(self) -> Token:
        """What is wanted."""
        return self.base if self.is_buy else self.quote


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The next swap of an order, verified: `size` in units of the base token, one of `count` like it."""

    calls: tuple[Call, ...]
    swap: Swap
    size: int
    count: int
    fresh_until_ns: int


class Objection(msgspec.Struct, frozen=True):
    """Why there is no swap; where it `is_final` asking again would not help."""

    words: str
    is_final: bool = True


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of a swap, and what it may pass through; see `EkuboExecClientConfig`."""

    chain_id: int
    exchange: int
    account: int
    exchanges: frozenset[int] | None
    extensions: frozenset[int] | None
    is_direct_only: bool
    branches: BranchLayout
    max_impact_bps: Decimal
    max_cost_bps: Decimal
    max_gain_bps: Decimal
    max_slippage_bps: Decimal
    min_slice_usd: Decimal
    quote_max_age_secs: float
    min_strk_reserve: Decimal
    is_reference_required: bool


type Reference = Callable[[str], Decimal | None]
type Held = Callable[[int], Awaitable[int]]


class SwapPlanner:
    """Plans swaps of one account.

    `held` reads the wallet's balance of a token; `reference` tells the independent price of an instrument (quote per base),
    None where none is wanted, and raises `Rejected` where it is wanted and not to be had.
    """

    def __init__(
        self,
        api: AvnuApi,
        quoter: Quoter,
        rules: Rules,
        *,
        held: Held,
        reference: Reference,
        now_ns: Callable[[], int],
        log: Callable[[str], None],
    ) -> None:
        self._api, self._quoter, self._rules, self._held, self._reference = api, quoter, rules, held, reference
        self._now_ns, self._log = now_ns, log
        self.strk_usd: Decimal | None = None  # as the last quote had it: to value gas, never to trade on

    async def plan(self, order: SwapOrder, remaining: int) -> Plan | Objection:
        """Return the next swap, or why there is none; raises `VenueError` where AVNU or the node does not say."""
        asked_ns = self._now_ns()
        try:
            self._check_bound(order)
            quote, cut = await self._sized(order, remaining)
            self._check_cost(order, quote)
            terms = self._terms(order, cut.size, quote)
            await self._check_wallet(order, terms.sell_amount)
            verified = await self._build(quote, terms)
        except _Objected as e:
            return e.objection
        except QuoteRefused as e:
            self._log(f"AVNU's quote is not what was asked for: {e}")
            return Objection(f"quote refused, {e}", is_final=False)
        except NoRoute as e:
            return Objection(e.reason, is_final=False)
        self._note_strk_price(quote)
        return Plan(
            calls=verified.calls,
            swap=_swap(order, terms),
            size=cut.size,
            count=cut.count,
            fresh_until_ns=asked_ns + round(self._rules.quote_max_age_secs * _NS),
        )

    # -- size

    async def _sized(self, order: SwapOrder, remaining: int) -> tuple[Quote, Cut]:
        """Return a quote for the largest slice that keeps the impact limit and the order's own price."""
        whole, size = await self._first_quote(order, remaining)
        small = await self._quote(order, _small_size(order, size, whole))
        limit = self._impact_limit(order, small)
        if size == remaining and _impact(whole, small) <= limit:
            return whole, Cut(remaining, 1)
        found = max(_impact(whole, small), Decimal(1).scaleb(-9))
        most = slices.largest(size, found, limit, is_exact_out=order.is_buy)
        for _ in range(_CUTS):
            cut = slices.cut(remaining, most, least=self._least(order, small), granule=order.granule)
            if cut is None:
                fits = f"{_plain(order.base, most)} {order.base.code}"
                raise _Objected(f"no more than {fits} fit within an impact of {_bps(limit)} bps: not worth a slice")
            quote = await self._quote(order, cut.size)
            found = _impact(quote, small)
            if found <= limit:
                return quote, cut
            most = slices.largest(cut.size, found, limit, is_exact_out=order.is_buy)
        raise _Objected(f"an impact of {_bps(found)} bps, at most {_bps(limit)} are allowed")

    async def _first_quote(self, order: SwapOrder, remaining: int) -> tuple[Quote, int]:
        """Return a quote for what remains, or for a part of it where the pools do not hold as much."""
        for size in dict.fromkeys((remaining, remaining // 10, remaining // 100)):
            with contextlib.suppress(NoRoute):
                if size:
                    return await self._quote(order, size), size
        raise NoRoute(f"no route from {order.sold.code} to {order.bought.code}")

    async def _quote(self, order: SwapOrder, size: int) -> Quote:
        ask = self._quoter.buy if order.is_buy else self._quoter.sell
        return await ask(order.sold, order.bought, size)

    def _impact_limit(self, order: SwapOrder, small: Quote) -> Decimal:
        """Return how far a slice may move the price: no further than to the order's own limit."""
        limit = self._rules.max_impact_bps / BPS
        if order.limit_price is None:
            return limit
        wanted, offered = _limit_rate(order), _rate(small)
        if offered <= wanted:
            raise _Objected(f"the limit price {order.limit_price} is not met: {_price(order, small):.6f} is offered")
        return min(limit, 1 - wanted / offered)

    def _least(self, order: SwapOrder, small: Quote) -> int:
        """Return the smallest slice in base units; the quote token is taken for dollars."""
        return order.base.units(self._rules.min_slice_usd / _price(order, small))

    # -- price and wallet

    def _check_bound(self, order: SwapOrder) -> None:
        """Demand a price that is not AVNU's own word: else a quote of next to nothing would become what we accept."""
        is_bound = order.limit_price is not None or self._reference(order.instrument_id) is not None
        if self._rules.is_reference_required and not is_bound:
            raise _Objected(
                f"no independent price to judge {order.instrument_id} by: send a limit order, or name a perpetual in `references`"
            )

    def _check_cost(self, order: SwapOrder, quote: Quote) -> None:
        """Demand a price near an independent one: a pool that is off, or a quote that is a lie, shows nowhere else."""
        reference = self._reference(order.instrument_id)
        if reference is None:
            return
        worse_bps = impact.worse_bps(Side.BUY if order.is_buy else Side.SELL, _price(order, quote), reference)
        refusal = impact.refuse_price(worse_bps, max_cost_bps=self._rules.max_cost_bps, max_gain_bps=self._rules.max_gain_bps)
        if refusal is not None:
            raise _Objected(f"{refusal.fault}: {refusal.detail}")

    async def _check_wallet(self, order: SwapOrder, needed: int) -> None:
        held, sold = await self._held(order.sold.address), order.sold
        kept = sold.units(self._rules.min_strk_reserve) if sold.address == STRK else 0
        if held - kept < needed:
            words = f"{_plain(sold, needed)} {sold.code} needed, {_plain(sold, held)} in the wallet"
            raise _Objected(f"{words}, of which {_plain(sold, kept)} are kept for gas" if kept else words)

    # -- the swap

    def _terms(self, order: SwapOrder, size: int, quote: Quote) -> SwapTerms:
        """Return what a build has to keep: the slippage limit, and the order's own price."""
        slippage_bps = self._rules.max_slippage_bps
        rate = None if order.limit_price is None else _limit_rate(order)
        if order.is_buy:
            most = verification.maximum_sold(quote.sell_amount, slippage_bps)
            other = most if rate is None else min(most, int((size / rate).to_integral_value(ROUND_FLOOR)))
        else:
            least = verification.minimum_bought(quote.buy_amount, slippage_bps)
            other = least if rate is None else max(least, int((size * rate).to_integral_value(ROUND_CEILING)))
        return self._exact_terms(order, size, other)

    def _exact_terms(self, order: SwapOrder, size: int, other: int) -> SwapTerms:
        rules = self._rules
        return SwapTerms(
            chain_id=rules.chain_id,
            exchange=rules.exchange,
            account=rules.account,
            sell_token=order.sold.address,
            buy_token=order.bought.address,
            sell_amount=other if order.is_buy else size,
            buy_amount=size if order.is_buy else other,
            is_exact_out=order.is_buy,
            exchanges=rules.exchanges,
            extensions=rules.extensions,
            is_direct_only=rules.is_direct_only,
            branches=rules.branches,
        )

    async def _build(self, quote: Quote, terms: SwapTerms) -> VerifiedSwap:
        slippage_bps = (
            Decimal(terms.sell_amount) / quote.sell_amount - 1
            if terms.is_exact_out
            else 1 - Decimal(terms.buy_amount) / quote.buy_amount
        ) * BPS
        try:
            build = await self._api.build(quote.quote_id, terms.account, verification.asked_slippage(max(slippage_bps, _ZERO)))
        except Rejected as e:
            raise _Objected(f"no build: {e.reason}", is_final=False) from e
        verified = verification.verify(build, terms)
        if isinstance(verified, Refusal):
            self._log(f"AVNU's build is not what was asked for, and not signed: {verified.fault}: {verified.detail}")
            raise _Objected(f"build refused, {verified.fault}: {verified.detail}", is_final=False)
        return verified

    def _note_strk_price(self, quote: Quote) -> None:
        strk = costs.gas_strk(quote)
        if strk and quote.gas_fees_in_usd and quote.gas_fees_in_usd > 0:
            self.strk_usd = quote.gas_fees_in_usd / strk


class _Objected(Exception):
    def __init__(self, words: str, *, is_final: bool = True) -> None:
        super().__init__(words)
        self.objection = Objection(words, is_final)


def _rate(quote: Quote) -> Decimal:
    """Return units bought per unit sold."""
    return Decimal(quote.buy_amount) / quote.sell_amount


def _impact(quote: Quote, small: Quote) -> Decimal:
    """Return how much worse a quote is than that for next to nothing, a fraction: the pool's fee cancels."""
    return impact.execution_impact_bps(parsing.amounts(quote), parsing.amounts(small)) / BPS


def _price(order: SwapOrder, quote: Quote) -> Decimal:
    """Return a quote's price, quote per base."""
    sold, bought = int(quote.sell_amount), int(quote.buy_amount)
    return Pair(order.base, order.quote).price(*((bought, sold) if order.is_buy else (sold, bought)))


def _limit_rate(order: SwapOrder) -> Decimal:
    """Return the order's limit as units bought per unit sold."""
    assert order.limit_price is not None
    price = order.limit_price.scaleb(order.quote.decimals - order.base.decimals)
    return 1 / price if order.is_buy else price


def _small_size(order: SwapOrder, size: int, quote: Quote) -> int:
    """Return a size of next to nothing that still has digits enough to compare."""
    other = quote.sell_amount if order.is_buy else quote.buy_amount
    return impact.small_size(size, Fraction(int(other), size))


def _plain(token: Token, units: int) -> str:
    return f"{token.amount(units).normalize():f}"


def _bps(fraction: Decimal) -> str:
    return f"{fraction * BPS:.2f}"


def _swap(order: SwapOrder, terms: SwapTerms) -> Swap:
    return Swap(
        client_order_id=order.client_order_id,
        strategy_id=order.strategy_id,
        instrument_id=order.instrument_id,
        is_buy=order.is_buy,
        order_quantity=str(order.base.amount(order.quantity)),
        limit_price=None if order.limit_price is None else str(order.limit_price),
        sell_token=hex(terms.sell_token),
        buy_token=hex(terms.buy_token),
        sell_amount=terms.sell_amount,
        buy_amount=terms.buy_amount,
    )
