"""Names and fixed numbers of Paradex."""

from decimal import Decimal
from typing import Final

from nautilus_trader.model.identifiers import ClientId, Venue

PARADEX: Final = "PARADEX"
VENUE: Final = Venue(PARADEX)
CLIENT_ID: Final = ClientId(PARADEX)

SETTLEMENT_CURRENCY: Final = "USDC"
MAX_CLIENT_ID_LENGTH: Final = 64

# The published pro schedule, used until the market or the account names its own.
DEFAULT_MAKER_FEE: Final = Decimal("0.00003")
DEFAULT_TAKER_FEE: Final = Decimal("0.00045")

DEFAULT_FUNDING_PERIOD_HOURS: Final = 8
