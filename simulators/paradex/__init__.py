"""Paradex on 127.0.0.1: its REST and WebSocket API in JSON and SBE, StarkNet signatures, funding by index."""

from simulators.paradex.server import ParadexVenue
from simulators.paradex.settings import Settings

__all__ = ["ParadexVenue", "Settings"]
