"""The commands behind `python -m nbgen`, one file each."""
