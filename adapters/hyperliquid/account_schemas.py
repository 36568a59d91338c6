"""Wire structs of the terms an account trades on: role, mode, keys, limits, leverage, fees, funding ledger."""

from decimal import Decimal

from adapters.hyperliquid.schemas import Exact, Leverage, Milliseconds, Name, Wire


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


class UserFees(Exact, frozen=True):
    """The account's own fee rates, as fractions."""

    user_cross_rate: Decimal
    user_add_rate: Decimal


class FundingDelta(Exact, frozen=True):
    """A funding payment without its time, as the history wraps it."""

    coin: Name
    usdc: Decimal
    szi: Decimal
    funding_rate: Decimal
    n_samples: int | None = None


class FundingLedgerRow(Wire, frozen=True):
    """A funding payment of the account's history."""

    time: Milliseconds
    delta: FundingDelta
