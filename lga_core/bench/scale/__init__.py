"""What LGA, CMA and an edit cost at the sizes of large models: shapes with random weights, extrapolation."""
