"""Channel names of the stream: which exist, what they mean, and which an SBE session refuses."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

ALL = "ALL"
PUBLIC = ("bbo", "order_book", "trades", "markets_summary", "funding_data", "funding_rate_comparison", "markets")
PRIVATE = (
    "orders",
    "fills",
    "positions",
    "account",
    "balance_events",
    "funding_payments",
    "tradebusts",
    "transaction",
    "transfers",
    "mmp",
    "block_trades",
    "rfq",
)
BINARY_PRIVATE = ("orders", "fills", "positions", "account")
MARKETLESS = ("markets_summary", "funding_data", "markets")  # also exist without a market, meaning all
BOOK = re.compile(r"(?P<feed>snapshot|deltas|interactive|interactive_deltas)(@15@(?P<millis>50|100|200|400)ms(@\d+(_\d+)?)?)?")

COMPARISON = re.compile(r"ALL@(?P<millis>500|1000)ms")


class ChannelError(Exception):
    """A refused subscription; the text is the error's `data`."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A subscription: `name` as the client spelt it; `market` ALL for every market.

    `feed` is snapshot or deltas for books, `interval_ms` how often a message comes at most; an interactive
    channel shows the retail price improvement too. A silent channel is one the venue acknowledges and never
    feeds. `only` narrows ALL to some markets.
    """

    name: str
    topic: str
    market: str = ALL
    feed: str = ""
    interval_ms: int = 0
    is_interactive: bool = False
    is_silent: bool = False
    only: frozenset[str] = frozenset()

    @property
    def is_private(self) -> bool:
        """Whether it needs authentication."""
        return self.topic in PRIVATE

    def covers(self, market: str) -> bool:
        """Whether it carries `market`."""
        return not self.is_silent and self.market in (ALL, market) and (not self.only or market in self.only)


def parse_channel(name: str, markets: Iterable[str], *, is_sbe: bool) -> Channel:
    """Read a channel name. Raise ChannelError for names the venue refuses."""
    topic, _, rest = name.partition(".")
    if topic not in PUBLIC + PRIVATE:
        raise ChannelError("unknown channel")
    market, _, suffix = rest.partition(".")
    if not rest and (topic in MARKETLESS or topic in PRIVATE):
        return Channel(name, topic)
    if topic == "order_book":
        if market not in markets:
            raise ChannelError("unknown market")
        return _book_channel(name, market, suffix, is_sbe=is_sbe)
    if topic == "funding_rate_comparison":
        return _comparison_channel(name, rest)
    known = market == ALL or market in markets
    spelt = suffix in ("", "interactive") if topic == "bbo" else not suffix
    return Channel(name, topic, market, is_interactive=suffix == "interactive", is_silent=not (known and spelt))


def _comparison_channel(name: str, rest: str) -> Channel:
    match = COMPARISON.fullmatch(rest)
    if match is None:
        raise ChannelError("refresh rate expected for funding_rate_comparison topic.")
    return Channel(name, "funding_rate_comparison", interval_ms=int(match["millis"]))


def _book_channel(name: str, market: str, suffix: str, *, is_sbe: bool) -> Channel:
    match = BOOK.fullmatch(suffix)
    if match is None:
        raise ChannelError("unknown order book feed")
    is_delta = match["feed"].endswith("deltas")
    if is_delta and is_sbe and "@" in suffix:
        raise ChannelError("no parameters expected for deltas topic.")
    if not is_delta and match["millis"] is None:
        raise ChannelError("depth and refresh rate expected for snapshot topic.")
    feed = "deltas" if is_delta else "snapshot"
    interval_ms = 0 if is_delta else int(match["millis"])
    return Channel(name, "order_book", market, feed, interval_ms, is_interactive=match["feed"].startswith("interactive"))
