"""What the components tell each other: frozen structs and the bus topics they travel on.

One sign convention everywhere: a long position is positive, cash received is positive, and a
positive funding rate means longs pay shorts. Instruments are named by their Nautilus id as text
(`BTC-USD-PERP.HYPERLIQUID`), venues by the part behind the dot. Times are Unix nanoseconds.
"""

from messages.account import (
    AccountHealth,
    FundingAccrual,
    FundingIndex,
    FundingPayment,
    PositionHealth,
    VenueState,
    VenueStatus,
)
from messages.clock import FundingClock
from messages.market import OpenInterest, PredictedFunding
from messages.rates import HOURS_PER_YEAR, annual_rate, hourly_rate
from messages.trading import (
    Action,
    Intent,
    LegOrder,
    LegState,
    LegUpdate,
    OrderKind,
    PairOrder,
    RiskRefused,
    Side,
    Signal,
    TimeInForce,
)

__all__ = [
    "HOURS_PER_YEAR",
    "AccountHealth",
    "Action",
    "FundingAccrual",
    "FundingClock",
    "FundingIndex",
    "FundingPayment",
    "Intent",
    "LegOrder",
    "LegState",
    "LegUpdate",
    "OpenInterest",
    "OrderKind",
    "PairOrder",
    "PositionHealth",
    "PredictedFunding",
    "RiskRefused",
    "Side",
    "Signal",
    "TimeInForce",
    "VenueState",
    "VenueStatus",
    "annual_rate",
    "hourly_rate",
    "topics",
]
