"""Configurations of other IKE daemons, converted, with every setting accounted for."""
