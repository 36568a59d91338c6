"""Published test keys and the chain they sign for."""

HYPERLIQUID_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"  # Hardhat's first development key
PARADEX_CHAIN = "PRIVATE_SN_POTC_SEPOLIA"
# The test account of the venue's own SDK
PARADEX_ADDRESS = "0x129c135ed63df9353885e292be4426b8ed6122b13c6c0e1bb787288a1f5adfa"
PARADEX_KEY = "0x543b6cf6c91817a87174aaea4fb370ac1c694e864d7740d728f8344d53e815"
