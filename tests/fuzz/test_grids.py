"""Whatever price and size a strategy asks for: what the adapters send lies on the venue's grid, and is no worse.

The adapters' rounding stands on one side, the simulators' own validation on the other.
"""

from decimal import Decimal
from random import Random

import msgspec
import pytest
from nautilus_trader.common.component import TestClock
from nautilus_trader.common.factories import OrderFactory
from nautilus_trader.model.enums import OrderSide, TimeInForce
from nautilus_trader.model.identifiers import StrategyId, TraderId

from adapters.hyperliquid import commands as hyperliquid
from adapters.hyperliquid import grid as hyperliquid_grid
from adapters.hyperliquid import parsing as hyperliquid_parsing
from adapters.hyperliquid.schemas import PerpMeta
from adapters.hyperliquid.signing import order_action
from adapters.paradex import commands as paradex
from adapters.paradex import parsing as paradex_parsing
from adapters.paradex.schemas import Market, decode
from simulators.hyperliquid import actions
from simulators.hyperliquid.rules import NewOrder, _shape
from simulators.hyperliquid.universe import ASSET_IDS, LISTED, coin_of
from simulators.paradex import payloads
from simulators.paradex.constants import PERPETUALS
from simulators.paradex.errors import ApiError
from simulators.paradex.requests import parse_order

CASES = 24_000
SLIPPAGES_BPS = (1, 10, 50, 500)


def orders() -> OrderFactory:
    return OrderFactory(trader_id=TraderId("TEST-001"), strategy_id=StrategyId("GRID-001"), clock=TestClock())


def a_price(random: Random, decimals: int) -> Decimal:
    """Return a price of any magnitude, now and then one on the edge of another magnitude."""
    magnitude = random.uniform(-decimals, 6)
    price = Decimal(str(round(10**magnitude * random.uniform(0.9, 1.1), decimals)))
    if random.random() < 0.2:
        price = Decimal(10) ** random.randint(0, 5) + random.choice((-1, 0, 1)) * Decimal(1).scaleb(-decimals)
    return max(price, Decimal(1).scaleb(-decimals))


def a_size(random: Random, decimals: int) -> Decimal:
    return Decimal(random.randrange(1, 10 ** random.randint(1, decimals + 4))).scaleb(-decimals)


def objection_of_hyperliquid(action: dict) -> str | None:
    """Return why the simulated venue would refuse the one order of an action, read from its bytes."""
    wire = msgspec.json.decode(msgspec.json.encode(action), type=actions.PlaceOrders).orders[0]
    assert (wire.p, wire.s) == (action["orders"][0]["p"], action["orders"][0]["s"])  # canonical, so hashed as it was signed
    order = NewOrder(coin_of(wire.a), wire.b, Decimal(wire.p), Decimal(wire.s), wire.t.limit.tif, wire.r, wire.c)
    refusal = _shape(order)
    return None if refusal is None else refusal.text


def perpetual_of_hyperliquid(coin):
    meta = msgspec.convert(coin.meta(), PerpMeta)
    fees = {"maker_fee": Decimal(0), "taker_fee": Decimal(0)}
    return hyperliquid_parsing.instrument(meta, ASSET_IDS[coin.name], **fees, ts_ns=0)


def test_hyperliquid_takes_every_limit_and_market_price():
    random, factory = Random(3), orders()
    perpetuals = [(coin, perpetual_of_hyperliquid(coin)) for coin in LISTED]
    sent = 0
    for _ in range(CASES):
        coin, perpetual = random.choice(perpetuals)
        side, asked = random.choice((OrderSide.BUY, OrderSide.SELL)), a_price(random, perpetual.price_precision)
        quantity, price = perpetual.make_qty(a_size(random, coin.size_decimals)), perpetual.make_price(asked)
        if price == 0:
            continue
        order = factory.limit(
            perpetual.id, side, quantity, price, time_in_force=random.choice((TimeInForce.GTC, TimeInForce.IOC))
        )
        limit = hyperliquid.limit_price(price.as_decimal(), side, perpetual)
        if limit <= 0:
            continue  # the client denies it
        is_buy, bps = side == OrderSide.BUY, random.choice(SLIPPAGES_BPS)
        assert (limit <= price.as_decimal()) if is_buy else (limit >= price.as_decimal())
        assert abs(limit - price.as_decimal()) < coin.tick(max(limit, price.as_decimal()))
        at_market = hyperliquid_grid.bounded_price(price.as_decimal(), coin.size_decimals, is_buy=is_buy, slippage_bps=bps)
        for sent_price in {limit, at_market} - {Decimal(0)}:
            action = order_action([hyperliquid.wire(order, sent_price, quantity.as_decimal(), perpetual)])
            assert objection_of_hyperliquid(action) is None, action
        sent += 1
    assert sent > 20_000


def test_hyperliquid_would_refuse_what_is_not_rounded():
    btc = next(coin for coin in LISTED if coin.name == "BTC")
    perpetual = perpetual_of_hyperliquid(btc)
    order = orders().limit(perpetual.id, OrderSide.BUY, perpetual.make_qty(1), perpetual.make_price(Decimal("61234.5")))
    action = order_action([hyperliquid.wire(order, Decimal("61234.5"), Decimal(1), perpetual)])
    assert objection_of_hyperliquid(action) == "Price must be divisible by tick size."


class PlainSigner:
    """Signs nothing: the grid is in the body, and real signatures take their time."""

    def order_hash(self, terms) -> int:
        return 1

    def sign(self, message_hash: int) -> str:
        return '["1","2"]'


def test_paradex_takes_every_price_and_size():
    random, factory, signer = Random(4), orders(), PlainSigner()
    terms = {terms.symbol: terms for terms in PERPETUALS}
    perpetuals = []
    for one in PERPETUALS:
        market = decode(Market, msgspec.json.encode(payloads.market(one, 8)))
        perpetuals.append((one, paradex_parsing.instrument(market, 0)))
    sent = 0
    for number in range(CASES):
        one, perpetual = random.choice(perpetuals)
        quantity = perpetual.make_qty(min(a_size(random, perpetual.size_precision), one.max_order_size))
        price = perpetual.make_price(a_price(random, perpetual.price_precision))
        if price == 0:
            continue
        side = random.choice((OrderSide.BUY, OrderSide.SELL))
        if number % 5:
            order = factory.limit(perpetual.id, side, quantity, price, post_only=number % 2 == 0)
        else:
            order = factory.market(perpetual.id, side, quantity)
        body = msgspec.json.decode(msgspec.json.encode(paradex.create_request(order, signer, 1_790_000_000_000, 5_000)))
        request = parse_order(body, terms)
        assert request.size == quantity.as_decimal()
        assert request.price == (price.as_decimal() if number % 5 else None)
        sent += 1
    assert sent > 20_000


def test_paradex_would_refuse_what_is_off_the_grid():
    terms = {terms.symbol: terms for terms in PERPETUALS}
    body = {
        "market": "BTC-USD-PERP",
        "side": "BUY",
        "type": "LIMIT",
        "signature_timestamp": 1,
        "size": "0.1",
        "price": "61000.05",
    }
    with pytest.raises(ApiError, match="INVALID_PRICE_PRECISION"):
        parse_order(body, terms)
    with pytest.raises(ApiError, match="INVALID_ORDER_SIZE"):
        parse_order({**body, "price": "61000.1", "size": "0.000001"}, terms)
