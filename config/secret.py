"""Secrets by reference: configuration holds `env:NAME` or `file:/path`, never the value."""

import os
import re
from pathlib import Path

REFERENCE = r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$"


class SecretError(ValueError):
    """A secret reference is malformed or leads nowhere; the message never holds a secret."""


def check(reference: str) -> None:
    """Raise `SecretError` unless `reference` is an `env:NAME` or `file:/path` reference."""
    if re.fullmatch(REFERENCE, reference) is None:
        raise SecretError("a secret must be given as env:NAME or file:/path, never as the value itself")


def resolve(reference: str) -> str:
    """Return the secret that `reference` leads to, without surrounding white space."""
    check(reference)
    scheme, _, name = reference.partition(":")
    try:
        value = os.environ[name] if scheme == "env" else Path(name).read_text(encoding="utf-8")
    except KeyError:
        raise SecretError(f"environment variable {name} is not set (wanted by {reference})") from None
    except OSError as e:
        raise SecretError(f"{reference} could not be read: {e.strerror}") from None
    if not value.strip():
        raise SecretError(f"{reference} is empty")
    return value.strip()
