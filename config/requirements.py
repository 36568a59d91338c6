"""What a config must hold before it may trade at a real venue, with test money or real."""

from decimal import Decimal

from config.schema import AppConfig, Mode, VenueSection

LOSS_SHARE_MAX = Decimal("0.1")  # of all that may be held: a loss limit beyond it would stop nothing in time
DRAWDOWN_MAX = Decimal("0.5")
SILENCE_SECS_MAX = 60.0
SCHEDULED_CANCEL_SECS_MAX = 300.0


def unmet(config: AppConfig) -> list[str]:
    """Return what is missing, in words that say what to set; nothing for simulators and paper."""
    if config.mode not in (Mode.TESTNET, Mode.LIVE):
        return []
    limits, deadman = config.limits, config.deadman
    loss_usd_max = LOSS_SHARE_MAX * limits.gross_usd_max
    rules = (
        (limits.canary.enabled, "limits: [canary] enabled = true: positions start small"),
        (
            limits.daily_loss_usd_max <= loss_usd_max,
            f"limits: daily_loss_usd_max at most {loss_usd_max:f}, a tenth of gross_usd_max; was {limits.daily_loss_usd_max}",
        ),
        (
            0 < limits.drawdown_ratio_max <= DRAWDOWN_MAX,
            f"limits: drawdown_ratio_max above 0 and at most {DRAWDOWN_MAX}; was {limits.drawdown_ratio_max}",
        ),
        (deadman.silence_secs <= SILENCE_SECS_MAX, f"deadman.silence_secs at most {SILENCE_SECS_MAX:.0f}"),
        (
            deadman.scheduled_cancel_secs <= SCHEDULED_CANCEL_SECS_MAX,
            f"deadman.scheduled_cancel_secs at most {SCHEDULED_CANCEL_SECS_MAX:.0f}",
        ),
        *((section.private_key is not None, f"venues.{name}.private_key") for name, section in _venues(config)),
        *((section.account_address is not None, f"venues.{name}.account_address") for name, section in _venues(config)),
    )
    return [f"mode {config.mode.value!r} needs {words}" for is_met, words in rules if not is_met]


def _venues(config: AppConfig) -> tuple[tuple[str, VenueSection], ...]:
    return ("hyperliquid", config.venues.hyperliquid), ("paradex", config.venues.paradex)
