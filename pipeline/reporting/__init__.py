"""What a person looks at: the progress of a run, and pages about it."""
