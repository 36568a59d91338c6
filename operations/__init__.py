"""Commands for people, working also when no node can start."""
