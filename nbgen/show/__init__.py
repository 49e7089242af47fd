"""How results look: arrays and labels in, pictures and HTML out. Knows no torch and no recipe."""
