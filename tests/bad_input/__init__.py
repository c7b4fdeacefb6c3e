"""The catalogue of bad input (row.py says how to read and extend it)."""
