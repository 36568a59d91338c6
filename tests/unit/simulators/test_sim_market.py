from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.hyperliquid.universe import LISTED, UNIVERSE
from simulators.market import Market
from simulators.tape import ALL_LEVELS_USD

D = Decimal
SECOND_NS = 1_000_000_000


def moved(coin, seed, premium="0", steps=20):
    market = Market(coin.market_spec(), seed)
    for step in range(steps):
        market.step(step * SECOND_NS, D(str(ALL_LEVELS_USD[coin.driver or coin.name])) * coin.driver_scale, D(premium))
    return market


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(LISTED), st.integers(0, 1000), st.sampled_from(["0", "0.004", "-0.0007"]))
def test_the_house_keeps_a_tight_deep_grid(coin, seed, premium):
    market = moved(coin, seed, premium)
    bids, asks = market.book.levels(True, 50), market.book.levels(False, 50)
    assert bids[0][0] < asks[0][0]
    assert min(len(bids), len(asks)) >= 18  # prints may have eaten a level
    for price, size, _ in bids + asks:
        assert price % coin.tick(price) == 0
        assert size % coin.size_step == 0
    fair = D(str(ALL_LEVELS_USD[coin.driver or coin.name])) * coin.driver_scale * (1 + D(premium))
    assert abs(market.mark_usd / fair - 1) < D("0.0005")


def test_ten_thousand_dollars_fit_within_five_basis_points_of_the_traded_four():
    for name in ("BTC", "ETH", "SOL", "HYPE"):
        coin = next(coin for coin in UNIVERSE if coin.name == name)
        for seed in range(5):
            market = moved(coin, seed)
            limit = market.mid_usd * D("1.0005")
            assert sum(price * size for price, size, _ in market.book.levels(False, 50) if price <= limit) > 10_000


def test_prints_feed_the_counters_and_candles():
    coin = LISTED[0]
    market = moved(coin, 5, steps=100)
    assert len(market.prints) > 10
    assert [row.id for row in market.prints] == sorted({row.id for row in market.prints})
    assert market.volume_base == sum(row.size for row in market.prints)
    assert sum(bar.volume for bar in market.candles.bars(60_000)) == market.volume_base
    hour = market.candles.bars(3_600_000)
    assert len(hour) == 1
    assert hour[0].low <= hour[0].open <= hour[0].high
    assert hour[0].close == market.last_usd == market.prints[-1].price
    assert market.candles.last(60_000) == market.candles.bars(60_000)[-1]


def test_the_impact_price_is_the_average_of_the_walk():
    market = moved(LISTED[0], 1)
    levels = market.book.levels(False, 50)
    price = market.impact_usd(is_buy=True)
    assert levels[0][0] <= price <= levels[-1][0]
    assert market.impact_usd(is_buy=False) <= market.book.best_bid
