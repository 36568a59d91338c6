"""Names, addresses and fixed rules of Hyperliquid."""

from decimal import Decimal
from typing import Final

VENUE_NAME: Final = "HYPERLIQUID"

MAINNET_HTTP_URL: Final = "https://api.hyperliquid.xyz"
MAINNET_WS_URL: Final = "wss://api.hyperliquid.xyz/ws"
TESTNET_HTTP_URL: Final = "https://api.hyperliquid-testnet.xyz"
TESTNET_WS_URL: Final = "wss://api.hyperliquid-testnet.xyz/ws"

DEFAULT_COINS: Final = ("BTC", "ETH", "SOL", "HYPE")

PERP_MAX_DECIMALS: Final = 6  # a price has at most 6 - szDecimals decimals ...
MAX_SIGNIFICANT_FIGURES: Final = 5  # ... and at most 5 significant figures; whole numbers always pass
MIN_NOTIONAL_USD: Final = Decimal(10)

# Exchanges of others on this venue (HIP-3): dex number n has the asset ids from 100,000 + 10,000 n on.
HIP3_FIRST_ASSET: Final = 100_000
HIP3_ASSETS: Final = 10_000
HIP3_FEE_FACTOR: Final = 2  # what their operators may add to the venue's fee; some add less
USDC_TOKEN: Final = 0

BASE_MAKER_FEE: Final = Decimal("0.00015")
BASE_TAKER_FEE: Final = Decimal("0.00045")

FUNDING_INTERVAL_MINS: Final = 60
FUNDING_PAGE_ROWS: Final = 500
FILLS_PAGE_ROWS: Final = 2000

# The venue drops a connection it has had nothing to send on for 60 s.
PING: Final = b'{"method":"ping"}'
PING_SECS: Final = 20.0
SILENCE_SECS: Final = 50.0

MAX_PENDING_POSTS: Final = 90  # of 100 that an address may have unanswered

MAX_SKEW_MS: Final = 30_000  # our clock against the venue's: with more, actions expire or their nonces are refused
ALARMING_SKEW_MS: Final = 1_000
CLOCK_POLL_SECS: Final = 300.0
AGENT_WARN_MS: Final = 7 * 86_400_000
AGENT_STOP_MS: Final = 86_400_000  # a day before its key expires an account only unwinds
AGENT_POLL_SECS: Final = 86_400.0
FEES_POLL_SECS: Final = 3_600.0
LEVERAGE_RETRY_SECS: Final = 600.0  # each attempt costs an action
LIQUIDATION_QUIET_MS: Final = 60_000  # after the last fill of a liquidation
SCHEDULE_CANCEL_VOLUME_USD: Final = Decimal(1_000_000)
