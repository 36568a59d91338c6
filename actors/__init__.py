"""What watches, and what stands at the door."""
