"""Read a node config: one TOML file and the limits file it names, checked as a whole."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from config.schema import AppConfig
from risk.in_force import values
from risk.limits import Limits

SECRETS = {"private_key", "api_key"}  # the fields of a venue that hold a reference to one


class ConfigError(ValueError):
    """A config cannot be used; the message names the file and the path of the bad field."""


def load(path: Path) -> AppConfig:
    """Return the checked config in `path`; raise `ConfigError` with file and field otherwise."""
    tree = _read(path)
    limits = tree.get("limits")
    if not isinstance(limits, str):
        raise ConfigError(f'{path}: expected limits = "FILE", the name of the limits file beside it - at `$.limits`')
    tree["limits"] = load_limits(path.parent / limits)
    tree["limits_path"] = str(path.parent / limits)
    return _convert(path, tree, AppConfig)


def load_limits(path: Path) -> Limits:
    """Return the checked limits in `path`; raise `ConfigError` with file and field otherwise.

    Every limit has to be written down: a file cut off in the middle must not pass for one that leaves the rest
    to defaults.
    """
    tree = _read(path)
    limits = _convert(path, tree, Limits)
    missing = [name for name in values(limits) if not _names(tree, name)]
    if missing:
        raise ConfigError(f"{path}: every limit has to be written down, missing: {', '.join(missing)}")
    return limits


def _names(tree: dict[str, Any], name: str) -> bool:
    table, _, field = name.rpartition(".")
    return field in (tree.get(table, {}) if table else tree)


def _convert[T](path: Path, tree: dict[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as e:
        raise ConfigError(f"{path}: {_explain(str(e))}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise ConfigError(f"{path}: {e.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise ConfigError(f"{path}: not valid TOML: {e}") from None


def _explain(message: str) -> str:
    """Say what a pattern means; msgspec can only quote it."""
    if "matching regex" in message:
        field = message.partition(" - at ")[2]
        if "private_key" in field:
            return f"a secret must be given as env:NAME, file:/path or keystore:/path, never as the value itself - at {field}"
        if "redis" in field:
            return f"expected redis://host:port/database without a password, or a reference (env:NAME, file:/path) - at {field}"
        if "url" in field:
            return f"expected an http(s):// or ws(s):// url - at {field}"
    return message


def redacted(config: AppConfig) -> str:
    """Return the config as indented JSON, with every secret shown as its reference's kind only."""
    plain = msgspec.to_builtins(config)
    for section in filter(None, plain["venues"].values()):
        for name in SECRETS & section.keys():
            section[name] = section[name] and section[name].partition(":")[0] + ":***"
    return msgspec.json.format(msgspec.json.encode(plain), indent=2).decode()
