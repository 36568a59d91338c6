"""On what terms the Hyperliquid clients trade: account, key, leverage, budgets, the venue's dead man's switch."""

import asyncio
from decimal import Decimal

import pytest
from eth_account import Account
from hyperliquid.exchange import Exchange
from hyperliquid_desk import BTC, HOUR_SECS, KEY_NAME, eventually, node_of, trading, user_of, venue
from nautilus_trader.model.enums import OrderSide, OrderStatus

from messages import AccountHealth, FundingPayment, VenueState, VenueStatus, topics
from simulators.faults import Fault, FaultKind


@pytest.fixture
async def sims():
    async with venue() as running:
        yield running


async def test_leverage_is_set_and_verified_before_the_first_order(sims):
    user = user_of(sims)
    assert user.account.leverage_of("BTC") == 20
    async with trading(sims.ready, leverages={"ETH": 3}) as desk:
        assert (user.account.leverage_of("BTC"), user.account.leverage_of("ETH")) == (5, 3)
        bought = desk.market(OrderSide.BUY, "0.05")
        await eventually(lambda: bought.status == OrderStatus.FILLED)
        value = Decimal(str(bought.avg_px)) * Decimal("0.05")
        health = await eventually(lambda: [health for health in desk.said(AccountHealth) if health.positions])
        assert abs(health[-1].initial_margin_usd / (value / 5) - 1) < Decimal("0.02")
    async with trading(sims.ready):  # with a position, and the leverage as it should be: nothing is in the way
        assert user.account.leverage_of("BTC") == 5


async def test_a_coin_whose_leverage_cannot_be_set_takes_no_entries_but_can_be_left(sims):
    async with trading(sims.ready) as desk:
        bought = desk.market(OrderSide.BUY, "0.05")
        await eventually(lambda: bought.status == OrderStatus.FILLED)
    heard: list[VenueStatus] = []
    async with node_of(sims.ready, is_cross=False) as (node, desk):  # the venue does not switch it under a position
        node.kernel.msgbus.subscribe(topics.VENUE_STATUS, heard.append)
        await eventually(lambda: node.trader.is_running and desk.quote(), 15.0)
        (status,) = (status for status in heard if status.channel == "leverage")
        assert status.state is VenueState.DEGRADED
        entry = desk.market(OrderSide.BUY, "0.001")
        await eventually(lambda: entry.is_closed)
        assert entry.status == OrderStatus.DENIED
        assert "LEVERAGE_NOT_SET: BTC stands at 5 cross and not 5 isolated" in entry.last_event.reason
        exit_order = desk.market(OrderSide.SELL, "0.05", reduce_only=True)
        await eventually(lambda: exit_order.status == OrderStatus.FILLED)
        assert desk.position() == 0
        await desk.client._retry_leverages()  # as every ten minutes
        assert "BTC" in user_of(sims).isolated
        assert heard[-1].state is VenueState.OK
        again = desk.market(OrderSide.BUY, "0.001")
        await eventually(lambda: again.status == OrderStatus.FILLED)


async def test_isolated_margin_is_set_and_its_maintenance_reckoned(sims):
    async with trading(sims.ready, is_cross=False) as desk:
        bought = desk.market(OrderSide.BUY, "0.05")
        await eventually(lambda: bought.status == OrderStatus.FILLED)
        health = (await eventually(lambda: [health for health in desk.said(AccountHealth) if health.positions]))[-1]
        value = Decimal(str(bought.avg_px)) * Decimal("0.05")
        assert abs(health.maintenance_margin_usd / (value / 80) - 1) < Decimal("0.02")  # half the margin at leverage 40
        (held,) = health.positions
        assert 0 < held.liquidation_price_usd < Decimal(str(bought.avg_px))


async def approve_agent(sims, name: str | None) -> str:
    """Return the key of an agent that the first account has approved with the venue's own client."""
    account = sims.ready["hyperliquid"]["accounts"][0]
    client = await asyncio.to_thread(Exchange, Account.from_key(account["private_key"]), sims.ready["hyperliquid"]["http_url"])
    _, key = await asyncio.to_thread(client.approve_agent, name)
    return key


async def test_an_agents_key_trades_for_its_master(sims, monkeypatch):
    monkeypatch.setenv(KEY_NAME, await approve_agent(sims, "desk"))
    master = sims.ready["hyperliquid"]["accounts"][0]["address"]
    async with trading(sims.ready, account_address=master) as desk:
        bought = desk.market(OrderSide.BUY, "0.01")
        await eventually(lambda: bought.status == OrderStatus.FILLED)
        assert user_of(sims).account.size("BTC") == Decimal("0.01")


async def test_a_sub_account_is_traded_on_in_its_masters_name(sims):
    master, address = sims.ready["hyperliquid"]["accounts"][0]["address"], "0x" + "5b" * 20
    sub = sims.hyperliquid.hooks.add_sub_account(master, address, Decimal(5_000))
    async with trading(sims.ready, vault_address=address) as desk:
        assert sub.account.leverage_of("BTC") == 5
        bought = desk.market(OrderSide.BUY, "0.01")
        await eventually(lambda: bought.status == OrderStatus.FILLED)
        order = desk.limit(OrderSide.BUY, "0.01", desk.bid("0.9"), post_only=True)
        await eventually(lambda: order.status == OrderStatus.ACCEPTED)
        desk.cancel_order(order)
        await eventually(lambda: order.status == OrderStatus.CANCELED)
        health = await eventually(lambda: [health for health in desk.said(AccountHealth) if health.positions])
        assert abs(health[-1].equity_usd - 5_000) < 50
    assert (sub.account.size("BTC"), user_of(sims).account.size("BTC")) == (Decimal("0.01"), Decimal(0))


@pytest.mark.parametrize("mode", ["unifiedAccount", "portfolioMargin"])
async def test_an_account_in_another_mode_is_never_traded_on(sims, mode):
    user_of(sims).abstraction = mode
    async with node_of(sims.ready) as (node, desk):
        failed = failures_of(desk)
        await eventually(lambda: failed, 15.0)
        assert mode in failed[0]
        assert not node.trader.is_running


def failures_of(desk) -> list[str]:
    """Record why the account's terms do not pass."""
    failed, check = [], desk.client._terms.check

    async def checked():
        try:
            await check()
        except Exception as e:
            failed.append(str(e))
            raise

    desk.client._terms.check = checked
    return failed


@pytest.mark.parametrize("who", ["stranger", "agent_as_account"])
async def test_a_key_or_account_that_cannot_trade_never_starts(sims, monkeypatch, who):
    if who == "stranger":
        monkeypatch.setenv(KEY_NAME, "0x" + "11" * 32)
        settings = {"account_address": sims.ready["hyperliquid"]["accounts"][0]["address"]}
    else:
        key = await approve_agent(sims, "desk")
        monkeypatch.setenv(KEY_NAME, key)
        settings = {}
    async with node_of(sims.ready, **settings) as (node, desk):
        failed = failures_of(desk)
        await eventually(lambda: failed, 15.0)
        assert ("not an agent of" if who == "stranger" else "must name the master account") in failed[0]
        assert not node.trader.is_running
        assert not desk.client.is_connected


async def test_entries_stop_at_the_reserve_and_cancels_and_exits_do_not(sims):
    async with trading(sims.ready, limits_poll_secs=0.3) as desk:
        bought = desk.market(OrderSide.BUY, "0.02")
        resting = desk.limit(OrderSide.BUY, "0.01", desk.bid("0.9"), post_only=True)
        await eventually(lambda: bought.is_closed and resting.status == OrderStatus.ACCEPTED)
        user = user_of(sims)
        user.requests = 10_000 + int(user.traded_usd) - 400
        await eventually(lambda: desk.channel_states("budget")[-1:] == [VenueState.DEGRADED])
        entry = desk.market(OrderSide.BUY, "0.01")
        await eventually(lambda: entry.is_closed)
        assert entry.status == OrderStatus.DENIED
        assert "RATE_BUDGET" in entry.last_event.reason
        desk.modify_order(resting, price=desk.cache.instrument(BTC).make_price(desk.bid("0.91")))
        await eventually(lambda: any(type(event).__name__ == "OrderModifyRejected" for event in resting.events))
        assert "RATE_BUDGET" in resting.last_event.reason
        desk.cancel_order(resting)
        sold = desk.market(OrderSide.SELL, "0.02", reduce_only=True)
        await eventually(lambda: resting.status == OrderStatus.CANCELED and sold.status == OrderStatus.FILLED)
        user.requests = 0
        await eventually(lambda: desk.channel_states("budget")[-1:] == [VenueState.OK])
        again = desk.market(OrderSide.BUY, "0.01")
        await eventually(lambda: again.status == OrderStatus.FILLED)


async def test_a_429_that_says_nothing_is_no_rejection_and_one_that_does_is(sims):
    async with trading(sims.ready) as desk:
        sims.hyperliquid.faults.inject(Fault(kind=FaultKind.STATUS, path="ws action:order", status=429, reason="rate limited"))
        refused = desk.market(OrderSide.BUY, "0.01")
        await eventually(lambda: refused.status == OrderStatus.REJECTED)
        assert "RATE_LIMITED" in refused.last_event.reason
        sims.hyperliquid.faults.inject(Fault(kind=FaultKind.LOSE_REPLY, path="ws action:order", status=429, reason="busy"))
        filled = desk.market(OrderSide.BUY, "0.01")
        await eventually(lambda: filled.status == OrderStatus.FILLED)
        assert desk.position() == Decimal("0.01")


async def test_the_venue_cancels_our_orders_when_we_fall_silent(sims):
    user = user_of(sims)
    user.traded_usd = Decimal(2_000_000)
    async with trading(sims.ready, scheduled_cancel_secs=6.0) as desk:
        await asyncio.sleep(0.8)
        assert user.cancel_at_ms is None  # nothing rests
        order = desk.limit(OrderSide.BUY, "0.01", desk.bid("0.9"), post_only=True)
        armed_ms = await eventually(lambda: user.cancel_at_ms)
        await eventually(lambda: user.cancel_at_ms > armed_ms)  # moved on while the node lives
        desk.client._deadman._has_own = lambda: False  # as if the node had died, for all the venue can tell
        desk.client._deadman.disarm = desk.client._deadman._has_volume
        await eventually(lambda: order.is_closed, 12.0)
        assert order.status == OrderStatus.CANCELED


async def test_the_switch_is_taken_back_with_the_last_order_and_not_asked_for_without_volume(sims):
    user = user_of(sims)
    async with trading(sims.ready, scheduled_cancel_secs=6.0) as desk:
        order = desk.limit(OrderSide.BUY, "0.01", desk.bid("0.9"), post_only=True)
        await eventually(lambda: order.status == OrderStatus.ACCEPTED)
        await asyncio.sleep(1.2)
        assert user.cancel_at_ms is None
        user.traded_usd = Decimal(2_000_000)
        desk.client._deadman._ask_again_ms = 0
        await eventually(lambda: user.cancel_at_ms)
        desk.cancel_order(order)
        await eventually(lambda: user.cancel_at_ms is None)


async def test_funding_missed_while_away_is_told_under_its_own_id(sims):
    async with trading(sims.ready) as desk:
        desk.market(OrderSide.SELL, "0.05")
        seen = (await eventually(lambda: desk.said(FundingPayment), HOUR_SECS * 2.5))[0]
    told: list[FundingPayment] = []
    async with node_of(sims.ready, funding_lookback_hours=24.0) as (node, _):
        node.kernel.msgbus.subscribe(topics.FUNDING_PAYMENT, told.append)  # before it connects, as the ledger does
        await eventually(lambda: node.trader.is_running, 15.0)
    assert told[0] == seen
    assert len({payment.payment_id for payment in told}) == len(told)
