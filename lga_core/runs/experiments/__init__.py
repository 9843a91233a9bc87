"""What takes many edits or traces, joined with the store: sweeps, races, many edits, averaged traces."""
