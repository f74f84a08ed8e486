"""Values: how names, times, quantities, formats and patterns are written, and how Go prints what it refuses."""
