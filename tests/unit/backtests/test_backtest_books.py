from decimal import Decimal

import pytest
from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.enums import BookType

from backtests.books import SHAPES, price_step, snapshot
from backtests.instruments import ASSETS, HYPERLIQUID, PARADEX, VENUES, perpetual

PRICES = {"BTC": "70476.3", "ETH": "2101.237", "SOL": "87.1234", "HYPE": "41.98765"}


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("asset", ASSETS)
def test_the_modelled_book_is_valid_and_holds_the_stated_depth(asset: str, venue) -> None:
    instrument, middle, shape = perpetual(asset, venue), Decimal(PRICES[asset]), SHAPES[venue]
    deltas, quote = snapshot(instrument, middle, 1)
    book = OrderBook(instrument.id, BookType.L2_MBP)
    book.apply_deltas(deltas)
    book.check_integrity()
    assert (book.best_bid_price(), book.best_ask_price()) == (quote.bid_price, quote.ask_price)
    assert quote.bid_price.as_decimal() < middle < quote.ask_price.as_decimal()
    for side in (book.bids(), book.asks()):
        depth_usd = sum(Decimal(str(level.size())) for level in side) * middle
        assert depth_usd == pytest.approx(shape.level_usd * shape.levels, rel=Decimal("0.01"))


@pytest.mark.parametrize(
    ("venue", "price", "step"), [(HYPERLIQUID, "70476", "1"), (HYPERLIQUID, "9876.5", "0.1"), (PARADEX, "70476", "0.1")]
)
def test_hyperliquid_prices_have_five_significant_figures(venue, price: str, step: str) -> None:
    assert price_step(perpetual("BTC", venue), Decimal(price)) == Decimal(step)


def test_the_perpetuals_have_the_venues_steps() -> None:
    hyperliquid, paradex = perpetual("BTC", HYPERLIQUID), perpetual("BTC", PARADEX)
    assert (str(hyperliquid.id), str(paradex.id)) == ("BTC-USD-PERP.HYPERLIQUID", "BTC-USD-PERP.PARADEX")
    assert (hyperliquid.price_precision, hyperliquid.size_precision) == (1, 5)
    assert (paradex.price_increment.as_decimal(), paradex.size_increment.as_decimal()) == (Decimal("0.1"), Decimal("0.00001"))
    assert hyperliquid.settlement_currency.code == paradex.quote_currency.code == "USDC"
    assert hyperliquid.taker_fee == paradex.taker_fee == Decimal("0.00045")
