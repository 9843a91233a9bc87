"""How well edits hold and picks do, without a ratio: R-ROME, every editor, the paper's comparison."""
