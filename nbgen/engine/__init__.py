"""Runs many recipes as one batch. Knows pictures as trajectories and models as a protocol, nothing more."""
