"""What was decided, kept and said: the decision log, records and decisions as text and JSON."""
