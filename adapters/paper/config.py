"""How a paper venue is set up."""

from decimal import Decimal
from enum import StrEnum

from nautilus_trader.adapters.sandbox.config import SandboxExecutionClientConfig


class Settlement(StrEnum):
    """How a venue pays funding."""

    HOURLY = "HOURLY"  # Hyperliquid: cash at each funding hour
    INDEX = "INDEX"  # Paradex: by the second, cash when the position is touched


class PaperExecClientConfig(SandboxExecutionClientConfig, frozen=True, kw_only=True):  # type: ignore[call-arg,misc]
    """Nautilus' sandbox settings for a perpetual venue in USDC, and how it settles funding.

    `default_leverage` stays 1: the instruments' initial margin is the venue's own already.
    """

    settlement: Settlement
    hour_secs: float = 3600.0
    report_secs: float = 5.0
    base_currency: str | None = "USDC"
    default_leverage: Decimal = Decimal(1)
    book_type: str = "L2_MBP"
    bar_execution: bool = False
    trade_execution: bool = False
