"""Every public method of the official REST client either works on the simulator or gets a documented refusal.

A method the client gains makes the walk fail until it has an answer here.
"""

import asyncio
import inspect
import itertools
import time
from decimal import Decimal

import fast_stark_crypto
import pytest

from simulators import launch
from simulators.paradex.signing import hash_many

BTC = "BTC-USD-PERP"
MINUTE_MS = 60_000
NEWER_FIELDS = {"impact_premium_rate", "trading_mode"}  # documented after the client's models were made


@pytest.fixture(scope="module")
def sdk():
    import paradex_sdk

    return paradex_sdk


@pytest.fixture
async def venue():
    async with launch(only="paradex", seed=5, hour_secs=20.0, scenario="calm", step_secs=0.1) as sims:
        sims.paradex.settings.history_secs = 0.1
        yield sims


class Walk:
    """One method each; what a method needs is made by those called in it."""

    def __init__(self, sdk, sims) -> None:
        from paradex_py.api.generated import responses

        self.sdk, self.models = sdk, responses
        self.ready, self.venue = sims.ready["paradex"], sims.paradex
        self.paradex = sdk.client(self.ready)
        self.api = self.paradex.api_client

    def valid(self, model, rows):
        """The vendor's own model reads every row; there is at least one."""
        rows = rows if isinstance(rows, list) else [rows]
        assert rows
        parsed = [getattr(self.models, model).model_validate(row) for row in rows]
        unknown = set().union(*rows) - set(getattr(self.models, model).model_fields) - NEWER_FIELDS
        assert unknown == set(), "fields the vendor does not know"
        return parsed

    def refuses(self, code, call):
        with pytest.raises(ValueError, match=code):
            call()

    def limit(self, client_id="", bps=-20, **fields):
        return self.sdk.order(
            BTC, self.sdk.limit, self.sdk.buy, Decimal("0.01"), self.sdk.price(self.api, bps), client_id, **fields
        )

    def rest(self, client_id):
        placed = self.api.submit_order(self.limit(client_id))
        self.sdk.until(lambda: self.api.fetch_order(placed["id"])["status"] == "OPEN")
        return placed

    def trade(self, side=None, size="0.01"):
        before = len(self.api.fetch_fills()["results"])
        self.api.submit_order(self.sdk.order(BTC, self.sdk.market, side or self.sdk.buy, Decimal(size)))
        self.sdk.until(lambda: len(self.api.fetch_fills()["results"]) > before)

    # login

    def fetch_onboarding(self):
        params = {"account_signer_type": "starknet", "public_key": hex(self.paradex.account.l2_public_key)}
        known = self.api.fetch_onboarding(params)
        assert (known["exists"], known["address"]) == (True, hex(self.paradex.account.l2_address))
        assert self.api.fetch_onboarding({**params, "public_key": "0x5"})["exists"] is False
        self.refuses("INVALID_CHAIN", lambda: self.api.fetch_onboarding({"account_signer_type": "eip191", "eth_address": "0x1"}))

    def onboarding(self):
        assert self.api.onboarding() is None

    def auth(self):
        before = self.paradex.account.jwt_token
        self.api.auth(params={"token_usage": "interactive"})
        self.api.auth()
        assert self.paradex.account.jwt_token != before

    def init_account(self):
        self.api.init_account(self.paradex.account)
        assert self.api.fetch_balances()["results"]

    def set_token(self):
        self.api.set_token(self.paradex.account.jwt_token)
        assert self.api.fetch_balances()["results"]

    def evm_account(self):
        class EvmAccount:
            evm_public_key_uncompressed = "0x04"
            is_onboarded = False

            def onboarding_headers(self):
                return {"PARADEX-STARKNET-ACCOUNT": "0x1"}

            auth_headers = onboarding_headers

        return EvmAccount()

    def init_account_evm(self):
        other = self.sdk.client(self.ready).api_client
        self.refuses("REQUEST_NOT_ALLOWED", lambda: other.init_account_evm(self.evm_account()))
        self.refuses("REQUEST_NOT_ALLOWED", other.onboarding_evm)
        self.refuses("REQUEST_NOT_ALLOWED", other.auth_evm)

    onboarding_evm = auth_evm = init_account_evm

    # orders

    def submit_order(self):
        (placed,) = self.valid("OrderResp", self.rest("w-submit"))
        assert placed.status.value == "NEW"

    def submit_orders_batch(self):
        reply = self.api.submit_orders_batch([self.limit("w-b1"), self.limit("w-b2")])
        self.valid("OrderResp", reply["orders"])
        assert reply["errors"] == [None, None]

    def modify_order(self):
        placed = self.rest("w-modify")
        changed = self.limit("w-modify", bps=-30, order_id=placed["id"])
        assert self.api.modify_order(placed["id"], changed)["request_info"]["request_type"] == "MODIFY_ORDER"
        self.sdk.until(lambda: self.api.fetch_order(placed["id"])["request_info"]["status"] == "SUCCESS")
        assert Decimal(self.api.fetch_order(placed["id"])["price"]) == changed.limit_price

    def cancel_order(self):
        placed = self.rest("w-cancel")
        assert self.api.cancel_order(placed["id"]) is None
        self.sdk.until(lambda: self.history("w-cancel")["status"] == "CLOSED")
        assert self.history("w-cancel")["cancel_reason"] == "USER_CANCELED"
        self.refuses("ORDER_ID_NOT_FOUND", lambda: self.api.cancel_order("1"))

    def history(self, client_id):
        return self.api.fetch_orders_history({"client_id": client_id})["results"][0]

    def cancel_order_by_client_id(self):
        self.rest("w-by-id")
        self.api.cancel_order_by_client_id("w-by-id")
        self.sdk.until(lambda: self.history("w-by-id")["status"] == "CLOSED")
        self.refuses("CLIENT_ORDER_ID_NOT_FOUND", lambda: self.api.cancel_order_by_client_id("w-none"))

    def cancel_all_orders(self):
        self.rest("w-all")
        assert self.api.cancel_all_orders({"market": BTC}) is None
        self.sdk.until(lambda: not self.api.fetch_orders()["results"])

    def cancel_orders_batch(self):
        placed = self.rest("w-cb")
        reply = self.api.cancel_orders_batch(order_ids=[placed["id"]], client_order_ids=["w-none"])
        self.valid("CancelOrderResult", reply["results"])
        assert [row["status"] for row in reply["results"]] == ["QUEUED_FOR_CANCELLATION", "NOT_FOUND"]

    def fetch_orders(self):
        self.rest("w-open")
        self.valid("OrderResp", self.api.fetch_orders({"market": BTC})["results"])
        assert self.api.fetch_orders({"market": "ETH-USD-PERP"})["results"] == []

    def fetch_orders_history(self):
        for number in range(3):
            self.rest(f"w-h{number}")
        page = self.api.fetch_orders_history({"page_size": 2})
        self.valid("OrderResp", page["results"])
        older = self.api.fetch_orders_history({"page_size": 2, "cursor": page["next"]})["results"]
        assert {row["id"] for row in older}.isdisjoint({row["id"] for row in page["results"]})

    def fetch_order(self):
        placed = self.rest("w-one")
        assert self.api.fetch_order(placed["id"])["client_id"] == "w-one"

    def fetch_order_by_client_id(self):
        placed = self.rest("w-cid")
        assert self.api.fetch_order_by_client_id("w-cid")["id"] == placed["id"]

    def fetch_fills(self):
        self.trade()
        (fill, *_) = self.valid("FillResult", self.api.fetch_fills({"market": BTC})["results"])
        assert fill.fill_type.value == "FILL"

    def fetch_tradebusts(self):
        self.trade()
        fill = self.api.fetch_fills()["results"][0]
        self.venue.bust(hex(self.paradex.account.l2_address), fill["id"])
        (bust, *_) = self.valid("TradebustResult", self.api.fetch_tradebusts()["results"])
        assert bust.busted_fill_id == fill["id"]
        (transaction,) = (row for row in self.api.fetch_transactions()["results"] if row["id"] == fill["id"])
        assert transaction["state"] == "REVERTED"

    def fetch_funding_payments(self):
        self.trade()
        self.sdk.until(lambda: Decimal(self.api.fetch_positions()["results"][0]["unrealized_funding_pnl"]) < 0)
        self.trade(self.sdk.sell)
        (payment, *_) = self.valid("FundingPayment", self.api.fetch_funding_payments({"market": BTC})["results"])
        assert Decimal(payment.payment) < 0
        self.refuses("INVALID_REQUEST_PARAMETER", self.api.fetch_funding_payments)

    def fetch_funding_data(self):
        rows = self.valid("FundingDataResult", self.api.fetch_funding_data({"market": BTC, "page_size": 5})["results"])
        assert len(rows) == 5

    def fetch_transactions(self):
        self.trade()
        (row, *_) = self.valid("TransactionResponse", self.api.fetch_transactions()["results"])
        assert row.id in {fill["id"] for fill in self.api.fetch_fills()["results"]}

    def fetch_transfers(self):
        assert self.api.fetch_transfers() == {"next": None, "prev": None, "results": []}

    # account

    def fetch_account_summary(self):
        summary = self.api.fetch_account_summary()
        assert summary.status == "ACTIVE"
        assert Decimal(summary.free_collateral) == Decimal(summary.account_value) - Decimal(summary.initial_margin_requirement)

    def fetch_account_profile(self):
        (profile,) = self.valid("AccountProfileResp", self.api.fetch_account_profile())
        assert profile.username == "simulated"

    def fetch_account_info(self):
        (info,) = self.valid("AccountInfoResponse", self.api.fetch_account_info()["results"])
        assert info.fees.taker_rate == "0.00045"

    def fetch_balances(self):
        self.valid("BalanceResp", self.api.fetch_balances()["results"])

    def fetch_positions(self):
        self.trade()
        (position,) = self.valid("PositionResp", self.api.fetch_positions()["results"])
        assert position.side.value == "LONG"

    def fetch_subaccounts(self):
        self.valid("AccountInfoResponse", self.api.fetch_subaccounts()["results"])

    def fetch_liquidations(self):
        account = self.venue.exchange.registry.accounts[self.paradex.account.l2_address]
        self.trade(size="0.02")
        account.money.cash_usd = Decimal(1)
        self.venue.settings.health_check_secs = 0.1
        self.sdk.until(lambda: self.api.fetch_liquidations()["results"], 8.0)
        self.valid("LiquidationResp", self.api.fetch_liquidations()["results"])
        assert {fill["fill_type"] for fill in self.api.fetch_fills()["results"]} >= {"LIQUIDATION"}

    def fetch_points_data(self):
        self.refuses("PROGRAM_NOT_FOUND", lambda: self.api.fetch_points_data(BTC, "Maker"))

    # keys and tokens

    def registration(self, private_key):
        account, public_key, now = self.paradex.account, fast_stark_crypto.get_public_key(private_key), int(time.time())
        digest = hash_many(account.l2_address, public_key, now, now + 600)
        r, s = fast_stark_crypto.sign(account.l2_private_key, digest)
        body = {"name": "bot", "public_key": hex(public_key), "state": "active", "signature": [hex(r), hex(s)]}
        return {**body, "signature_timestamp": now, "signature_expiry": now + 600}

    def create_subkey(self):
        assert self.api.create_subkey(self.registration(1_000_001)) is None

    def fetch_subkeys(self):
        self.api.create_subkey(self.registration(1_000_002))
        self.valid("Subkey", self.api.fetch_subkeys()["results"])

    def fetch_subkey(self):
        body = self.registration(1_000_003)
        self.api.create_subkey(body)
        assert self.api.fetch_subkey(body["public_key"])["state"] == "active"
        self.refuses("INVALID_SUBKEY", lambda: self.api.fetch_subkey("0x5"))

    def update_subkey(self):
        body = self.registration(1_000_004)
        self.api.create_subkey(body)
        assert self.api.update_subkey(body["public_key"], {"name": "renamed"})["name"] == "renamed"

    def update_subkey_allowed_cidrs(self):
        body = self.registration(1_000_005)
        self.api.create_subkey(body)
        assert self.api.update_subkey_allowed_cidrs(body["public_key"], ["127.0.0.1/32"])["allowed_cidrs"] == ["127.0.0.1/32"]

    def revoke_subkey(self):
        body = self.registration(1_000_006)
        self.api.create_subkey(body)
        self.api.revoke_subkey(body["public_key"])
        assert body["public_key"] not in {row["public_key"] for row in self.api.fetch_subkeys()["results"]}
        assert body["public_key"] in {row["public_key"] for row in self.api.fetch_subkeys({"include_revoked": True})["results"]}

    def activate_subkey(self):
        now, public_key = int(time.time()), hex(fast_stark_crypto.get_public_key(1_000_007))
        pending = {"name": "phone", "public_key": public_key, "state": "pending"}
        self.api.create_subkey({**pending, "eph_public_key": "0x5", "encrypted_key": "0xabc"})
        digest = fast_stark_crypto.pedersen_hash(now, 5)
        r, s = fast_stark_crypto.sign(self.paradex.account.l2_private_key, digest)
        payload = {"account_id": "0x1", "public_key": public_key, "timestamp": now, "signature": [hex(r), hex(s)]}
        assert self.api.activate_subkey(payload) == {"encrypted_key": "0xabc"}

    def create_token(self):
        wanted = {"name": "monitor", "token_type": "jwt", "expiry_duration": 3600}
        reply = self.api.create_token(wanted)
        self.valid("CreateTokenResponse", reply)
        reader = self.sdk.client(self.ready).api_client
        reader.set_token(reply["token"])
        assert reader.fetch_balances()["results"]
        self.refuses("INVALID_TOKEN_SCOPE", reader.cancel_all_orders)
        return reader, reply["api_token"]["lookup_id"]

    def fetch_tokens(self):
        self.create_token()
        self.valid("ApiToken", self.api.fetch_tokens({"kind": "jwt"})["results"])
        assert self.api.fetch_tokens({"kind": "api_key"})["results"] == []

    def revoke_token(self):
        reader, lookup_id = self.create_token()
        self.api.revoke_token(lookup_id)
        self.refuses("token is revoked", reader.fetch_balances)

    # what is known and not simulated

    def fetch_mmp_configs(self):
        configs = self.api.fetch_mmp_configs()
        assert (configs.enabled, configs.results) == (False, [])

    def set_mmp_config(self):
        self.refuses("MMP_NOT_ENABLED", lambda: self.api.set_mmp_config("BTC", 1_000, 1_000, size_limit="1"))

    def delete_mmp_config(self):
        assert self.api.delete_mmp_config("BTC") is None

    def reset_mmp(self):
        assert self.api.reset_mmp().results == []

    def submit_algo_order(self):
        twap = self.sdk.order(BTC, self.sdk.market, self.sdk.buy, Decimal("0.01"))
        self.refuses("REQUEST_NOT_ALLOWED", lambda: self.api.submit_algo_order(twap, "TWAP", 60))

    def fetch_algo_orders(self):
        assert self.api.fetch_algo_orders() == {"results": []}

    def cancel_algo_order(self):
        self.refuses("ALGO_ID_NOT_FOUND", lambda: self.api.cancel_algo_order("1"))

    def list_block_trades(self):
        assert self.api.list_block_trades().results == []

    def create_block_trade(self):
        from paradex_py.api.generated.requests import BlockTradeRequest

        request = BlockTradeRequest.model_construct(trades={}, nonce="1")
        self.refuses("BLOCK_TRADE_NOT_ENABLED", lambda: self.api.create_block_trade(request))

    def get_block_trade(self):
        self.refuses("BLOCK_TRADE_NOT_FOUND", lambda: self.api.get_block_trade("1"))

    def cancel_block_trade(self):
        self.refuses("BLOCK_TRADE_NOT_FOUND", lambda: self.api.cancel_block_trade("1"))

    def get_block_trade_offers(self):
        self.refuses("BLOCK_TRADE_NOT_FOUND", lambda: self.api.get_block_trade_offers("1"))

    def get_block_trade_offer(self):
        self.refuses("BLOCK_TRADE_NOT_FOUND", lambda: self.api.get_block_trade_offer("1", "2"))

    def cancel_block_trade_offer(self):
        self.refuses("BLOCK_TRADE_NOT_FOUND", lambda: self.api.cancel_block_trade_offer("1", "2"))

    def execute_block_trade(self):
        from paradex_py.api.generated.requests import BlockExecuteRequest

        request = BlockExecuteRequest.model_construct()
        self.refuses("BLOCK_TRADE_NOT_FOUND", lambda: self.api.execute_block_trade("1", request))
        self.refuses("BLOCK_TRADE_NOT_FOUND", lambda: self.api.execute_block_trade_offer("1", "2", request))

    execute_block_trade_offer = execute_block_trade

    def create_block_trade_offer(self):
        from paradex_py.api.generated.requests import BlockOfferRequest

        request = BlockOfferRequest.model_construct()
        self.refuses("BLOCK_TRADE_NOT_FOUND", lambda: self.api.create_block_trade_offer("1", request))

    def fetch_portfolio_margin_config(self):
        self.refuses("PORTFOLIO_MARGIN_CONFIG_NOT_FOUND", self.api.fetch_portfolio_margin_config)

    # public

    def fetch_system_config(self):
        assert self.api.fetch_system_config().starknet_chain_id == "PRIVATE_SN_POTC_SEPOLIA"

    def fetch_system_state(self):
        assert self.api.fetch_system_state() == {"status": "ok"}

    def fetch_system_time(self):
        assert abs(int(self.api.fetch_system_time()["server_time"]) - time.time() * 1000) < 5_000

    def fetch_markets(self):
        (market,) = self.valid("MarketResp", self.api.fetch_markets({"market": BTC})["results"])
        assert market.asset_kind == "PERP"
        self.refuses("MARKET_NOT_FOUND", lambda: self.api.fetch_markets({"market": "DOGE-USD-PERP"}))

    def fetch_markets_summary(self):
        self.valid("MarketSummaryResp", self.api.fetch_markets_summary({"market": "ALL"})["results"])
        now_ms = int(time.time() * 1000)
        params = {"market": BTC, "start": now_ms - 60_000, "end": now_ms + 60_000}
        rows = self.sdk.until(lambda: (r := self.api.fetch_markets_summary(params)["results"]) and len(r) > 1 and r)
        times = [row["created_at"] for row in rows]
        assert times == sorted(times, reverse=True)
        assert {row["symbol"] for row in rows} == {BTC}

    def fetch_klines(self):
        now_ms = int(time.time() * 1000)
        for kind in (None, "last", "mark", "underlying"):
            rows = self.api.fetch_klines(BTC, "5", now_ms - 3_600_000, now_ms, kind)["results"]
            assert 12 <= len(rows) <= 13
            assert [later[0] - earlier[0] for earlier, later in itertools.pairwise(rows)] == [5 * MINUTE_MS] * (len(rows) - 1)
            for _, opened, high, low, closed, volume in rows:
                assert low <= min(opened, closed) <= max(opened, closed) <= high
                assert (volume > 0) == (kind in (None, "last"))
        self.refuses("INVALID_REQUEST_PARAMETER", lambda: self.api.fetch_klines(BTC, "7", 0, now_ms))
        self.refuses("INVALID_REQUEST_PARAMETER", lambda: self.api.fetch_klines(BTC, "5", 0, now_ms, "bid"))

    def fetch_orderbook(self):
        self.valid("AskBidArray", self.api.fetch_orderbook(BTC, {"depth": 3}))

    def fetch_bbo(self):
        self.valid("BBOResp", self.api.fetch_bbo(BTC))

    def fetch_insurance_fund(self):
        self.valid("InsuranceAccountResp", self.api.fetch_insurance_fund())

    def fetch_trades(self):
        self.sdk.until(lambda: self.api.fetch_trades({"market": BTC})["results"])
        self.valid("TradeResult", self.api.fetch_trades({"market": BTC})["results"])


def public_methods():
    from paradex_py.api.api_client import ParadexApiClient
    from paradex_py.api.http_client import HttpClient

    inherited = {name for name, _ in inspect.getmembers(HttpClient, inspect.isfunction)}
    found = {name for name, _ in inspect.getmembers(ParadexApiClient, inspect.isfunction)}
    return sorted(name for name in found - inherited if not name.startswith("_"))


async def test_the_walk_knows_every_method_of_the_client(sdk):
    assert [name for name in public_methods() if not hasattr(Walk, name)] == []


async def test_every_method_works_or_is_refused_with_a_documented_error(sdk, venue):
    broken = {}

    def walk():
        steps = Walk(sdk, venue)
        names = [name for name in public_methods() if hasattr(Walk, name)]
        names.sort(key=lambda name: name == "fetch_liquidations")  # it leaves the account poor
        assert len(names) > 70
        for name in names:
            steps.api.cancel_all_orders()
            try:
                getattr(steps, name)()
            except (Exception, pytest.fail.Exception) as error:
                broken[name] = f"{type(error).__name__}: {error}"

    await asyncio.to_thread(walk)
    assert broken == {}
