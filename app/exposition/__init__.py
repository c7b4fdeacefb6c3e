"""How a process shows its figures to Prometheus: plain numbers, their text, a port of its own."""
