"""Paradex orders beyond the single one: batches, scopes, retail quotas, RPI, rate limits, subkeys."""

import asyncio
import time

import pytest
from fast_stark_crypto import get_public_key
from nautilus_trader.model.enums import OrderSide, OrderStatus
from paradex_by_hand import by_hand
from paradex_desk import BTC, KEY_NAME, eventually, history, trading, venue

from adapters.errors import Rejected
from adapters.paradex import onboarding
from adapters.paradex.auth import Session, login_headers
from adapters.paradex.http import ParadexHttp
from adapters.paradex.signing import Signer
from adapters.transport.http import NautilusHttp
from messages import AccountHealth, VenueState
from simulators.faults import Fault, FaultKind


def calls(sims, monkeypatch) -> list[str]:
    """Return the names of the requests the venue's sockets answer from now on."""
    heard: list[str] = []
    rpc = sims.paradex._rpc
    call = type(rpc)._call

    async def noting(self, session, method, params):
        heard.append(method)
        return await call(self, session, method, params)

    monkeypatch.setattr(type(rpc), "_call", noting)
    return heard


async def test_an_order_list_goes_out_as_one_batch(monkeypatch):
    async with venue() as sims, trading(sims.ready) as desk:
        heard = calls(sims, monkeypatch)
        orders = desk.resting(12)
        desk.submit_order_list(desk.order_factory.create_list(orders))
        await eventually(lambda: all(order.status == OrderStatus.ACCEPTED for order in orders))
        assert heard.count("order.create_batch") == 2  # ten and two
        assert heard.count("order.create") == 0
        assert all(history(order) == ["OrderInitialized", "OrderSubmitted", "OrderAccepted"] for order in orders)


async def test_one_order_of_a_batch_is_refused_for_itself():
    async with venue() as sims, trading(sims.ready) as desk:
        orders = desk.resting(3)
        name = orders[1].client_order_id.value
        sims.paradex.faults.inject(Fault(kind=FaultKind.FAIL_BATCH_ITEM, path=name, reason="INVALID_ORDER_SIZE"))
        desk.submit_order_list(desk.order_factory.create_list(orders))
        await eventually(lambda: orders[1].status == OrderStatus.REJECTED)
        assert "INVALID_ORDER_SIZE" in orders[1].last_event.reason
        await eventually(lambda: [orders[0].status, orders[2].status] == [OrderStatus.ACCEPTED] * 2)


async def test_an_unclear_word_on_an_order_of_a_batch_is_no_verdict():
    async with venue() as sims, trading(sims.ready) as desk:
        orders = desk.resting(2)
        name = orders[0].client_order_id.value
        sims.paradex.faults.inject(Fault(kind=FaultKind.FAIL_BATCH_ITEM, path=name, reason="INTERNAL_ERROR"))
        desk.submit_order_list(desk.order_factory.create_list(orders))
        await eventually(lambda: orders[1].status == OrderStatus.ACCEPTED)
        await asyncio.sleep(1.0)
        assert orders[0].status == OrderStatus.SUBMITTED  # the venue is being asked
        await eventually(lambda: orders[0].is_closed, 12.0)
        assert "signature expired" in orders[0].last_event.reason


async def test_a_lost_reply_to_a_batch_leaves_every_order_to_be_asked_about():
    async with venue() as sims, trading(sims.ready) as desk:
        orders = desk.resting(2)
        sims.paradex.faults.inject(Fault(kind=FaultKind.LOSE_REPLY, path="order.create_batch", status=503))
        desk.submit_order_list(desk.order_factory.create_list(orders))
        await eventually(lambda: all(order.status == OrderStatus.ACCEPTED for order in orders))
        assert len(await desk.client._account_http.open_orders()) == 2


async def test_a_batch_goes_by_http_while_the_socket_is_away():
    async with venue() as sims, trading(sims.ready) as desk:
        desk.client._channel.is_ready = False
        orders = desk.resting(3)
        name = orders[1].client_order_id.value
        sims.paradex.faults.inject(Fault(kind=FaultKind.FAIL_BATCH_ITEM, path=name, reason="INVALID_ORDER_SIZE"))
        desk.submit_order_list(desk.order_factory.create_list(orders))
        await eventually(lambda: orders[1].status == OrderStatus.REJECTED)
        await eventually(lambda: [orders[0].status, orders[2].status] == [OrderStatus.ACCEPTED] * 2)


async def test_cancels_of_a_batch_are_one_message(monkeypatch):
    async with venue() as sims, trading(sims.ready) as desk:
        orders = desk.resting(3)
        desk.submit_order_list(desk.order_factory.create_list(orders))
        await eventually(lambda: all(order.status == OrderStatus.ACCEPTED for order in orders))
        heard = calls(sims, monkeypatch)
        desk.cancel_orders(orders)
        await eventually(lambda: all(order.status == OrderStatus.CANCELED for order in orders))
        assert [name for name in heard if name.startswith("order.cancel") and "disconnect" not in name] == ["order.cancel_batch"]


async def test_cancel_all_leaves_the_orders_of_others_alone():
    async with venue() as sims, trading(sims.ready, claims=False) as desk:
        bids, asks = desk.resting(2), desk.resting(1, OrderSide.SELL)
        for order in bids + asks:
            desk.send(order)
        await eventually(lambda: all(order.status == OrderStatus.ACCEPTED for order in bids + asks))
        far = bids[0].price.as_decimal() - 500
        theirs = await by_hand(sims.ready, "BUY", "0.01", client_id="not-ours", price=far)
        desk.cancel_all_orders(BTC, OrderSide.BUY)
        await eventually(lambda: all(order.status == OrderStatus.CANCELED for order in bids))
        assert asks[0].status == OrderStatus.ACCEPTED
        desk.cancel_all_orders(BTC)
        await eventually(lambda: asks[0].status == OrderStatus.CANCELED)
        assert [order.client_id for order in await theirs.open_orders()] == ["not-ours"]


async def test_retail_orders_are_free_and_bumped_and_their_quota_is_kept():
    async with venue() as sims, trading(sims.ready, is_interactive=True) as desk:
        assert desk.cache.instrument(BTC).taker_fee == 0
        started = time.monotonic()
        order = desk.market(OrderSide.BUY, "0.02")
        await eventually(lambda: order.status == OrderStatus.FILLED)
        assert time.monotonic() - started >= sims.paradex.settings.retail_bump_secs
        assert all(fee.as_decimal() == 0 for fee in order.commissions())
        assert VenueState.DEGRADED not in desk.states("fees")
        await asyncio.sleep(1.0)
        burst = desk.resting(3)
        for resting in burst:
            desk.send(resting)
        await eventually(lambda: burst[2].status == OrderStatus.DENIED)  # two a second leave room under the venue's three
        assert "RETAIL_QUOTA" in burst[2].last_event.reason
        closing = desk.market(OrderSide.SELL, "0.02", reduce_only=True)  # what closes is never held back
        await eventually(lambda: closing.status == OrderStatus.FILLED)


async def test_a_retail_fill_that_costs_a_fee_raises_an_alarm():
    async with venue() as sims, trading(sims.ready, is_interactive=True) as desk:
        account = sims.paradex.exchange.registry.accounts[int(sims.ready["paradex"]["accounts"][0]["l2_address"], 16)]
        account.retail_orders.extend([time.time()] * 1000)  # somebody else has used the day's quota up
        order = desk.market(OrderSide.BUY, "0.02")
        await eventually(lambda: order.status == OrderStatus.FILLED)
        assert sum(fee.as_decimal() for fee in order.commissions()) > 0
        await eventually(lambda: desk.states("fees") == [VenueState.DEGRADED])


async def test_a_retail_quota_begins_with_what_was_sent_before():
    async with venue() as sims:
        async with trading(sims.ready, is_interactive=True) as desk:
            order = desk.market(OrderSide.BUY, "0.01")
            await eventually(lambda: order.status == OrderStatus.FILLED)
        async with trading(sims.ready, is_interactive=True) as desk:
            assert desk.client._quota._used(time.time(), 86_400.0) == 1


def submit_rpi(desk, order) -> None:
    """Submit with the parameter that asks for retail price improvement."""
    desk.submit_order(order, params={"rpi": True})


async def test_rpi_orders_are_denied_unless_configured_and_refused_unless_whitelisted():
    async with venue() as sims:
        async with trading(sims.ready) as desk:
            (order,) = desk.resting(1)
            submit_rpi(desk, order)
            await eventually(lambda: order.status == OrderStatus.DENIED)
        async with trading(sims.ready, is_rpi_allowed=True) as desk:
            (order,) = desk.resting(1)
            submit_rpi(desk, order)
            await eventually(lambda: order.status == OrderStatus.REJECTED)
            assert "RPI_ACCOUNT_NOT_WHITELISTED" in order.last_event.reason
            sims.paradex.settings.rpi_accounts.add(int(sims.ready["paradex"]["accounts"][0]["l2_address"], 16))
            (order,) = desk.resting(1)
            submit_rpi(desk, order)
            await eventually(lambda: order.status == OrderStatus.ACCEPTED)
            (row,) = await desk.client._account_http.open_orders()
            assert row.instruction == "RPI"


async def test_a_rate_limit_makes_reads_wait_and_refuses_orders_in_words():
    async with venue() as sims, trading(sims.ready) as desk:
        sims.paradex.faults.inject(Fault(kind=FaultKind.EXHAUST_LIMIT, path="private", secs=2.5))
        sims.paradex.faults.inject(Fault(kind=FaultKind.EXHAUST_LIMIT, path="orders", secs=2.5))
        await asyncio.sleep(0.6)  # the venue takes one fault of a kind per step
        read = asyncio.create_task(desk.client._account_feed.refresh())
        (order,) = desk.resting(1)
        desk.send(order)
        await eventually(lambda: order.status == OrderStatus.REJECTED)
        assert "rate limit" in order.last_event.reason
        await asyncio.wait_for(read, 10.0)
        (order,) = desk.resting(1)
        desk.send(order)
        await eventually(lambda: order.status == OrderStatus.ACCEPTED)


async def test_a_subkey_logs_in_and_signs_for_the_main_account(monkeypatch):
    subkey = "0x1234567890abcdef1234567890abcdef"
    public_key = hex(get_public_key(int(subkey, 16)))
    async with venue() as sims:
        paradex = sims.ready["paradex"]
        main, http = paradex["accounts"][0], ParadexHttp(NautilusHttp(), paradex["http_url"])
        signer = Signer((await http.system_config()).starknet_chain_id, main["l2_address"], main["l2_private_key"])
        session = Session(lambda: http.login(signer.public_key, login_headers(signer, int(time.time())), False), time.time)
        await onboarding.register_subkey(http, session, signer, name="bot", public_key=public_key, now_secs=int(time.time()))
        monkeypatch.setenv(KEY_NAME, subkey)
        async with trading(sims.ready) as desk:
            assert desk.client._signer.public_key == public_key
            order = desk.market(OrderSide.BUY, "0.02")
            await eventually(lambda: order.status == OrderStatus.FILLED)
            assert desk.said(AccountHealth)[-1].equity_usd > 10_000  # the main account's money
            monkeypatch.delenv(KEY_NAME)
            monkeypatch.setenv(KEY_NAME, main["l2_private_key"])


async def test_an_account_is_derived_and_opened_from_an_ethereum_key():
    async with venue() as sims:
        http = ParadexHttp(NautilusHttp(), sims.ready["paradex"]["http_url"])
        chain = await onboarding.chain_config(http)
        l1_key, l1_address = "0x" + "5a" * 32, "0x" + "11" * 20
        account = onboarding.derive(chain, l1_address, l1_key)
        assert account.private_key not in repr(account)
        signer = Signer(chain.starknet_chain_id, account.address, account.private_key)
        with pytest.raises(Rejected, match="NOT_ONBOARDED"):
            await http.login(signer.public_key, login_headers(signer, int(time.time())), False)
        for _ in range(2):  # a second time changes nothing
            await onboarding.onboard(http, chain, account, l1_address)
        assert (await http.login(signer.public_key, login_headers(signer, int(time.time())), False)).count(".") == 2
