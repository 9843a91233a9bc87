"""A stored run computed again, and its rows compared with those that are kept."""
