"""Wire structs of the terms an account trades on: its role, mode, keys, limits and leverage."""

from decimal import Decimal

from adapters.hyperliquid.schemas import Leverage, Wire


class ExchangeStatus(Wire, frozen=True):
    """The venue's clock in Unix milliseconds."""

    time: int


class RoleData(Wire, frozen=True):
    """Whom an agent (`user`) or a sub-account (`master`) belongs to."""

    user: str | None = None
    master: str | None = None


class UserRole(Wire, frozen=True):
    """`role` is user, agent, vault, subAccount or missing."""

    role: str
    data: RoleData | None = None


class ExtraAgent(Wire, frozen=True):
    """A named agent; `valid_until` is Unix milliseconds. The unnamed one is never listed."""

    name: str
    address: str
    valid_until: int


class ActionLimits(Wire, frozen=True):
    """How many actions the account has used and may use; `cum_vlm` is all it has traded, in USD."""

    cum_vlm: Decimal
    n_requests_used: int
    n_requests_cap: int
    n_requests_surplus: int = 0


class ActiveAsset(Wire, frozen=True):
    """An account's terms on one coin."""

    coin: str
    leverage: Leverage


class SpotBalance(Wire, frozen=True):
    """A spot balance; `hold` is bound in orders."""

    coin: str
    total: Decimal
    hold: Decimal = Decimal(0)


class SpotState(Wire, frozen=True):
    """The spot account; no margin for perpetuals in the standard account mode."""

    balances: list[SpotBalance]
