"""isakmpd.conf(5) to connections: sections, predefined names, what the FIFO changes, and who gets which connection."""
