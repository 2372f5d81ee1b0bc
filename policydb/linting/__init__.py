"""What authors of policies seldom mean, as findings with stable codes."""
