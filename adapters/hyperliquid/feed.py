"""The account's socket: routes what the venue tells, and catches up on what a break has hidden."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence

from nautilus_trader.model.instruments import Instrument

from adapters.errors import VenueError
from adapters.hyperliquid.account import AccountChannel
from adapters.hyperliquid.connection import HyperliquidConnection, SocketFactory
from adapters.hyperliquid.constants import LIQUIDATION_QUIET_MS, VENUE_NAME
from adapters.hyperliquid.externals import ExternalOrders, Report
from adapters.hyperliquid.freshness import Freshness, named
from adapters.hyperliquid.http import HyperliquidHttp, fill_key
from adapters.hyperliquid.orders import Fact, OrderIndex, Phase, TrackedOrder, phase
from adapters.hyperliquid.rounds import Rounds
from adapters.hyperliquid.schemas import (
    AnyFrame,
    ClearinghouseFrame,
    Fill,
    OrderUpdate,
    OrderUpdatesFrame,
    SpotFrame,
    UserFillsFrame,
    UserFundingsFrame,
)
from adapters.transport.backoff import delay_secs
from messages import FundingClock, VenueState, VenueStatus

_ACKNOWLEDGE_SECS = 10.0
_OVERLAP_MS = 60_000  # how far back fills are read again after a break
_REMEMBERED_FILLS = 50_000
_STREAMS = ("orderUpdates", "userFills", "userFundings", "clearinghouseState", "spotState")
_CHECK_SECS = 2.0
_FUNDING_DELAY = 0.2  # of a funding hour: payments show some seconds after the hour ...
_MAX_FUNDING_DELAY_SECS = 60.0  # ... of a real one


class AccountFeed:
    """Hears orders, fills, funding and margin of one account.

    `tell` gets new facts of our own orders, `send_report` reports of foreign ones, `publish_status`
    the state of the channel: OK only while everything has been caught up with.
    """

    def __init__(
        self,
        socket_factory: SocketFactory,
        http: HyperliquidHttp,
        user: str,
        *,
        orders: OrderIndex,
        externals: ExternalOrders,
        account: AccountChannel,
        instruments: Mapping[str, Instrument],
        funding_clock: FundingClock,
        lookback_ms: int,
        tell: Callable[[TrackedOrder, list[Fact]], None],
        send_report: Callable[[Report], None],
        publish_status: Callable[[VenueStatus], None],
        start_task: Callable[..., asyncio.Task[None]],
        now_ns: Callable[[], int],
        log: Callable[[str], None],
    ) -> None:
        self._http, self._user = http, user
        self._orders, self._externals, self._account, self._instruments = orders, externals, account, instruments
        self._funding_clock, self._lookback_ms = funding_clock, lookback_ms
        self._tell, self._send_report, self._publish_status = tell, send_report, publish_status
        self._start_task, self._now_ns, self._log = start_task, now_ns, log
        self._since_ms = 0
        self._last_fill_ms = 0
        self._liquidated_ms = 0  # by the venue's clock, 0 while none goes on
        self._known_fills: dict[tuple[object, ...], None] = {}
        self._is_started = False
        self._breaks = 0
        self._closing = asyncio.Event()
        self._is_stale = False
        self._freshness, self._rounds = Freshness(), Rounds(start_task, log)
        self.connection = HyperliquidConnection(
            socket_factory, on_data=self._on_data, on_up=self._on_up, on_down=self._on_down, clock_ns=now_ns, log=log
        )

    async def start(self) -> None:
        """Read the account and subscribe; raises `VenueError` where the venue cannot be read."""
        state = await self._http.clearinghouse_state(self._user)
        self._since_ms = self._last_fill_ms = state.time or self._now_ns() // 1_000_000
        self._account.start(self._since_ms - self._lookback_ms)
        self._account.state(state)
        for stream in _STREAMS:
            self.connection.subscribe({"type": stream, "user": self._user})
        await self.connection.open()
        await self.connection.acknowledged(_ACKNOWLEDGE_SECS)
        self._is_started = True
        if self._lookback_ms:
            await self._read_funding()
        self._status(VenueState.OK, "connected")
        self._start_task(self._watch_funding(), log_msg="watch_funding")
        self._rounds.every(_CHECK_SECS, self._check_freshness)

    async def stop(self) -> None:
        """Close the socket."""
        self._closing.set()
        self._rounds.close()
        await self.connection.close()

    def take_fills(self, fills: Sequence[Fill]) -> None:
        """Route the fills that have not been seen before; those before the start are in the positions already."""
        new = [fill for fill in sorted(fills, key=lambda fill: fill.time) if self._is_new(fill)]
        foreign = []
        for fill in new:
            self._last_fill_ms = max(self._last_fill_ms, fill.time)
            order = self._orders.find(fill.oid, fill.cloid)
            if order is None:
                foreign.append(fill)
            else:
                self._tell(order, order.fill(fill))
        self.take_foreign_fills(foreign)

    def take_foreign_fills(self, fills: Sequence[Fill]) -> None:
        """Report fills of orders that are not ours, order by order."""
        groups: dict[int, list[Fill]] = {}
        for fill in fills:
            groups.setdefault(fill.oid, []).append(fill)
        for group in groups.values():
            instrument = self._instruments.get(group[0].coin)
            if instrument is None:
                self._log(f"a fill in {group[0].coin}, which is not among the configured coins")
                continue
            self._log(f"fills of an order that is not ours: {group}")
            self._note_liquidation(group[-1])
            for report in self._externals.fills(group, instrument, self._now_ns()):
                self._send_report(report)

    def _note_liquidation(self, fill: Fill) -> None:
        """Tell that the venue is closing our positions; the counterparty's fills carry the same mark."""
        liquidated = None if fill.liquidation is None else fill.liquidation.liquidated_user
        if liquidated is not None and liquidated.lower() == self._user:
            self._liquidated_ms = fill.time
            self._status(VenueState.LIQUIDATION, f"{fill.coin} is being liquidated", "account")

    def _end_liquidation(self, venue_ms: int) -> None:
        if self._liquidated_ms and venue_ms > self._liquidated_ms + LIQUIDATION_QUIET_MS:
            self._liquidated_ms = 0
            self._status(VenueState.OK, "no liquidation goes on", "account")

    def take_update(self, update: OrderUpdate) -> None:
        """Route one order state."""
        if phase(update.status) is Phase.UNKNOWN:
            self._log(f"unknown order status {update.status!r} of {update.order.oid}: needs reconciliation")
        order = self._orders.find(update.order.oid, update.order.cloid)
        if order is not None:
            self._tell(order, order.update(update))
        elif (instrument := self._instruments.get(update.order.coin)) is not None:
            for report in self._externals.update(update, instrument, self._now_ns()):
                self._send_report(report)

    def _is_new(self, fill: Fill) -> bool:
        key = fill_key(fill)
        if key in self._known_fills:
            return False
        self._known_fills[key] = None
        if len(self._known_fills) > _REMEMBERED_FILLS:
            del self._known_fills[next(iter(self._known_fills))]
        return fill.time > self._since_ms

    def _on_data(self, frame: AnyFrame) -> None:
        if isinstance(frame, UserFillsFrame):
            self.take_fills(frame.data.fills)
        elif isinstance(frame, OrderUpdatesFrame):
            for update in frame.data:
                self.take_update(update)
        elif isinstance(frame, ClearinghouseFrame):
            self._account.state(frame.data.clearinghouse_state)
            self._end_liquidation(frame.data.clearinghouse_state.time)
        elif isinstance(frame, UserFundingsFrame):
            self._account.funding(frame.data.fundings)
        elif isinstance(frame, SpotFrame):
            self._account.take_spot(frame.data.spot_state)

    def _on_up(self) -> None:
        if self._is_started:
            self._start_task(self._recover(), log_msg="recover")

    def _on_down(self, reason: str) -> None:
        self._breaks += 1
        self._status(VenueState.DISCONNECTED, reason)

    async def _recover(self) -> None:
        """After a break, repeat until nothing can be missing; the next break has a recovery of its own."""
        attempt, breaks = 0, self._breaks
        while breaks == self._breaks:
            try:
                await self.connection.acknowledged(_ACKNOWLEDGE_SECS)
                await self._catch_up()
            except VenueError as e:
                self._log(f"catching up: {e}")
                await asyncio.sleep(delay_secs(attempt, base_secs=0.5, cap_secs=10.0, jitter=1.0))
                attempt += 1
            else:
                if breaks == self._breaks:
                    self._status(VenueState.OK, "caught up after a break")
                return

    async def _catch_up(self) -> None:
        """Read what the streams do not repeat: fills first, then how orders stand, margin, funding."""
        asked = self._orders.live()
        self.take_fills(await self._http.fills(self._user, max(self._since_ms, self._last_fill_ms - _OVERLAP_MS)))
        resting = {order.oid: order for order in await self._http.open_orders(self._user)}
        for order in resting.values():
            self.take_update(OrderUpdate(order, "open", order.timestamp))
        own = [tracked.oid for tracked in asked if tracked.oid is not None and not tracked.is_closed]
        for oid in (*own, *self._externals.resting()):
            if oid not in resting and (update := (await self._http.order_status(self._user, oid)).order) is not None:
                self.take_update(update)
        self._account.state(await self._http.clearinghouse_state(self._user))
        await self._read_funding()

    async def _read_funding(self) -> None:
        self._account.funding(await self._http.user_funding(self._user, self._account.funding_since_ms))

    async def _watch_funding(self) -> None:
        """Read the payments of every hour as well: the stream may miss one, the ledger may not."""
        hour_ns = self._funding_clock.hour_ns
        delay_ns = min(round(hour_ns * _FUNDING_DELAY), round(_MAX_FUNDING_DELAY_SECS * 1e9))
        while True:
            now_ns = self._now_ns()
            wait_secs = (self._funding_clock.next_hour_ns(now_ns) - now_ns + delay_ns) / 1e9
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), wait_secs)
                return
            try:
                await self._read_funding()
            except VenueError as e:
                self._log(f"funding payments could not be read: {e}")

    async def _check_freshness(self) -> None:
        """A silent margin stream is asked anew, then reported, then given another connection.

        Orders and fills may well be silent: a new subscription to them costs nothing either, but
        tells nothing, so a dead socket shows in the margin alone.
        """
        if not self.connection.is_open:
            self._is_stale = False
            return
        verdict = self._freshness.judge(self.connection.stream.last_heard_ns(), self._now_ns())
        for key in verdict.resubscribe:
            self._log(f"{named([key])} is silent: subscribing anew")
            self.connection.resubscribe(key)
        if bool(verdict.stale) != self._is_stale:
            self._is_stale = bool(verdict.stale)
            detail = f"silent: {named(verdict.stale)}" if self._is_stale else "heard again"
            self._status(VenueState.STALE if self._is_stale else VenueState.OK, detail)
        if verdict.is_dead:
            self.connection.reopen(f"silent: {named(verdict.stale)}")

    def _status(self, state: VenueState, detail: str, channel: str = "private") -> None:
        self._publish_status(VenueStatus(venue=VENUE_NAME, channel=channel, state=state, detail=detail, ts_ns=self._now_ns()))
