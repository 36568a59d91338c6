"""Paper trading: Nautilus' sandbox execution with funding settled on it."""
