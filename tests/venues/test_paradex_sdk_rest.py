"""The unchanged official client against the simulator, over REST."""

import asyncio
import time
from decimal import Decimal

import pytest

from simulators import launch
from simulators.faults import Fault, FaultKind

BTC = "BTC-USD-PERP"


@pytest.fixture(scope="module")
def sdk():
    import paradex_sdk  # costs seconds, once

    return paradex_sdk


@pytest.fixture
async def venue():
    async with launch(only="paradex", seed=5, hour_secs=20.0, scenario="calm", step_secs=0.1) as sims:
        yield sims


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
        sdk.until(lambda: client.fetch_trades({"market": BTC})["results"])
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
        order = sdk.order(BTC, sdk.limit, sdk.buy, Decimal("0.01"), sdk.price(client, -20), "rest-1", instruction="POST_ONLY")
        placed = client.submit_order(order)
        assert placed["status"] == "NEW"
        sdk.until(lambda: client.fetch_order(placed["id"])["status"] == "OPEN")
        assert client.fetch_order_by_client_id("rest-1")["id"] == placed["id"]
        assert [row["id"] for row in client.fetch_orders({"market": BTC})["results"]] == [placed["id"]]
        assert Decimal(client.fetch_account_summary().initial_margin_requirement) > 0
        client.cancel_order(placed["id"])
        (closed,) = sdk.until(lambda: client.fetch_orders_history({"client_id": "rest-1", "status": "CLOSED"})["results"])
        assert (closed["cancel_reason"], closed["remaining_size"]) == ("USER_CANCELED", "0.01")
        with pytest.raises(ValueError, match="ORDER_ID_NOT_FOUND"):
            client.fetch_order(placed["id"])
        with pytest.raises(ValueError, match="ORDER_IS_CLOSED"):
            client.cancel_order(placed["id"])

    await asyncio.to_thread(use)


async def test_orders_are_modified_and_handled_in_batches(sdk, venue):
    def use():
        client = sdk.client(venue.ready["paradex"]).api_client
        orders = [sdk.order(BTC, sdk.limit, sdk.buy, Decimal("0.01"), sdk.price(client, -20 - n), f"b-{n}") for n in range(3)]
        orders.append(sdk.order(BTC, sdk.limit, sdk.buy, Decimal("0.01"), Decimal("80000.05"), "b-bad"))
        placed = client.submit_orders_batch(orders)
        ids = [order["id"] for order in placed["orders"] if order]
        assert [error and error["error"] for error in placed["errors"]] == [None, None, None, "INVALID_PRICE_PRECISION"]
        sdk.until(lambda: len(client.fetch_orders()["results"]) == 3)
        sdk.until(lambda: all(order["status"] == "OPEN" for order in client.fetch_orders()["results"]))
        change = sdk.order(BTC, sdk.limit, sdk.buy, Decimal("0.02"), sdk.price(client, -30), "b-0", order_id=ids[0])
        assert client.modify_order(ids[0], change)["request_info"]["status"] == "PENDING"
        sdk.until(lambda: client.fetch_order(ids[0])["size"] == "0.02")
        assert client.fetch_order(ids[0])["request_info"]["status"] == "SUCCESS"
        rows = client.cancel_orders_batch(order_ids=[ids[0], "1"])["results"]
        assert [row["status"] for row in rows] == ["QUEUED_FOR_CANCELLATION", "NOT_FOUND"]
        client.cancel_order_by_client_id("b-1")
        client.cancel_all_orders({"market": BTC})
        sdk.until(lambda: not client.fetch_orders()["results"])

    await asyncio.to_thread(use)


async def test_a_market_order_fills_and_funding_is_realised(sdk, venue):
    def use():
        client = sdk.client(venue.ready["paradex"]).api_client
        client.submit_order(sdk.order(BTC, sdk.market, sdk.buy, Decimal("0.02"), client_id="m-1"))
        sdk.until(lambda: client.fetch_fills({"market": BTC})["results"])
        (position,) = client.fetch_positions()["results"]
        assert (position["side"], position["size"]) == ("LONG", "0.02")
        sdk.until(lambda: Decimal(client.fetch_positions()["results"][0]["unrealized_funding_pnl"]) < 0)
        client.submit_order(sdk.order(BTC, sdk.market, sdk.sell, Decimal("0.02"), client_id="m-2", reduce_only=True))
        sdk.until(lambda: client.fetch_positions()["results"][0]["status"] == "CLOSED")
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
        (fill, *_) = sdk.until(lambda: client.fetch_fills()["results"])
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
        sdk.until(lambda: client.fetch_fills()["results"])
        assert {fill["order_id"] for fill in client.fetch_fills()["results"]} == {order["id"]}

    await asyncio.to_thread(use)


async def test_a_registered_subkey_trades_with_the_clients_own_class(sdk, venue):
    import fast_stark_crypto
    import httpx
    from paradex_py import ParadexSubkey
    from paradex_py.api.http_client import HttpClient

    from simulators.paradex.signing import hash_many

    ready, key = venue.ready["paradex"], 424_242

    class ToSimulator(httpx.HTTPTransport):
        """The class takes no address, so its connections are led to the simulator."""

        def handle_request(self, request):
            request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=httpx.URL(ready["http_url"]).port)
            return super().handle_request(request)

    def use():
        main = sdk.client(ready)
        public_key, now = fast_stark_crypto.get_public_key(key), int(time.time())
        digest = hash_many(main.account.l2_address, public_key, now, now + 600)
        r, s = fast_stark_crypto.sign(main.account.l2_private_key, digest)
        body = {"name": "bot", "public_key": hex(public_key), "state": "active", "signature": [hex(r), hex(s)]}
        main.api_client.create_subkey({**body, "signature_timestamp": now, "signature_expiry": now + 600})
        http = HttpClient(httpx.Client(transport=ToSimulator()))
        options = {"l2_private_key": hex(key), "l2_address": ready["accounts"][0]["l2_address"], "ws_enabled": False}
        subkey = ParadexSubkey(env="testnet", http_client=http, **options)
        subkey.api_client.submit_order(sdk.order(BTC, sdk.market, sdk.buy, Decimal("0.001"), client_id="by-subkey"))
        sdk.until(lambda: subkey.api_client.fetch_fills()["results"])
        assert main.api_client.fetch_fills()["results"][0]["client_id"] == "by-subkey"
        main.api_client.revoke_subkey(hex(public_key))
        with pytest.raises(ValueError, match="INVALID_ORDER_SIGNATURE"):
            subkey.api_client.submit_order(sdk.order(BTC, sdk.market, sdk.buy, Decimal("0.001")))

    await asyncio.to_thread(use)


async def test_the_client_renews_a_token_that_is_about_to_expire(sdk, venue):
    venue.paradex.settings.jwt_secs = 31  # the client renews 30 s ahead

    def use():
        client = sdk.client(venue.ready["paradex"])
        first = client.account.jwt_token
        time.sleep(1.2)
        assert client.api_client.fetch_balances()["results"]
        assert client.account.jwt_token != first

    await asyncio.to_thread(use)


async def test_a_revoked_token_is_refused_until_the_next_login(sdk, venue):
    def use():
        client = sdk.client(venue.ready["paradex"]).api_client
        venue.paradex.exchange.registry.revoke_all()
        with pytest.raises(ValueError, match="HTTP 401"):
            client.fetch_balances()
        client.auth()
        assert client.fetch_balances()["results"]

    await asyncio.to_thread(use)


async def test_the_clients_own_retries_post_an_order_four_times(sdk, venue):
    """Its default strategy must not be used for orders; the simulator shows why."""

    def use():
        client = sdk.client(venue.ready["paradex"], retry_strategy=sdk.DefaultRetryStrategy(base_delay=0.05)).api_client
        venue.paradex.faults.inject(Fault(kind=FaultKind.LOSE_REPLY, path="POST /v1/orders", status=503, count=4))
        with pytest.raises(ValueError, match="SERVICE_UNAVAILABLE"):
            client.submit_order(sdk.order(BTC, sdk.market, sdk.buy, Decimal("0.001")))
        sdk.until(lambda: len(client.fetch_orders_history()["results"]) == 4)
        sdk.until(lambda: Decimal(client.fetch_positions()["results"][0]["size"]) == Decimal("0.004"))

    await asyncio.to_thread(use)


async def test_hashes_equal_those_of_the_client_and_either_verifies_the_others_signature(sdk, venue):
    import random

    import fast_stark_crypto
    from paradex_py.account.utils import verify_message_signature
    from paradex_py.message.order import build_modify_order_message, build_order_message
    from starknet_py.utils.typed_data import TypedData

    from simulators.paradex.signing import order_hash, signs_order

    account = (await asyncio.to_thread(sdk.client, venue.ready["paradex"])).account
    dice = random.Random(11)
    for number in range(150):
        kind, side = dice.choice((sdk.limit, sdk.market)), dice.choice((sdk.buy, sdk.sell))
        size, price = Decimal(dice.randrange(1, 10**7)) / 10**5, Decimal(dice.randrange(1, 10**7)) / 10
        placed = sdk.order(BTC, kind, side, size, price if kind is sdk.limit else Decimal(0), signature_timestamp=10**12 + number)
        build = build_order_message
        if number % 3 == 0:
            placed.id, build = str(dice.randrange(10**27, 10**28)), build_modify_order_message
        typed = TypedData.from_dict(build(account.l2_chain_id, placed))
        expected = typed.message_hash(account.l2_address)
        body = placed.dump_to_dict()
        assert order_hash(account.l2_address, body, has_price=kind is sdk.limit) == expected
        assert signs_order(account.l2_address, {account.l2_public_key}, {**body, "signature": account.sign_order(placed)})
        r, s = fast_stark_crypto.sign(account.l2_private_key, order_hash(account.l2_address, body, has_price=kind is sdk.limit))
        assert verify_message_signature(expected, [r, s], account.l2_public_key)
