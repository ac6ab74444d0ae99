"""The performance benchmark: our cost and that of others, side by side in the same run. Run it with `python -m benchmarks`."""
