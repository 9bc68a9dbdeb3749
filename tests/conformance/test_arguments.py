"""Arguments about files and users, through both modules: what theirs does, and ours."""

from __future__ import annotations

import os
import pwd
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.conformance.anchor import GOOGLE, OURS, TOTP, Pair, Seen, file_text, seen
from tests.conformance.scenarios import PERIOD, PLAIN
from tests.parts import accounts, log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conformance.anchor import Pair
    from tests.parts.accounts import Person

pytestmark = pytest.mark.stage

OK, NO, IGNORE, UNAVAILABLE = "PAM_SUCCESS", "PAM_AUTH_ERR", "PAM_IGNORE", "PAM_AUTHINFO_UNAVAIL"
RIGHT = TOTP[10000]


@pytest.fixture
def folder(stage: Path) -> Iterator[Path]:
    """Give a folder of root's, outside of every home."""
    made = stage / "tmp" / "secrets"
    made.mkdir(mode=0o755)
    yield made
    shutil.rmtree(made)


def run(pair: Pair, module: str, *words: str, answer: str = RIGHT) -> Seen:
    """Log in through a module with these arguments."""
    return seen(pair.drive(module, words, [answer]), first=False)


MALFORMED = (
    *("nonsense", "secret=", "user=", "user=nobody-there", "allowed_perm=9", "allowed_perm=0"),
    *("grace_period=1x", "grace_period=-1", "grace_period="),
)


@pytest.mark.parametrize("word", MALFORMED)
def test_malformed(pair: Pair, word: str) -> None:
    """Both refuse a malformed argument without a prompt; ours says that nothing could be checked.

    Theirs takes secret= and grace_period= without a value; ours never.
    """
    google, ours = run(pair, GOOGLE, word), run(pair, OURS, word)
    assert ours == (UNAVAILABLE, 0, None)
    if word not in ("secret=", "grace_period="):
        assert google == (NO, 0, None)


def test_user_by_number(pair: Pair) -> None:
    """Theirs takes user=0abc for root; ours refuses it."""
    since = log.position()
    assert run(pair, OURS, "user=0abc", "secret=/x").code == UNAVAILABLE
    assert log.lines(since, containing="CONFIG_BROKEN")
    path = pair.person.home / "root-file"
    path.write_text(PLAIN)
    path.chmod(0o600)
    assert run(pair, GOOGLE, "user=0abc", f"secret={path}").code == OK


@pytest.mark.parametrize("template", ["~/sub/file", "${HOME}/sub/file", "/home/${USER}/sub/file"])
def test_secret_in_the_home(pair: Pair, template: str) -> None:
    """The file that secret= names is the one that is read and written, by both."""
    sub = pair.person.home / "sub"
    sub.mkdir()
    os.chown(sub, pair.person.uid, pair.person.gid)
    for module, path in ((GOOGLE, pair.google_file), (OURS, pair.our_file)):
        path.rename(sub / "file")
        before = (sub / "file").read_bytes()
        assert run(pair, module, f"secret={template}") == (OK, 1, None)
        assert (sub / "file").read_bytes() != before
        assert (sub / "file").stat().st_uid == pair.person.uid
        assert not path.exists()
        (sub / "file").unlink()


@pytest.mark.parametrize("opener", ["root", "0", "daemon"])
def test_user(pair: Pair, folder: Path, opener: str) -> None:
    """With user= the file is read and written with that user's rights, by both."""
    entry = pwd.getpwnam("root" if opener == "0" else opener)
    folder.chmod(0o700)
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    path = folder / pair.name
    for module, source in ((GOOGLE, pair.google_file), (OURS, pair.our_file)):
        shutil.move(source, path)
        os.chown(path, entry.pw_uid, entry.pw_gid)
        before = path.read_bytes()
        assert run(pair, module, f"user={opener}", f"secret={folder}/${{USER}}").code == OK
        assert path.read_bytes() != before
        assert path.stat().st_uid == entry.pw_uid
        path.unlink()


def test_prompts(pair: Pair) -> None:
    """The prompt and whether it echoes are as in theirs."""
    for word in ("debug", "authtok_prompt=Your code:", "forward_pass", "echo_verification_code"):
        (google,) = pair.drive(GOOGLE, [word], ["000000"]).one.prompts[:1]
        (ours,) = pair.drive(OURS, [word], ["000000"]).one.prompts[:1]
        assert google == ours, word


FORWARDED = ("{code}", "hunter2{code}", "12{code}", "hunter2 {code}", "pw12345678", "hunter2", "")


@pytest.mark.parametrize("typed", FORWARDED)
@pytest.mark.parametrize("words", [("forward_pass",), ("forward_pass", "use_first_pass")])
def test_forwarded(pair: Pair, typed: str, words: tuple[str, ...]) -> None:
    """With forward_pass the next module gets what stood before a right code, as from theirs."""
    pair.install(file_text("DISALLOW_REUSE", "TOTP_AUTH", scratch=("12345678",)))
    given = typed.format(code=RIGHT)
    first = "use_first_pass" in words
    authtok, answers = (given, []) if first else (None, [given])
    google, ours = pair.google(words, authtok, answers), pair.ours(words, authtok, answers)
    assert google == ours
    accepted = typed.endswith(("{code}", "5678"))
    assert ours.code == (OK if accepted else NO)
    if accepted:
        assert ours.authtok == given.removesuffix(RIGHT).removesuffix("12345678")


def test_brackets(pair: Pair) -> None:
    """A value with blanks stands in brackets, as PAM has it."""
    for word in ("prompt=Code of web1: ", "authtok_prompt=Code of web1: "):
        assert pair.drive(OURS, [word], ["000000"]).one.asked == ["Code of web1: "]


def test_debug_tells_no_code(pair: Pair) -> None:
    """With debug the log says more, and neither code nor password."""
    since = log.position()
    typed = "correct-horse-482913"
    run(pair, OURS, "debug", "forward_pass", answer=typed)
    texts = [line.text for line in log.lines(since, containing="otpauth[")]
    assert any("debug=login" in text for text in texts)
    assert not any("482913" in text or "correct" in text for text in texts)


MODES = {0o400: OK, 0o600: OK, 0o440: NO, 0o640: NO, 0o700: NO, 0o500: NO, 0o2600: NO}


@pytest.mark.parametrize("mode", MODES)
def test_modes(pair: Pair, mode: int) -> None:
    """Theirs refuses these modes; ours, sealed, may be read, and its absence keeps nobody out."""
    for path in (pair.google_file, pair.our_file):
        path.chmod(mode)
    assert run(pair, GOOGLE).code == MODES[mode]
    assert run(pair, OURS).code == OK


def test_allowed_mode(pair: Pair) -> None:
    """allowed_perm= says what is fit: else the file is left alone, and the host's copy decides."""
    for path in (pair.google_file, pair.our_file):
        path.chmod(0o640)
    assert run(pair, GOOGLE, "allowed_perm=0640").code == OK
    before = pair.our_file.read_bytes()
    assert run(pair, OURS, "allowed_perm=0600").code == OK
    assert pair.our_file.read_bytes() == before
    pair.clock.freeze(10001 * PERIOD)
    assert run(pair, OURS, "allowed_perm=0640", answer=TOTP[10001]).code == OK
    assert pair.our_file.read_bytes() != before


def test_owner(pair: Pair) -> None:
    """Another's file is unfit, unless no_strict_owner says otherwise."""
    for path in (pair.google_file, pair.our_file):
        os.chown(path, 1, 1)
        path.chmod(0o644)
    assert run(pair, GOOGLE).code == NO
    before = pair.our_file.read_bytes()
    assert run(pair, OURS).code == OK
    assert pair.our_file.read_bytes() == before
    pair.clock.freeze(10001 * PERIOD)
    words = ("no_strict_owner", "allowed_perm=0644")
    assert run(pair, GOOGLE, *words, answer=TOTP[10001]).code == OK
    assert run(pair, OURS, *words, answer=TOTP[10001]).code == OK
    assert pair.our_file.read_bytes() != before


LITTER = {
    "empty": "",
    "nul": "ABC\0\n",
    "base32": '!!!\n" TOTP_AUTH\n',
    "padding": "JBSWY3DPEE======\n",
    "huge": "A" * 200_000,
}


@pytest.mark.parametrize("nullok", [False, True])
@pytest.mark.parametrize("name", LITTER)
def test_unreadable_file(pair: Pair, name: str, *, nullok: bool) -> None:
    """A file that cannot be understood is no missing file: asked and refused, nullok or not."""
    pair.install(None)
    for path in (pair.google_file, pair.our_file):
        path.write_text(LITTER[name])
        path.chmod(0o600)
        os.chown(path, pair.person.uid, pair.person.gid)
    words = ["nullok"] * nullok
    assert run(pair, GOOGLE, *words) == run(pair, OURS, *words, "after_password") == (NO, 1, None)


@pytest.mark.parametrize("nullok", [False, True])
@pytest.mark.parametrize("what", ["closed", "folder", "foreign", "loose"])
def test_odd_file(pair: Pair, what: str, *, nullok: bool) -> None:
    """A file that may not be read, a folder, another's, a loose one: none is a missing file."""
    pair.install(None)
    for path in (pair.google_file, pair.our_file):
        if what == "folder":
            path.mkdir()
        else:
            path.write_text(PLAIN if path == pair.google_file else "")
            path.chmod({"closed": 0, "foreign": 0o600, "loose": 0o666}[what])
        os.chown(path, *((1, 1) if what == "foreign" else (pair.person.uid, pair.person.gid)))
    words = ["nullok"] * nullok
    google, ours = run(pair, GOOGLE, *words), run(pair, OURS, *words, "after_password")
    assert google == ours == (NO, 1, None)


@pytest.mark.parametrize("nullok", [False, True])
def test_no_such_folder(pair: Pair, *, nullok: bool) -> None:
    """A file where a folder should be is no missing file either."""
    pair.install(None)
    (pair.person.home / "file").touch()
    words = ["nullok"] * nullok + ["secret=~/file/x"]
    assert run(pair, GOOGLE, *words) == run(pair, OURS, *words, "after_password") == (NO, 1, None)


def test_folder_of_others(pair: Pair, folder: Path) -> None:
    """A folder that somebody else owns or may write says nothing to ours, whoever opens it."""
    pair.install(None)
    words = ("nullok", "after_password", "user=daemon", f"secret={folder}/${{USER}}")
    assert run(pair, OURS, *words).code == IGNORE
    folder.chmod(0o1777)
    assert run(pair, OURS, *words).code == NO
    folder.chmod(0o755)
    os.chown(folder, pair.person.uid, pair.person.gid)
    assert run(pair, OURS, *words).code == NO


def test_link_in_a_folder_of_ones_own(pair: Pair, folder: Path) -> None:
    """With user=root a user cannot lead root elsewhere by a link in a folder of his own."""
    own, victim = folder / pair.name, folder / "victim"
    own.mkdir()
    victim.mkdir()
    os.chown(own, pair.person.uid, pair.person.gid)
    (own / "sub").symlink_to(victim)
    words = ("user=root", f"secret={folder}/${{USER}}/sub/file")
    assert run(pair, OURS, *words).code == OK
    assert not list(victim.iterdir())
    os.chown(own, 0, 0)
    pair.clock.freeze(10001 * PERIOD)
    assert run(pair, OURS, *words, answer=TOTP[10001]).code == OK
    assert [each.name for each in victim.iterdir() if each.suffix != ".lock"] == ["file"]


@pytest.mark.parametrize("nullok", [False, True])
def test_unknown_user(pair: Pair, folder: Path, *, nullok: bool) -> None:
    """An unknown user is asked and refused; with user= and nullok, theirs lets him pass."""
    words = ["nullok"] * nullok
    for module in (GOOGLE, OURS):
        mine = [*words, "after_password"] if module == OURS else words
        plain = pair.drive(module, mine, [RIGHT], user="nobody-there")
        assert seen(plain, first=False) == (NO, 1, None)
        locked = [*mine, "user=root", f"secret={folder}/${{USER}}"]
        done = seen(pair.drive(module, locked, [RIGHT], user="nobody-there"), first=False)
        passes = nullok and module == GOOGLE
        assert done == ((IGNORE, 0, None) if passes else (NO, 1, None))


@pytest.mark.parametrize("there", [False, True])
def test_nullok_outside_of_the_home(pair: Pair, folder: Path, *, there: bool) -> None:
    """With secret= elsewhere nullok passes if the folder is there and the file is not."""
    pair.install(None)
    place = folder if there else folder / "not-mounted"
    done = run(pair, OURS, "nullok", "after_password", "user=root", f"secret={place}/${{USER}}")
    assert done == ((IGNORE, 0, None) if there else (NO, 1, None))


@pytest.mark.parametrize("words", [(), ("allow_readonly",)])
def test_read_only_home(pair: Pair, words: tuple[str, ...]) -> None:
    """With a read-only home theirs lets nobody in, or, if allowed, a code twice; ours, once."""
    with accounts.read_only_home(pair.person):
        google = [run(pair, GOOGLE, *words).code for _ in range(2)]
        ours = [run(pair, OURS, *words).code for _ in range(2)]
    assert google == ([OK, OK] if words else [NO, NO])
    assert ours == [OK, NO]


@contextmanager
def _not_ones_own(person: Person) -> Iterator[None]:
    """Give the home to root, so that its owner may not write there."""
    os.chown(person.home, 0, 0)
    yield
    os.chown(person.home, person.uid, person.gid)


WRITE_ERRORS = {
    "Read-only file system": accounts.read_only_home,
    "No space left on device": accounts.full_home,
    "": _not_ones_own,
}


@pytest.mark.parametrize("error", WRITE_ERRORS)
def test_write_errors(pair: Pair, error: str) -> None:
    """Where its file cannot be written, theirs refuses and may say why; ours neither."""
    with WRITE_ERRORS[error](pair.person):
        google, ours = (pair.drive(module, (), [RIGHT]).one for module in (GOOGLE, OURS))
    assert google.code == NO
    assert [each for each in google.told if each.startswith("Error")] == (
        [f'Error "{error}" while writing config'] if error else []
    )
    assert ours.code == OK
    assert not [each for each in ours.told if not each.startswith("probe")]
