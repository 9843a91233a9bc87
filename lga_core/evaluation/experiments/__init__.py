"""What is done to measure edits: a trial edit, a sweep over layers, many edits, a ledger, two texts side by side."""
