"""What a person looks at: the progress of a run, and pages about it.

Pages are made out of values that others gave: whatever is shown in one passes through `markup.escape`, or through the quoting of
`mermaid` and `dot`. Nothing is loaded from elsewhere, and a page has no script.
"""
