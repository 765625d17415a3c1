"""What starts at login: the files, read by what reads them, and a real systemd."""

import os
import plistlib
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tsuzuki.errors import ResourceError
from tsuzuki.unattended import service
from tsuzuki.unattended.service import Start, agent, systemd, task, unit_file

WORD = "a \"b\" \\ 50% %h $HOME ${HOME} ; & 'x' ö\t#"
START = Start(
    command=(sys.executable, "-P", "-m", "tsuzuki", "watch", WORD),
    folder=Path("/tmp"),
    environment={"TSUZUKI_NOTIFY": f"https://host/{WORD}"},
    lasting=True,
)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze")
@pytest.mark.parametrize("lasting", [False, True])
def test_systemd_understands_the_unit(tmp_path, lasting):
    def verify(name, text):
        (tmp_path / name).write_bytes(text)
        done = subprocess.run(
            ["systemd-analyze", "--user", "verify", str(tmp_path / name)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        )
        return done.returncode, done.stderr

    unit = unit_file(Start(command=START.command, folder=START.folder, lasting=lasting))
    assert verify("good.service", unit) == (0, "")
    assert "Failed to parse" in verify("bad.service", unit.replace(b"mixed", b"nonsense"))[1]


def test_launchd_gets_what_it_is_to_start(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    read = plistlib.loads(plistlib.dumps(agent(START)))
    assert read["ProgramArguments"] == list(START.command)
    assert read["EnvironmentVariables"] == START.environment
    assert (read["Label"], read["RunAtLoad"]) == ("tsuzuki", True)
    assert read["KeepAlive"] == {"SuccessfulExit": False}
    assert read["StandardErrorPath"] == str(tmp_path / "Library" / "Logs" / "tsuzuki.log")
    once = agent(Start(command=("a",), folder=Path("/")))
    assert "KeepAlive" not in once


def test_the_task_scheduler_gets_what_it_is_to_start(monkeypatch):
    monkeypatch.setenv("USERDOMAIN", "HOME-PC")
    monkeypatch.setenv("USERNAME", "mika & co")
    root = ET.fromstring(task(START))
    names = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}

    def text(path):
        return root.findtext("/".join(f"t:{name}" for name in path.split("/")), None, names)

    assert text("Actions/Exec/Command") == sys.executable
    assert text("Actions/Exec/Arguments") == subprocess.list2cmdline(START.command[1:])
    assert text("Triggers/LogonTrigger/UserId") == "HOME-PC\\mika & co"
    assert text("Principals/Principal/RunLevel") == "LeastPrivilege"
    assert text("Settings/ExecutionTimeLimit") == "PT0S"
    assert text("Settings/DisallowStartIfOnBatteries") == "false"
    assert text("Settings/RestartOnFailure/Interval") == "PT60S"


def test_what_no_system_is_known_for(monkeypatch):
    monkeypatch.setattr(service.sys, "platform", "plan9")
    with pytest.raises(ResourceError, match="tsuzuki resume --all"):
        service.this_service()


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux")
def test_without_systemd_nothing_is_written_and_the_command_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    with pytest.raises(ResourceError, match="No systemd runs") as refused:
        systemd().install(START, now=True)
    assert shlex.join(START.command) in refused.value.message
    assert list(tmp_path.iterdir()) == []
    assert systemd().remove() is False


# --- a systemd of our own, in namespaces ----------------------------------------------------------

BEGIN = r"""
group=/sys/fs/cgroup/tsuzuki-$2
mount -t cgroup2 none /sys/fs/cgroup && mkdir -p "$1/run/systemd/system" &&
    mount --bind "$1/run" /run && mkdir $group && echo $$ > $group/cgroup.procs || exit 99
end() {
    kill $manager; wait $manager
    echo $$ > /sys/fs/cgroup/cgroup.procs
    find $group -depth -type d -exec rmdir {} \;
}
export HOME=$1 XDG_CONFIG_HOME=$1/config XDG_RUNTIME_DIR=$1/user
unset DBUS_SESSION_BUS_ADDRESS
mkdir -m 700 "$XDG_RUNTIME_DIR"
/lib/systemd/systemd --user 2>"$1/log" & manager=$!
trap end EXIT
soon() {
    for _ in $(seq 200); do "$@" && return; sleep 0.1; done
    echo "not in time: $*" >&2
    exit 1
}
soon systemctl --user --quiet is-system-running
"""


@pytest.fixture
def with_systemd(tmp_path):
    """Run shell commands where a systemd of this user runs, and return what they write."""
    if not (Path("/lib/systemd/systemd").exists() and shutil.which("unshare")):
        pytest.skip("there is no systemd to start")
    if os.geteuid() != 0:
        pytest.skip("needs root, to make room for a systemd")

    def run(script):
        unshare = ["unshare", "-Cmp", "--fork", "--mount-proc", "--propagation", "private"]
        done = subprocess.run(
            [*unshare, "sh", "-c", BEGIN + script, "sh", str(tmp_path), str(os.getpid())],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHON": sys.executable},
        )
        if done.returncode == 99 or "unshare failed" in done.stderr:
            pytest.skip("no namespaces can be made here")
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_systemd_passes_on_every_word(with_systemd, tmp_path):
    said = tmp_path / "said"
    program = (
        f"import os, sys; open({str(said)!r}, 'w').write(repr((sys.argv[1:], os.environ['X'])))"
    )
    start = Start(
        command=(sys.executable, "-c", program, WORD, "b\nc"),
        folder=tmp_path,
        environment={"X": WORD},
    )
    folder = tmp_path / "config" / "systemd" / "user"
    folder.mkdir(parents=True)
    (folder / "tsuzuki.service").write_bytes(unit_file(start))
    with_systemd(f"systemctl --user start tsuzuki && soon test -s {said}")
    assert said.read_text() == repr(([WORD, "b\nc"], WORD))


@pytest.mark.slow
def test_a_folder_is_watched_from_login_until_that_is_removed(with_systemd, tmp_path):
    from tests.cli.conftest import write_video

    incoming = tmp_path / "in coming"
    incoming.mkdir()
    write_video(incoming / "a.mp4", frames=6)
    output = incoming / "upscaled" / "a_2x.mp4"
    told = with_systemd(
        f"""
        cd {tmp_path}
        export TSUZUKI_SESSIONS_DIR=$HOME/sessions
        tsuzuki() {{ $PYTHON -P -m tsuzuki service "$@"; }}
        tsuzuki status
        tsuzuki install --now 'in coming' -- --engine nearest --settle 0.2
        soon test -e '{output}'
        tsuzuki status
        systemctl --user is-enabled tsuzuki
        systemctl --user show tsuzuki -p Result,SubState
        tsuzuki remove
        systemctl --user show tsuzuki -p LoadState,ActiveState
        tsuzuki status
        find $XDG_CONFIG_HOME ! -type d
        tsuzuki remove
        """
    )
    lines = [line for line in told.splitlines() if line.strip()]
    unit = tmp_path / "config" / "systemd" / "user" / "tsuzuki.service"
    assert lines[0].startswith("Not installed.")
    assert lines[1] == f"Installed in {unit}. At each login this is run:"
    assert lines[4].startswith(f"Installed in {unit}, running.")
    assert lines[5:8] == ["enabled", "Result=success", "SubState=running"]
    assert lines[8] == f"Removed {unit}."
    assert lines[9:11] == ["LoadState=not-found", "ActiveState=inactive"]
    assert lines[11].startswith("Not installed.")
    assert lines[12:] == ["Nothing was installed."]
