"""What surrounds trading: bars, account history, chain transactions, markets that change, compared funding rates."""

import asyncio
import json
import time
from decimal import Decimal
from itertools import pairwise

import pytest
from paradex_wire import BTC, SBE, connected

from simulators.market import Market
from simulators.tape import rate_8h_from_premium

MINUTE_MS = 60_000


@pytest.fixture
async def wire(sign_login, sign_order):
    async with connected(sign_login, sign_order) as client:
        yield client


def bars(desk, kind="last", minutes=1, hours_back=2):
    now_ms = desk.now_ns // 1_000_000
    market = desk.exchange.markets[BTC]
    start_ms = now_ms - hours_back * 3_600_000
    return desk.exchange.klines.bars(market, kind, minutes, start_ms=start_ms, end_ms=now_ms, now_ms=now_ms)


def test_bars_reach_back_before_the_start_and_join_those_of_real_prints(desk):
    for _ in range(900):
        desk.step()
    rows = bars(desk)
    assert len(rows) in (120, 121)
    assert {later[0] - earlier[0] for earlier, later in pairwise(rows)} == {MINUTE_MS}
    lived = desk.exchange.markets[BTC].core.candles.bars(MINUTE_MS)
    assert len(lived) >= 3
    for bar, row in zip(lived, rows[-len(lived) :], strict=True):
        assert row == (bar.start_ms, bar.open, bar.high, bar.low, bar.close, bar.volume)
    joint = rows[-len(lived) - 1][4] / lived[0].open
    assert abs(joint - 1) < Decimal("0.002")


@pytest.mark.parametrize("kind", ["last", "mark", "underlying"])
def test_past_bars_follow_the_tape_and_end_where_the_next_begins(desk, kind):
    rows = bars(desk, kind, 15, hours_back=24)
    assert len(rows) in (96, 97)
    for earlier, later in pairwise(rows[:-1]):
        assert earlier[4] == later[1]
    oracle = desk.exchange.markets[BTC]._tape.at(desk.exchange.klines._clock.hours(rows[3][0] * 10**6), "BTC").oracle_usd
    assert abs(rows[3][1] / oracle - 1) < Decimal("0.0001")
    assert all(row[5] > 0 for row in rows) == (kind == "last")


def test_a_long_wish_is_cut_to_the_newest_bars(desk):
    rows = bars(desk, "underlying", 1, hours_back=100)
    assert len(rows) == 1_500
    assert rows[-1][0] == desk.now_ns // 1_000_000 // MINUTE_MS * MINUTE_MS
    assert isinstance(desk.exchange.markets[BTC].core, Market)


async def test_account_history_is_numbers_over_time(wire):
    wire.settings.history_secs = 0.05
    token = await wire.login()
    await wire.call("POST", "/orders", token, json=wire.sign_order(type="MARKET", side="SELL"))
    async with asyncio.timeout(5):
        while True:
            body = (await wire.call("GET", "/account/history?type=volume", token))[1]
            if body["data"][-1]:
                break
            await asyncio.sleep(0.05)
    for kind, first in (("value", 20_000.0), ("pnl", 0.0), ("volume", 0.0), ("fee_savings", 0.0)):
        status, body, _ = await wire.call("GET", f"/account/history?type={kind}", token)
        assert (status, body["data"][0], len(body["data"])) == (200, first, len(body["timestamps"]))
        assert body["timestamps"] == sorted(body["timestamps"])
    assert (await wire.call("GET", "/account/history?type=pnl", token))[1]["data"][-1] < 0
    assert (await wire.call("GET", "/account/history?type=luck", token))[1]["error"] == "INVALID_REQUEST_PARAMETER"


async def test_a_changed_market_is_pushed_with_what_changed(wire):
    everything, other = await wire.socket(SBE), await wire.socket()
    await everything.ask("subscribe", {"channel": "markets"})
    await other.ask("subscribe", {"channel": "markets.ETH-USD-PERP"})
    wire.venue.exchange.change_market(BTC, min_notional=Decimal(25), tick=Decimal("0.5"), funding_period_hours=24)
    while not everything.pushed:
        await everything.next()
    data = everything.pushed[0]["data"]
    assert data.pop("updated_at") == pytest.approx(time.time() * 1000, abs=5_000)
    changed = {"min_notional": "25", "price_tick_size": "0.5", "funding_period_hours": 24}
    assert data == {"event_type": "UPDATED", "symbol": BTC, "changed_fields": changed}
    (shown,) = (await wire.call("GET", f"/markets?market={BTC}"))[1]["results"]
    assert {name: shown[name] for name in changed} == changed
    token = await wire.login()
    refused = (await wire.call("POST", "/orders", token, json=wire.sign_order(price="82000.1")))[1]
    assert refused["error"] == "INVALID_PRICE_PRECISION"
    wire.venue.exchange.change_market("ETH-USD-PERP", max_open_orders=7)
    while not other.pushed:
        await other.next()
    assert [push["data"]["symbol"] for push in other.pushed] == ["ETH-USD-PERP"]


async def test_compared_funding_rates_come_per_hour_for_every_venue_and_market(wire):
    socket = await wire.socket()
    assert (await socket.ask("subscribe", {"channel": "funding_rate_comparison.ALL"}))["error"]["code"] == -32600
    assert "result" in await socket.ask("subscribe", {"channel": "funding_rate_comparison.ALL@500ms"})
    while len(socket.pushed) < 24:
        await socket.next()
    rows = [push["data"] for push in socket.pushed]
    assert {(row["symbol"], row["source"]) for row in rows[:12]} == {
        (market, f"SOURCE_{source}") for market in wire.venue.exchange.markets for source in ("PARADEX", "HYPERLIQUID", "BINANCE")
    }
    assert rows[12]["last_updated_at"] - rows[0]["last_updated_at"] >= 450
    for row in rows[:12]:
        market = wire.venue.exchange.markets[row["symbol"]]
        if row["source"] == "SOURCE_PARADEX":
            assert Decimal(row["hourly_funding_rate"]) == pytest.approx(market.funding.rate / 8, rel=Decimal("0.01"))


def test_hyperliquids_compared_rate_is_that_of_its_premium(make_desk):
    desk = make_desk(7)
    rates = {(rate.market, rate.source): rate for rate in desk.exchange.comparison.rates(desk.now_ns)}
    point = desk.exchange.markets[BTC]._tape.at(desk.exchange.klines._clock.hours(desk.now_ns), "BTC")
    expected = rate_8h_from_premium(float(point.hyperliquid_premium)) / 8
    assert float(rates[BTC, "HYPERLIQUID"].rate_per_hour) == pytest.approx(expected, abs=1e-12)


def test_a_market_with_another_period_is_compared_per_hour(desk):
    desk.exchange.change_market(BTC, funding_period_hours=24)
    desk.step()
    rates = {rate.source: rate.rate_per_hour for rate in desk.exchange.comparison.rates(desk.now_ns) if rate.market == BTC}
    assert rates["PARADEX"] == desk.exchange.markets[BTC].funding.rate / 24
    assert rates["PARADEX"] == pytest.approx(Decimal("0.0000125"), rel=Decimal("0.05"))


async def test_interactive_channels_carry_better_prices_than_the_plain_ones(wire):
    socket = await wire.socket()
    names = (
        f"bbo.{BTC}",
        f"bbo.{BTC}.interactive",
        f"order_book.{BTC}.interactive@15@100ms",
        f"order_book.{BTC}.snapshot@15@100ms",
    )
    for name in names:
        assert "result" in await socket.ask("subscribe", {"channel": name})
    latest = {}
    while len(latest) < 4 or len({latest[names[0]]["seq_no"], latest[names[1]]["seq_no"]}) > 1:
        await socket.next()
        latest = {push["channel"]: push["data"] for push in socket.pushed}
    plain, better = latest[names[0]], latest[names[1]]
    assert Decimal(plain["bid"]) < Decimal(better["bid"]) < Decimal(better["ask"]) < Decimal(plain["ask"])
    for channel in names[2:]:
        assert {row["side"] for row in latest[channel]["inserts"]} == {"BUY", "SELL"}
    rest = (await wire.call("GET", f"/bbo/{BTC}/interactive"))[1]
    assert Decimal(rest["bid"]) > Decimal((await wire.call("GET", f"/bbo/{BTC}"))[1]["bid"]) - 1
    book = (await wire.call("GET", f"/orderbook/{BTC}/interactive"))[1]
    assert book["bids"][0] == book["best_bid_interactive"] != book["best_bid_api"]


async def test_the_chain_tells_of_fills_and_their_reversal(wire):
    token = await wire.login()
    socket = await wire.socket(token=token)
    await socket.ask("subscribe", {"channel": "transaction"})
    await socket.ask("order.create", wire.sign_order(type="MARKET", size="0.001"))
    while not socket.pushed:
        await socket.next()
    fill = socket.pushed[0]["data"]
    account = next(iter(wire.venue.exchange.registry.accounts.values()))
    wire.venue.bust(account.address_text, fill["id"])
    while len(socket.pushed) < 2:
        await socket.next()
    reverted = socket.pushed[1]["data"]
    assert (fill["state"], reverted["state"], reverted["id"], reverted["hash"]) == (
        "ACCEPTED_ON_L2",
        "REVERTED",
        fill["id"],
        fill["hash"],
    )


async def test_a_read_only_token_may_look_and_not_trade(wire):
    token = await wire.login()
    wanted = {"name": "monitor", "token_type": "jwt", "expiry_duration": 600}
    reader = (await wire.call("POST", "/account/tokens", token, json=wanted))[1]["token"]
    assert (await wire.call("GET", "/positions", reader))[0] == 200
    status, body, _ = await wire.call("POST", "/orders", reader, json=wire.sign_order(price="82000"))
    assert (status, body["error"]) == (403, "INVALID_TOKEN_SCOPE")
    socket = await wire.socket(token=reader)
    assert (await socket.ask("order.create", wire.sign_order(price="82000")))["error"]["message"] == "INVALID_TOKEN_SCOPE"
    assert "result" in await socket.ask("subscribe", {"channel": "fills.ALL"})


async def test_signatures_and_headers_are_read_in_every_spelling_clients_use(wire):
    headers = {name.lower(): value for name, value in wire.login_headers().items()}
    async with wire.http.post(f"{wire.http_url}/auth", headers=headers, data="{}") as reply:
        token = (await reply.json())["jwt_token"]
    body = wire.sign_order(price="82000", client_id="hex")
    decimal_pair = [int(part) for part in json.loads(body["signature"])]
    body["signature"] = str([hex(part) for part in decimal_pair]).replace("'", '"')
    assert (await wire.call("POST", "/orders", token, json=body))[0] == 201
    body = wire.sign_order(price="82000", client_id="numbers")
    assert (await wire.call("POST", "/orders", token, json={**body, "flags": None, "recv_window": None}))[0] == 201


@pytest.mark.parametrize("suffix", ["", ".interactive"])
async def test_a_best_price_channel_carries_its_own_book_alone(wire, suffix):
    socket, market = await wire.socket(), wire.venue.exchange.markets[BTC]
    told = {}
    change = market.changes

    def remember(now_ms):
        changes = change(now_ms)
        told[market.seq] = changes
        return changes

    market.changes = remember
    await socket.ask("subscribe", {"channel": f"bbo.{BTC}{suffix}"})
    while len(socket.pushed) < 9:
        await socket.next()
    for push in socket.pushed[1:]:  # the first is the greeting
        expected = told[push["data"]["seq_no"]][bool(suffix)].bbo
        assert (Decimal(push["data"]["bid"]), Decimal(push["data"]["ask"])) == (expected.bid, expected.ask)
    numbers = [push["data"]["seq_no"] for push in socket.pushed]
    assert numbers == sorted(set(numbers))
