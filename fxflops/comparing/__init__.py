"""Two models, revisions or saved reports side by side: what was added, removed and changed.

sides.py       from what is named to a side: a report, and its calls where the model can be run
saved.py       a report that was saved as JSON, its formulas read back into dims
revision.py    a git revision: a worktree, and a process that has it first on its path
worker.py      that process
common.py      both sides in the same symbols
tree.py        which module is which, by structure where names changed
difference.py  what differs: totals, modules, operators, calls
growth.py      how much may grow
document.py    what ``fxflops diff`` has to say
"""
