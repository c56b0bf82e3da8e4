"""Let ``python -m jobs`` be the ``masm`` command, for job scripts."""

from jobs.cli import main

main()
