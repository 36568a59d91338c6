"""Where a node keeps what it writes, below the folder it was started in."""

from pathlib import Path

VAR = Path("var")
LOGS = VAR / "logs"
