"""ISAKMP messages: octets to values and back, what they propose, and the choice between proposals."""
