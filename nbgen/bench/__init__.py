"""How fast is nbgen? `python -m nbgen.bench` prints the figures, ratios measured side by side in one run."""
