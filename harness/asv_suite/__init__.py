"""Our own costs per commit, for asv; not installed.

asv runs these files from the working tree against the commit that is installed in its environment. So they use only
what old commits have too: the command ``python -m harness run``, the format of records, and doors. What a commit
lacks is shown as n/a.
"""
