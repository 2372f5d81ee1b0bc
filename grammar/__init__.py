"""Text to frozen nodes: the grammars of KeyNote and isakmpd.conf. Pure; knows nothing of stores or daemons."""
