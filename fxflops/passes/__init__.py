"""Graph in, record out: each file is one pass, and no pass changes what it is given."""
