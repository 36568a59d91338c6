"""How fast the hot paths are, as ratios to an existing client and to the cheapest thing that could do the job."""
