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
    GasPaid,
    PositionHealth,
    VenueState,
    VenueStatus,
)
from messages.clock import FundingClock
from messages.control import (
    Alert,
    Command,
    Heartbeat,
    LimitsChanged,
    OperatorCommand,
    Severity,
    StateChange,
    StateRequest,
    TradingState,
)
from messages.market import OpenInterest, PredictedFunding
from messages.rates import HOURS_PER_YEAR, annual_rate, hourly_rate
from messages.swaps import SWAP_QUOTE_METADATA, SwapCost, SwapHop, SwapQuote
from messages.trading import (
    Action,
    Edge,
    FillSeen,
    Intent,
    LegOrder,
    LegState,
    LegUpdate,
    MakerMarkout,
    OrderKind,
    Outcome,
    PairOrder,
    PairResult,
    RiskRefused,
    Side,
    Signal,
    TimeInForce,
)

__all__ = [
    "AccountHealth",
    "Action",
    "Alert",
    "Command",
    "Edge",
    "FillSeen",
    "FundingAccrual",
    "FundingClock",
    "FundingIndex",
    "FundingPayment",
    "GasPaid",
    "HOURS_PER_YEAR",
    "Heartbeat",
    "Intent",
    "LegOrder",
    "LegState",
    "LegUpdate",
    "LimitsChanged",
    "MakerMarkout",
    "OpenInterest",
    "OperatorCommand",
    "OrderKind",
    "Outcome",
    "PairOrder",
    "PairResult",
    "PositionHealth",
    "PredictedFunding",
    "RiskRefused",
    "Severity",
    "Side",
    "Signal",
    "StateChange",
    "StateRequest",
    "SWAP_QUOTE_METADATA",
    "SwapCost",
    "SwapHop",
    "SwapQuote",
    "TimeInForce",
    "TradingState",
    "VenueState",
    "VenueStatus",
    "annual_rate",
    "hourly_rate",
    "topics",
]
