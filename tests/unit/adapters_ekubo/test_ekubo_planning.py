"""What is planned keeps every limit, whatever the aggregator says."""

import itertools
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from adapters.ekubo import calldata, constants
from adapters.ekubo.calldata import BranchLayout, DirectSwap, SwapCall, SwapRoute
from adapters.ekubo.planning import Objection, Plan, Rules, SwapOrder, SwapPlanner
from adapters.ekubo.quoting import Quoter
from adapters.ekubo.schemas import Build, Quote, convert
from adapters.ekubo.tokens import Token
from adapters.errors import Rejected

ETH, USDC = Token("ETH", constants.ETH, 18), Token("USDC", constants.USDC, 6)
STRK = Token("STRK", constants.STRK, 18)
ACCOUNT, CORE = 0x123, constants.EKUBO_CORE
NOW_NS = 1_700_000_000 * 10**9
PRICE = Decimal(2000)


class Aggregator:
    """A constant-product pool of 10,000 base tokens at a price of 2,000, behind AVNU's interface."""

    def __init__(self) -> None:
        self.reserves = {ETH.address: 10_000 * 10**18, USDC.address: 20_000_000 * 10**6, STRK.address: 10_000 * 10**18}
        self.fee = Decimal("0.0005")
        self.quoted: dict[str, Quote] = {}
        self.asked: list[Any] = []
        self.slippages: list[Decimal] = []
        self.ids = itertools.count()
        self.has_route = lambda asked: True
        self.thin = lambda sold: Decimal(1)  # the share of the liquidity a sale of this size meets
        self.tamper = lambda changes: changes
        self.build_error: Exception | None = None

    async def quotes(self, asked: Any, *, is_urgent: bool = False) -> list[Quote]:
        assert is_urgent
        self.asked.append(asked)
        if not self.has_route(asked):
            return []
        into, out = self.reserves[asked.sell_token], self.reserves[asked.buy_token]
        if asked.buy_amount is None:
            sold = asked.sell_amount
            into, out = (self.thin(sold) * reserve for reserve in (into, out))
            net = Decimal(sold) * (1 - self.fee)
            bought = int(out * net / (into + net))
        else:
            bought = asked.buy_amount
            if bought >= out:
                return []
            sold = int(into * Decimal(bought) / (out - bought) / (1 - self.fee)) + 1
        words = {
            "quoteId": f"q{next(self.ids)}",
            "sellTokenAddress": asked.sell_token,
            "buyTokenAddress": asked.buy_token,
            "sellAmount": sold,
            "buyAmount": bought,
            "chainId": constants.SN_MAIN,
            "exactTokenTo": asked.buy_amount is not None,
            "gasFees": 2 * 10**17,
            "gasFeesInUsd": 0.02,
            "routes": [
                {"name": "Ekubo", "address": CORE, "percent": 1, "sellTokenAddress": asked.sell_token}
                | {"buyTokenAddress": asked.buy_token}
            ],
        }
        quote = convert(Quote, words)
        self.quoted[quote.quote_id] = quote
        return [quote]

    async def build(self, quote_id: str, taker: int, slippage: Decimal) -> Build:
        if self.build_error is not None:
            raise self.build_error
        self.slippages.append(slippage)
        quote = self.quoted[quote_id]
        sell, buy = int(quote.sell_token_address), int(quote.buy_token_address)
        pool = (*sorted((sell, buy)), 2**110, 1000, 0, 0)
        exact_out = quote.exact_token_to
        limit = int(quote.sell_amount * (1 + slippage)) if exact_out else int(quote.buy_amount * (1 - slippage))
        call = SwapCall(
            is_exact_out=exact_out,
            sell_token=sell,
            sell_amount=int(quote.sell_amount),
            buy_token=buy,
            buy_amount=int(quote.buy_amount),
            limit=limit,
            beneficiary=taker,
            integrator_fee_bps=0,
            integrator=0,
            routes=(SwapRoute(sell, buy, DirectSwap(CORE, constants.WHOLE_PERCENT, pool)),),
        )
        call = msgspec.structs.replace(call, **self.tamper({}))
        most = call.limit if exact_out else call.sell_amount
        name = constants.SWAP_EXACT_TOKEN_TO if exact_out else constants.MULTI_ROUTE_SWAP
        calls = [
            {"contractAddress": sell, "entrypoint": "approve", "calldata": [constants.AVNU_EXCHANGE, most, 0]},
            {"contractAddress": constants.AVNU_EXCHANGE, "entrypoint": name, "calldata": list(calldata.write_swap(call))},
        ]
        return convert(Build, {"chainId": constants.SN_MAIN, "calls": calls})


class Table:
    """A planner and what it stands on."""

    def __init__(self, *, is_reference_required: bool = True, **rules: Any) -> None:
        self.api, self.wallet, self.mark, self.log = Aggregator(), dict[int, int](), PRICE, []
        self.wallet = {ETH.address: 10**24, USDC.address: 10**15, STRK.address: 100 * 10**18}
        settings = {"max_impact_bps": 20, "max_cost_bps": 60, "max_gain_bps": 100, "max_slippage_bps": 30, "min_slice_usd": 50}
        self.rules = Rules(
            chain_id=constants.SN_MAIN,
            exchange=constants.AVNU_EXCHANGE,
            account=ACCOUNT,
            exchanges=frozenset({CORE}),
            extensions=frozenset({0}),
            is_direct_only=True,
            branches=BranchLayout.REFUSED,
            quote_max_age_secs=10.0,
            min_strk_reserve=Decimal(5),
            is_reference_required=is_reference_required,
            **{name: Decimal(value) for name, value in {**settings, **rules}.items()},
        )
        quoter = Quoter(
            self.api,
            chain_id=constants.SN_MAIN,
            core=CORE,
            is_ekubo_only=True,
            is_direct_only=True,
            taker=ACCOUNT,
            now_ns=lambda: NOW_NS,
            is_urgent=True,
        )
        self.planner = SwapPlanner(
            self.api,
            quoter,
            self.rules,
            held=self.held,
            reference=lambda _: self.mark,
            now_ns=lambda: NOW_NS,
            log=self.log.append,
        )

    async def held(self, token: int) -> int:
        return self.wallet[token]

    async def plan(self, order: SwapOrder, remaining: int | None = None) -> Plan:
        plan = await self.planner.plan(order, order.quantity if remaining is None else remaining)
        assert isinstance(plan, Plan), plan
        return plan

    async def objection(self, order: SwapOrder) -> Objection:
        objection = await self.planner.plan(order, order.quantity)
        assert isinstance(objection, Objection)
        return objection


def order(is_buy: bool, quantity: str, limit: str | None = None, base: Token = ETH) -> SwapOrder:
    return SwapOrder(
        client_order_id="O-1",
        strategy_id="S-1",
        instrument_id=f"{base.code}-USDC.EKUBO",
        is_buy=is_buy,
        quantity=base.units(Decimal(quantity)),
        granule=10 ** (base.decimals - 8),
        limit_price=None if limit is None else Decimal(limit),
        base=base,
        quote=USDC,
    )


def price(swap: Any) -> Decimal:
    """Return the worst price a swap may be executed at, quote per base."""
    base, quote = (swap.buy_amount, swap.sell_amount) if swap.is_buy else (swap.sell_amount, swap.buy_amount)
    return USDC.amount(quote) / ETH.amount(base)


@pytest.mark.parametrize("is_buy", [False, True])
async def test_a_small_order_is_one_swap_within_its_slippage(is_buy):
    table = Table()
    plan = await table.plan(order(is_buy, "1"))
    assert (plan.size, plan.count) == (10**18, 1)
    assert plan.fresh_until_ns == NOW_NS + 10 * 10**9
    assert plan.swap.is_buy is is_buy
    quote = table.api.quoted["q0"]
    if is_buy:
        assert quote.sell_amount < plan.swap.sell_amount <= quote.sell_amount * 10030 // 10000 + 1
    else:
        assert quote.buy_amount * 9970 // 10000 == plan.swap.buy_amount
    assert table.api.slippages[0] <= Decimal("0.003")
    assert [call.contract for call in plan.calls] == [int(plan.swap.sell_token, 16), constants.AVNU_EXCHANGE]
    assert table.planner.strk_usd == Decimal("0.1")


@pytest.mark.parametrize("is_buy", [False, True])
async def test_a_large_order_is_cut_so_that_each_slice_stays_under_the_impact_limit(is_buy):
    table, large = Table(), order(is_buy, "100")
    left, slices = large.quantity, []
    while left:
        plan = await table.plan(large, left)
        slices.append(plan)
        left -= plan.size
    assert len(slices) == slices[0].count > 3
    size = ETH.amount(slices[0].size)
    impact_bps = size / (10_000 - size if is_buy else 10_000 + size) * 10_000
    assert 15 < impact_bps <= 20  # the pool is one range: the closed form is nearly exact
    assert max(plan.size for plan in slices) - min(plan.size for plan in slices) < slices[0].size // 100


async def test_a_slice_that_moves_the_price_more_than_was_to_be_expected_is_cut_again():
    table = Table()
    table.api.thin = lambda sold: Decimal(1) if sold > 30 * 10**18 or sold < 10**18 else Decimal("0.8")  # thinner near the price
    plan = await table.plan(order(False, "40"))
    assert plan.size <= 16 * 10**18 * Decimal("1.01")  # 20 bps of 80 % of the pool
    table.api.thin = lambda sold: Decimal("0.01") if sold < 30 * 10**18 else Decimal(1)
    plan = await table.plan(order(False, "40"))
    assert plan.size <= 10**18 // 5  # 20 bps of a hundredth of the pool


async def test_a_pool_that_does_not_hold_as_much_is_still_used():
    table = Table()
    table.api.has_route = lambda asked: (asked.sell_amount or asked.buy_amount) <= 50 * 10**18
    plan = await table.plan(order(False, "200"))
    assert plan.count >= 10
    table.api.has_route = lambda asked: False
    assert (await table.objection(order(False, "1"))) == Objection("no route from ETH to USDC", is_final=False)


async def test_a_slice_that_would_be_too_small_is_none():
    table = Table(max_impact_bps="0.001", min_slice_usd=50)
    objection = await table.objection(order(False, "10"))
    assert "not worth a slice" in objection.words
    assert objection.is_final


@pytest.mark.parametrize(
    ("is_buy", "limit", "ok"), [(False, "1998", True), (False, "1999.5", False), (True, "2002", True), (True, "2000.5", False)]
)
async def test_a_limit_price_is_kept_by_the_least_or_the_most_that_is_signed(is_buy, limit, ok):
    table = Table()
    asked = order(is_buy, "1", limit)
    if not ok:
        objection = await table.objection(asked)
        assert f"the limit price {limit} is not met" in objection.words
        return
    plan = await table.plan(asked)
    worst = price(plan.swap)
    assert worst <= Decimal(limit) if is_buy else worst >= Decimal(limit)
    swap = calldata.read_swap(plan.calls[-1].words, is_exact_out=is_buy)
    assert swap.limit <= plan.swap.sell_amount if is_buy else swap.limit >= plan.swap.buy_amount


async def test_a_limit_close_to_the_market_lets_only_as_much_through_as_it_admits():
    table = Table()
    plan = await table.plan(order(False, "30", "1998.5"))
    assert plan.count > 1
    assert price(plan.swap) >= Decimal("1998.5")


@pytest.mark.parametrize(("mark", "words"), [("2050", "worse than the mark"), ("1950", "better than the mark")])
async def test_a_price_far_from_the_independent_one_is_not_taken(mark, words):
    table = Table()
    table.mark = Decimal(mark)
    objection = await table.objection(order(False, "1"))
    assert words in objection.words
    assert not table.api.slippages  # nothing was built


async def test_a_wanted_reference_that_is_missing_is_no_permission():
    table = Table()

    def missing(_: str) -> Decimal:
        raise Rejected("no fresh mark")

    table.planner._reference = missing
    with pytest.raises(Rejected, match="no fresh mark"):
        await table.planner.plan(order(False, "1"), 10**18)


async def test_without_an_independent_price_only_a_limit_order_is_bound():
    table = Table()
    table.mark = None
    objection = await table.objection(order(False, "1"))
    assert objection.is_final
    assert "no independent price" in objection.words
    assert table.api.asked == []
    swap = (await table.plan(order(False, "1", "1990"))).swap
    assert price(swap) >= 1990
    table = Table(is_reference_required=False)
    table.mark = None
    await table.plan(order(False, "1"))


async def test_the_wallet_has_to_hold_what_is_sold_and_keep_its_gas():
    table = Table()
    table.wallet[ETH.address] = 10**18 - 1
    assert "in the wallet" in (await table.objection(order(False, "1"))).words
    await table.plan(order(True, "1"))
    table = Table(is_reference_required=False, max_impact_bps=9999, max_cost_bps=9999, max_gain_bps=9999)
    table.mark = None
    await table.plan(order(False, "95", base=STRK))
    assert "5 are kept for gas" in (await table.objection(order(False, "95.1", base=STRK))).words


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"beneficiary": 0x666}, "BENEFICIARY"),
        ({"limit": 1}, "LIMIT"),
        ({"integrator_fee_bps": 50, "integrator": 0x666}, "INTEGRATOR_FEE"),
        ({"routes": ()}, "ROUTE"),
    ],
)
async def test_a_build_that_is_not_what_was_asked_for_is_refused_and_said(changes, fault):
    table = Table()
    table.api.tamper = lambda _: changes
    objection = await table.objection(order(False, "1"))
    assert fault in objection.words
    assert not objection.is_final
    assert "not signed" in table.log[0]


async def test_a_quote_that_has_expired_at_the_aggregator_is_asked_for_again():
    table = Table()
    table.api.build_error = Rejected("Invalid quote id", "HTTP 400")
    objection = await table.objection(order(False, "1"))
    assert (objection.words, objection.is_final) == ("no build: Invalid quote id", False)
