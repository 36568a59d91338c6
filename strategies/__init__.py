"""What we want: funding spreads worth holding, and pairs that hold them."""
