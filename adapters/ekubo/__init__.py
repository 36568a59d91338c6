"""Ekubo spot swaps through AVNU on Starknet, as a Nautilus venue."""
