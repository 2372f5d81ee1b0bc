"""ipsec.conf(5): rules expanded, as FIFO commands, as configuration, and as the policy that allows them."""
