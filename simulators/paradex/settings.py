"""What a test or a demonstration may choose about the venue; read whenever it matters, so changes act at once."""

from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(slots=True)
class Settings:
    """Behaviour the public documentation leaves open, and quantities a test wants small.

    `public_json`: whether a socket without SBE may have public channels. `private_sbe`: whether an SBE
    socket gets orders, fills, positions and account in binary. `prorata_funding`: whether a partial
    reduction realises only its share of the funding, not the whole position's. `account_push_secs`: how often
    an account with positions hears of a moved mark price. `liquidation_share_step`, `liquidation_penalty`: in
    which steps positions are liquidated, and the share of their maintenance margin that costs (documentation
    and configuration of the venue disagree on both). `rpi_accounts`: addresses that may quote retail price
    improvement. `latency_secs`: how long
    the risk check of an order or cancel takes. `retail_bump_secs` is added for interactive tokens.
    """

    public_json: bool = True
    private_sbe: bool = True
    prorata_funding: bool = False
    jwt_secs: int = 300
    starting_balance_usd: Decimal = Decimal(20_000)
    rate_limits: bool = True
    latency_secs: tuple[float, float] = (0.005, 0.05)
    retail_bump_secs: float = 0.3
    heartbeat_secs: float = 20.0
    ping_secs: float = 55.0
    queue_limit: int = 2_000
    health_check_secs: float = 5.0
    account_push_secs: float = 1.0
    history_secs: float = 5.0
    liquidation_share_step: Decimal = Decimal("0.05")
    liquidation_penalty: Decimal = Decimal("0.7")
    clock_offset_secs: float = 0.0
    rpi_accounts: set[int] = field(default_factory=set)
    funding_period_hours: dict[str, int] = field(default_factory=dict)
