"""How the adapter is put together."""

import subprocess
import sys
from decimal import Decimal

import pytest
from nautilus_trader.common.component import LiveClock
from nautilus_trader.common.factories import OrderFactory
from nautilus_trader.model.enums import OrderSide, TimeInForce
from nautilus_trader.model.identifiers import StrategyId, TraderId
from nautilus_trader.model.objects import Price, Quantity

from adapters.errors import Rejected
from adapters.hyperliquid import commands, factories, parsing
from adapters.hyperliquid.account_schemas import UserFees
from adapters.hyperliquid.config import HyperliquidExecClientConfig
from adapters.hyperliquid.listing_schemas import Meta
from adapters.hyperliquid.providers import HyperliquidInstrumentProvider
from adapters.hyperliquid.schemas import PerpMeta
from adapters.hyperliquid.signing import L1Signer
from config.secret import SecretError

KEY = "0x" + "0123456789" * 6 + "0123"
MASTER = "0x" + "AB" * 20
UNIVERSE = [PerpMeta("BTC", 5, 40), PerpMeta("MATIC", 1, 20, is_delisted=True), PerpMeta("ETH", 4, 25)]
BTC = parsing.instrument(UNIVERSE[0], 0, maker_fee=Decimal(0), taker_fee=Decimal(0), ts_ns=1)


def test_importing_the_clients_pulls_in_no_sdk():
    script = (
        "import sys; import adapters.hyperliquid.execution, adapters.hyperliquid.factories\n"
        "print([name for name in ('hyperliquid', 'eth_account', 'starknet_py', 'paradex_py') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


class FakeHttp:
    async def meta(self):
        return Meta(UNIVERSE)

    async def user_fees(self, user):
        return UserFees(Decimal("0.000315"), Decimal("0.000105"))


async def test_provider_loads_the_configured_coins_with_the_accounts_fees():
    provider = HyperliquidInstrumentProvider(FakeHttp(), ("BTC", "ETH"), LiveClock())
    await provider.initialize()
    assert {made.id for made in provider.list_all()} == {parsing.instrument_id("BTC"), parsing.instrument_id("ETH")}
    assert provider.find(parsing.instrument_id("ETH")).info["asset"] == 2
    assert provider.find(parsing.instrument_id("BTC")).taker_fee == Decimal("0.00045")
    await provider.load_fees(MASTER)
    assert provider.find(parsing.instrument_id("BTC")).taker_fee == Decimal("0.000315")
    assert provider.find(parsing.instrument_id("BTC")).maker_fee == Decimal("0.000105")


@pytest.mark.parametrize("coin", ["DOGE", "btc", "MATIC"])
async def test_a_coin_that_would_close_the_socket_is_refused_at_the_start(coin):
    provider = HyperliquidInstrumentProvider(FakeHttp(), ("BTC", coin), LiveClock())
    with pytest.raises(Rejected, match=coin):
        await provider.load_all_async()


def config(**fields):
    return HyperliquidExecClientConfig(private_key="env:FARB_TEST_KEY", **fields)


def test_account_is_the_keys_own_or_the_one_named(monkeypatch):
    signer = L1Signer(KEY, is_mainnet=False)
    monkeypatch.setenv("FARB_TEST_MASTER", MASTER)
    assert factories.identity(config(), signer).account == signer.address
    for given in (MASTER, "env:FARB_TEST_MASTER"):
        named = factories.identity(config(account_address=given), signer)
        assert (named.account, named.master, named.signer) == (MASTER.lower(), MASTER.lower(), signer.address)
        assert (named.has_agent, named.has_vault) == (True, False)
    with pytest.raises(ValueError, match="account_address is not an address of 20 hexadecimal bytes"):
        factories.identity(config(account_address="0xabc"), signer)


def test_a_vault_is_traded_on_in_its_masters_name():
    signer = L1Signer(KEY, is_mainnet=False)
    vault = "0x" + "CD" * 20
    named = factories.identity(config(vault_address=vault), signer)
    assert (named.account, named.master) == (vault.lower(), signer.address)
    assert (named.has_agent, named.has_vault) == (False, True)


def test_a_missing_key_is_said_without_building_anything(monkeypatch):
    monkeypatch.delenv("FARB_TEST_KEY", raising=False)
    with pytest.raises(SecretError, match="FARB_TEST_KEY"):
        factories.HyperliquidLiveExecClientFactory.create(None, "HYPERLIQUID", config(), None, None, None)


def test_one_client_and_one_provider_per_url():
    assert factories.shared_http("http://one") is factories.shared_http("http://one")
    assert factories.shared_http("http://one") is not factories.shared_http("http://two")
    assert factories.shared_provider("http://one", ("BTC",)) is factories.shared_provider("http://one", ("BTC",))


@pytest.fixture
def orders():
    return OrderFactory(TraderId("TEST-001"), StrategyId("DESK-001"), LiveClock())


def test_wires_of_the_order_kinds(orders):
    quantity, price = Quantity.from_str("0.01000"), Price.from_str("98450.5")
    made = {
        "Gtc": orders.limit(BTC.id, OrderSide.BUY, quantity, price),
        "Alo": orders.limit(BTC.id, OrderSide.SELL, quantity, price, post_only=True),
        "Ioc": orders.limit(BTC.id, OrderSide.SELL, quantity, price, time_in_force=TimeInForce.IOC, reduce_only=True),
    }
    for tif, order in made.items():
        limit = commands.limit_price(order.price.as_decimal(), order.side, BTC)
        wire = commands.wire(order, limit, order.quantity.as_decimal(), BTC)
        assert commands.refusal(order) is None
        assert wire["t"] == {"limit": {"tif": tif}}
        assert wire["p"] == ("98450" if order.side == OrderSide.BUY else "98451")  # never worse than asked
        assert (wire["s"], wire["a"], wire["r"], wire["b"]) == ("0.01", 0, tif == "Ioc", order.side == OrderSide.BUY)
    assert commands.wire(orders.market(BTC.id, OrderSide.BUY, quantity), Decimal(1), Decimal(1), BTC)["t"] == {
        "limit": {"tif": "Ioc"}
    }


def test_what_is_refused_before_sending(orders):
    quantity, price = Quantity.from_str("0.01000"), Price.from_str("98450.0")
    refused = {
        "ORDER_TYPE": orders.stop_market(BTC.id, OrderSide.SELL, quantity, price),
        "TIME_IN_FORCE": orders.limit(BTC.id, OrderSide.BUY, quantity, price, time_in_force=TimeInForce.FOK),
        "QUOTE_QUANTITY": orders.market(BTC.id, OrderSide.BUY, quantity, quote_quantity=True),
        "DISPLAY_QUANTITY": orders.limit(BTC.id, OrderSide.BUY, quantity, price, display_qty=Quantity.from_str("0.001")),
        "CONTINGENCY": orders.bracket(
            BTC.id, OrderSide.BUY, quantity, sl_trigger_price=price, tp_price=Price.from_str("99000.0")
        ).orders[0],
    }
    for word, order in refused.items():
        assert word in commands.refusal(order)
