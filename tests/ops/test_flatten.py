"""The kill switch against both simulated venues, over the wire and without any node."""

import asyncio
import contextlib
from decimal import Decimal

import msgspec
import pytest
from ops_venues import SIZES, Bench

from adapters.by_hand import Look, OpenPosition, RestingOrder
from adapters.errors import Connectivity, OutcomeUnknown, Rejected
from operations.flatten import SLIPPAGES_BPS, Flattening
from operations.status import status
from simulators.faults import Fault, FaultKind


async def test_it_cancels_everything_and_closes_both_legs(bench: Bench, said: list[str]):
    await bench.open_pair("HYPE")
    await bench.open_pair("BTC")
    for venue in ("HYPERLIQUID", "PARADEX"):
        await bench.trade(venue, "BTC", SIZES["BTC"], away="0.97")
        await bench.trade(venue, "HYPE", -SIZES["HYPE"], away="1.03", name=None)
    left = await Flattening(bench.accounts, said.append).run(20)
    assert bench.is_flat(), (bench.held(), bench.resting())
    assert [venue.words() for venue in left] == ["HYPERLIQUID: flat", "PARADEX: flat"]
    assert sum("cancelling 2 order(s)" in line for line in said) == 2
    assert sum(" HYPE" in line and "or better" in line for line in said) == 2
    assert all(row["dir"].startswith("Close") for row in bench.user().fills[2:])


async def test_a_leg_that_stands_alone_is_closed(bench: Bench, said: list[str]):
    await bench.trade("PARADEX", "HYPE", -SIZES["HYPE"])
    left = await Flattening(bench.accounts, said.append).run(20)
    assert bench.is_flat()
    assert all(venue.is_flat for venue in left)
    assert not any("HYPERLIQUID" in line for line in said)


async def test_with_one_venue_down_the_other_is_closed_and_the_rest_is_told(bench: Bench, said: list[str]):
    await bench.open_pair("HYPE")
    await bench.sims.paradex.stop()
    hyperliquid, paradex = await Flattening(bench.accounts, said.append).run(3)
    assert hyperliquid.is_flat
    assert not paradex.is_flat
    assert "PARADEX: NOT KNOWN" in paradex.words()
    assert bench.held()["PARADEX"], "nothing could have closed it"
    assert sum("cannot be read" in line for line in said) == 1
    text, is_whole = await status(bench.accounts)
    assert not is_whole
    assert "PARADEX: NOT KNOWN" in text


async def test_an_account_in_order_is_left_alone(bench: Bench, said: list[str]):
    left = await Flattening(bench.accounts, said.append).run(20)
    assert all(venue.is_flat for venue in left)
    assert said == []


async def test_a_refused_order_is_tried_again_further_from_the_market(bench: Bench, said: list[str]):
    await bench.open_pair("HYPE")
    bench.sims.hyperliquid.faults.inject(
        Fault(kind=FaultKind.REJECT_NEXT_ORDER, path="HYPE", reason="Order could not immediately match.")
    )
    left = await Flattening(bench.accounts, said.append).run(20)
    assert all(venue.is_flat for venue in left)
    assert sum("failed" in line for line in said) == 1


async def test_status_names_positions_orders_equity_and_delta(bench: Bench):
    await bench.open_pair("HYPE")
    await bench.trade("HYPERLIQUID", "BTC", SIZES["BTC"], away="0.97")
    text, is_whole = await status(bench.accounts)
    assert is_whole
    assert "HYPERLIQUID: equity " in text
    assert "position -40 HYPE at about" in text
    assert "position +40 HYPE-USD-PERP at about" in text
    assert "order buy 0.05 BTC at" in text
    assert "delta HYPE: +0, hedged" in text


class FakeAccount:
    """An account in memory: `script` may make any call fail."""

    venue = "FAKE"

    def __init__(self, held: str = "10", orders: int = 0) -> None:
        self.held, self.orders = Decimal(held), orders
        self.slippages, self.calls = [], []
        self.script: dict[str, list[Exception]] = {}
        self.fills_from_bps = 0

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if errors := self.script.get(name):
            raise errors.pop(0)

    async def look(self) -> Look:
        self._call("look")
        order = RestingOrder(market="X", order_id="1", client_id=None, is_buy=True, quantity=Decimal(1), price_usd=Decimal(1))
        position = OpenPosition(market="X", asset="X", quantity=self.held, price_usd=Decimal(1))
        return Look(
            equity_usd=Decimal(1),
            free_collateral_usd=Decimal(1),
            orders=(order,) * self.orders,
            positions=(position,) if self.held else (),
        )

    async def cancel_all(self) -> None:
        self._call("cancel_all")
        self.orders = 0

    async def close(self, position: OpenPosition, slippage_bps: int) -> str:
        self._call("close")
        self.slippages.append(slippage_bps)
        if slippage_bps >= self.fills_from_bps:
            self.held = Decimal(0)
        return "selling"


class Clock:
    now = 0.0

    async def sleep(self, secs: float) -> None:
        self.now += secs


async def flattened(account: FakeAccount, within_secs: float = 60.0) -> tuple[bool, list[str]]:
    clock, said = Clock(), []
    work = Flattening([account], said.append, sleep=clock.sleep, now_secs=lambda: clock.now)
    (left,) = await work.run(within_secs)
    return left.is_flat, said


async def test_each_attempt_gives_the_market_more_room_up_to_a_bound():
    account = FakeAccount()
    account.fills_from_bps = 501
    is_flat, _ = await flattened(account, within_secs=8.0)
    assert not is_flat
    assert tuple(account.slippages[: len(SLIPPAGES_BPS)]) == SLIPPAGES_BPS
    assert set(account.slippages[len(SLIPPAGES_BPS) :]) == {SLIPPAGES_BPS[-1]}


async def test_flat_is_believed_only_when_it_is_seen_again():
    account = FakeAccount(held="0")
    is_flat, _ = await flattened(account)
    assert is_flat
    assert account.calls == ["look", "look"]


@pytest.mark.parametrize("error", [Connectivity("away"), OutcomeUnknown("no answer"), Rejected("no")])
@pytest.mark.parametrize("call", ["look", "cancel_all", "close"])
async def test_whatever_call_fails_it_goes_on(call: str, error: Exception):
    account = FakeAccount(orders=2)
    account.script = {call: [error, error]}
    is_flat, said = await flattened(account)
    assert is_flat
    assert any(str(error) in line for line in said)


async def test_what_is_left_is_told_with_what_was_seen_last():
    account = FakeAccount(orders=1)
    account.script = {"cancel_all": [Rejected("no")] * 99, "close": [Rejected("no")] * 99}
    clock, said = Clock(), []
    (left,) = await Flattening([account], said.append, sleep=clock.sleep, now_secs=lambda: clock.now).run(3.0)
    assert left.words() == "FAKE: LEFT: +10 X, 1 order(s)"
    lost = msgspec.structs.replace(left, error="away")
    assert lost.words() == "FAKE: NOT KNOWN, away; last seen +10 X, 1 order(s)"
    assert not lost.is_flat


async def test_watching_acts_on_nothing():
    account, clock = FakeAccount(orders=1), Clock()
    work = Flattening([account], [].append, sleep=clock.sleep, now_secs=lambda: clock.now)
    assert not await work.watch(3.0)
    account.held, account.orders = Decimal(0), 0
    assert await work.watch(3.0)
    assert set(account.calls) == {"look"}


@pytest.mark.parametrize("number", [0, 1], ids=["HYPERLIQUID", "PARADEX"])
async def test_a_close_that_comes_twice_flips_nothing(bench: Bench, number: int):
    account = bench.accounts[number]
    await bench.trade(account.venue, "HYPE", SIZES["HYPE"])
    (position,) = (await account.look()).positions
    await account.close(position, 100)
    await _settled(bench)
    assert bench.is_flat()
    with contextlib.suppress(Rejected):  # one venue says so at once, the other when it looks at the order
        await account.close(position, 100)
    await _settled(bench)
    assert bench.is_flat()


async def _settled(bench: Bench) -> None:
    while any(order.status == "NEW" for order in bench.account().orders.values()):  # noqa: ASYNC110 - it is checked for risk first
        await asyncio.sleep(0.01)
