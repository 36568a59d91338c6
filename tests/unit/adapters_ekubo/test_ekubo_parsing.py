"""Tokens by address, pairs as instruments, quotes as ticks and messages, and what adds up to the venue's state."""

from decimal import Decimal
from fractions import Fraction

import pytest
from ekubo_wire import Wire, rpc_error, rpc_result
from nautilus_trader.model.identifiers import InstrumentId

from adapters.ekubo import constants, parsing
from adapters.ekubo.api import AvnuApi
from adapters.ekubo.appraisal import Appraiser, Asked
from adapters.ekubo.config import (
    DEFAULT_PAIRS,
    DEFAULT_TOKENS,
    EkuboDataClientConfig,
    EkuboExecClientConfig,
    TokenConfig,
)
from adapters.ekubo.constants import EKUBO_CORE, ETH, SN_MAIN, STRK, USDC, USDC_BRIDGED
from adapters.ekubo.health import QuoteHealth
from adapters.ekubo.impact import small_size, spot_move_bps
from adapters.ekubo.pools import Q128, PoolKey, PoolState, largest_input, sqrt_ratio_at, step
from adapters.ekubo.providers import EkuboInstrumentProvider
from adapters.ekubo.quoting import NoRoute, Quoter, QuoteRefused
from adapters.ekubo.rpc import NodeRefused, StarknetRpc
from adapters.ekubo.schemas import Quote, convert
from adapters.ekubo.tokens import Pair, Token, address_of, check_tokens, codes_of
from adapters.errors import Rejected
from messages import Side, VenueState

ETH_TOKEN, USDC_TOKEN = Token("ETH", ETH, 18), Token("USDC", USDC, 6)
PAIR = Pair(ETH_TOKEN, USDC_TOKEN)
NOW_NS = 1_700_000_000 * 10**9


def instrument(pair: Pair = PAIR):
    return parsing.instrument(pair, 1)


def quote(sell: Token, sold: int, buy: Token, bought: int, **changes) -> Quote:
    hop = {
        "name": "Ekubo",
        "address": hex(EKUBO_CORE),
        "percent": 1,
        "sellTokenAddress": hex(sell.address),
        "buyTokenAddress": hex(buy.address),
    }
    fields = {
        "quoteId": "q",
        "sellTokenAddress": hex(sell.address),
        "sellAmount": hex(sold),
        "buyTokenAddress": hex(buy.address),
        "buyAmount": hex(bought),
        "chainId": hex(SN_MAIN),
        "routes": [hop],
    }
    return convert(Quote, {**fields, **changes})


# Tokens


def test_amounts_of_18_decimals_keep_every_digit():
    assert ETH_TOKEN.amount(10**40 + 1).as_tuple().digits[-1] == 1
    assert ETH_TOKEN.units(Decimal("123456789012345678.123456789012345678")) == 123456789012345678123456789012345678
    assert USDC_TOKEN.units(Decimal("1.0000009")) == 1_000_000  # never more than was asked for
    assert PAIR.price(10**18, 2_900_500_000) == Decimal("2900.5")


def test_an_address_is_one_in_hexadecimal_whatever_its_zeros():
    assert address_of("0x0005") == address_of("0x5") == 5
    for wrong in ("5", "", "0x0", "ETH", hex(constants.FIELD_PRIME), "0x-5"):
        with pytest.raises(ValueError, match="is no"):
            address_of(wrong)


@pytest.mark.parametrize(
    "tokens",
    [
        (("ETH", "0x1"), ("ETH", "0x2")),
        (("USDC", "0x1"), ("USDC.e", "0x01")),
        (("A-B", "0x1"),),
        (("", "0x1"),),
        (("A*", "0x1"),),
    ],
)
def test_one_code_is_one_contract(tokens):
    with pytest.raises(ValueError, match=r"code|address"):
        check_tokens([TokenConfig(code=code, address=address) for code, address in tokens])


def test_pairs_are_spelled_base_and_quote():
    assert codes_of("ETH-USDC.e") == ("ETH", "USDC.e")
    for wrong in ("ETHUSDC", "ETH-", "-USDC", "ETH-ETH", "A-B-C"):
        with pytest.raises(ValueError, match="is no pair"):
            codes_of(wrong)


# Instruments and ticks


def test_a_pair_is_a_currency_pair_with_its_addresses():
    made = instrument()
    assert str(made.id) == "ETH-USDC.EKUBO"
    assert (made.price_precision, made.size_precision) == (6, 8)
    assert made.info["base_address"] == hex(ETH)
    assert (made.info["base_decimals"], made.info["quote_decimals"]) == (18, 6)
    assert str(made.min_quantity) == "0.00000001"


def test_native_and_bridged_usdc_are_two_instruments_of_two_currencies():
    bridged = instrument(Pair(ETH_TOKEN, Token("USDC.e", USDC_BRIDGED, 6)))
    assert InstrumentId.from_str("ETH-USDC.e.EKUBO") == bridged.id != instrument().id
    assert str(bridged.quote_currency) == "USDC.e"
    assert bridged.info["quote_address"] != instrument().info["quote_address"]


def test_a_code_nautilus_knows_keeps_its_currency_and_another_gets_one():
    assert parsing.currency(ETH_TOKEN).precision == 8
    made = parsing.currency(Token("XYZ", 5, 18))
    assert (made.code, made.precision) == ("XYZ", 8)
    assert parsing.currency(Token("LOW", 6, 2)).precision == 2


def test_a_tick_has_both_sides_rounded_away_from_each_other():
    ask = quote(USDC_TOKEN, 100_000_000, ETH_TOKEN, 34_446_470_123_456_789)
    bid = quote(ETH_TOKEN, 34_446_470_123_456_789, USDC_TOKEN, 99_859_185)
    tick = parsing.quote_tick(PAIR, instrument(), ask=ask, bid=bid, ts_ns=7)
    exact_ask, exact_bid = (
        Decimal(100) / ETH_TOKEN.amount(34_446_470_123_456_789),
        Decimal("99.859185") / ETH_TOKEN.amount(34_446_470_123_456_789),
    )
    assert 0 <= tick.ask_price.as_decimal() - exact_ask < Decimal("0.000001")
    assert 0 <= exact_bid - tick.bid_price.as_decimal() < Decimal("0.000001")
    assert str(tick.bid_size) == str(tick.ask_size) == "0.03444647"
    assert (tick.ts_event, tick.instrument_id) == (7, instrument().id)


def test_sides_that_cross_or_round_to_nothing_are_no_tick():
    ask = quote(USDC_TOKEN, 100_000_000, ETH_TOKEN, 10**17)
    for bought in (100_000_000, 101_000_000, 0):
        bid = quote(ETH_TOKEN, 10**17, USDC_TOKEN, bought)
        assert parsing.quote_tick(PAIR, instrument(), ask=ask, bid=bid, ts_ns=1) is None
    dust = quote(USDC_TOKEN, 1, ETH_TOKEN, 10**9)
    assert parsing.quote_tick(PAIR, instrument(), ask=dust, bid=quote(ETH_TOKEN, 10**9, USDC_TOKEN, 0), ts_ns=1) is None


def test_the_pool_of_a_quote_is_known_where_there_is_one_and_it_is_named():
    info = {"token0": "0x1", "token1": "0x2", "fee": "0x3", "tickSpacing": "1000", "extension": "0x0"}
    hop = {"address": "0x9", "percent": 1, "sellTokenAddress": "0x1", "buyTokenAddress": "0x2", "routeInfo": info}
    named = quote(ETH_TOKEN, 1, USDC_TOKEN, 1, routes=[hop])
    assert parsing.single_pool(named) == PoolKey(1, 2, 3, 1000, 0)
    for routes in (
        [hop, hop],
        [{**hop, "routes": [hop]}],
        [{**hop, "routeInfo": None}],
        [{**hop, "routeInfo": {"fee": "x"}}],
        [],
    ):
        assert parsing.single_pool(quote(ETH_TOKEN, 1, USDC_TOKEN, 1, routes=routes)) is None


# Provider


TOKENS = (
    TokenConfig(code="ETH", address=hex(ETH), decimals=18),
    TokenConfig(code="USDC", address=hex(USDC)),
    TokenConfig(code="STRK", address=hex(STRK), decimals=18),
)


def provider(rpc: Wire | None, api: Wire | None = None, tokens=TOKENS, pairs=("ETH-USDC",)) -> EkuboInstrumentProvider:
    node = None if rpc is None else StarknetRpc(rpc, "http://node", sleep=rpc.sleep)
    return EkuboInstrumentProvider(AvnuApi(api or Wire(), "http://api"), node, tokens, pairs, lambda: NOW_NS)


async def test_pairs_are_loaded_with_decimals_as_the_chain_has_them():
    wire = Wire(rpc_result(["0x12"]), rpc_result(["0x6"]))
    loaded = provider(wire)
    await loaded.initialize()
    (made,) = loaded.list_all()
    assert loaded.pair(made.id) == PAIR
    assert (loaded.code(ETH), loaded.code(STRK)) == ("ETH", hex(STRK))
    assert len(wire.asked) == 2  # tokens of no pair are not asked for


async def test_a_decimal_that_contradicts_the_chain_stops_the_start():
    with pytest.raises(ValueError, match="has 6 decimals, not 18"):
        await provider(Wire(rpc_result(["0x6"]), rpc_result(["0x6"]))).load_all_async()
    with pytest.raises(NodeRefused):
        await provider(Wire(rpc_error(20, "Contract not found"), rpc_result(["0x6"]))).load_all_async()


async def test_without_a_node_avnu_is_asked_and_the_config_may_have_to_do():
    listed = {"address": hex(ETH), "symbol": "ETH", "decimals": 18}
    api = Wire(listed, {**listed, "address": hex(USDC), "decimals": 6})
    await (loaded := provider(None, api)).load_all_async()
    assert loaded.pair(parsing.instrument_id("ETH-USDC")) == PAIR
    unknown = (404, b"no such token")
    with pytest.raises(ValueError, match="nobody tells"):
        await provider(None, Wire(unknown, unknown)).load_all_async()
    both = (*TOKENS[:1], TokenConfig(code="USDC", address=hex(USDC), decimals=6))
    await (trusting := provider(None, Wire(unknown, unknown), both)).load_all_async()
    assert trusting.pair(parsing.instrument_id("ETH-USDC")) == PAIR


def test_pairs_of_unknown_tokens_are_refused():
    with pytest.raises(ValueError, match="not configured: DOGE"):
        provider(None, pairs=("DOGE-USDC",))


def test_the_default_tokens_and_pairs_fit_together():
    provider(None, tokens=DEFAULT_TOKENS, pairs=DEFAULT_PAIRS)
    EkuboDataClientConfig()
    config = EkuboExecClientConfig(rpc_url="http://x", account_address="0x1", private_key="env:KEY")
    assert config.branches == "REFUSED"
    assert EkuboDataClientConfig.parse(EkuboDataClientConfig().json()) == EkuboDataClientConfig()


# Quoter


def quoter(wire: Wire, **changes) -> Quoter:
    settings = {"chain_id": SN_MAIN, "core": EKUBO_CORE, "is_ekubo_only": True, "is_direct_only": True, "taker": None}
    api = AvnuApi(wire, "http://api", now_secs=wire.clock, sleep=wire.sleep, attempts=1)
    return Quoter(api, now_ns=lambda: NOW_NS, **{**settings, **changes})


def wired(of: Quote) -> dict:
    hops = [
        {
            "name": hop.name,
            "address": hex(hop.address),
            "percent": float(hop.percent),
            "sellTokenAddress": hex(hop.sell_token_address),
            "buyTokenAddress": hex(hop.buy_token_address),
            "routeInfo": hop.route_info,
        }
        for hop in of.routes
    ]
    names = {"sellTokenAddress": of.sell_token_address, "sellAmount": of.sell_amount, "buyTokenAddress": of.buy_token_address}
    numbers = {**names, "buyAmount": of.buy_amount, "chainId": of.chain_id}
    extra = {"gasFees": hex(10**17), "gasFeesInUsd": None, "fee": {"avnuFeesBps": "0x2"}, "priceImpact": 12.5}
    return {"quoteId": "q", **{name: hex(number) for name, number in numbers.items()}, "routes": hops, **extra}


SALE = quote(ETH_TOKEN, 10**18, USDC_TOKEN, 2_900_000_000)


async def test_all_sources_but_ekubo_are_excluded():
    wire = Wire([{"name": "Nostra", "type": "DEX"}, {"name": "Ekubo", "type": "DEX"}, {"name": "Haiko"}], [wired(SALE)])
    asking = quoter(wire)
    await asking.refresh_sources()
    assert (await asking.sell(ETH_TOKEN, USDC_TOKEN, 10**18)).buy_amount == 2_900_000_000
    assert "excludeSources=Haiko&excludeSources=Nostra&onlyDirect=true" in wire.asked[1][1]
    assert "Ekubo" not in wire.asked[1][1]


async def test_without_ekubo_among_the_sources_nothing_starts():
    with pytest.raises(Rejected, match="through Nostra"):
        await quoter(Wire([{"name": "Nostra", "type": "DEX"}])).refresh_sources()
    await quoter(Wire(), is_ekubo_only=False).refresh_sources()  # nothing to exclude, nothing asked


async def test_a_quote_that_is_none_or_another_is_told_apart():
    with pytest.raises(NoRoute, match="ETH to USDC"):
        await quoter(Wire([])).sell(ETH_TOKEN, USDC_TOKEN, 10**18)
    with pytest.raises(QuoteRefused, match="SELL_AMOUNT"):
        await quoter(Wire([wired(SALE)])).sell(ETH_TOKEN, USDC_TOKEN, 5)
    with pytest.raises(QuoteRefused, match="BUY_AMOUNT"):
        await quoter(Wire([wired(SALE)])).buy(ETH_TOKEN, USDC_TOKEN, 5)
    foreign = quote(ETH_TOKEN, 10**18, USDC_TOKEN, 1, routes=[{**wired(SALE)["routes"][0], "address": "0xbad"}])
    with pytest.raises(QuoteRefused, match="EXCHANGE"):
        await quoter(Wire([wired(foreign)])).sell(ETH_TOKEN, USDC_TOKEN, 10**18)
    assert await quoter(Wire([wired(foreign)]), is_ekubo_only=False).sell(ETH_TOKEN, USDC_TOKEN, 10**18)


# Swap quotes


def asked(**changes) -> Asked:
    return Asked(**{"side": Side.SELL, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"base_quantity": Decimal(1), "max_impact_bps": Decimal(1)},
        {"base_quantity": Decimal(0)},
        {"base_quantity": Decimal("NaN")},
        {"max_impact_bps": Decimal(-1)},
        {"max_impact_bps": Decimal(10_000)},
    ],
)
def test_a_swap_quote_is_asked_for_by_one_positive_number(changes):
    with pytest.raises(ValueError, match=r"swap quote|everything"):
        asked(**changes)


KEY = {
    "token0": hex(USDC),
    "token1": hex(ETH),
    "fee": hex(Q128 // 2000),
    "tickSpacing": "0x3e8",
    "extension": "0x0",
}


def appraiser(wire: Wire, rpc: Wire | None = None, usd=("USDC",)) -> Appraiser:
    return Appraiser(
        quoter(wire),
        None if rpc is None else StarknetRpc(rpc, "http://node", sleep=rpc.sleep),
        core=EKUBO_CORE,
        usd_codes=frozenset(usd),
        probe_quote=Decimal(100),
        code_of=lambda address: {ETH: "ETH", USDC: "USDC"}.get(address, hex(address)),
        strk_usd=lambda: Decimal("0.12"),
        now_ns=lambda: NOW_NS,
    )


def with_pool(of: Quote) -> dict:
    told = wired(of)
    told["routes"][0]["routeInfo"] = KEY
    return told


LARGE = quote(ETH_TOKEN, 10**19, USDC_TOKEN, 28_953_856_581)
SMALL = quote(ETH_TOKEN, 10**16, USDC_TOKEN, 28_989_774)
PROBE = quote(USDC_TOKEN, 100_000_000, ETH_TOKEN, 34_446_470_123_456_789)
IMPACT_BPS = round((1 - Decimal(28_953_856_581) / 28_989_774_000) * 10_000, 6)
SQRT_RATIO, TICK = 6319756670807299529150913590880637546397696, 19_658_840


async def test_a_swap_quote_says_what_it_brings_and_costs():
    words = [hex(SQRT_RATIO % Q128), hex(SQRT_RATIO // Q128), "0x1", "0x0"]
    rpc = Wire(rpc_result(words), rpc_result(["0x5"]))
    told = await appraiser(Wire([with_pool(LARGE)], [with_pool(SMALL)]), rpc).quote(
        PAIR, asked(base_quantity=Decimal(10)), Decimal(2905)
    )
    assert (told.base_quantity, told.quote_quantity, told.price) == (10, Decimal("28953.856581"), Decimal("2895.3856581"))
    assert told.impact_bps == IMPACT_BPS
    assert round(told.spot_move_bps, 3) == Decimal("24.764")
    assert round(told.against_mark_bps, 3) == round((2905 - told.price) / 2905 * 10_000, 3)
    spot = 10**12 / (Decimal(SQRT_RATIO) / Q128) ** 2  # USDC is token0
    assert told.slippage_bps == round((spot - told.price) / spot * 10_000, 6)
    assert (told.gas_strk, told.gas_usd) == (Decimal("0.1"), Decimal("0.012"))
    assert told.cost.notional_usd == 29050
    assert round(told.cost.pool_fee_usd, 3) == Decimal("-14.525")
    assert told.told_impact == Decimal("12.5")
    (hop,) = told.route
    assert (hop.exchange, hop.sell_token, hop.buy_token, hop.share) == ("Ekubo", "ETH", "USDC", 1)
    assert (told.expiry_ns, told.ts_ns, told.instrument_id) == (0, NOW_NS, "ETH-USDC.EKUBO")
    assert parsing.SwapQuoteData(told).ts_event == NOW_NS


async def test_without_a_node_or_a_mark_what_they_would_tell_is_none():
    wire = Wire([with_pool(LARGE)], [with_pool(SMALL)])
    told = await appraiser(wire).quote(PAIR, asked(base_quantity=Decimal(10)), None)
    assert (told.slippage_bps, told.against_mark_bps) == (None, None)
    assert told.impact_bps == IMPACT_BPS
    assert f"sellAmount={hex(10**16)}" in wire.asked[1][1]
    with pytest.raises(Rejected, match="needs a node"):
        await appraiser(Wire([with_pool(PROBE)])).quote(PAIR, asked(max_impact_bps=Decimal(5)), None)


@pytest.mark.parametrize("side", Side)
async def test_the_largest_size_for_an_impact_comes_from_the_pool_on_the_chain(side):
    words = [hex(SQRT_RATIO % Q128), hex(SQRT_RATIO // Q128), hex(TICK), "0x0"]
    rpc = Wire(*[rpc_result(words), rpc_result([hex(4 * 10**17)])] * 2)
    state = PoolState(parsing.single_pool(convert(Quote, with_pool(PROBE))), SQRT_RATIO, TICK, 4 * 10**17)
    is_sale = side is Side.SELL
    sold, bought = (ETH_TOKEN, USDC_TOKEN) if is_sale else (USDC_TOKEN, ETH_TOKEN)
    size = largest_input(state, is_token1=is_sale, max_impact_bps=Decimal(4))
    out = step(sqrt_ratio=SQRT_RATIO, liquidity=state.liquidity, amount=size, is_token1=is_sale, fee=state.key.fee).calculated
    small = small_size(size, Fraction(out, size))
    out_small = step(
        sqrt_ratio=SQRT_RATIO, liquidity=state.liquidity, amount=small, is_token1=is_sale, fee=state.key.fee
    ).calculated
    quotes = [PROBE, quote(sold, size, bought, out), quote(sold, small, bought, out_small)]
    told = await appraiser(Wire(*[[with_pool(each)] for each in quotes]), rpc).quote(
        PAIR, asked(side=side, max_impact_bps=Decimal(4)), None
    )
    assert (told.base_quantity if is_sale else told.quote_quantity) == sold.amount(size)
    assert Decimal("3.97") < told.impact_bps <= 4
    after = step(sqrt_ratio=SQRT_RATIO, liquidity=state.liquidity, amount=size, is_token1=is_sale, fee=state.key.fee)
    low, high = sorted((SQRT_RATIO, after.sqrt_ratio_after))
    moved_bps = (1 - (Decimal(low) / high) ** 2) * 10_000
    is_certain = sqrt_ratio_at(19_658_000) <= after.sqrt_ratio_after <= sqrt_ratio_at(19_659_000)
    assert is_certain is not is_sale  # a sale would leave the range in which liquidity is certain
    by_impact = spot_move_bps(told.impact_bps)
    assert moved_bps != by_impact
    assert told.spot_move_bps == (round(moved_bps, 6) if is_certain else by_impact)


async def test_a_purchase_is_asked_for_by_what_comes_out():
    large = quote(USDC_TOKEN, 29_066_522_759, ETH_TOKEN, 10**19, exactTokenTo=True)
    small = quote(USDC_TOKEN, 29_030_497, ETH_TOKEN, 10**16)
    wire = Wire([wired(large)], [wired(small)])
    told = await appraiser(wire).quote(PAIR, asked(side=Side.BUY, base_quantity=Decimal(10)), Decimal(2900))
    assert [f"buyAmount={hex(size)}" in each[1] for size, each in zip((10**19, 10**16), wire.asked, strict=True)] == [True] * 2
    assert told.side is Side.BUY
    assert told.against_mark_bps > 0
    assert told.cost.pool_fee_usd is None
    assert told.cost.total_usd is None


async def test_a_quote_token_that_is_no_dollar_has_no_mark_and_no_cost():
    wire = Wire([wired(LARGE)], [wired(SMALL)])
    told = await appraiser(wire, usd=("USDT",)).quote(PAIR, asked(base_quantity=Decimal(10)), Decimal(2905))
    assert (told.cost, told.against_mark_bps) == (None, None)


async def test_less_than_the_smallest_unit_is_no_quantity():
    with pytest.raises(Rejected, match="smallest unit"):
        await appraiser(Wire()).quote(PAIR, asked(base_quantity=Decimal("1e-19")), None)


# Health


def test_the_worst_of_the_pairs_is_the_state_of_the_venue():
    health = QuoteHealth(stale_ns=10)
    assert health.verdict(0) == (VenueState.OK, "connected")
    for pair in ("A", "B"):
        health.watch(pair, 0)
    assert health.verdict(5) == (VenueState.OK, "quoting")
    health.failed("A", VenueState.DEGRADED, "no route")
    assert health.verdict(5) == (VenueState.DEGRADED, "A: no route")
    health.heard("B", 20)
    assert health.verdict(20) == (VenueState.STALE, "A: no route")
    health.failed("B", VenueState.DISCONNECTED, "away")
    assert health.verdict(20) == (VenueState.DISCONNECTED, "B: away")
    health.heard("A", 21)
    health.heard("B", 21)
    assert health.verdict(22) == (VenueState.OK, "quoting")
    assert health.verdict(40) == (VenueState.STALE, "A: no price; B: no price")
    health.forget("A")
    health.failed("A", VenueState.DISCONNECTED, "nobody asks")
    health.heard("A", 40)
    assert health.watched == ("B",)
    assert health.verdict(40) == (VenueState.STALE, "B: no price")
