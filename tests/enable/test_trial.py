"""A change on trial: all or nothing, put back byte for byte, whatever is killed or edited when."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from otpauth import home, host, log, stack
from otpauth.cli import admin
from otpauth.enable import clock, files, journal, sshdfile, trial
from otpauth.enable.edit import Edit
from otpauth.enable.plan import Plan
from otpauth.enable.wanted import KEY, Wanted
from otpauth.errors import OtpauthError, RefusedError, WriteError

if TYPE_CHECKING:
    from types import FrameType

HOUR = 3600
PACKAGE = str(Path(trial.__file__).parent)


def planned(service: str, edits: tuple[Edit, ...]) -> Plan:
    """Return a plan for which sshd need not read anything."""
    return Plan(service, edits, reload=False, tester="")


class Ground:
    """A folder with three files: one is changed, one made, one removed."""

    def __init__(self, folder: Path) -> None:
        self.done: list[str] = []
        self.fault = ""
        self.changed, self.made, self.gone = (folder / name for name in ("pam", "drop", "old"))
        self.changed.write_bytes(b"# kept\nauth include common-auth\n")
        self.changed.chmod(0o640)
        self.gone.write_bytes(b"\xff\x00")
        self.gone.chmod(0o604)
        self.at = trial.Place(
            host.Host(var=str(folder / "var"), owner=os.getuid()),
            lambda seconds: self.done.append(f"arranged {seconds}"),
            lambda: self.done.append("cancelled") or [],  # type: ignore[func-returns-value]
            self.reload,
        )
        self.before = self.seen()
        self.plan = planned("sshd", self.edits(b"auth required otpauth\n"))

    def edits(self, text: bytes) -> tuple[Edit, ...]:
        """Return the change from what is there now."""
        return (
            Edit(str(self.changed), files.read(str(self.changed)), text),
            Edit(str(self.made), files.read(str(self.made)), b"Match all\n", 0o600),
            Edit(str(self.gone), files.read(str(self.gone)), None),
        )

    def reload(self) -> str:
        """Note it, and fail once if that is wanted."""
        self.done.append("reloaded")
        fault, self.fault = self.fault, ""
        return fault

    def seen(self) -> dict[str, tuple[bytes, int, int]]:
        """Return bytes, mode and owner of all files, hidden ones too."""
        return {
            path.name: (path.read_bytes(), path.stat().st_mode, path.stat().st_uid)
            for path in sorted(self.changed.parent.iterdir())
            if path.is_file()
        }

    def begin(self, **more: Any) -> trial.Trial:
        """Begin the trial for an hour."""
        return trial.begin(self.plan, HOUR, at=self.at, **more)


@pytest.fixture(autouse=True)
def _no_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep these trials out of the machine's log."""
    monkeypatch.setattr(log, "SOCKET", "/nonexistent")


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """Give a folder of files."""
    return Ground(tmp_path)


def test_put_back(ground: Ground) -> None:
    """What is put back has its bytes, mode and owner; a new file is gone, a removed one is back."""
    ground.begin()
    during = ground.seen()
    assert during["pam"] == (b"auth required otpauth\n", 0o100640, os.getuid())
    assert during["drop"][1] == 0o100600
    assert set(during) == {"pam", "drop", ".pam.otpauth-old", ".old.otpauth-old"}
    assert during[".pam.otpauth-old"] == ground.before["pam"]
    done = trial.revert(at=ground.at)
    assert done is not None
    assert set(done.put_back) == {str(ground.changed), str(ground.made), str(ground.gone)}
    assert ground.seen() == ground.before
    assert (done.left, trial.pending(at=ground.at)) == ((), None)
    assert ground.done == [f"arranged {HOUR}", "cancelled"]


def test_put_back_twice(ground: Ground) -> None:
    """Putting back again changes nothing, and says that nothing is on trial."""
    ground.begin()
    trial.revert(at=ground.at)
    assert trial.revert(at=ground.at) is None
    assert ground.seen() == ground.before


def test_attributes_are_kept(ground: Ground) -> None:
    """Extended attributes, as those of SELinux, are on the new file and on the old one put back."""
    os.setxattr(ground.changed, "user.context", b"etc_t")
    os.setxattr(ground.gone, "user.context", b"etc_t")
    ground.begin()
    assert os.getxattr(ground.changed, "user.context") == b"etc_t"
    trial.revert(at=ground.at)
    assert os.getxattr(ground.changed, "user.context") == b"etc_t"
    assert os.getxattr(ground.gone, "user.context") == b"etc_t"


def test_a_link_is_followed(ground: Ground) -> None:
    """A file that a symbolic link leads to is changed where it is, and the link stays."""
    link = ground.changed.with_name("link")
    link.symlink_to(ground.changed)
    edit = ground.plan.edits[0]._replace(path=str(link))
    trial.begin(planned("sshd", (edit,)), HOUR, at=ground.at)
    assert (link.is_symlink(), ground.changed.read_bytes()) == (True, edit.after)


def test_half_way(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """If one file cannot be written, the earlier ones are as they were, and no trial is pending."""
    put = files.put

    def failing(path: str, data: bytes | None, shape: files.Look) -> None:
        if path == str(ground.gone) and data is None:
            raise OSError(28, "No space left on device")
        put(path, data, shape)

    monkeypatch.setattr(files, "put", failing)
    with pytest.raises(OSError, match="No space left"):
        ground.begin()
    assert (ground.seen(), trial.pending(at=ground.at)) == (ground.before, None)
    assert ground.done[-1] == "cancelled"


def test_not_arranged(ground: Ground) -> None:
    """No file is touched if the revert cannot be arranged."""

    def failing(_: int) -> None:
        assert ground.seen() == ground.before
        raise WriteError("no timer")

    with pytest.raises(WriteError, match="no timer"):
        trial.begin(ground.plan, HOUR, at=ground.at._replace(arrange=failing))
    assert (ground.seen(), trial.pending(at=ground.at)) == (ground.before, None)


def test_sshd_refuses(ground: Ground) -> None:
    """If sshd does not take the change, all is put back and sshd is told again."""
    ground.plan = ground.plan._replace(reload=True)
    ground.fault = "line 3: bad"
    with pytest.raises(RefusedError, match="line 3: bad"):
        ground.begin()
    assert ground.seen() == ground.before
    assert ground.done[1:] == ["reloaded", "reloaded", "cancelled"]


@pytest.mark.parametrize("kind", [journal.ENABLE, journal.DISABLE])
def test_no_moment_for_a_code_alone(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Whatever sshd asks for before PAM is in force first, and goes last."""
    steps: list[str] = []
    put = files.put

    def noted(path: str, data: bytes | None, shape: files.Look) -> None:
        steps.append(path)
        put(path, data, shape)

    monkeypatch.setattr(files, "put", noted)
    monkeypatch.setattr(sshdfile, "FOLDER", str(ground.made.parent))
    pam = ground.changed.parent / "pam.d" / "sshd"
    pam.parent.mkdir()
    edits = (Edit(str(pam), None, b"code\n"), ground.plan.edits[1])
    at = ground.at._replace(reload=lambda: steps.append("reload") or "")  # type: ignore[func-returns-value]
    trial.begin(Plan("sshd", edits, reload=True, tester=""), HOUR, kind=kind, at=at)
    demanded = [str(ground.made), "reload"]
    enabling = kind == journal.ENABLE
    assert steps == ([*demanded, str(pam)] if enabling else [str(pam), *demanded])
    steps.clear()
    trial.revert(at=at)
    assert steps == [*([str(pam), str(ground.made)][:: 1 if enabling else -1]), "reload"]


def test_changed_before(ground: Ground) -> None:
    """A file that is not what the plan has read refuses the whole change."""
    ground.gone.write_bytes(b"newer")
    with pytest.raises(RefusedError, match="changed meanwhile"):
        ground.begin()
    assert ground.changed.read_bytes() == ground.before["pam"][0]
    assert not ground.done


@pytest.mark.parametrize("how", ["edited", "removed", "link", "folder"])
def test_edited(ground: Ground, how: str) -> None:
    """A file that somebody else changed since is left alone, said, kept beside; others go back."""
    ground.begin()
    ground.changed.unlink()
    if how == "edited":
        ground.changed.write_bytes(b"mine\n")
    elif how == "link":
        ground.changed.symlink_to("/etc/passwd")
    elif how == "folder":
        ground.changed.mkdir()
    done = trial.revert(at=ground.at)
    assert done is not None
    ((path, kept),) = done.left
    assert (path, Path(kept).read_bytes()) == (str(ground.changed), ground.before["pam"][0])
    assert not ground.made.exists()
    assert ground.gone.read_bytes() == ground.before["old"][0]
    assert ground.changed.is_symlink() == (how == "link")
    assert ground.changed.exists() == (how != "removed")
    assert "but for" in ground.at.journal.last()


@pytest.mark.parametrize("mine", [b"# mine\n%s", b"%s@include mine\n"])
def test_our_lines_are_taken_out(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, mine: bytes
) -> None:
    """From a file of PAM that was edited since, our lines go, and the password's is back."""
    monkeypatch.setattr(stack, "FOLDER", str(ground.changed.parent))
    monkeypatch.setattr(sshdfile, "DROPIN", str(ground.made))
    before = ground.before["pam"][0]
    ours = b"#otpauth: auth include common-auth\nauth required pam_python.so pam_otpauth.py\n"
    after = before.replace(b"auth include common-auth\n", ours)
    dropin = sshdfile.dropin(Wanted("sshd", KEY))
    edits = (Edit(str(ground.changed), before, after), Edit(str(ground.made), None, dropin))
    trial.begin(planned("sshd", edits), HOUR, at=ground.at)
    ground.changed.write_bytes(mine % after)
    ground.made.write_bytes(dropin + b"LogLevel DEBUG\n")
    done = trial.revert(at=ground.at)
    assert done is not None
    assert set(done.bared) == {path for path, _ in done.left} == {each.path for each in edits}
    assert ground.changed.read_bytes() == mine % before
    assert not ground.made.exists()
    assert Path(dict(done.left)[str(ground.changed)]).read_bytes() == before
    assert Path(dict(done.left)[str(ground.made)]).read_bytes() == dropin + b"LogLevel DEBUG\n"


def test_no_room_to_keep_bytes(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """If an edited file's old bytes cannot be kept, the others go back, and it is tried again."""

    def full(*_: object) -> str:
        raise WriteError("no space left")

    ground.begin()
    ground.gone.write_bytes(b"mine")
    monkeypatch.setattr(journal.Journal, "set_aside", full)
    with pytest.raises(WriteError, match=r"not put back: .*old': no space left"):
        trial.revert(at=ground.at)
    assert not ground.made.exists()
    assert ground.changed.read_bytes() == ground.before["pam"][0]
    monkeypatch.undo()
    assert len(trial.revert(at=ground.at).left) == 1


def test_no_room_to_put_back(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for what is put back is taken before anything is changed."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    ground.begin()
    monkeypatch.setattr(files, "_write", full)
    monkeypatch.setattr(home, "write", full)
    assert trial.revert(at=ground.at) is not None
    assert ground.seen() == ground.before
    with pytest.raises(OSError, match="No space left"):
        ground.begin()
    assert ground.seen() == ground.before


def test_no_room_for_the_note(ground: Ground) -> None:
    """A note that cannot be written keeps no trial from its end."""
    ground.begin()
    Path(ground.at.journal.folder, "last.new").mkdir()
    assert trial.revert(at=ground.at) is not None
    assert trial.pending(at=ground.at) is None
    ground.begin()
    trial.confirm(anyway=True, at=ground.at)
    assert trial.enabled("sshd", at=ground.at) is not None


def test_unchanged_files_are_nobodys(ground: Ground) -> None:
    """A file that a plan names and leaves as it is may be edited meanwhile."""
    edit = Edit(str(ground.gone), b"\xff\x00", b"\xff\x00")
    trial.begin(planned("su", (edit,)), HOUR, at=ground.at)
    ground.gone.write_bytes(b"edited")
    done = trial.revert(at=ground.at)
    assert done is not None
    assert (done.put_back, done.left) == ((), ())


def test_one_trial_at_a_time(ground: Ground) -> None:
    """While a trial is pending another one is refused, and the first stays."""
    first = ground.begin()
    with pytest.raises(RefusedError, match="a trial of sshd is pending until"):
        ground.begin()
    assert trial.pending(at=ground.at) == first


def test_confirmed(ground: Ground) -> None:
    """What is confirmed stays, with the original bytes kept for disable, and cannot be put back."""
    ground.begin()
    trial.confirm(anyway=True, at=ground.at)
    kept = trial.enabled("sshd", at=ground.at)
    assert kept is not None
    assert [edit.before for edit in kept.edits] == [e.before for e in ground.plan.edits]
    assert trial.revert(at=ground.at) is None
    assert set(ground.seen()) == {"pam", "drop"}
    with pytest.raises(RefusedError, match="the trial of sshd was confirmed at") as caught:
        trial.confirm(anyway=True, at=ground.at)
    assert "otpauth-admin enable" in caught.value.hint
    assert ground.done.count("cancelled") >= 1


def test_enabled_twice(ground: Ground) -> None:
    """After two changes the kept bytes are those from before the first; a revert undoes one."""
    ground.begin()
    trial.confirm(anyway=True, at=ground.at)
    middle = ground.seen()
    change = Edit(str(ground.changed), ground.changed.read_bytes(), b"auth other words\n")
    ground.plan = planned("sshd", (change,))
    ground.begin()
    trial.revert(at=ground.at)
    assert ground.seen() == middle
    ground.begin()
    trial.confirm(anyway=True, at=ground.at)
    kept = trial.enabled("sshd", at=ground.at)
    assert kept is not None
    found = {edit.path: (edit.before, edit.after) for edit in kept.edits}
    assert found[str(ground.changed)] == (ground.before["pam"][0], b"auth other words\n")
    assert found[str(ground.made)] == (None, b"Match all\n")
    assert found[str(ground.gone)] == (ground.before["old"][0], None)


def test_edited_before_the_second(ground: Ground) -> None:
    """An edit between two changes is what the second one goes back to."""
    ground.begin()
    trial.confirm(anyway=True, at=ground.at)
    ground.changed.write_bytes(b"mine\n")
    ground.plan = planned("sshd", (Edit(str(ground.changed), b"mine\n", b"other\n"),))
    ground.begin()
    trial.confirm(anyway=True, at=ground.at)
    kept = trial.enabled("sshd", at=ground.at)
    assert kept is not None
    assert kept.edits[0].before == b"mine\n"


def test_disabled(ground: Ground) -> None:
    """A confirmed disable leaves nothing kept."""
    ground.begin()
    trial.confirm(anyway=True, at=ground.at)
    kept = trial.enabled("sshd", at=ground.at)
    assert kept is not None
    ground.plan = planned("sshd", tuple(Edit(e.path, e.after, e.before, 0o604) for e in kept.edits))
    ground.begin(kind=journal.DISABLE)
    trial.confirm(anyway=True, at=ground.at)
    assert trial.enabled("sshd", at=ground.at) is None
    assert {name: row[0] for name, row in ground.seen().items()} == {
        name: row[0] for name, row in ground.before.items()
    }


def test_not_from_an_old_login(ground: Ground) -> None:
    """A process that no sshd let in since the change does not confirm it."""
    ground.begin()
    with pytest.raises(RefusedError, match="not a login that sshd let in"):
        trial.confirm(at=ground.at)
    assert trial.pending(at=ground.at) is not None


@pytest.mark.parametrize(
    ("over", "change"),
    [
        (False, {}),
        (True, {"due": 1.0}),
        (True, {"boot": "another"}),
        (False, {"until": 1}),
    ],
)
def test_overdue(ground: Ground, *, over: bool, change: dict[str, Any]) -> None:
    """A trial ends by the clock that nobody sets, or with the boot, and is then not confirmed."""
    held = ground.begin()
    ground.at.journal.write(held._replace(**change))
    if over:
        with pytest.raises(RefusedError, match="the trial of sshd was put back at"):
            trial.confirm(anyway=True, at=ground.at)
    else:
        assert trial.revert_overdue(at=ground.at) is None
        trial.confirm(anyway=True, at=ground.at)
    assert (ground.seen() == ground.before) == over


def test_another_trial_is_not_put_back(ground: Ground) -> None:
    """What waits for the end of one trial leaves a later one alone."""
    first = ground.begin()
    trial.revert(at=ground.at)
    second = ground.begin()
    assert trial.revert(at=ground.at, only=first) is None
    assert trial.pending(at=ground.at) == second


def test_interrupted_is_not_confirmed(ground: Ground) -> None:
    """A change that was not carried out to its end cannot be confirmed."""
    held = ground.begin()
    ground.at.journal.write(held._replace(applied=0.0))
    with pytest.raises(RefusedError, match="was interrupted"):
        trial.confirm(anyway=True, at=ground.at)


@pytest.mark.parametrize("damage", [b"", b"{", b'{"version": 2}', b"[]", b'{"version": 1}', b"3"])
def test_damaged_journal(ground: Ground, damage: bytes) -> None:
    """A journal that cannot be read refuses, names itself, and nothing is changed."""
    ground.begin()
    during = ground.seen()
    Path(ground.at.journal.path).write_bytes(damage)
    with pytest.raises(RefusedError, match="trial/journal"):
        trial.revert(at=ground.at)
    assert ground.seen() == during


def test_private(ground: Ground) -> None:
    """Only its owner reads the journal, the kept bytes, and their folders."""
    ground.begin()
    trial.confirm(anyway=True, at=ground.at)
    ground.plan = planned("su", ())
    ground.begin()
    for path in Path(ground.at.host.var).rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_place() -> None:
    """The path that every verb looks at is that of the journal."""
    assert journal.Journal(host.Host()).path == admin.JOURNAL


def test_race(ground: Ground) -> None:
    """Of a confirm and reverts at one instant exactly one wins, and the files are the winner's."""
    for _ in range(10):
        ground.plan = planned("sshd", ground.edits(os.urandom(4).hex().encode()))
        if ground.plan.edits[2].before is None:
            ground.plan = ground.plan._replace(edits=ground.plan.edits[:1])
        before = ground.seen()
        ground.begin()
        won: list[str] = []
        gate = threading.Barrier(3)
        racers = [threading.Thread(target=_race, args=(ground, gate, won, n)) for n in range(3)]
        for each in racers:
            each.start()
        for each in racers:
            each.join()
        assert len(won) == 1
        assert (ground.seen() == before) == (won == ["put back"])


def _race(ground: Ground, gate: threading.Barrier, won: list[str], number: int) -> None:
    gate.wait()
    try:
        if number == 0:
            trial.confirm(anyway=True, at=ground.at)
            won.append("confirmed")
        elif trial.revert(at=ground.at):
            won.append("put back")
    except OtpauthError as error:
        assert "was put back" in str(error)  # noqa: PT017 -- it need not be raised


def test_killed(tmp_path: Path) -> None:
    """Killed at any line of begin, confirm and revert: all of it stays, or a revert undoes it."""
    for step in range(0, 5000, 5):  # every line would take a minute
        folder = tmp_path / str(step)
        folder.mkdir()
        ground = Ground(folder)
        finished = _killed_at(ground, step)
        held = trial.pending(at=ground.at)
        assert held is not None or ground.seen() == ground.before or _is_confirmed(ground)
        confirmed = held is None and _is_confirmed(ground)
        trial.revert(at=ground.at)
        if confirmed:
            assert set(ground.seen()) == {"pam", "drop"}
        else:
            assert ground.seen() == ground.before
        assert (trial.enabled("sshd", at=ground.at) is not None) == confirmed
        if finished:
            assert confirmed == bool(step % 2)
            if step > 100:
                return
    pytest.fail("it never came to its end")


def _is_confirmed(ground: Ground) -> bool:
    return trial.enabled("sshd", at=ground.at) is not None


def _killed_at(ground: Ground, step: int) -> bool:
    """Begin, and confirm if the step is odd, else put back, until that line; say if it ended."""
    child = os.fork()
    if child == 0:
        try:
            sys.settrace(_Killer(step))
            ground.begin()
            if step % 2:
                trial.confirm(anyway=True, at=ground.at)
            else:
                trial.revert(at=ground.at)
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


class _Killer:
    """Kills the process at the nth line of otpauth/enable that it executes."""

    def __init__(self, left: int) -> None:
        self._left = left

    def __call__(self, frame: FrameType, event: str, _: object) -> Any:
        if not frame.f_code.co_filename.startswith(
            (PACKAGE, str(Path(PACKAGE).parent / "home.py"))
        ):
            return None
        if event == "line":
            self._left -= 1
            if self._left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return self


def test_the_clock_is_that_of_proc() -> None:
    """A process started now was started now by the clock of trials, give or take a moment."""
    from otpauth.enable import processes

    before = clock.now()
    child = os.fork()
    if child == 0:
        signal.pause()
    try:
        found = processes.origin(child)
        assert found is not None
        assert found.parent == os.getpid()
        assert abs(found.started - before) < 1
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
