"""The simulation of deliveries, with few people: `scripts/bench delivery`."""

import json
import subprocess

import pytest
from conftest import ROOT

PEOPLE = 4000


@pytest.mark.builds("lean")
# The first run builds the model.
@pytest.mark.timeout(900)
def test_everyone_in_a_large_room_is_reached_once(bootstrap, tmp_path):
    command = [ROOT / "scripts/bench", "delivery", "--bootstrap", bootstrap, "--scenario", "100k"]
    command += ["--people", str(PEOPLE), "--factor", "2", "--json", tmp_path]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    report = json.loads((tmp_path / "100k/report.json").read_text())
    [message] = report["messages"]
    assert (message["missed"], message["once"], message["more"]) == (0, PEOPLE, 0)
    assert message["status"] == 200
    # By more than one worker, and the queue, the lease and the round's rows are deleted: the message itself is left.
    assert report["lambda"]["invocations"] > 3
    assert report["leftRows"] == 1
    assert report["problems"] == []
    assert (ROOT / "dist/delivery.svg").read_text().startswith("<svg")
