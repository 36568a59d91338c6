"""Check a node config without connecting anywhere, and show it with its secrets hidden."""

from pathlib import Path

from config.load import load, redacted
from config.schema import AppConfig, Mode, refusal
from config.secret import SecretError, resolve


def check(path: Path) -> tuple[str, list[str]]:
    """Return the redacted config and what would keep a node from starting with it.

    Raises `ConfigError` where the file itself is wrong.
    """
    config = load(path)
    return redacted(config), _problems(config)


def _problems(config: AppConfig) -> list[str]:
    if config.mode in (Mode.SIM, Mode.PAPER):
        return []  # test keys come from the simulators at start, paper needs none
    reason = refusal(config)
    found = [] if reason is None else [reason]
    for venue in ("hyperliquid", "paradex"):
        section = getattr(config.venues, venue)
        for name in ("private_key", "account_address"):
            reference = getattr(section, name)
            if reference is None or reference.startswith("0x"):
                continue
            try:
                resolve(reference)
            except SecretError as e:
                found.append(f"venues.{venue}.{name}: {e}")
    return found
