"""Child processes of the scripts."""

import contextlib
import os
import signal
import subprocess


@contextlib.contextmanager
def child(command, **options):
    """Runs a command in its own process group, which is terminated when the block ends."""
    process = subprocess.Popen(command, start_new_session=True, **options)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def tail(file, lines=20):
    """Returns the last lines of a log."""
    return "\n".join(file.read_text(errors="replace").splitlines()[-lines:])
