import importlib.util
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

COMMANDS = ["upscale", "resume", "sessions", "models", "probe", "doctor", "demo", "bench"]
ROOT = Path(__file__).parents[2]


def test_without_arguments_the_help_is_shown(cli):
    bare, asked = cli(), cli("--help")
    assert bare == asked
    assert bare.code == 0
    assert all(command in bare.out for command in COMMANDS)


def test_the_help_teaches_by_examples_and_ends_with_what_to_do_if_interrupted(cli):
    for arguments in (["--help"], ["upscale", "--help"]):
        shown = cli(*arguments).out
        assert "tsuzuki upscale " in shown
        assert "Interrupted?" in shown.strip().splitlines()[-1] or "resume" in shown[-200:]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(cli, command):
    result = cli(command, "--help")
    assert result.code == 0
    assert "Usage: tsuzuki " + command in result.out


def test_options_stand_in_groups_with_their_defaults(cli):
    shown = cli("upscale", "-h").out
    for group in ("Picture", "Encoding", "Run", "Fine tuning"):
        assert f"─ {group} ─" in shown
    assert "[default: Balanced]" in shown
    assert "[default: 2.0]" in shown


def test_version(cli):
    assert cli("--version").out == f"tsuzuki {version('tsuzuki')}\n"


def test_a_command_that_does_not_exist(cli):
    result = cli("upscal")
    assert result.code == 2
    assert "No such command" in result.err
    assert "Traceback" not in result.err


@pytest.mark.skipif(sys.platform == "win32", reason="reads the processor time of child processes")
def test_help_is_there_at_once():
    def seconds(*arguments):
        import resource

        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        command = [sys.executable, *arguments]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before

    # Processor time, as the clock would tell how busy the machine is; and a busy or slow one takes
    # longer for what typer loads, too.
    pairs = [
        (seconds("-m", "tsuzuki", "--help"), seconds("-c", "import typer.rich_utils"))
        for _ in range(4)
    ]
    ours, typer = (min(column) for column in zip(*pairs, strict=True))
    assert ours < max(0.3, 2.2 * typer)


def test_help_imports_nothing_that_is_slow_to_load():
    program = (
        "import sys; from tsuzuki.cli import main; main(['--help']); "
        "slow = {'av', 'ncnn', 'numpy', 'importlib.metadata', 'tsuzuki.pipeline'}; "
        "sys.exit(', '.join(slow & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, check=False, timeout=30)
    assert done.stderr.strip() == b""


def test_the_page_of_commands_is_up_to_date(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    if importlib.util.find_spec("docs") is None:
        pytest.skip("the documentation is not part of this tree")
    from docs.commands import page

    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert written == page(), "docs/cli.md is old: run `python -m docs`"
