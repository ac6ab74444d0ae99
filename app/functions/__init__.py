"""Plain functions that the steps call; they know nothing of pipelines."""
