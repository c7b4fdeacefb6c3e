"""What scripts/bench runs: the product side by side with what one would use in its place."""
