"""Run directories: the facts of a run, and the boots they tell of."""
