"""From trades to money: both sides' positions, fees, funding and the rows that record them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from simulators.market import Print
from simulators.matching import Order, Trade
from simulators.paradex.accounts import Booked, Execution, ParadexAccount
from simulators.paradex.constants import MAKER_FEE, RETAIL_QUOTAS, TAKER_FEE
from simulators.paradex.ids import Ids
from simulators.paradex.market import ParadexMarket
from simulators.paradex.records import (
    ZERO,
    BalanceEvent,
    FillRecord,
    FundingPaymentRecord,
    TradeBust,
    VenueOrder,
    to_cash,
)
from simulators.paradex.rpi import RpiOrder
from simulators.paradex.settings import Settings

LIQUIDATION, RPI = "LIQUIDATION", "RPI"


@dataclass(frozen=True, slots=True)
class Settled:
    """One user's side of one trade, and the rows it left."""

    account: ParadexAccount
    order: VenueOrder
    fill: FillRecord
    balance: BalanceEvent
    payment: FundingPaymentRecord | None


class Settlement:
    """Books trades; `orders` maps every order id to its account and order."""

    def __init__(self, orders: Mapping[str, tuple[ParadexAccount, VenueOrder]], settings: Settings, ids: Ids) -> None:
        self._orders, self._settings, self._ids = orders, settings, ids

    def settle(self, market: ParadexMarket, trades: Sequence[Trade], prints: Iterable[Print], now_ms: int) -> list[Settled]:
        """Book every user's side of `trades`."""
        settled = []
        for trade, entry in zip(trades, prints, strict=True):
            trade_id = _trade_id(entry)
            if isinstance(trade.maker, RpiOrder):
                market.trade_types[entry.id] = RPI
            for side, is_maker in ((trade.maker, True), (trade.taker, False)):
                if side.owner is not None:
                    settled.append(self._one(market, trade, trade_id, now_ms, is_maker=is_maker))
        return settled

    def bust(self, account: ParadexAccount, fill: FillRecord, market: ParadexMarket, now_ms: int) -> tuple[TradeBust, Settled]:
        """Revert a fill: the opposite execution at its price, with its fee given back."""
        order = self._orders[fill.order_id][1]
        bust = TradeBust(account.address_text, fill.id, now_ms)
        account.busts.append(bust)
        execution = Execution(market.symbol, not fill.is_buy, fill.size, fill.price, -fill.fee, market.funding.index, now_ms)
        if cash := account.revert(market.symbol, fill.id, now_ms):
            booked = Booked(-fill.realized_pnl, -fill.realized_funding, *cash)
        else:
            booked = account.book(execution, f"bust {fill.id}", prorata=self._settings.prorata_funding)
        return bust, Settled(account, order, fill, *self._rows(account, fill.id, booked, execution))

    def liquidate(self, account: ParadexAccount, order: VenueOrder, market: ParadexMarket, fee: Decimal, now_ms: int) -> Settled:
        """Book the taking over of a part of a position by the venue at the price of `order`, with its penalty."""
        assert order.price is not None
        house = Order("", None, not order.is_buy, order.price, order.size)
        trade = Trade(
            house, Order(order.id, account.address_text, order.is_buy, order.price, order.size), order.price, order.size
        )
        (entry,) = market.core.record([trade], now_ms * 1_000_000)
        market.trade_types[entry.id] = LIQUIDATION
        return self._one(market, trade, _trade_id(entry), now_ms, is_maker=False, penalty=fee)

    def _one(
        self, market: ParadexMarket, trade: Trade, trade_id: str, now_ms: int, *, is_maker: bool, penalty: Decimal | None = None
    ) -> Settled:
        account, order = self._orders[(trade.maker if is_maker else trade.taker).id]
        is_rpi = isinstance(trade.maker, RpiOrder)
        rate = ZERO if order.is_interactive or is_rpi else MAKER_FEE if is_maker else TAKER_FEE
        fee = to_cash(trade.price * trade.size * rate) if penalty is None else penalty
        fill_id = self._ids.fill_id()
        execution = Execution(market.symbol, order.is_buy, trade.size, trade.price, fee, market.funding.index, now_ms)
        booked = account.book(execution, fill_id, prorata=self._settings.prorata_funding)
        order.remaining -= trade.size
        order.filled_usd += trade.size * trade.price
        order.updated_ms = now_ms
        fill = FillRecord(
            id=fill_id,
            account=account.address_text,
            market=market.symbol,
            order_id=order.id,
            client_id=order.client_id,
            is_buy=order.is_buy,
            is_maker=is_maker,
            price=trade.price,
            size=trade.size,
            remaining=order.remaining,
            fee=fee,
            realized_pnl=booked.realized_pnl,
            realized_funding=booked.realized_funding,
            underlying_price=market.core.oracle_usd,
            trade_id=trade_id,
            book_seq=market.seq + 1,
            flags=(("interactive",) if order.is_interactive else ()) + (("rpi",) if is_rpi else ()),
            created_ms=now_ms,
            fill_type=LIQUIDATION if penalty is not None else RPI if is_rpi else "FILL",
        )
        account.states[market.symbol].last_fill_id = fill.id
        account.fills.append(fill)
        return Settled(account, order, fill, *self._rows(account, fill.id, booked, execution))

    def _rows(
        self, account: ParadexAccount, fill_id: str, booked: Booked, execution: Execution
    ) -> tuple[BalanceEvent, FundingPaymentRecord | None]:
        balance = BalanceEvent(
            market=execution.market,
            fill_id=fill_id,
            fees=execution.fee,
            realized_pnl=booked.realized_pnl,
            realized_funding=booked.realized_funding,
            funding_index=execution.index,
            before=booked.cash_before,
            after=booked.cash_after,
            created_ms=execution.time_ms,
        )
        account.balance_events.append(balance)
        if not booked.realized_funding:
            return balance, None
        payment = FundingPaymentRecord(
            id=self._ids.order_id(execution.time_ms),
            account=account.address_text,
            market=execution.market,
            payment=booked.realized_funding,
            index=execution.index,
            fill_id=fill_id,
            created_ms=execution.time_ms,
        )
        account.payments.append(payment)
        return balance, payment


def _trade_id(entry: Print) -> str:
    return f"{entry.time_ms}{entry.id:015d}"


def takes_retail_slot(account: ParadexAccount, now_secs: float) -> bool:
    """Count an order under an interactive token; return whether the quotas still allow retail terms."""
    times = account.retail_orders
    within = all(sum(1 for at in times if now_secs - at < window) < limit for limit, window in RETAIL_QUOTAS)
    times.append(now_secs)
    return within
