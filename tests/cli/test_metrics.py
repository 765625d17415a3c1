"""`tsuzuki metrics` over runs of the real command."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

QUICK = ("--engine", "nearest", "--preset", "ultrafast")


def test_a_run_that_was_made(cli, clip):
    assert cli("upscale", clip, *QUICK).code == 0
    found = json.loads(cli("metrics", "--json").out)
    assert found["total_sessions"] == 1
    assert found["active_sessions"] == 0
    assert found["average_completion_time"] > 0
    assert found["resume_success_rate"] is None
    assert sum(found["save_seconds"]["counts"]) > 0
    shown = cli("metrics").out
    assert re.search(r"Sessions ever begun\s+1 ", shown)
    assert re.search(r"Resumed runs that were completed\s+none yet", shown)


def test_before_the_first_run(cli):
    assert "none completed yet" in cli("metrics").out


def test_the_dashboard_is_json(cli):
    assert json.loads(cli("metrics", "--dashboard").out)["title"] == "Tsuzuki"


def test_one_thing_at_a_time(cli):
    result = cli("metrics", "--json", "--dashboard")
    assert result.code == 3
    assert "Choose one" in result.err


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_serving_until_a_signal():
    pytest.importorskip("prometheus_client")
    command = [sys.executable, "-m", "tsuzuki", "metrics", "--serve", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ) as served:
        url = re.search(r"http://\S+", served.stderr.readline())[0]
        with urllib.request.urlopen(url) as answer:
            assert b"tsuzuki_sessions 0.0" in answer.read()
        served.send_signal(signal.SIGINT)
        assert served.wait(10) == 0
