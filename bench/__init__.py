"""What scripts/bench runs: Modepulse beside what one would use in its place."""
