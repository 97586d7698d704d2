"""The page: one file with its charts, its numbers, and all that draws them."""
