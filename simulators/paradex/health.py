"""What the venue watches in every account: margin health, moved marks, and the history of its value.

Health is checked every few seconds while the system is ok. An account worth less than its initial margin
loses resting orders that add risk; one worth less than its maintenance margin loses a share of every
position, the least that brings the ratio of the two below 90 %, and a penalty on the margin of that share.
"""

from collections.abc import Mapping
from decimal import ROUND_UP, Decimal

from simulators.paradex import checks
from simulators.paradex.accounts import ParadexAccount
from simulators.paradex.engine import Engine
from simulators.paradex.ids import Ids
from simulators.paradex.margin import account_value, adds_exposure, initial_margin, maintenance_by_market, maintenance_margin
from simulators.paradex.records import Liquidation, ValueSample, to_cash
from simulators.paradex.settings import Settings

TARGET_RATIO = Decimal("0.9")
ONE = Decimal(1)


class AccountWatch:
    """Looks after the accounts of one exchange."""

    def __init__(self, accounts: Mapping[int, ParadexAccount], engine: Engine, settings: Settings, ids: Ids) -> None:
        self._accounts, self._engine, self._settings, self._ids = accounts, engine, settings, ids
        self._markets = engine.markets
        self._done_ns: dict[str, int] = {}
        self._told_marks: dict[tuple[int, str], Decimal] = {}

    def step(self, now_ns: int) -> None:
        """Do what is due."""
        if self._engine.system_state == "ok" and self._is_due("health", self._settings.health_check_secs, now_ns):
            for account in tuple(self._accounts.values()):
                self.check_health(account, now_ns // 1_000_000)
        if self._is_due("marks", self._settings.account_push_secs, now_ns):
            for account in tuple(self._accounts.values()):
                self._tell_marks(account)
        if self._is_due("history", self._settings.history_secs, now_ns):
            for account in tuple(self._accounts.values()):
                value = account_value(account, self._markets)
                account.values.append(ValueSample(now_ns // 1_000_000, value, account.volume_usd))

    def check_health(self, account: ParadexAccount, now_ms: int) -> None:
        """Deleverage or liquidate an account that needs it, and let a recovered one be active again."""
        self._deleverage(account)
        value, required = account_value(account, self._markets), maintenance_margin(account, self._markets)
        if required > value:
            self._liquidate(account, liquidation_share(value, required, self._settings), now_ms)
        elif account.status == "LIQUIDATION":
            account.status = "ACTIVE"
            self._engine.feed.account(account)

    def _deleverage(self, account: ParadexAccount) -> None:
        """Close the newest orders that add risk until the account is worth its initial margin."""
        for order in reversed([order for order in account.live_orders() if order.status == "OPEN"]):
            if account_value(account, self._markets) >= initial_margin(account, self._markets):
                return
            if adds_exposure(account, order):
                self._engine.close(account, order, checks.DELEVERAGED)

    def _liquidate(self, account: ParadexAccount, share: Decimal, now_ms: int) -> None:
        account.status = "LIQUIDATION"
        penalties = {
            symbol: to_cash(required * share * self._settings.liquidation_penalty)
            for symbol, required in maintenance_by_market(account, self._markets).items()
        }
        record = Liquidation(self._ids.order_id(now_ms), share, sum(penalties.values(), Decimal(0)), now_ms)
        account.liquidations.append(record)
        for symbol, penalty in penalties.items():
            market, held = self._markets[symbol], abs(account.money.size(symbol))
            step = market.terms.size_step
            size = min((held * share / step).to_integral_value(ROUND_UP) * step, held)
            self._engine.liquidate(account, market, size, penalty)

    def _tell_marks(self, account: ParadexAccount) -> None:
        """Tell positions whose mark price has moved since they were last told, and the account with them."""
        moved = []
        for symbol in tuple(account.money.positions):
            mark, key = self._markets[symbol].mark_usd, (account.address, symbol)
            if self._told_marks.get(key) != mark:
                self._told_marks[key] = mark
                moved.append(symbol)
        for symbol in moved:
            self._engine.feed.position(account, symbol)
        if moved:
            self._engine.feed.account(account)

    def _is_due(self, what: str, every_secs: float, now_ns: int) -> bool:
        if now_ns < self._done_ns.get(what, 0) + round(every_secs * 1e9):
            return False
        self._done_ns[what] = now_ns
        return True


def liquidation_share(value: Decimal, required: Decimal, settings: Settings) -> Decimal:
    """Return the least share, in steps, after which maintenance margin is below 90 % of the value; 1 if none is."""
    share = settings.liquidation_share_step
    while share < ONE:
        left = value - share * settings.liquidation_penalty * required
        if (ONE - share) * required < TARGET_RATIO * left:
            return share
        share += settings.liquidation_share_step
    return ONE
