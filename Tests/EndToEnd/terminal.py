"""Runs scripts/chat as a person or a script would."""

import collections
import json
import os
import signal
import subprocess

import pytest
from page_support import ROOT, eventually


class Terminal:
    """A running scripts/chat. Its output is in files, so that it never waits for the test to read."""

    def __init__(self, folder, number, *arguments, root=ROOT, **options):
        self._read = 0
        self._frames = collections.defaultdict(list)
        self.files = [folder / f"chat-{number}.out", folder / f"chat-{number}.err"]
        with self.files[0].open("wb") as output, self.files[1].open("wb") as errors:
            self.process = subprocess.Popen(
                [root / "scripts/chat", *arguments], stdin=subprocess.PIPE, stdout=output, stderr=errors, **options
            )

    @property
    def output(self):
        return self.files[0].read_text()

    @property
    def errors(self):
        return self.files[1].read_text()

    @property
    def lines(self):
        return self.output.splitlines()

    def write(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait_for(self, text, seconds=30):
        eventually(lambda: self.output, lambda output: text in output, seconds)

    def frames(self, kind="message"):
        """Returns the printed frames of a type, with --json."""
        with self.files[0].open("rb") as output:
            output.seek(self._read)
            complete, line_break, _ = output.read().rpartition(b"\n")
        self._read += len(complete) + len(line_break)
        for line in complete.splitlines():
            frame = json.loads(line)
            self._frames[frame["type"]].append(frame)
        return self._frames[kind]

    def finish(self, seconds=60):
        """Ends the input, and returns the exit code."""
        self.process.stdin.close()
        return self.process.wait(seconds)

    def interrupt(self, seconds=30):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(seconds)

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def terminal(tmp_path):
    """A function that starts scripts/chat with a configuration folder of the test's own."""
    running = []

    def terminal(*arguments, **options):
        environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config"), **options.pop("env", {})}
        running.append(Terminal(tmp_path, len(running), *arguments, env=environment, **options))
        return running[-1]

    yield terminal
    for each in running:
        each.stop()
        print(f"--- {each.process.args}\n{each.output[-5000:]}\n{each.errors[-5000:]}")
