"""Many models at many sizes: one task for each model, its formula evaluated at all sizes at once.

plan.py     which models, configurations and sizes: the tasks
work.py     one task: a formula, derived once, and its values as columns
store.py    rows as they come, in parts that make a stopped sweep resume; Parquet or JSON lines
cluster.py  tasks on dask.distributed: processes of this machine, or a scheduler's
picture.py  parameters against FLOPs, and cost over size
"""
