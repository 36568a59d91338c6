"""A user of the venue: cash, positions with their funding index, keys, orders and what happened to them."""

from collections import deque
from copy import copy
from dataclasses import dataclass, field
from decimal import Decimal

from simulators.accounts import Account, FillEffect, Position
from simulators.paradex.constants import RETAIL_QUOTAS
from simulators.paradex.funding import accrued_usd
from simulators.paradex.records import (
    CASH_QUANTUM,
    ZERO,
    BalanceEvent,
    FillRecord,
    FundingPaymentRecord,
    Liquidation,
    PositionView,
    TradeBust,
    ValueSample,
    VenueOrder,
    to_cash,
)

KEPT_ROWS = 20_000
KEPT_VALUES = 5_000
KEPT_UNDOS = 500


@dataclass(slots=True)
class FundingState:
    """What a position carries beside size and cost; realised amounts count since it was opened."""

    cached_index: Decimal
    opened_ms: int
    updated_ms: int
    last_fill_id: str = ""
    realized_pnl: Decimal = ZERO
    realized_funding: Decimal = ZERO
    closed_ms: int = 0
    is_long: bool = True


@dataclass(frozen=True, slots=True)
class Undo:
    """A market's position as it was before a fill, and what the fill did to the cash."""

    fill_id: str
    position: Position | None
    state: FundingState | None
    cash_delta_usd: Decimal


@dataclass(frozen=True, slots=True)
class Execution:
    """One side of a trade to be booked: `fee` positive when paid, `index` the market's funding index."""

    market: str
    is_buy: bool
    size: Decimal
    price: Decimal
    fee: Decimal
    index: Decimal
    time_ms: int


@dataclass(frozen=True, slots=True)
class Booked:
    """What one execution did to an account."""

    realized_pnl: Decimal
    realized_funding: Decimal
    cash_before: Decimal
    cash_after: Decimal


@dataclass(slots=True)
class Subkey:
    """A key registered beside the main one: pending, active or revoked."""

    name: str
    public_key: int
    state: str
    created_ns: int
    ephemeral_key: int = 0
    encrypted_key: str = ""
    revoked_ns: int = 0
    allowed_cidrs: tuple[str, ...] = ()


@dataclass(slots=True)
class ApiToken:
    """A long-lived read-only token."""

    lookup_id: str
    name: str
    kind: str
    created_ns: int
    expiry_ns: int
    revoked_ns: int = 0


@dataclass(slots=True)
class ParadexAccount:
    """One account; `public_keys` may sign for it (the main key and active subkeys)."""

    address: int
    main_key: int
    l1_address: str
    created_ms: int
    public_keys: set[int]
    money: Account
    states: dict[str, FundingState] = field(default_factory=dict)
    orders: dict[str, VenueOrder] = field(default_factory=dict)
    live: dict[str, VenueOrder] = field(default_factory=dict)
    fills: deque[FillRecord] = field(default_factory=lambda: deque(maxlen=KEPT_ROWS))
    payments: deque[FundingPaymentRecord] = field(default_factory=lambda: deque(maxlen=KEPT_ROWS))
    balance_events: deque[BalanceEvent] = field(default_factory=lambda: deque(maxlen=KEPT_ROWS))
    busts: list[TradeBust] = field(default_factory=list)
    liquidations: list[Liquidation] = field(default_factory=list)
    values: deque[ValueSample] = field(default_factory=lambda: deque(maxlen=KEPT_VALUES))
    undos: dict[str, deque[Undo]] = field(default_factory=dict)
    subkeys: dict[int, Subkey] = field(default_factory=dict)
    tokens: dict[str, ApiToken] = field(default_factory=dict)
    volume_usd: Decimal = ZERO
    status: str = "ACTIVE"
    retail_orders: deque[float] = field(default_factory=lambda: deque(maxlen=RETAIL_QUOTAS[-1][0]))
    updated_ms: int = 0

    @property
    def address_text(self) -> str:
        """The address as the venue spells it."""
        return hex(self.address)

    def add(self, order: VenueOrder) -> None:
        """Take a new order."""
        self.orders[order.id] = self.live[order.id] = order

    def live_orders(self, market: str | None = None) -> list[VenueOrder]:
        """Return NEW, UNTRIGGERED and OPEN orders, oldest first."""
        for closed in [order.id for order in self.live.values() if not order.is_live]:
            del self.live[closed]
        return [order for order in self.live.values() if market in (None, order.market)]

    def by_client_id(self, client_id: str) -> VenueOrder | None:
        """Return the newest order with a client id."""
        return next((order for order in reversed(self.orders.values()) if order.client_id == client_id), None)

    def unrealized_funding(self, market: str, index: Decimal) -> Decimal:
        """Return the funding a position has gathered since its cached index."""
        state = self.states.get(market)
        return to_cash(accrued_usd(self.money.size(market), index, state.cached_index)) if state else ZERO

    def book(self, execution: Execution, fill_id: str, *, prorata: bool) -> Booked:
        """Book one execution: funding of the previous position first, then price profit and fee.

        The cash moves by realised profit + realised funding - fee, each of 8 decimals.
        """
        market = execution.market
        position, state = copy(self.money.positions.get(market)), copy(self.states.get(market))
        booked = self._book(execution, prorata=prorata)
        self.volume_usd += execution.size * execution.price
        undo = Undo(fill_id, position, state, booked.cash_after - booked.cash_before)
        self.undos.setdefault(market, deque(maxlen=KEPT_UNDOS)).append(undo)
        return booked

    def revert(self, market: str, fill_id: str, now_ms: int) -> tuple[Decimal, Decimal] | None:
        """Put a market back to where it was before its latest fill and return the cash before and after.

        Return None, and change nothing, when another fill came later: its effects build on this one's.
        """
        stack = self.undos.get(market)
        if not stack or stack[-1].fill_id != fill_id:
            return None
        undo, before = stack.pop(), self.money.cash_usd
        self.money.cash_usd -= undo.cash_delta_usd
        self.money.positions.pop(market, None)
        if undo.position is not None:
            self.money.positions[market] = undo.position
        self.states[market] = undo.state or FundingState(self.states[market].cached_index, now_ms, now_ms, closed_ms=now_ms)
        self.updated_ms = self.states[market].updated_ms = now_ms
        return before, self.money.cash_usd

    def rebase_funding(self, market: str, by: Decimal) -> None:
        """Follow an index that was set back by `by`, so that what is accrued stays the same."""
        states = [self.states.get(market), *(undo.state for undo in self.undos.get(market, ()))]
        for state in states:
            if state is not None:
                state.cached_index -= by

    def _book(self, execution: Execution, *, prorata: bool) -> Booked:
        market, index, now_ms = execution.market, execution.index, execution.time_ms
        before, cash_before = self.money.size(market), self.money.cash_usd
        signed = execution.size if execution.is_buy else -execution.size
        share = self._realized_share(before, signed) if prorata else Decimal(1)
        state = self.states.get(market)
        if state is None or not before:
            state = self.states[market] = FundingState(index, now_ms, now_ms)
        funding = to_cash(accrued_usd(before, index, state.cached_index) * share)
        effect = self.money.apply_fill(market, execution.is_buy, execution.size, execution.price, execution.fee)
        self.money.cash_usd += funding
        if share == 1:
            state.cached_index = index
        self._carry(state, effect, funding, now_ms)
        self.updated_ms = now_ms
        return Booked(effect.realized_usd, funding, cash_before, self.money.cash_usd)

    def position_view(
        self, market: str, mark: Decimal, index: Decimal, leverage: Decimal, liquidation_price: Decimal | None
    ) -> PositionView:
        """Return a position, open or just closed."""
        state, position = self.states[market], self.money.positions.get(market)
        funding = self.unrealized_funding(market, index)
        return PositionView(
            account=self.address_text,
            market=market,
            size=position.size if position else ZERO,
            entry_price=to_cash(position.entry_usd) if position else ZERO,
            cost=position.cost_usd if position else ZERO,
            unrealized_pnl=to_cash(position.unrealized_usd(mark) + funding) if position else ZERO,
            unrealized_funding=funding,
            realized_pnl=state.realized_pnl,
            realized_funding=state.realized_funding,
            cached_index=state.cached_index,
            leverage=leverage,
            created_ms=state.opened_ms,
            updated_ms=state.updated_ms,
            closed_ms=state.closed_ms,
            last_fill_id=state.last_fill_id,
            is_long=state.is_long,
            mark_price=mark,
            liquidation_price=liquidation_price,
        )

    @staticmethod
    def _realized_share(before: Decimal, signed: Decimal) -> Decimal:
        """Return which part of the running funding a trade realises when reductions realise pro rata."""
        if before * signed >= 0 or abs(signed) >= abs(before):
            return Decimal(1)
        return abs(signed) / abs(before)

    @staticmethod
    def _carry(state: FundingState, effect: FillEffect, funding: Decimal, now_ms: int) -> None:
        if effect.size_before * effect.size_after < 0:
            state.realized_pnl = state.realized_funding = ZERO
            state.opened_ms = now_ms
        else:
            state.realized_pnl += effect.realized_usd + funding
            state.realized_funding += funding
        state.updated_ms = now_ms
        state.closed_ms = 0 if effect.size_after else now_ms
        state.is_long = (effect.size_after or effect.size_before) > 0


def open_account(address: int, public_key: int, l1_address: str, cash_usd: Decimal, now_ms: int) -> ParadexAccount:
    """Return a new account with its main key and some cash."""
    money = Account(cash_usd=cash_usd, default_leverage=50, cash_quantum_usd=CASH_QUANTUM)
    return ParadexAccount(address, public_key, l1_address, now_ms, {public_key}, money, updated_ms=now_ms)
