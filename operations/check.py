"""Check a node config without connecting anywhere, and show it with its secrets hidden."""

import os
import re
from pathlib import Path

import msgspec

from config.load import SECRETS, load, redacted
from config.requirements import unmet
from config.schema import AppConfig, Mode
from config.secret import REFERENCE, SecretError, resolve
from operations.places import VAR


def check(path: Path) -> tuple[str, list[str]]:
    """Return the redacted config and what would keep a node from starting with it here.

    Raises `ConfigError` where the file itself is wrong.
    """
    config = load(path)
    return redacted(config), problems(config)


def problems(config: AppConfig) -> list[str]:
    """Return what would keep a node from starting, in words: requirements, secrets that cannot be had, folders."""
    return [*unmet(config), *_secrets(config), *_folders()]


def _secrets(config: AppConfig) -> list[str]:
    references: dict[str, str | None] = {} if config.redis is None else {"redis.url": config.redis.url}
    if config.mode in (Mode.TESTNET, Mode.LIVE):  # test keys come from the simulators at start, paper needs none
        for venue, section in msgspec.to_builtins(config.venues).items():
            named = (section or {}).keys() & {*SECRETS, "account_address", "vault_address"}
            references |= {f"venues.{venue}.{name}": section[name] for name in sorted(named)}
    found = []
    for name, reference in references.items():
        if reference is None or re.fullmatch(REFERENCE, reference) is None:
            continue  # an address or url as it is; a key never is
        try:
            resolve(reference)
        except SecretError as e:
            found.append(f"{name}: {e}")
    return found


def _folders() -> list[str]:
    """Return whether journal, logs and sign of life can be written below the current folder."""
    folder = next(path for path in (VAR, *VAR.absolute().parents) if path.exists())
    is_usable = folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
    return [] if is_usable else [f"{VAR}: {folder} is no folder that can be written: journal and logs need one"]
