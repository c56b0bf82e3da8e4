"""Let ``python -m jobs`` be the ``masm`` command, for job scripts."""

import sys

# With "-m" the working directory comes first, and a file there could stand for any
# module. What is needed to read our own is built in.
if not sys.flags.safe_path and sys.path[0] != __file__.rpartition("/jobs/")[0]:
    del sys.path[0]

import signal

# A stop that comes while modules are imported waits until it can be handled.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})

from jobs.cli.app import main  # noqa: E402

main()
