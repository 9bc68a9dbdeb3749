"""The test stage: run a command where it may change the machine, and the machine stays as it was.

    python -m tests.stage [--no-install] -- COMMAND…

The command runs as root in its own mount and process namespaces. Every folder that a login, an
enrolment or an installation writes to is an overlay whose upper half lives in memory; /run and
/dev are private; /dev/log is a real datagram socket whose lines go to a file. When the command
ends, everything it left running is killed by the kernel and everything it wrote is gone. What it
must not do: mount anything before it is in a namespace of its own.

Inside, $OTPAUTH_STAGE names the workspace (logs/, tmp/, bin/, keys/, authorized/).
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

VARIABLE = "OTPAUTH_STAGE"
WORKSPACE = Path("/run/otpauth-stage")
SYSLOG = "logs/syslog"
OVERLAID = (
    "/etc",
    "/home",
    "/root",
    "/var/lib",
    "/var/log",
    "/var/mail",
    "/usr/local",
    "/lib/security",
)
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NAMESPACES = (
    *("unshare", "--mount", "--propagation", "private"),
    *("--pid", "--fork", "--kill-child", "--mount-proc"),
)
TREE = Path(__file__).resolve().parent.parent


class StageError(Exception):
    """Raised if the stage cannot be set up, or a part is used outside of it."""


def workspace() -> Path:
    """Return the workspace of the stage this process runs in.

    Raises:
        StageError: outside of the stage; tests need it so that they cannot harm the machine.

    """
    if VARIABLE not in os.environ:
        command = "unshare --mount --propagation private python -m tests.stage -- COMMAND"
        raise StageError(f"this needs root and the test stage: sudo make check, or {command}")
    return Path(os.environ[VARIABLE])


def main(words: list[str] | None = None) -> int:
    """Run a command on the stage and return its exit status."""
    options = _options().parse_args(words)
    for number in (signal.SIGHUP, signal.SIGQUIT):  # ignored under nohup and in a script's "&"
        signal.signal(number, signal.SIG_DFL)
    try:
        if not options.inside:
            _enter(sys.argv[1:] if words is None else words)
        _build()
        if not options.no_install:
            _install()
        return _run(options.command)
    except StageError as error:
        print(f"tests.stage: error: {error}", file=sys.stderr)
        return 1


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.stage", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--no-install", action="store_true", help="leave the product out")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("command", nargs="+")
    return parser


def _enter(words: list[str]) -> None:
    """Replace this process by one in namespaces of its own, whoever called it and how."""
    if os.geteuid() != 0:
        raise StageError("not root; the tests make accounts and mounts: sudo make check")
    if not shutil.which("unshare"):
        raise StageError("no 'unshare': apt-get install util-linux")
    again = (*NAMESPACES, sys.executable, "-m", "tests.stage", "--inside", *words)
    os.execvp(again[0], again)  # noqa: S606 (that is the point)


def _build() -> None:
    if os.getpid() != 1:
        raise StageError("--inside is for the stage itself")
    here = Path.cwd()
    real_dev = os.open("/dev", os.O_PATH | os.O_DIRECTORY)
    tree = os.open(TREE, os.O_PATH | os.O_DIRECTORY)
    _mount_workspace()
    for folder in OVERLAID:
        _overlay(_existing(Path(folder)))
        Path(folder).mkdir(parents=True, exist_ok=True)
    _keep_tree_writable(tree)
    _private_dev(real_dev)
    os.close(real_dev)
    os.close(tree)
    os.chdir(here)  # the same folder, now seen through the overlays
    _name_this_host()


def _mount(*words: str) -> None:
    done = subprocess.run(("mount", *words), capture_output=True, text=True, check=False)
    if done.returncode:
        fault = done.stderr.strip() or f"status {done.returncode}"
        message = f"cannot mount {words[-1]!r} for the tests ({fault})"
        hint = "a container needs the right to mount overlays"
        raise StageError(f"{message}; {hint}")


def _mount_workspace() -> None:
    _mount("-t", "tmpfs", "-o", "mode=0755", "otpauth-run", "/run")
    for name in ("lock", "sshd", "user"):
        Path("/run", name).mkdir(mode=0o755)
    WORKSPACE.mkdir(mode=0o755)
    for name, mode in {
        "overlay": 0o700,
        "logs": 0o700,
        "keys": 0o700,
        "bin": 0o755,
        "authorized": 0o755,
        "tmp": 0o1777,
        "dev": 0o755,
    }.items():
        folder = WORKSPACE / name
        folder.mkdir()
        folder.chmod(mode)


def _existing(path: Path) -> Path:
    """Return the folder, or its nearest ancestor that exists: nothing is made on the machine."""
    path = path.resolve()
    while not path.is_dir():
        path = path.parent
    return path


def _overlay(folder: Path) -> None:
    place = WORKSPACE / "overlay" / str(folder).strip("/").replace("/", "-")
    upper, work = place / "upper", place / "work"
    upper.mkdir(parents=True)
    work.mkdir()
    lower = folder.stat()
    os.chown(upper, lower.st_uid, lower.st_gid)
    upper.chmod(stat.S_IMODE(lower.st_mode))
    _mount(
        *("-t", "overlay", "otpauth-overlay"),
        *("-o", f"lowerdir={folder},upperdir={upper},workdir={work}", str(folder)),
    )


def _keep_tree_writable(tree: int) -> None:
    """Bind the work tree over itself if an overlay covers it, so that build/ really is written."""
    if os.stat(TREE).st_dev != os.fstat(tree).st_dev:
        _mount("--no-canonicalize", "--bind", f"/proc/{os.getpid()}/fd/{tree}", str(TREE))


def _private_dev(real: int) -> None:
    """Cover /dev with a copy, in which /dev/log is ours: no line of a test reaches the machine."""
    copy = WORKSPACE / "dev"
    _mount("-t", "tmpfs", "-o", "mode=0755,nosuid", "otpauth-dev", str(copy))
    for entry in os.scandir(f"/proc/self/fd/{real}"):
        _copy_node(entry, copy / entry.name)
    (copy / "shm").mkdir()
    (copy / "pts").mkdir()
    _mount("-t", "tmpfs", "-o", "mode=1777,nosuid,nodev", "otpauth-shm", str(copy / "shm"))
    _mount("--rbind", "/dev/pts", str(copy / "pts"))
    _mount("--rbind", str(copy), "/dev")


def _copy_node(entry: os.DirEntry[str], target: Path) -> None:
    status = entry.stat(follow_symlinks=False)
    if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        os.mknod(target, status.st_mode, status.st_rdev)
        os.chown(target, status.st_uid, status.st_gid)
        target.chmod(stat.S_IMODE(status.st_mode))
    elif entry.is_symlink() and entry.name != "log":
        target.symlink_to(os.readlink(entry.path))


def _name_this_host() -> None:
    """Let sudo find this host's name without asking a name server."""
    name = socket.gethostname()
    with Path("/etc/hosts").open("a", encoding="utf-8") as hosts:
        hosts.write(f"\n127.0.0.1 localhost {name}\n")


def _install() -> None:
    _step("make", "-s", "install-files", "PREFIX=/usr/local")
    _step("/usr/local/sbin/otpauth-admin", "init")


def _step(*command: str) -> None:
    done = subprocess.run(
        command,
        cwd=TREE,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StageError(f"{' '.join(command)!r} failed:\n{done.stdout.rstrip()}")


def _environment() -> dict[str, str]:
    """Return what the command finds: the system's programs, the workspace, nobody's language."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LC_")}
    ours = {VARIABLE: str(WORKSPACE), "TMPDIR": str(WORKSPACE / "tmp"), "LANG": "C.UTF-8"}
    return kept | ours | {"PATH": SYSTEM_PATH}


def _run(command: list[str]) -> int:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind("/dev/log")
    Path("/dev/log").chmod(0o666)
    Path(WORKSPACE, SYSLOG).touch()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command decides what ^C means
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    threading.Thread(target=_collect, args=(listener,), daemon=True).start()
    try:
        child = os.posix_spawnp(
            command[0], command, _environment(), setsigdef=[signal.SIGINT, signal.SIGTERM]
        )
    except OSError as error:
        raise StageError(f"cannot run {command[0]!r}: {error.strerror}") from None
    return _wait(child)


def _collect(listener: socket.socket) -> None:
    """Append each datagram as one line; a newline inside one is written as backslash and n."""
    with Path(WORKSPACE, SYSLOG).open("ab", buffering=0) as syslog:
        while True:
            datagram = listener.recv(65536).rstrip(b"\0\n")
            line = datagram.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\0", b"\\0")
            syslog.write(line + b"\n")


def _wait(child: int) -> int:
    """Reap everything, as process 1 of this namespace must, until the command itself ends."""
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
