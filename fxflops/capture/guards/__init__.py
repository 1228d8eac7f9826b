"""From the guards of a capture to the domain in which its formulas hold."""
