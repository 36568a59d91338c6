"""State what a run takes for granted, for the report and the terminal."""

from backtests.books import SHAPES
from backtests.engine import EVALUATION_NS
from backtests.feed import BOOK_DELAYS_NS, NS_PER_SEC
from backtests.instruments import FEES, NAMES, VENUES
from backtests.result import Result


def assumptions(result: Result) -> list[str]:
    """Return one sentence per assumption."""
    fees = [f"{NAMES[str(v)]} {FEES[v].taker * 10_000:.1f} bps taker, {FEES[v].maker * 10_000:.1f} bps maker" for v in VENUES]
    delays = ", ".join(str(delay // NS_PER_SEC) for delay in BOOK_DELAYS_NS)
    return [
        *([f"Rule: {result.rule}"] if result.rule else []),
        f"Fees: {'; '.join(fees)} (lowest volume tier, no discounts)",
        *(f"{NAMES[str(venue)]} order book (modelled): {shape.describe()}" for venue, shape in SHAPES.items()),
        f"Books appear {delays} s after each hour, that is after the hour's settlement; orders reach the venue without delay",
        f"The strategy decides every {EVALUATION_NS // NS_PER_SEC} s but sees fresh data, and so trades, once an hour",
        "What a node asks of a signal's persistence lies below an hour and is not seen: one look decides",
        "Hyperliquid funding: paid at each recorded settlement stamp on the position held then, at the index price",
        "Paradex funding: accrues by the second and becomes cash, on the whole previous size, when a fill touches the position",
        f"Start: {result.start_usd:,} USDC on each venue; USDC counts as one dollar; no transfers between the venues",
        "No liquidation, no venue outage, no rejected or delayed order is simulated",
    ]
