"""The comparison of faults: what luigi-warp and other tools make of kills, flipped bits and the like. Run it with `python -m benchmarks.faults`."""
