"""The one configuration tree and its only reader."""
