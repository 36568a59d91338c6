"""The seam between the exchange and its streams: what may be told to whoever listens."""

from typing import Protocol

from simulators.paradex.accounts import ParadexAccount
from simulators.paradex.market import ParadexMarket
from simulators.paradex.records import BalanceEvent, FillRecord, FundingPaymentRecord, FundingSample, TradeBust, VenueOrder


class Feed(Protocol):
    """Takes every event as it happens; the objects are snapshots, free to keep."""

    def order(self, account: ParadexAccount, order: VenueOrder) -> None:
        """An order changed."""

    def fill(self, account: ParadexAccount, fill: FillRecord) -> None:
        """An order traded."""

    def position(self, account: ParadexAccount, market: str) -> None:
        """A position changed."""

    def account(self, account: ParadexAccount) -> None:
        """Money or margin changed."""

    def balance_event(self, account: ParadexAccount, event: BalanceEvent) -> None:
        """Cash changed."""

    def funding_payment(self, account: ParadexAccount, payment: FundingPaymentRecord) -> None:
        """Funding was realised."""

    def trade_bust(self, account: ParadexAccount, bust: TradeBust) -> None:
        """A fill was reverted."""

    def book(self, market: ParadexMarket) -> None:
        """A book may have changed."""

    def funding(self, market: ParadexMarket, sample: FundingSample) -> None:
        """A funding sample was taken."""

    def summary(self, market: ParadexMarket) -> None:
        """A market's ticker is due."""

    def market_changed(self, symbol: str, changed: dict[str, object]) -> None:
        """A market's static data changed."""
