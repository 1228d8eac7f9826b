"""The sizes that conditions on the cost allow: ``flops <= 100G``, solved in integers.

measures.py    what a condition may name: metrics, sums, figures, ratios, parameters, sizes
conditions.py  conditions as text, and as a comparison with 0
unknowns.py    what is solved for: one size or several that are equal, on the grid of its values
monotone.py    where a dim is proven never to decrease
search.py      the values of one unknown that satisfy all conditions, in order
solution.py    from a report to its solution: one unknown, a Pareto front, an objective
document.py    what ``fxflops solve`` has to say

No root of a real equation is rounded: each size named was evaluated. Importing this imports neither
torch nor sympy (docs/architecture.md).
"""

from fxflops.solving.solution import Found, Solution, solve

__all__ = ["Found", "Solution", "solve"]
