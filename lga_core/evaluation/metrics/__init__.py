"""What the model answers to a fact's probes, before and after an edit, and from that each probe's result."""
