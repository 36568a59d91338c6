"""Random portfolios and intents, by hand and seeded: 100,000 of them in seconds, the same ones each time."""

from decimal import Decimal
from random import Random

import pytest

from messages import Side, TradingState
from risk.checks import Approved, adding, evaluate
from risk.clearance import is_clear, room
from risk.exposure import totals
from risk.limits import Limits
from risk.margin import rates
from risk.state import MarketView, OrderIntent, PositionView, Snapshot, TradeIntent, VenueAccount
from tests.unit.risk.risk_scene import HL, NOW, PDX, D, account, market, name

SEEDS, STEPS = 40, 2_500  # 100,000 intents
ASSETS = ("BTC", "ETH")
MARKETS = {name(venue, asset): market(venue, asset=asset) for venue in (HL, PDX) for asset in ASSETS}
NAMES = list(MARKETS)
HUNDRED = D(100)
CENTS = D("0.01")


class Working:
    """One order that may fill, in parts, at any time, or never."""

    def __init__(self, asked: OrderIntent) -> None:
        self.asked, self.left = asked, asked.quantity


class World:
    """Positions and working orders in four instruments, all at 100 USD, filled in whatever order chance has it."""

    def __init__(self, chance: Random, limits: Limits) -> None:
        self.chance, self.limits = chance, limits
        equity = D(chance.choice([2_000, 6_000, 20_000, 60_000]))
        self.accounts = {venue: account(venue, str(equity)) for venue in (HL, PDX)}
        self.held = {instrument: D(0) for instrument in NAMES}
        self.working: list[Working] = []
        self.state = TradingState.RUNNING
        self.has_reductions = False  # a reduction of one leg may widen a net, and is let through all the same

    def snapshot(self) -> Snapshot:
        sums = {instrument: [D(0), D(0), D(0)] for instrument in NAMES}
        for one in self.working:
            kind = 2 if one.asked.reduce_only else 0 if one.asked.side is Side.BUY else 1
            sums[one.asked.instrument_id][kind] += one.left
        positions = {
            instrument: PositionView(
                instrument_id=instrument,
                quantity=self.held[instrument],
                working_buy=buy,
                working_sell=sell,
                working_reducing=both,
            )
            for instrument, (buy, sell, both) in sums.items()
        }
        return Snapshot(accounts=self.accounts, positions=positions, markets=MARKETS, blocked={}, now_ns=NOW, state=self.state)

    def any_order(self) -> OrderIntent:
        chance, instrument = self.chance, self.chance.choice(NAMES)
        held = self.held[instrument]
        side = chance.choice((Side.BUY, Side.SELL))
        quantity = D(chance.randint(1, 12_000)) * CENTS if chance.random() < 0.8 or not held else abs(held)
        price = D(100) if chance.random() < 0.9 else None
        return OrderIntent(
            instrument_id=instrument,
            venue=MARKETS[instrument].venue,
            side=side,
            quantity=quantity,
            price_usd=price,
            reduce_only=chance.random() < 0.2,
        )

    def send(self, asked: OrderIntent, *, may_reduce: bool = True) -> bool:
        seen = self.snapshot()
        if not may_reduce and not adding(seen, (asked,)):
            return False
        if self.chance.random() < 0.5:  # as a reader gives it: with the sums and what they leave room for
            seen = prepared(seen, self.limits)
        if evaluate(seen, TradeIntent(scope="TEST", orders=(asked,)), self.limits) != Approved():
            return False
        self.has_reductions = self.has_reductions or not adding(seen, (asked,))
        self.working.append(Working(asked))
        return True

    def fill_some(self) -> None:
        chance = self.chance
        for _ in range(chance.randint(0, 3)):
            if not self.working:
                return
            one = self.working.pop(chance.randrange(len(self.working)))
            if chance.random() < 0.15:
                continue  # canceled
            part = one.left if chance.random() < 0.6 else (one.left / 3).quantize(CENTS)
            held, asked = self.held[one.asked.instrument_id], one.asked
            if asked.reduce_only:  # the venue lets it do nothing else
                part = min(part, abs(held)) if held * asked.side.sign < 0 else D(0)
            self.held[asked.instrument_id] = held + asked.side.sign * part
            one.left -= part
            if one.left > 0 and chance.random() < 0.7:
                self.working.append(one)

    def check(self) -> None:
        limits = self.limits
        usd = {instrument: held * HUNDRED for instrument, held in self.held.items()}
        gross = sum(map(abs, usd.values()), D(0))
        equity = sum((one.equity_usd for one in self.accounts.values()), D(0))
        assert max(map(abs, usd.values())) <= limits.position_usd_max
        assert gross <= min(limits.gross_usd_max, equity * limits.gross_leverage_max)
        assert gross * max(D("0.05"), 1 / limits.leverage_max) <= equity * limits.allocation_ratio_max
        if not self.has_reductions:
            for asset in ASSETS:
                assert abs(usd[name(HL, asset)] + usd[name(PDX, asset)]) <= limits.asset_delta_usd_max
            assert abs(sum(usd.values(), D(0))) <= limits.total_delta_usd_max
        for venue in (HL, PDX):
            at_venue = sum((abs(value) for instrument, value in usd.items() if MARKETS[instrument].venue == venue), D(0))
            worth = self.accounts[venue].equity_usd
            assert at_venue <= limits.venue_usd_max
            assert at_venue / limits.leverage_max <= worth
            moved = worth - limits.liquidation_distance_ratio_min * at_venue
            assert moved >= at_venue * D("0.025") * (1 + limits.liquidation_distance_ratio_min)


def any_limits(chance: Random) -> Limits:
    position = D(chance.choice([3_000, 10_000, 30_000]))
    venue, delta = position * chance.randint(1, 2), position * chance.choice([D("0.3"), D(1), D(3)])
    return Limits(
        position_usd_max=position,
        venue_usd_max=venue,
        gross_usd_max=venue * chance.choice([D(1), D("1.5"), D(2)]),
        asset_delta_usd_max=delta,
        total_delta_usd_max=delta * chance.choice([D(1), D("1.5")]),
        leverage_max=D(chance.choice([2, 3, 10])),
        gross_leverage_max=D(chance.choice([1, 2, 10])),
        allocation_ratio_max=chance.choice([D("0.2"), D("0.8"), D(1)]),
        liquidation_distance_ratio_min=chance.choice([D(0), D("0.15"), D("0.5")]),
    )


def prepared(seen: Snapshot, limits: Limits, accounts: dict[str, VenueAccount] | None = None) -> Snapshot:
    sums, known = totals(seen, limits.leverage_max), accounts or seen.accounts
    rooms = {
        instrument: room(
            view.venue,
            view.asset,
            seen.position(instrument).worst_quantity(),
            rates(view),
            totals=sums,
            accounts=known,
            limits=limits,
        )
        for instrument, view in seen.markets.items()
    }
    values = {field: getattr(seen, field) for field in seen.__struct_fields__}
    return Snapshot(**(values | {"totals": sums, "rooms": {key: one for key, one in rooms.items() if one is not None}}))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_no_sequence_of_approved_orders_breaks_a_limit(seed: int) -> None:
    chance = Random(seed)
    approved = 0
    for _ in range(STEPS // 125):
        world, may_reduce = World(chance, any_limits(chance)), chance.random() < 0.5
        for _ in range(125):
            approved += world.send(world.any_order(), may_reduce=may_reduce)
            world.fill_some()
            world.check()
    assert approved > STEPS // 10


@pytest.mark.parametrize("seed", range(10))
def test_unless_running_no_sequence_of_approved_orders_adds_flips_or_opens(seed: int) -> None:
    chance = Random(1_000 + seed)
    for _ in range(30):
        world = World(chance, Limits())
        world.held = {instrument: D(chance.choice([0, -50, 20, 80])) for instrument in NAMES}
        world.state = chance.choice([TradingState.REDUCE_ONLY, TradingState.CLOSE_ONLY])
        for _ in range(30):
            world.send(world.any_order())
            before = dict(world.held)
            world.fill_some()
            for instrument, now in world.held.items():
                assert abs(now) <= abs(before[instrument])
                assert now * before[instrument] >= 0


def ruined(seen: Snapshot, chance: Random) -> Snapshot:
    """Return a snapshot with everything else against an order: what it is closes anyway."""
    values = {field: getattr(seen, field) for field in seen.__struct_fields__}
    spoilt = {
        "accounts": chance.choice([{}, {HL: account(HL, "-500", ts_ns=0)}]),
        "markets": chance.choice([{}, {name(HL): market(HL, bid_usd=D(200))}]),
        "blocked": {HL: "DISCONNECTED", PDX: "DISCONNECTED"},
        "sent": {HL: 10_000, PDX: 10_000},
        "state": chance.choice([TradingState.RUNNING, TradingState.REDUCE_ONLY, TradingState.CLOSE_ONLY]),
    }
    return Snapshot(**(values | spoilt))


@pytest.mark.parametrize("seed", range(10))
def test_closing_is_always_approved_when_it_reduces(seed: int) -> None:
    chance, closed = Random(2_000 + seed), 0
    world = World(chance, any_limits(chance))
    for _ in range(600):
        world.send(world.any_order())
        world.fill_some()
        instrument = chance.choice(NAMES)
        held, side = world.held[instrument], Side.SELL if world.held[instrument] > 0 else Side.BUY
        view = world.snapshot().position(instrument)
        room_left = abs(held) - view.working_plain(side) - view.working_reducing
        if not held or room_left <= 0:
            continue
        quantity: Decimal = chance.choice([room_left, min(CENTS, room_left)])
        closing = OrderIntent(
            instrument_id=instrument,
            venue=MARKETS[instrument].venue,
            side=side,
            quantity=quantity,
            price_usd=chance.choice([None, D(1), D(9_999)]),
            reduce_only=chance.random() < 0.5,
        )
        closed += 1
        asked = TradeIntent(scope="TEST", orders=(closing,))
        assert evaluate(ruined(world.snapshot(), chance), asked, world.limits) == Approved()
    assert closed > 30


@pytest.mark.parametrize("seed", range(10))
def test_the_short_way_says_yes_only_where_every_rule_does(seed: int) -> None:
    chance, cleared = Random(3_000 + seed), 0
    for _ in range(40):
        world = World(chance, any_limits(chance))
        for _ in range(25):
            asked = disturbed(world.any_order(), chance)
            plain = disturbed_world(world.snapshot(), chance)
            seen = prepared(plain, world.limits)
            if is_clear(seen, asked, world.limits):
                cleared += 1
                intent = TradeIntent(scope="TEST", orders=(asked,))
                assert evaluate(plain, intent, world.limits) == Approved()
            world.send(world.any_order())
            world.fill_some()
    assert cleared > 50


def disturbed(asked: OrderIntent, chance: Random) -> OrderIntent:
    values = {field: getattr(asked, field) for field in asked.__struct_fields__}
    price = D(100) + D(chance.choice([-160, -110, -60, -45, 0, 0, 0, 45, 55, 110])) * CENTS
    quantity = chance.choice([asked.quantity, D(100), D(30), D("NaN"), D(0), D(-5)]) if chance.random() < 0.3 else asked.quantity
    return OrderIntent(**(values | {"price_usd": price, "quantity": quantity}))


def disturbed_world(seen: Snapshot, chance: Random) -> Snapshot:
    """Return a snapshot in which now and then one thing is old, far, blocked or spent."""
    values = {field: getattr(seen, field) for field in seen.__struct_fields__}
    wrong = chance.randrange(20)
    if wrong == 0:
        values["state"] = TradingState.REDUCE_ONLY
    elif wrong == 1:
        values["blocked"] = {chance.choice([HL, PDX]): "STALE"}
    elif wrong == 2:
        values["sent"] = {HL: 60, PDX: 59}
    elif wrong in (3, 4, 5):
        values["markets"] = {instrument: spoilt(view, chance) for instrument, view in seen.markets.items()}
    elif wrong == 6:
        late = chance.choice([59, 60, 61])
        values["accounts"] = {HL: seen.accounts[HL], PDX: account(PDX, ts_ns=NOW - late * 1_000_000_000)}
    elif wrong == 7:
        near = {name(HL): D(chance.choice([80, 84, 86, 114, 120]))}
        values["accounts"] = {HL: account(HL, liquidation_prices_usd=near), PDX: seen.accounts[PDX]}
    elif wrong == 8:
        values["markets"] = {name(HL): seen.markets[name(HL)]}
    return Snapshot(**values)


def spoilt(view: MarketView, chance: Random) -> MarketView:
    values = {field: getattr(view, field) for field in view.__struct_fields__}
    changes = chance.choice(
        [
            {},
            {"ts_ns": NOW - 31_000_000_000},
            {"index_usd": D(chance.choice([97, 99, 101, 103])), "index_ts_ns": NOW},
            {"bid_usd": D("100.02")},
            {"bid_usd": D(99), "ask_usd": D("99.5")},
            {"bid_usd": D("100.5"), "ask_usd": D(101)},
        ]
    )
    return MarketView(**(values | changes))
