"""What a test may set on the simulated chain and aggregator before or while it runs."""

from dataclasses import dataclass


@dataclass(slots=True)
class Settings:
    """Delays are wall seconds, gas prices FRI (1e-18 STRK) per unit, fees basis points."""

    candidate_secs: float = 0.05  # from received to chosen for the next block
    pre_confirmed_secs: float = 0.15  # from received to executed
    block_secs: float = 1.0
    max_nonce_gap: int = 0  # how far ahead of the next nonce a transaction may be
    l1_gas_price: int = 0x2D79883D2000
    l2_gas_price: int = 3_000_000_000
    l1_data_gas_price: int = 0x8F0D180
    replacement_bump_percent: int = 10
    quote_secs: float = 30.0  # how long a quote can be built
    tells_expiry: bool = False  # the live API leaves `expiry` null
    decimal_calldata: bool = False  # calldata as decimal instead of hexadecimal strings
    single_route_fee_bps: int = 2
    many_routes_fee_bps: int = 4
    requests_per_window: int | None = 300  # of the aggregator, per client; None is no limit
    window_secs: float = 300.0
    refill_half_life_secs: float = 2.0  # how fast arbitrage closes half of a pool's gap to the fair price
