"""The example: a regression model that is ingested, trained, evaluated and deployed in batch."""
