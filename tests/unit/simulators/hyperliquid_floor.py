"""An engine with two funded users, and orders on it, without any wire."""

from decimal import Decimal

from messages import FundingClock
from simulators.faults import FaultBoard
from simulators.hyperliquid.engine import Engine
from simulators.hyperliquid.rules import NewOrder
from simulators.hyperliquid.universe import ASSET_IDS, UNIVERSE
from simulators.hyperliquid.users import Trigger
from simulators.tape import TapeClock, scenario

D = Decimal
HOUR_NS = 10_000_000_000
START_NS = 179_500_000 * HOUR_NS
ANN, BOB = "0x" + "a" * 40, "0x" + "b" * 40


def engine_of(tape=None, faults=None, cash=20_000):
    clock = TapeClock(FundingClock(10.0), START_NS)
    engine = Engine(tape or scenario("calm", 1), clock, 1, faults or FaultBoard())
    return engine, engine.add_user(ANN, D(cash)), engine.add_user(BOB, D(cash))


def coin(name):
    return UNIVERSE[ASSET_IDS[name]]


def new(name, is_buy, price, size, tif="Gtc", reduce_only=False, cloid=None, trigger=None):
    return NewOrder(coin(name), is_buy, D(str(price)), D(str(size)), tif, reduce_only, cloid, trigger)


def stop(name, is_buy, trigger_price, price, size, tpsl="sl", is_market=True, reduce_only=False):
    trigger = Trigger(D(str(trigger_price)), is_market, tpsl, is_buy)
    return new(name, is_buy, price, size, reduce_only=reduce_only, trigger=trigger)


def market(engine, user, name, is_buy, size, now_ns=START_NS, **options):
    mark = engine.markets[name]
    price = mark.round_price(mark.mark_usd * (D("1.05") if is_buy else D("0.95")), up=False)
    return engine.place(user, new(name, is_buy, price, size, "Ioc", **options), now_ns)


def shock(engine, name, factor, now_ns):
    """Move a coin's prices by a factor and let the venue live one step."""
    engine.shocks[name] = engine.shocks.get(name, D(1)) * D(str(factor))
    engine.step(now_ns)


def money(user, began=20_000):
    """What the user's rows say the cash must be."""
    realized = sum((D(fill["closedPnl"]) - D(fill["fee"]) for fill in user.fills), D(0))
    return D(began) + realized + sum((D(row["usdc"]) for row in user.fundings), D(0))
