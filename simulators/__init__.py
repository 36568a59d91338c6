"""The venues on 127.0.0.1, speaking their real wire protocols; shares no code with the adapters."""

from simulators.launch import Simulators, launch

__all__ = ["Simulators", "launch"]
