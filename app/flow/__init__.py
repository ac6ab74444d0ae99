"""Steps. Each says what it requires, which parameters it has, and calls plain functions."""
