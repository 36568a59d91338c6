"""Secrets by reference: configuration holds `env:NAME`, `file:/path` or `keystore:/path`, never the value."""

import getpass
import os
import re
import sys
from functools import lru_cache
from pathlib import Path

import msgspec

REFERENCE = r"^(env:[A-Za-z_][A-Za-z0-9_]*|(file|keystore):.+)$"
PASSPHRASE = "FARB_KEYSTORE_PASSPHRASE"  # noqa: S105 - the name of the variable
_OTHERS = 0o077


class SecretError(ValueError):
    """A secret reference is malformed or leads nowhere; the message never holds a secret."""


def check(reference: str) -> None:
    """Raise `SecretError` unless `reference` has one of the three forms."""
    if re.fullmatch(REFERENCE, reference) is None:
        raise SecretError("a secret must be given as env:NAME, file:/path or keystore:/path, never as the value itself")


def resolve(reference: str) -> str:
    """Return the secret that `reference` leads to, without surrounding white space.

    Files and keystores must be readable by their owner alone. A keystore holds one private key,
    encrypted as Ethereum wallets do (Web3 Secret Storage); its passphrase is read from
    `FARB_KEYSTORE_PASSPHRASE` or asked for at the terminal.
    """
    check(reference)
    scheme, _, name = reference.partition(":")
    if scheme == "env":
        value = os.environ.get(name)
        if value is None:
            raise SecretError(f"environment variable {name} is not set (wanted by {reference})")
    else:
        value = _read(reference, Path(name))
        if scheme == "keystore":
            value = _decrypted(reference, value)
    if not value.strip():
        raise SecretError(f"{reference} is empty")
    return value.strip()


def resolve_url(url: str) -> str:
    """Return a url given as it is or, for what it holds, by reference."""
    return url if re.fullmatch(REFERENCE, url) is None else resolve(url)


def _read(reference: str, path: Path) -> str:
    try:
        if path.stat().st_mode & _OTHERS:
            raise SecretError(f"{reference} is open to other users: chmod 600 {path}")
        return path.read_text(encoding="utf-8")
    except OSError as e:
        raise SecretError(f"{reference} could not be read: {e.strerror}") from None
    except UnicodeDecodeError:
        raise SecretError(f"{reference} is no text") from None


@lru_cache(maxsize=8)  # decrypting takes a second by design, and a node asks more than once
def _decrypted(reference: str, keystore: str) -> str:
    from eth_keyfile.keyfile import decode_keyfile_json  # noqa: PLC0415 - half a second, and only for who has a keystore

    passphrase = _passphrase(reference)
    try:
        key: bytes = decode_keyfile_json(msgspec.json.decode(keystore), passphrase.encode())  # type: ignore[arg-type]  # it says str, and takes bytes
    except (ValueError, KeyError, TypeError, AttributeError, NotImplementedError):  # whatever it holds, it is none
        raise SecretError(f"{reference} could not be decrypted: it is no keystore, or the passphrase is wrong") from None
    return "0x" + key.hex()


def _passphrase(reference: str) -> str:
    given = os.environ.get(PASSPHRASE)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise SecretError(f"{reference} needs a passphrase: set {PASSPHRASE}, or start where it can be asked for")
    asked = getpass.getpass(f"passphrase of {reference}: ")
    os.environ[PASSPHRASE] = asked  # for the next keystore, and for the watchdog
    return asked


def encrypt(private_key: str, passphrase: str) -> bytes:
    """Return the keystore of a hexadecimal private key; raises `SecretError` for anything else or an empty passphrase."""
    from eth_keyfile.keyfile import create_keyfile_json  # noqa: PLC0415 - as above

    digits = private_key.strip().removeprefix("0x")
    if re.fullmatch("[0-9a-fA-F]{1,64}", digits) is None or not passphrase:
        raise SecretError("a keystore holds a private key of hexadecimal digits, under a passphrase that is not empty")
    keystore: object = create_keyfile_json(bytes.fromhex(digits.rjust(64, "0")), passphrase.encode())  # type: ignore[arg-type]  # as above
    return msgspec.json.encode(keystore)
