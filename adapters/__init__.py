"""How each venue is spoken to; knows Nautilus, knows no strategy."""
