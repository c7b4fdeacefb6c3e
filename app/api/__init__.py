"""The HTTP handlers: one module per noun of the URL table, and what they share about requests and responses."""
