"""What a person asks for: generate, look back, compare, interpolate."""
