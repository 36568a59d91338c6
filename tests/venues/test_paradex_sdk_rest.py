"""The unchanged official client against the simulator, over REST."""

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal

import pytest

from simulators import launch
from simulators.faults import Fault, FaultKind

BTC = "BTC-USD-PERP"


def until(look: Callable[[], object], secs: float = 3.0) -> object:
    """Ask again until the answer is true; fail when it never is."""
    end = time.monotonic() + secs
    while not (found := look()):
        if time.monotonic() > end:
            pytest.fail("the venue never got there")
        time.sleep(0.02)
    return found


@pytest.fixture(scope="module")
def sdk():
    import paradex_py  # costs seconds, once
    from paradex_py.common.order import Order, OrderSide, OrderType

    class Sdk:
        buy, sell, limit, market = OrderSide.Buy, OrderSide.Sell, OrderType.Limit, OrderType.Market
        order = Order

        @staticmethod
        def client(ready, name="trader", **options):
            account = next(account for account in ready["accounts"] if account["name"] == name)
            options = {"l1_private_key": account["l1_private_key"], **options}
            return paradex_py.Paradex(
                env="testnet",
                l1_address=account["l1_address"],
                api_base_url=ready["http_url"],
                ws_url_override=ready["ws_url"],
                retry_strategy=None,
                **options,
            )

    return Sdk


@pytest.fixture
async def venue():
    async with launch(only="paradex", seed=5, hour_secs=20.0, scenario="calm", step_secs=0.1) as sims:
        yield sims


def price(client, bps):
    bid = Decimal(client.fetch_bbo(BTC)["bid"])
    return (bid * (1 + Decimal(bps) / 10_000)).quantize(Decimal("0.1"))


async def test_login_and_account(sdk, venue):
    def use():
        client = sdk.client(venue.ready["paradex"]).api_client
        summary = client.fetch_account_summary()
        assert (summary.account_value, summary.status) == ("20000", "ACTIVE")
        assert client.fetch_balances()["results"][0]["size"] == "20000"
        assert client.fetch_account_info()["results"][0]["fees"]["taker_rate"] == "0.00045"
        assert client.last_rate_limit.limit == 120
        assert client.fetch_subaccounts()["results"]
        assert client.fetch_transfers()["results"] == client.fetch_transactions()["results"] == []

    await asyncio.to_thread(use)


async def test_a_new_account_onboards_itself(sdk, venue):
    key = "0x" + "17" * 32

    def use():
        from eth_account import Account

        ready = venue.ready["paradex"]
        account = {"name": "new", "l1_address": Account.from_key(key).address, "l1_private_key": key}
        client = sdk.client({**ready, "accounts": [account]}, "new").api_client
        assert client.fetch_account_summary().total_collateral == "1234"

    venue.paradex.settings.starting_balance_usd = Decimal(1234)
    await asyncio.to_thread(use)


async def test_the_second_account_is_derived_and_the_server_derives_addresses(sdk, venue):
    def use():
        ready = venue.ready["paradex"]
        second = sdk.client(ready, "second", server_derive_address=True)
        assert hex(second.account.l2_address) == ready["accounts"][1]["l2_address"]
        assert second.api_client.fetch_positions()["results"] == []

    await asyncio.to_thread(use)


async def test_public_market_data(sdk, venue):
    def use():
        client = sdk.client(venue.ready["paradex"]).api_client
        markets = {market["symbol"]: market for market in client.fetch_markets()["results"]}
        assert set(markets) == {f"{asset}-USD-PERP" for asset in ("BTC", "ETH", "SOL", "HYPE")}
        assert (markets[BTC]["price_tick_size"], markets[BTC]["order_size_increment"]) == ("0.1", "0.00001")
        assert len(client.fetch_markets_summary({"market": "ALL"})["results"]) == 4
        (summary,) = client.fetch_markets_summary({"market": BTC})["results"]
        book = client.fetch_orderbook(BTC, {"depth": 5})
        assert len(book["bids"]) == 5
        assert Decimal(book["bids"][0][0]) < Decimal(book["asks"][0][0])
        assert abs(Decimal(summary["mark_price"]) / Decimal(summary["underlying_price"]) - 1) < Decimal("0.01")
        assert client.fetch_system_state() == {"status": "ok"}
        assert abs(int(client.fetch_system_time()["server_time"]) - time.time() * 1000) < 5_000
        assert client.fetch_insurance_fund()
        until(lambda: client.fetch_trades({"market": BTC})["results"])
        params = {"symbol": BTC, "resolution": "1", "start_at": 0, "end_at": 2**42}
        assert len(client._get("markets/klines", params)["results"][0]) == 6

    await asyncio.to_thread(use)


async def test_funding_data_pages_backwards_without_gaps(sdk, venue):
    def use():
        client = sdk.client(venue.ready["paradex"]).api_client
        rows, cursor = [], None
        for _ in range(4):
            page = client.fetch_funding_data({"market": BTC, "page_size": "50", **({"cursor": cursor} if cursor else {})})
            rows, cursor = rows + page["results"], page["next"]
        times = [row["created_at"] for row in rows]
        assert len(rows) == 200
        assert times == sorted(set(times), reverse=True)
        window = client.fetch_funding_data({"market": BTC, "start_at": times[150], "end_at": times[100]})
        assert [row["created_at"] for row in window["results"]] == times[100:151]
        assert window["next"] is None

    await asyncio.to_thread(use)


async def test_a_post_only_order_rests_and_is_cancelled(sdk, venue):
    def use():
        client = sdk.client(venue.ready["paradex"]).api_client
        order = sdk.order(BTC, sdk.limit, sdk.buy, Decimal("0.01"), price(client, -20), "rest-1", instruction="POST_ONLY")
        placed = client.submit_order(order)
        assert placed["status"] == "NEW"
        until(lambda: client.fetch_order(placed["id"])["status"] == "OPEN")
        assert client.fetch_order_by_client_id("rest-1")["id"] == placed["id"]
        assert [row["id"] for row in client.fetch_orders({"market": BTC})["results"]] == [placed["id"]]
        assert Decimal(client.fetch_account_summary().initial_margin_requirement) > 0
        client.cancel_order(placed["id"])
        (closed,) = until(lambda: client.fetch_orders_history({"client_id": "rest-1", "status": "CLOSED"})["results"])
        assert (closed["cancel_reason"], closed["remaining_size"]) == ("USER_CANCELED", "0.01")
        with pytest.raises(ValueError, match="ORDER_ID_NOT_FOUND"):
            client.fetch_order(placed["id"])
        with pytest.raises(ValueError, match="ORDER_IS_CLOSED"):
            client.cancel_order(placed["id"])

    await asyncio.to_thread(use)


async def test_orders_are_modified_and_handled_in_batches(sdk, venue):
    def use():
        client = sdk.client(venue.ready["paradex"]).api_client
        orders = [sdk.order(BTC, sdk.limit, sdk.buy, Decimal("0.01"), price(client, -20 - n), f"b-{n}") for n in range(3)]
        orders.append(sdk.order(BTC, sdk.limit, sdk.buy, Decimal("0.01"), Decimal("80000.05"), "b-bad"))
        placed = client.submit_orders_batch(orders)
        ids = [order["id"] for order in placed["orders"] if order]
        assert [error and error["error"] for error in placed["errors"]] == [None, None, None, "INVALID_PRICE_PRECISION"]
        until(lambda: len(client.fetch_orders()["results"]) == 3)
        until(lambda: all(order["status"] == "OPEN" for order in client.fetch_orders()["results"]))
        change = sdk.order(BTC, sdk.limit, sdk.buy, Decimal("0.02"), price(client, -30), "b-0", order_id=ids[0])
        assert client.modify_order(ids[0], change)["request_info"]["status"] == "PENDING"
        until(lambda: client.fetch_order(ids[0])["size"] == "0.02")
        assert client.fetch_order(ids[0])["request_info"]["status"] == "SUCCESS"
        rows = client.cancel_orders_batch(order_ids=[ids[0], "1"])["results"]
        assert [row["status"] for row in rows] == ["QUEUED_FOR_CANCELLATION", "NOT_FOUND"]
        client.cancel_order_by_client_id("b-1")
        client.cancel_all_orders({"market": BTC})
        until(lambda: not client.fetch_orders()["results"])

    await asyncio.to_thread(use)


async def test_a_market_order_fills_and_funding_is_realised(sdk, venue):
    def use():
        client = sdk.client(venue.ready["paradex"]).api_client
        client.submit_order(sdk.order(BTC, sdk.market, sdk.buy, Decimal("0.02"), client_id="m-1"))
        until(lambda: client.fetch_fills({"market": BTC})["results"])
        (position,) = client.fetch_positions()["results"]
        assert (position["side"], position["size"]) == ("LONG", "0.02")
        until(lambda: Decimal(client.fetch_positions()["results"][0]["unrealized_funding_pnl"]) < 0)
        client.submit_order(sdk.order(BTC, sdk.market, sdk.sell, Decimal("0.02"), client_id="m-2", reduce_only=True))
        until(lambda: client.fetch_positions()["results"][0]["status"] == "CLOSED")
        fills = client.fetch_fills()["results"]
        payments = client.fetch_funding_payments({"market": BTC})["results"]
        assert sum(Decimal(row["payment"]) for row in payments) < 0
        assert {row["fill_id"] for row in payments} <= {fill["id"] for fill in fills}
        cash = sum(Decimal(f["realized_pnl"]) + Decimal(f["realized_funding"]) - Decimal(f["fee"]) for f in fills)
        assert Decimal(client.fetch_balances()["results"][0]["size"]) == 20_000 + cash

    await asyncio.to_thread(use)


async def test_an_interactive_token_trades_free(sdk, venue):
    def use():
        client = sdk.client(venue.ready["paradex"], auth_params={"token_usage": "interactive"}).api_client
        client.submit_order(sdk.order(BTC, sdk.market, sdk.buy, Decimal("0.01")))
        (fill, *_) = until(lambda: client.fetch_fills()["results"])
        assert (fill["fee"], fill["flags"], fill["fill_type"]) == ("0", ["interactive", "rpi"], "RPI")

    await asyncio.to_thread(use)


class Forger:
    def sign_order(self, order):
        return {**order, "signature": '["12345","67890"]'}


async def test_a_forged_order_is_refused(sdk, venue):
    def use():
        client = sdk.client(venue.ready["paradex"]).api_client
        with pytest.raises(ValueError, match="INVALID_ORDER_SIGNATURE"):
            client.submit_order(sdk.order(BTC, sdk.market, sdk.buy, Decimal("0.01")), signer=Forger())

    await asyncio.to_thread(use)


async def test_an_order_whose_answer_is_lost_was_executed_once(sdk, venue):
    import httpx

    def use():
        client = sdk.client(venue.ready["paradex"]).api_client
        venue.paradex.faults.inject(Fault(kind=FaultKind.LOSE_REPLY, path="POST /v1/orders"))
        with pytest.raises(httpx.RemoteProtocolError):
            client.submit_order(sdk.order(BTC, sdk.market, sdk.buy, Decimal("0.01"), client_id="lost"))
        (order,) = client.fetch_orders_history({"client_id": "lost"})["results"]
        until(lambda: client.fetch_fills()["results"])
        assert {fill["order_id"] for fill in client.fetch_fills()["results"]} == {order["id"]}

    await asyncio.to_thread(use)
