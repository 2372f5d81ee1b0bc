"""Files to a generation: the stages, and what a change concerns."""
