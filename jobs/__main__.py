"""Let ``python -m jobs`` be the ``masm`` command, for job scripts."""

import signal

# A stop that comes while modules are imported waits until it can be handled.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})

from jobs.cli.app import main  # noqa: E402

main()
