"""Each how-to, done to the letter on a machine of its own, does what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.howto import machine, page, provider
from tests.howto.reader import Reader
from tests.stage import TREE

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [path for path in sorted((TREE / "docs/howto").glob("*.md")) if path.stem != "README"]
RUN = [path for path in PAGES if page.is_run(path)]


@pytest.mark.stage
@pytest.mark.parametrize("path", RUN, ids=lambda path: path.stem)
def test_as_it_stands(stage: Path, path: Path) -> None:
    """Each step of a page shows what the page shows, and its last section puts all back."""
    assert stage.is_dir()
    text = path.read_text(encoding="utf-8")
    mail, imap = ("[mailed code]" in text or "smtp://" in text, "curl " in text)
    radius, messages = "restart freeradius" in text, provider.named(text)
    needs = machine.running(mail=mail, imap=imap, radius=radius, messages=messages)
    with needs as host, Reader(host) as reader:
        before = host.kept()
        reader.follow(page.steps(path))
        assert host.kept() == before
