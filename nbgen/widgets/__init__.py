"""Controls in the cell: widgets hold no results, only what people press, and what they watch."""
