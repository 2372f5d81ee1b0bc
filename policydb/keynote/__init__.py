"""KeyNote (RFC 2704): conditions as programs, the compliance value, its reasons, keys and signatures."""
