"""A fast way beside the plain one in the same run, given as a ratio: LGA, CMA, a trial edit, a sweep."""
