"""One small file for each format."""
