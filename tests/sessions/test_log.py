import logging
import re
import sys

import pytest

from tsuzuki.errors import SessionDamagedError
from tsuzuki.sessions import log, session_log

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO \d+ tsuzuki\.test hello \S+\n")


def test_lines_have_utc_times(paths):
    with session_log(paths):
        logging.getLogger("tsuzuki.test").info("hello %s", "you")
    logging.getLogger("tsuzuki.test").error("too late")
    assert LINE.fullmatch(paths.log.read_text())


def test_it_appends_and_leaves_the_logger_as_it_was(paths):
    logger = logging.getLogger("tsuzuki")
    before = (logger.level, list(logger.handlers))
    for _ in range(2):
        with session_log(paths):
            logging.getLogger("tsuzuki.test").info("hello %s", "again")
    assert (logger.level, logger.handlers) == before
    assert len(paths.log.read_text().splitlines()) == 2


def test_three_old_ones_are_kept(paths, monkeypatch):
    monkeypatch.setattr(log, "MAX_LOG_BYTES", 1000)
    with session_log(paths):
        for number in range(200):
            logging.getLogger("tsuzuki.test").info("line %d %s", number, "x" * 50)
    names = sorted(path.name for path in paths.logs.iterdir())
    assert names == ["session.log", "session.log.1", "session.log.2", "session.log.3"]
    assert "line 199" in paths.log.read_text()
    assert all(path.stat().st_size <= 1000 for path in paths.logs.iterdir())


def test_any_text_can_be_logged(paths, monkeypatch):
    # Kept from pytest's own capture, which cannot hand such text to another process.
    monkeypatch.setattr(logging.getLogger("tsuzuki"), "propagate", False)
    with session_log(paths):
        logging.getLogger("tsuzuki.test").info("漫画 \ud800")
    assert "漫画 \\ud800" in paths.log.read_text(encoding="utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="modes and links of POSIX")
def test_for_the_user_alone_and_not_through_a_link(paths, tmp_path):
    with session_log(paths):
        pass
    assert paths.log.stat().st_mode & 0o777 == 0o600
    paths.log.unlink()
    paths.log.symlink_to(tmp_path / "victim")
    with pytest.raises(SessionDamagedError), session_log(paths):
        pass
    assert not (tmp_path / "victim").exists()


def test_a_log_that_fails_does_not_stop_the_work(paths, capsys):
    with session_log(paths):
        handler = logging.getLogger("tsuzuki").handlers[-1]
        handler.stream.close()
        logging.getLogger("tsuzuki.test").info("one")
        logging.getLogger("tsuzuki.test").info("two")
    assert capsys.readouterr().err == ""
