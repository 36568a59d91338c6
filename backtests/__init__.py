"""The same strategy over recorded funding."""
