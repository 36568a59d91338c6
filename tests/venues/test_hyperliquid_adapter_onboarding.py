"""User-signed actions and what the SDK is used for, against the simulated venue."""

import subprocess
import sys
import time
from decimal import Decimal

import pytest
from eth_account import Account
from hyperliquid.utils import constants as sdk_constants
from hyperliquid.utils.types import Cloid
from hyperliquid_desk import KEY_NAME, eventually, trading, user_of, venue
from nautilus_trader.model.enums import OrderSide, OrderStatus

from adapters.errors import OutcomeUnknown, Rejected
from adapters.hyperliquid import constants, signing
from adapters.hyperliquid.factories import shared_http
from adapters.hyperliquid.onboarding import Onboarding
from simulators.faults import Fault, FaultKind

AGENT_KEY = "0x" + "42" * 32
DAY_MS = 86_400_000


def now_ms():
    return time.time_ns() // 1_000_000


@pytest.fixture
async def sims():
    async with venue() as running:
        yield running


@pytest.fixture
def onboarding(sims):
    ready = sims.ready["hyperliquid"]
    key = ready["accounts"][0]["private_key"]
    return Onboarding(shared_http(ready["http_url"]), key, is_mainnet=False, now_ms=now_ms)


async def test_an_approved_agent_trades_until_its_day(sims, onboarding, monkeypatch):
    valid_until_ms = now_ms() + 30 * DAY_MS
    await onboarding.approve_agent(Account.from_key(AGENT_KEY).address, "desk", valid_until_ms)
    (agent,) = await shared_http(sims.ready["hyperliquid"]["http_url"]).agents(onboarding.address)
    assert (agent.name, agent.valid_until) == ("desk", valid_until_ms)
    monkeypatch.setenv(KEY_NAME, AGENT_KEY)
    async with trading(sims.ready, account_address=onboarding.address) as desk:
        bought = desk.market(OrderSide.BUY, "0.01")
        await eventually(lambda: bought.status == OrderStatus.FILLED)
    assert user_of(sims).account.size("BTC") == Decimal("0.01")


async def test_usdc_moves_to_where_it_trades_and_back(sims, onboarding):
    user = user_of(sims)
    before = user.account.cash_usd
    await onboarding.transfer(Decimal("100.50"), to_perp=False)
    assert (user.account.cash_usd, user.spot_usdc) == (before - Decimal("100.5"), Decimal("100.5"))
    await onboarding.transfer(Decimal(40), to_perp=True)
    assert (user.account.cash_usd, user.spot_usdc) == (before - Decimal("60.5"), Decimal("60.5"))


async def test_refusals_come_in_the_venues_words(onboarding):
    with pytest.raises(Rejected, match="Insufficient balance"):
        await onboarding.transfer(Decimal(10**9), to_perp=False)
    with pytest.raises(Rejected, match="already"):
        await onboarding.approve_agent(onboarding.address, "desk")


async def test_a_transfer_whose_answer_is_lost_is_not_repeated(sims, onboarding):
    user = user_of(sims)
    sims.hyperliquid.faults.inject(Fault(kind=FaultKind.LOSE_REPLY, path="/exchange:usdClassTransfer", status=502))
    with pytest.raises(OutcomeUnknown):
        await onboarding.transfer(Decimal(10), to_perp=False)
    assert user.spot_usdc == 10


@pytest.mark.parametrize("name", ["", "a name that is too long"])
async def test_an_agent_needs_a_name_the_venue_lists(onboarding, name):
    with pytest.raises(ValueError, match="1 to 16"):
        await onboarding.approve_agent("0x" + "11" * 20, name)


async def test_nothing_is_moved_by_mistake(onboarding):
    with pytest.raises(ValueError, match="nothing to move"):
        await onboarding.transfer(Decimal(-5), to_perp=True)


def test_constants_and_client_order_ids_are_those_of_the_sdk():
    assert sdk_constants.MAINNET_API_URL == constants.MAINNET_HTTP_URL
    assert sdk_constants.TESTNET_API_URL == constants.TESTNET_HTTP_URL
    assert "ws" + constants.MAINNET_HTTP_URL.removeprefix("http") + "/ws" == constants.MAINNET_WS_URL
    for client_order_id in ("O-20261125-001", "x", "🙂"):
        cloid = signing.cloid(client_order_id)
        assert Cloid.from_str(cloid).to_raw() == cloid
        assert Cloid.from_int(int(cloid, 16)).to_raw() == cloid


def test_trading_does_not_import_the_sdk():
    script = "import sys, adapters.hyperliquid.factories; print('hyperliquid.utils.signing' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert answer.stdout.strip() == "False"
