"""What may never happen; pure, imports no framework."""
