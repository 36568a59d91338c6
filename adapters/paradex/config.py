"""What a node is told about Paradex; secrets are references, never values."""

from typing import Annotated

from msgspec import Meta
from nautilus_trader.config import LiveDataClientConfig, LiveExecClientConfig

type SbeVersion = Annotated[int, Meta(ge=0, le=2)]
"""A version of the binary schema the adapter can ask for; frames of version 3 are read as well."""


class ParadexDataClientConfig(LiveDataClientConfig, frozen=True, kw_only=True):  # type: ignore[misc,call-arg]
    """Public market data.

    `http_url` and `ws_url` include the version (`.../v1`). `markets` are base names (`BTC`); empty
    takes every perpetual. `hour_secs` is the wall length of a funding hour. `sbe_version` is the
    schema version asked for on the socket; None asks for JSON. `is_book_incremental` keeps whole
    books from numbered changes; without it every frame is a complete book of 15 levels.
    `is_interactive` takes the quotes and books retail orders trade against.
    """

    http_url: str
    ws_url: str
    markets: tuple[str, ...] = ()
    hour_secs: Annotated[float, Meta(gt=0)] = 3600.0
    sbe_version: SbeVersion | None = 2
    is_book_incremental: bool = True
    is_interactive: bool = False
    stale_secs: Annotated[float, Meta(gt=0)] = 10.0
    state_poll_secs: Annotated[float, Meta(gt=0)] = 10.0


class ParadexExecClientConfig(LiveExecClientConfig, frozen=True, kw_only=True):  # type: ignore[misc,call-arg]
    """One trading account.

    `account_address` is the main L2 address (or a reference to it), also where a subkey signs; `private_key` is the
    reference of the L2 key or subkey. `is_interactive` asks for a retail token: no fees, but a speed
    bump and order quotas, kept here with a margin. `is_rpi_allowed` says that the account is
    whitelisted for RPI orders. An order is void `recv_window_ms` after it was signed, one that is
    immediate or cancelled `immediate_window_ms`, so that one whose answer got lost is soon known to be void. `sbe_version`
    asks for binary orders, fills, positions and account; None for JSON. `funding_since_ms` (Unix)
    replays realised funding from then on, under the venue's own ids; None starts with the client.
    Where `is_main_key_allowed` is off the key must be a subkey, which cannot withdraw.
    """

    http_url: str
    ws_url: str
    account_address: str
    private_key: str
    is_interactive: bool = False
    is_rpi_allowed: bool = False
    markets: tuple[str, ...] = ()
    recv_window_ms: Annotated[int, Meta(ge=10)] = 5000
    immediate_window_ms: Annotated[int, Meta(ge=10)] = 2000
    hour_secs: Annotated[float, Meta(gt=0)] = 3600.0
    reply_timeout_secs: Annotated[float, Meta(gt=0)] = 5.0
    sbe_version: SbeVersion | None = None
    funding_since_ms: int | None = None
    is_main_key_allowed: bool = True
