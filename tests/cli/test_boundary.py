import subprocess
import sys

import pytest

from tsuzuki import errors
from tsuzuki.cli.boundary import guarded, title


def every_error(cls=errors.TsuzukiError):
    yield cls
    for child in cls.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from every_error(child)


def raiser(error):
    def command():
        raise error

    return command


@pytest.mark.parametrize("cls", list(every_error()), ids=lambda cls: cls.__name__)
def test_an_error_is_one_paragraph_and_its_own_exit_code(cls, capsys):
    message = "What happened. What to do [bold]next[/bold]."
    assert guarded(raiser(cls(message))) == cls.exit_code
    out, err = capsys.readouterr()
    assert not out
    assert err == f"{title(cls(message))}: {message}\n"


def test_exit_codes_are_told_apart():
    codes = [cls.exit_code for cls in every_error()]
    assert len(set(codes)) == len(codes)
    assert not {0, 2} & set(codes)


def test_escape_sequences_in_a_message_are_not_obeyed(capsys):
    guarded(raiser(errors.InputError("no \x1b[2J\x07 such file")))
    assert "\x1b" not in capsys.readouterr().err


def test_an_unexpected_error_is_kept_in_a_log_and_shows_no_traceback(capsys, tmp_path):
    assert guarded(raiser(RuntimeError("what now"))) == 1
    err = capsys.readouterr().err
    assert err.startswith("Unexpected error: RuntimeError: what now.")
    assert "Traceback" not in err
    log = tmp_path / "state" / "tsuzuki" / "log" / "error.log"
    if sys.platform == "linux":
        assert str(log) in err
        assert "Traceback" in log.read_text()


@pytest.mark.parametrize("error", [RuntimeError("what now"), errors.InputError("No.")])
def test_debug_shows_the_traceback(error, capsys, monkeypatch):
    monkeypatch.setenv("TSUZUKI_DEBUG", "1")
    guarded(raiser(error))
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (SystemExit(), 0),
        (SystemExit(7), 7),
        (SystemExit("why"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_other_ends(end, code):
    assert guarded(raiser(end)) == code


def test_success():
    assert guarded(lambda: None) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_a_reader_that_goes_away_makes_no_noise():
    command = f"'{sys.executable}' -m tsuzuki models --json | head -c 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=True, timeout=60)
    assert done.stderr == b""
