"""Bars, depth, margin tiers, freshness, what may be subscribed to, and what the venue remembers."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.common.component import LiveClock
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import OrderSide

from adapters.errors import Rejected
from adapters.hyperliquid import bars, parsing, subscriptions
from adapters.hyperliquid.freshness import LIMITS, Freshness, Limit, named
from adapters.hyperliquid.history import History
from adapters.hyperliquid.http import HyperliquidHttp
from adapters.hyperliquid.listing_schemas import PredictedRate
from adapters.hyperliquid.margin import Tier, maintenance_usd
from adapters.hyperliquid.providers import HyperliquidInstrumentProvider
from adapters.hyperliquid.schemas import BookData, Candle, PerpMeta
from adapters.transport import HttpResponse

BTC = parsing.instrument(PerpMeta("BTC", 5, 40), 0, maker_fee=Decimal(0), taker_fee=Decimal(0), ts_ns=1)
MINUTE = BarType.from_str("BTC-USD-PERP.HYPERLIQUID-1-MINUTE-LAST-EXTERNAL")
MINUTE_MS = 60_000


class FakeVenue:
    """Answers /info by request type and remembers what was asked."""

    def __init__(self, **answers):
        self.answers, self.asked = answers, []

    async def request(self, method, url, *, headers=None, body=None, timeout_secs=None):
        request = json.loads(body)
        self.asked.append(request)
        answer = self.answers[request["type"]]
        return HttpResponse(200, {}, json.dumps(answer(request) if callable(answer) else answer).encode())


def http(**answers):
    return HyperliquidHttp(FakeVenue(**answers), "http://venue")


# Bars


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        *[(f"{n}-MINUTE-LAST-EXTERNAL", f"{n}m") for n in (1, 3, 5, 15, 30)],
        *[(f"{n}-HOUR-LAST-EXTERNAL", f"{n}h") for n in (1, 2, 4, 8, 12)],
        ("1-DAY-LAST-EXTERNAL", "1d"),
        ("3-DAY-LAST-EXTERNAL", "3d"),
        ("1-WEEK-LAST-EXTERNAL", "1w"),
        ("1-MONTH-LAST-EXTERNAL", "1M"),
        ("2-MINUTE-LAST-EXTERNAL", None),
        ("1-MINUTE-MID-EXTERNAL", None),
        ("1-MINUTE-LAST-INTERNAL", None),
        ("1000-TICK-LAST-EXTERNAL", None),
    ],
)
def test_the_venues_fourteen_intervals_and_no_others(spec, name):
    assert bars.interval(BarType.from_str(f"BTC-USD-PERP.HYPERLIQUID-{spec}")) == name


def candle(minute, close=100.0):
    start = minute * MINUTE_MS
    return Candle(start, start + MINUTE_MS - 1, "BTC", "1m", 100.0, 101.0, 99.5, close, 1.5)


def test_a_bar_is_stamped_with_its_end():
    made = bars.bar(candle(7, 100.5), MINUTE, BTC, 3)
    assert (made.ts_event, made.ts_init) == (8 * 60 * 10**9, 3)
    assert [str(made.open), str(made.high), str(made.low), str(made.close)] == ["100.0", "101.0", "99.5", "100.5"]
    assert str(made.volume) == "1.50000"


def test_a_bar_is_complete_when_the_next_begins_and_in_its_last_state():
    running = bars.RunningBar()
    assert running.take(candle(1)) == (None, None)
    assert running.take(candle(1, 100.7)) == (None, None)
    assert running.take(candle(2)) == (candle(1, 100.7), None)
    assert running.take(candle(1, 99.0)) == (None, None)  # late
    assert running.take(candle(3)) == (candle(2), None)


def test_what_a_gap_or_a_break_hides_is_to_be_read():
    running = bars.RunningBar()
    running.take(candle(1))
    assert running.take(candle(4)) == (None, (MINUTE_MS, 4 * MINUTE_MS - 1))
    running.broke()
    assert running.take(candle(4, 100.2)) == (None, None)
    assert running.take(candle(5)) == (None, (4 * MINUTE_MS, 5 * MINUTE_MS - 1))  # minute 4 may have gone on unheard
    assert running.take(candle(6)) == (candle(5), None)


def rows(*minutes):
    return [
        {
            "t": m * MINUTE_MS,
            "T": m * MINUTE_MS + 59_999,
            "s": "BTC",
            "i": "1m",
            "o": "1",
            "h": "3",
            "l": "1",
            "c": "2",
            "v": "4",
            "n": 1,
        }
        for m in minutes
    ]


async def test_history_has_complete_bars_only_each_once_and_in_order():
    now_ns = (5 * MINUTE_MS + 30_000) * 10**6
    made = http(candleSnapshot=rows(3, 2, 3, 4, 5))
    found = await History(made, lambda: now_ns).bars(MINUTE, BTC, datetime.fromtimestamp(120, UTC), None, 0)
    assert [bar.ts_event // (60 * 10**9) for bar in found] == [3, 4, 5]
    (request,) = made._transport.asked
    assert request["req"] == {"coin": "BTC", "interval": "1m", "startTime": 120_000, "endTime": 330_000}
    newest = await History(http(candleSnapshot=rows(2, 3, 4)), lambda: now_ns).bars(MINUTE, BTC, None, None, 2)
    assert [bar.ts_event // (60 * 10**9) for bar in newest] == [4, 5]


async def test_recorded_candles_become_bars(shared_data):
    recorded = json.loads((shared_data / "raw/hyperliquid/candleSnapshot_kpepe_1h.json").read_text())["response"]["body"]
    candles = msgspec.convert(recorded, list[Candle], strict=False)
    pepe = parsing.instrument(PerpMeta("kPEPE", 0, 10), 0, maker_fee=Decimal(0), taker_fee=Decimal(0), ts_ns=1)
    hour = BarType.from_str("kPEPE-USD-PERP.HYPERLIQUID-1-HOUR-LAST-EXTERNAL")
    for raw, made in zip(recorded, (bars.bar(each, hour, pepe, 1) for each in candles), strict=True):
        assert (made.open.as_decimal(), made.close.as_decimal()) == (Decimal(raw["o"]), Decimal(raw["c"]))
        assert made.volume.as_decimal() == Decimal(raw["v"])
        assert made.ts_event % (3_600 * 10**9) == 0


async def test_recent_trades_are_cut_to_the_time_asked_for():
    def trade(time, tid):
        return {"coin": "BTC", "side": "A", "px": "100", "sz": "1", "time": time, "hash": "0x", "tid": tid}

    made = http(recentTrades=[trade(3_000, 3), trade(2_000, 2), trade(1_000, 1)])
    history = History(made, lambda: 10**10)
    found = await history.trades(BTC, datetime.fromtimestamp(1.5, UTC), None, 0)
    assert [tick.trade_id.value for tick in found] == ["2", "3"]
    assert [tick.trade_id.value for tick in await history.trades(BTC, None, None, 1)] == ["3"]


# Books


def book(bids, asks):
    levels = [[{"px": str(px), "sz": str(sz), "n": n} for px, sz, n in side] for side in (bids, asks)]
    return msgspec.convert({"coin": "BTC", "time": 5, "levels": levels}, BookData, strict=False)


def test_depth_holds_ten_levels_with_their_orders_and_pads_the_rest():
    bids = [(100 - i, 1 + i, i + 1) for i in range(20)]
    made = parsing.book_depth(book(bids, [(101, 2, 7)]), BTC, 9)
    assert [order.price.as_double() for order in made.bids] == [100.0 - i for i in range(10)]
    assert made.bid_counts == list(range(1, 11))
    assert made.ask_counts == [7] + [0] * 9
    assert [order.size.as_double() for order in made.asks] == [2.0] + [0.0] * 9
    assert made.asks[0].side == OrderSide.SELL
    assert (made.ts_event, made.ts_init) == (5_000_000, 9)


@pytest.mark.parametrize(
    ("params", "is_fast", "made"),
    [
        ({}, True, {"type": "l2Book", "fast": True}),
        ({}, False, {"type": "l2Book"}),
        ({"fast": False}, True, {"type": "l2Book"}),
        ({"fast": True}, False, {"type": "l2Book", "fast": True}),
        ({"n_sig_figs": 3}, True, {"type": "l2Book", "nSigFigs": 3}),
        ({"n_sig_figs": 5, "mantissa": 2}, True, {"type": "l2Book", "nSigFigs": 5, "mantissa": 2}),
    ],
)
def test_books_are_asked_for_as_the_venue_spells_them(params, is_fast, made):
    assert subscriptions.book(params, is_fast=is_fast) == made


@pytest.mark.parametrize(
    "params",
    [{"n_sig_figs": 6}, {"n_sig_figs": 1}, {"mantissa": 2}, {"n_sig_figs": 4, "mantissa": 2}, {"n_sig_figs": 5, "mantissa": 3}],
)
def test_a_book_that_would_close_the_socket_is_never_asked_for(params):
    assert isinstance(subscriptions.book(params, is_fast=True), str)


# Freshness

LIMIT = {"bbo": Limit(10.0, 20.0, 30.0)}
KEY = ("bbo", "BTC")


def test_a_silence_is_asked_once_then_called_stale_then_ends_the_connection():
    freshness = Freshness(LIMIT)

    def judge(last_secs, now_secs):
        return freshness.judge({KEY: round(last_secs * 1e9)}, round(now_secs * 1e9))

    assert judge(0, 10) == ([], [], False)
    assert judge(0, 11) == ([KEY], [], False)
    assert judge(0, 15) == ([], [], False)
    assert judge(0, 21) == ([], [KEY], False)
    assert judge(0, 31) == ([], [KEY], True)
    assert judge(31, 32) == ([], [], False)
    assert judge(31, 42) == ([KEY], [], False)  # another silence


def test_streams_without_a_rhythm_are_left_alone_and_variants_share_a_limit():
    freshness, day_ns = Freshness(), 86_400 * 10**9
    verdict = freshness.judge({("userFills", ""): 0, ("trades", "BTC"): 0, ("candle:1m", "BTC"): 0}, day_ns)
    assert verdict == ([("trades", "BTC"), ("candle:1m", "BTC")], [], False)
    assert freshness.judge({("l2Book:fast", "BTC"): 0}, 12 * 10**9).stale == [("l2Book:fast", "BTC")]
    assert freshness.judge({("l2Book", "BTC"): 0}, 12 * 10**9).stale == []
    assert all(limit.resubscribe_secs <= limit.stale_secs <= limit.reopen_secs for limit in LIMITS.values())
    assert named([("bbo", "ETH"), ("bbo", "BTC"), ("clearinghouseState", "")]) == "bbo BTC, bbo ETH, clearinghouseState"


# Margin tiers

TIERS = (Tier(Decimal(0), 40), Tier(Decimal(150_000_000), 20))


def test_maintenance_margin_of_each_tier():
    assert maintenance_usd(Decimal(1_000_000), TIERS) == Decimal(12_500)
    assert maintenance_usd(Decimal(150_000_000), TIERS) == Decimal(1_875_000)
    assert maintenance_usd(Decimal(250_000_000), TIERS) == Decimal(1_875_000) + Decimal(100_000_000) / 40
    assert maintenance_usd(Decimal(0), TIERS) == 0


@given(st.decimals(0, 10**9, places=2), st.decimals(0, 10**7, places=2))
def test_maintenance_margin_never_falls_with_size_and_never_exceeds_the_top_tiers_rate(notional_usd, more_usd):
    less, more = maintenance_usd(notional_usd, TIERS), maintenance_usd(notional_usd + more_usd, TIERS)
    assert less <= more <= less + more_usd / 40


# Listings


def perp(name, **fields):
    return {"name": name, "szDecimals": 2, "maxLeverage": 20, "marginTableId": 7, **fields}


TABLE = [
    7,
    {
        "description": "",
        "marginTiers": [{"lowerBound": "0.0", "maxLeverage": 20}, {"lowerBound": "70000000.0", "maxLeverage": 10}],
    },
]


def venue_with_dexs(collateral=0):
    metas = {
        None: {"universe": [perp("BTC"), perp("SOL")], "marginTables": [TABLE], "collateralToken": 0},
        "xyz": {
            "universe": [perp("xyz:OLD", isDelisted=True), perp("xyz:SP500"), perp("xyz:AB*")],
            "marginTables": [],
            "collateralToken": collateral,
        },
    }
    return http(
        meta=lambda request: metas[request.get("dex")],
        perpDexs=[None, {"name": "abc", "fullName": "ABC"}, {"name": "xyz", "fullName": "XYZ"}],
        userFees={"userCrossRate": "0.0004", "userAddRate": "0.0001"},
    )


async def test_perpetuals_of_other_exchanges_have_their_own_ids_and_dearer_fees():
    provider = HyperliquidInstrumentProvider(venue_with_dexs(), ("SOL", "xyz:SP500"), LiveClock())
    await provider.load_all_async()
    await provider.load_fees("0xab")
    sol, sp500 = (provider.find(parsing.instrument_id(coin)) for coin in ("SOL", "xyz:SP500"))
    assert (sol.info["asset"], sp500.info["asset"]) == (1, 120_001)
    assert parsing.coin(sp500.id) == sp500.raw_symbol.value == "xyz:SP500"
    assert (sol.taker_fee, sp500.taker_fee) == (Decimal("0.0004"), Decimal("0.0008"))
    assert parsing.margin_tiers(sol) == (Tier(Decimal(0), 20), Tier(Decimal(70_000_000), 10))
    assert parsing.margin_tiers(sp500) == (Tier(Decimal(0), 20),)


@pytest.mark.parametrize(
    ("coin", "collateral", "reason"),
    [
        ("nope:SP500", 0, "no exchange 'nope'"),
        ("xyz:NOPE", 0, "not listed.*xyz:NOPE"),
        ("xyz:OLD", 0, "not listed.*xyz:OLD"),
        ("xyz:AB*", 0, "names of topics"),
        ("xyz:SP500", 360, "token 360 and not in USDC"),
    ],
)
async def test_what_cannot_be_listed_is_refused_at_the_start(coin, collateral, reason):
    provider = HyperliquidInstrumentProvider(venue_with_dexs(collateral), ("SOL", coin), LiveClock())
    with pytest.raises(Rejected, match=reason):
        await provider.load_all_async()


# Predicted funding


@pytest.mark.parametrize(
    ("source", "rate", "hours", "per_hour"),
    [
        ("HlPerp", "0.0000125", None, "0.0000125"),
        ("BinPerp", "0.0001", None, "0.0000125"),
        ("BybitPerp", "0.0001", 4, "0.000025"),
    ],
)
def test_predicted_rates_of_all_exchanges_stand_on_one_footing(source, rate, hours, per_hour):
    told = parsing.predicted_funding(source, PredictedRate(Decimal(rate), 1_733_958_000_000, hours), BTC.id, 5)
    assert told.rate_per_hour == Decimal(per_hour)
    assert (told.venue, told.source, told.next_funding_ns) == ("HYPERLIQUID", source, 1_733_958_000_000_000_000)


def test_a_rate_of_unknown_period_is_not_told():
    assert parsing.predicted_funding("NewPerp", PredictedRate(Decimal("0.0001")), BTC.id, 5) is None


async def test_predicted_fundings_decode_with_exchanges_that_do_not_list_the_coin():
    listed = [["AVAX", [["BinPerp", {"fundingRate": "0.0001", "nextFundingTime": 1}], ["HlPerp", None]]]]
    ((coin, venues),) = await http(predictedFundings=listed).predicted_fundings()
    assert (coin, [(name, rate and rate.funding_rate) for name, rate in venues]) == (
        "AVAX",
        [("BinPerp", Decimal("0.0001")), ("HlPerp", None)],
    )
