"""The tokens of the simulated chain and what each is worth."""

from dataclasses import dataclass
from decimal import Decimal

from simulators.starknet import constants
from simulators.tape import Noise, PricePaths, Tape, TapeClock


@dataclass(frozen=True, slots=True)
class Token:
    """An ERC-20; `asset` is the tape's name for its price, or None for a dollar.

    `keyed` contracts name sender and receiver of a transfer in an event's keys, the others in its data.
    The exchange takes its fee in the token of the greater `weight`.
    """

    address: int
    symbol: str
    name: str
    decimals: int
    asset: str | None
    weight: int
    keyed: bool = False

    @property
    def unit(self) -> int:
        """Return the raw units of one token."""
        return int(10**self.decimals)


TOKENS = (
    Token(constants.ETH, "ETH", "Ether", 18, "ETH", 30),
    Token(constants.STRK, "STRK", "Starknet Token", 18, "STRK", 10),
    Token(constants.USDC, "USDC", "USDC", 6, None, 50, keyed=True),
    Token(constants.USDC_E, "USDC.e", "Bridged USDC", 6, None, 40),
    Token(constants.WBTC, "WBTC", "Wrapped BTC", 8, "BTC", 20),
    Token(constants.SOL, "SOL", "Solana", 9, "SOL", 5, keyed=True),
)
BY_ADDRESS = {token.address: token for token in TOKENS}
STRK_LEVEL_USD = 0.118
BRIDGED_WOBBLE = 0.0003  # of bridged dollars around native ones


class TokenPrices:
    """Fair USD prices: the tape's for what the venues trade, generated ones for the rest."""

    def __init__(self, tape: Tape, clock: TapeClock, seed: int) -> None:
        self._tape, self._clock = tape, clock
        self._strk = PricePaths(seed, {"STRK": STRK_LEVEL_USD})
        self._bridged = Noise(seed, "price/USDC.e")

    def usd(self, token: Token, now_ns: int) -> Decimal:
        """Return the fair price of one token in USD at `now_ns`."""
        hours = self._clock.hours(now_ns)
        if token.asset == "STRK":
            return Decimal(f"{self._strk.at(hours, 'STRK'):.8f}")
        if token.asset is not None:
            return self._tape.at(hours, token.asset).oracle_usd
        wobble = BRIDGED_WOBBLE * self._bridged.at(hours) if token.address == constants.USDC_E else 0.0
        return Decimal(f"{1 + wobble:.8f}")
