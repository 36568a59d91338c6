"""Keeps the account current from pushes and REST, and tells Nautilus and the bus."""

from collections.abc import Callable
from typing import Any

from adapters.paradex.account import AccountView
from adapters.paradex.account_http import ParadexAccountHttp
from adapters.paradex.schemas import Account, BalanceEvent, FundingPaymentRow, Payload, Position
from messages import FundingIndex, topics


class AccountFeed:
    """Publishes account health, funding accruals and funding payments.

    `emit_state` hands the margin account to Nautilus; `publish` takes a topic and a message.
    """

    def __init__(
        self,
        http: ParadexAccountHttp,
        *,
        emit_state: Callable[[Account], None],
        publish: Callable[[str, Any], None],
        now_ns: Callable[[], int],
    ) -> None:
        self._http, self._emit_state, self._publish, self._now_ns = http, emit_state, publish, now_ns
        self.view = AccountView()

    def on_push(self, data: Payload) -> None:
        """Take a message of a private channel that is about the account."""
        match data:
            case Account():
                self._take_account(data)
                self._publish_health()
            case Position():
                if self.view.on_position(data):
                    self._publish_health()
                    self._publish_accruals()
            case BalanceEvent():
                self.view.on_balance_event(data)
                self._publish_health()
            case FundingPaymentRow():
                self._take_payment(data)

    def on_index(self, market: str, index: FundingIndex) -> None:
        """Take the next state of a market's funding index."""
        self.view.on_index(market, index)
        for accrual in self.view.accruals(self._now_ns()):
            if accrual.instrument_id == index.instrument_id:
                self._publish(topics.FUNDING_ACCRUAL, accrual)

    async def refresh(self) -> None:
        """Read account, balance and positions; raises `VenueError` and then changes nothing."""
        account, balances = await self._http.account(), await self._http.balances()
        asked_ms = self._now_ns() // 1_000_000
        positions = await self._http.positions()
        self.view.on_balances(balances)
        self.view.on_positions(positions, asked_ms)
        self._take_account(account)
        self._publish_health()
        self._publish_accruals()

    async def catch_up_payments(self, markets: tuple[str, ...], start_ms: int) -> None:
        """Read realised funding since `start_ms`, oldest first; rows already seen change nothing."""
        for market in markets:
            for row in reversed(await self._http.funding_payments(market, start_ms)):
                self._take_payment(row)

    def _take_account(self, account: Account) -> None:
        if self.view.on_account(account):
            self._emit_state(account)

    def _take_payment(self, row: FundingPaymentRow) -> None:
        payment = self.view.on_funding_payment(row)
        if payment is not None:
            self._publish(topics.FUNDING_PAYMENT, payment)

    def _publish_health(self) -> None:
        health = self.view.health(self._now_ns())
        if health is not None:
            self._publish(topics.ACCOUNT_HEALTH, health)

    def _publish_accruals(self) -> None:
        for accrual in self.view.accruals(self._now_ns()):
            self._publish(topics.FUNDING_ACCRUAL, accrual)
