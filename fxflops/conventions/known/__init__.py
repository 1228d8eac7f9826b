"""One file per convention, each with ``CONVENTION``; a tool's has the name of its runner."""
