"""What the strategy wants to hear of an instrument."""

from datetime import timedelta
from typing import Any

from nautilus_trader.model.enums import BookType
from nautilus_trader.model.identifiers import InstrumentId


def subscribe(strategy: Any, instrument_id: InstrumentId) -> None:
    """Have prices, depth, mark and index and the funding rate sent to a Nautilus strategy."""
    strategy.subscribe_quote_ticks(instrument_id)
    strategy.subscribe_order_book_deltas(instrument_id, BookType.L2_MBP)
    strategy.subscribe_mark_prices(instrument_id)
    strategy.subscribe_index_prices(instrument_id)
    strategy.subscribe_funding_rates(instrument_id)


def ask_for_the_past(strategy: Any, instrument_id: InstrumentId, past: timedelta) -> None:
    """Have the venue's funding of the last hours sent, so that forecasts need not begin from nothing."""
    if past:
        strategy.request_funding_rates(instrument_id, strategy.clock.utc_now() - past)
