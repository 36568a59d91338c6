"""Starknet as a wallet meets it: AVNU's swap API, a JSON-RPC node, and Ekubo's pools behind them."""

from simulators.starknet.server import StarknetVenue

__all__ = ["StarknetVenue"]
