"""The aggregator's quotes: found, remembered for a while, and turned into calls."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from simulators.faults import FaultKind
from simulators.starknet import constants
from simulators.starknet.chain import Chain
from simulators.starknet.execution import CALL_GAS, DATA_GAS, DATA_GAS_PER_CALL, HOP_GAS, SWAP_GAS, VALIDATION_GAS
from simulators.starknet.pools import PoolKey
from simulators.starknet.routes import SwapCall
from simulators.starknet.routing import SOURCES, Leg, Plan, Search
from simulators.starknet.tokens import BY_ADDRESS, TokenPrices
from simulators.starknet.words import halves, to_hex

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class QuoteRequest:
    """What a client asks for; one of the amounts is None, amounts are raw units."""

    sell: int
    buy: int
    sell_amount: int | None
    buy_amount: int | None
    size: int = 1
    excluded: frozenset[str] = frozenset()
    only_direct: bool = False


@dataclass(frozen=True, slots=True)
class Quote:
    """An offer: `plan` in raw units, good until `expires_ns`."""

    quote_id: str
    request: QuoteRequest
    plan: Plan
    created_ns: int
    expires_ns: int
    gas_fri: int


class QuoteBook:
    """Quotes given and not yet forgotten."""

    def __init__(self, chain: Chain, prices: TokenPrices, seed: int) -> None:
        self._chain, self._prices = chain, prices
        self._random = random.Random(seed)
        self._quotes: dict[str, Quote] = {}

    def offer(self, request: QuoteRequest, now_ns: int) -> list[Quote]:
        """Return up to `size` quotes, the best first; none when there is no route."""
        if request.sell not in BY_ADDRESS or request.buy not in BY_ADDRESS or request.sell == request.buy:
            return []
        ignores = self._chain.faults.take(FaultKind.IGNORE_EXCLUDED) is not None
        sources = set(SOURCES.values()) - (set() if ignores else request.excluded)
        quotes = [self._quote(request, plan, now_ns) for plan in self._plans(request, sources)[: request.size]]
        self._quotes.update((quote.quote_id, quote) for quote in quotes)
        return quotes

    def find(self, quote_id: str, now_ns: int) -> Quote | None:
        """Return a quote that still holds."""
        self._quotes = {name: quote for name, quote in self._quotes.items() if quote.expires_ns > now_ns}
        return self._quotes.get(quote_id)

    def forget_all(self) -> None:
        """Let every quote expire."""
        self._quotes.clear()

    def body(self, quote: Quote, now_ns: int) -> Json:
        """Return a quote as the API tells it."""
        request, plan = quote.request, quote.plan
        sell_usd, buy_usd = self._usd(request.sell, plan.sold, now_ns), self._usd(request.buy, plan.bought, now_ns)
        fees = plan.bought * self._fee_bps(plan) // 10_000
        return {
            "quoteId": quote.quote_id,
            "sellTokenAddress": to_hex(request.sell),
            "sellAmount": to_hex(plan.sold),
            "sellAmountInUsd": sell_usd,
            "buyTokenAddress": to_hex(request.buy),
            "buyAmount": to_hex(plan.bought),
            "buyAmountInUsd": buy_usd,
            "fee": {
                "feeToken": to_hex(request.buy),
                "avnuFees": to_hex(fees),
                "avnuFeesInUsd": self._usd(request.buy, fees, now_ns),
                "avnuFeesBps": to_hex(self._fee_bps(plan)),
                "integratorFees": "0x0",
                "integratorFeesInUsd": 0.0,
                "integratorFeesBps": "0x0",
            },
            "chainId": to_hex(constants.CHAIN_ID),
            "blockNumber": to_hex(self._chain.block_number),
            "expiry": quote.expires_ns // 1_000_000_000 if self._chain.settings.tells_expiry else None,
            "routes": [_route_body(leg, 0) for leg in plan.legs],
            "gasFees": to_hex(quote.gas_fri),
            "gasFeesInUsd": self._usd(constants.STRK, quote.gas_fri, now_ns),
            "priceImpact": round((1 - buy_usd / sell_usd) * 10_000, 4) if sell_usd else 0.0,
            "sellTokenPriceInUsd": self._token_usd(request.sell, now_ns),
            "buyTokenPriceInUsd": self._token_usd(request.buy, now_ns),
            "exactTokenTo": request.buy_amount is not None,
            "estimatedSlippage": 0.001,
        }

    def calls(self, quote: Quote, taker: int, slippage: Decimal, *, approves: bool) -> list[Json]:
        """Return the calls that execute a quote for `taker`; `slippage` is a fraction, rounded against the taker."""
        part, plan, request = Fraction(slippage), quote.plan, quote.request
        exact_out = request.buy_amount is not None
        most = -int(-plan.sold * (1 + part) // 1) if exact_out else plan.sold
        limit = most if exact_out else int(plan.bought * (1 - part))
        swap = SwapCall(
            request.sell, plan.sold, request.buy, plan.bought, limit, taker, routes=plan.routes(), exact_out=exact_out
        )
        entrypoint = "swap_exact_token_to" if exact_out else "multi_route_swap"
        calls = [{"contractAddress": to_hex(constants.AVNU_EXCHANGE), "entrypoint": entrypoint, "calldata": swap.words()}]
        if approves:
            words = [constants.AVNU_EXCHANGE, *halves(most)]
            calls.insert(0, {"contractAddress": to_hex(request.sell), "entrypoint": "approve", "calldata": words})
        return [dict(call) for call in calls]

    def _plans(self, request: QuoteRequest, sources: set[str]) -> list[Plan]:
        known = self._chain.settings
        fees = (known.single_route_fee_bps, known.many_routes_fee_bps)
        search = Search(self._chain.state, fees, request.sell, request.buy, frozenset(sources))
        if request.buy_amount is not None:
            return search.buying(request.buy_amount)
        return search.selling(request.sell_amount or 0, only_direct=request.only_direct)

    def _quote(self, request: QuoteRequest, plan: Plan, now_ns: int) -> Quote:
        name = str(UUID(int=self._random.getrandbits(128), version=4))
        expires_ns = now_ns + round(self._chain.settings.quote_secs * 1e9)
        hops = sum(len(leg.hops) for leg in plan.legs)
        gas = VALIDATION_GAS + 2 * CALL_GAS + SWAP_GAS + hops * HOP_GAS
        return Quote(name, request, plan, now_ns, expires_ns, self._chain.fee_of(gas, DATA_GAS + 2 * DATA_GAS_PER_CALL))

    def _fee_bps(self, plan: Plan) -> int:
        known = self._chain.settings
        return known.many_routes_fee_bps if len(plan.routes()) > 1 else known.single_route_fee_bps

    def _usd(self, token: int, amount: int, now_ns: int) -> float:
        return round(amount / BY_ADDRESS[token].unit * self._token_usd(token, now_ns), 6)

    def _token_usd(self, token: int, now_ns: int) -> float:
        return float(self._prices.usd(BY_ADDRESS[token], now_ns))


def _route_body(leg: Leg, index: int) -> Mapping[str, object]:
    """Return a leg as the API nests it: each hop inside the one before."""
    hop = leg.hops[index]
    info = {}
    if isinstance(hop.pool, PoolKey):
        names = ("token0", "token1", "fee", "tickSpacing", "extension")
        info = {"routeInfo": dict(zip(names, map(to_hex, hop.pool.fields()), strict=True))}
    return {
        "name": SOURCES[hop.exchange],
        "address": to_hex(hop.exchange),
        "percent": 1.0 if index else leg.share_percent / 100,
        "sellTokenAddress": to_hex(hop.sell),
        "buyTokenAddress": to_hex(hop.buy),
        **info,
        "routes": [_route_body(leg, index + 1)] if index + 1 < len(leg.hops) else [],
        "alternativeSwapCount": 0,
    }
