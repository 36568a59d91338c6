"""Hyperliquid on loopback: the wire protocol, real signature checks, hourly funding."""

from simulators.hyperliquid.server import HyperliquidVenue

__all__ = ["HyperliquidVenue"]
