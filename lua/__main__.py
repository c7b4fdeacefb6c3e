"""`python -m lua` lists the scripts; `python -m lua NAME` prints one as Redis runs it."""

import sys

from lua import SCRIPTS

names = sys.argv[1:]
unknown = [name for name in names if name not in SCRIPTS]
if unknown:
    sys.exit(f"no script is named {' '.join(unknown)}; there are {' '.join(SCRIPTS)}")
sys.stdout.write("".join(SCRIPTS[name].source for name in names) if names else "\n".join(SCRIPTS) + "\n")
