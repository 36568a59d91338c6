"""What the account looks like, merged from REST and the private channels; pure bookkeeping.

Each piece carries the venue's time, and an older one never replaces a newer one: after a reconnect
the REST snapshot and the live channels arrive mixed.
"""

from decimal import Decimal

from adapters.paradex.constants import PARADEX, SETTLEMENT_CURRENCY
from adapters.paradex.funding import AccrualLine, AccruingPosition
from adapters.paradex.schemas import Account, Balance, BalanceEvent, FundingPaymentRow, Position
from messages import AccountHealth, FundingAccrual, FundingIndex, FundingPayment, PositionHealth

_ZERO = Decimal(0)
_NS_PER_MS = 1_000_000
_CLOCK_MARGIN_MS = 1000  # the venue's clock against ours


def instrument_name(market: str) -> str:
    """Return the Nautilus id of a market as text."""
    return f"{market}.{PARADEX}"


class AccountView:
    """The latest account, USDC balance and open positions."""

    def __init__(self) -> None:
        self.account: Account | None = None
        self.cash_usd: Decimal | None = None
        self._cash_ms = 0
        self._positions: dict[str, Position] = {}
        self._last_held: dict[str, Decimal] = {}  # market -> last signed size that was not flat
        self._lines: dict[str, AccrualLine] = {}
        self._payment_ids: set[str] = set()

    def on_account(self, account: Account) -> bool:
        """Take the account's margin figures; return whether they are news."""
        known = self.account
        if known is not None and (account == known or account.updated_at < known.updated_at):
            return False
        self.account = account
        return True

    def on_balances(self, balances: list[Balance]) -> None:
        """Take the token balances; only the settlement currency counts."""
        for balance in balances:
            if balance.token == SETTLEMENT_CURRENCY:
                self._set_cash(balance.size, balance.last_updated_at)

    def on_balance_event(self, event: BalanceEvent) -> None:
        """Take a change of the settlement balance."""
        if event.settlement_asset_balance_after is not None:
            self._set_cash(event.settlement_asset_balance_after, event.created_at)

    def on_position(self, position: Position) -> bool:
        """Take one position; return whether it is news."""
        known = self._positions.get(position.market)
        if known is not None and position.last_updated_at < known.last_updated_at:
            return False
        self._positions[position.market] = position
        if position.size != 0:
            self._last_held[position.market] = position.size
        self._follow(position)
        return True

    def on_index(self, market: str, index: FundingIndex) -> None:
        """Take the next state of a market's funding index."""
        self._lines.setdefault(market, AccrualLine()).on_index(index.index_usd, index.ts_event_ns, is_reset=index.is_reset)

    def on_positions(self, positions: list[Position], asked_ms: int) -> None:
        """Take the whole list of open positions, read at `asked_ms`; what is not in it is flat.

        Unless it has been heard of since: a list may be older than a push that overtook it.
        """
        for position in positions:
            self.on_position(position)
        listed = {position.market for position in positions}
        for market in self._positions.keys() - listed:
            if self._positions[market].last_updated_at < asked_ms - _CLOCK_MARGIN_MS:
                del self._positions[market]

    def position_quantity(self, market: str) -> Decimal:
        """Return the signed size of a position, the last one held where it is flat now."""
        position = self._positions.get(market)
        held = _ZERO if position is None else position.size
        return held or self._last_held.get(market, _ZERO)

    def health(self, now_ns: int) -> AccountHealth | None:
        """Return the account as the risk engine wants it, None until all of it is known."""
        if self.account is None or self.cash_usd is None:
            return None
        account = self.account
        return AccountHealth(
            venue=PARADEX,
            equity_usd=account.account_value,
            cash_usd=self.cash_usd,
            free_collateral_usd=account.free_collateral or _ZERO,
            initial_margin_usd=account.initial_margin_requirement or _ZERO,
            maintenance_margin_usd=account.maintenance_margin_requirement or _ZERO,
            positions=tuple(_position_health(position) for position in self._open()),
            ts_event_ns=account.updated_at * _NS_PER_MS or now_ns,
        )

    def accruals(self, now_ns: int) -> list[FundingAccrual]:
        """Return the funding each open position has accrued and not yet realised.

        By the public index where one is known, which moves by the second; until then the venue's own
        figure, which is as old as the position's last reading.
        """
        return [accrual for position in self._open() if (accrual := self._accrual(position, now_ns)) is not None]

    def _accrual(self, position: Position, now_ns: int) -> FundingAccrual | None:
        line = self._lines.get(position.market)
        by_index = None if line is None or position.cached_funding_index is None else line.accrued_usd
        accrued = position.unrealized_funding_pnl if by_index is None else by_index
        if accrued is None:
            return None
        return FundingAccrual(
            venue=PARADEX,
            instrument_id=instrument_name(position.market),
            accrued_usd=accrued,
            funding_index_usd=None if line is None else line.index_usd,
            position_quantity=position.size,
            ts_event_ns=now_ns,
        )

    def _follow(self, position: Position) -> None:
        if position.cached_funding_index is None:
            return
        line = self._lines.setdefault(position.market, AccrualLine())
        held = AccruingPosition(position.size, position.cached_funding_index)
        line.on_position(held, position.last_updated_at * _NS_PER_MS)
        if position.unrealized_funding_pnl is not None and position.size != 0:
            line.check(position.unrealized_funding_pnl)

    def on_funding_payment(self, row: FundingPaymentRow) -> FundingPayment | None:
        """Return a realised payment, None where it was seen before.

        The same money also stands in the fill that realised it (`realized_funding`), so rows are the
        only source: counting both would book it twice.
        """
        if row.id in self._payment_ids:
            return None
        self._payment_ids.add(row.id)
        return FundingPayment(
            venue=PARADEX,
            instrument_id=instrument_name(row.market),
            payment_id=row.id,
            amount_usd=row.payment,
            rate_per_hour=None,  # realised by index difference, not at a rate
            position_quantity=self.position_quantity(row.market),
            ts_event_ns=row.created_at * _NS_PER_MS,
        )

    def _open(self) -> list[Position]:
        return [position for position in self._positions.values() if position.size != 0 and position.status != "CLOSED"]

    def _set_cash(self, amount_usd: Decimal, at_ms: int) -> None:
        if at_ms >= self._cash_ms:
            self.cash_usd, self._cash_ms = amount_usd, at_ms


def _position_health(position: Position) -> PositionHealth:
    funding_usd = position.unrealized_funding_pnl or _ZERO
    return PositionHealth(
        instrument_id=instrument_name(position.market),
        quantity=position.size,
        entry_price_usd=position.average_entry_price or _ZERO,
        unrealized_pnl_usd=(position.unrealized_pnl or _ZERO) - funding_usd,  # the venue's figure includes it
        liquidation_price_usd=position.liquidation_price or None,  # 0 means there is none
    )
