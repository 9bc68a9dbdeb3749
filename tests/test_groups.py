"""Groups and services: which rule holds, by which names, and which groups a session reaches."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpauth import arguments, config, groups, policy
from otpauth.groups import Group, Service
from otpauth.policy import Policy, Rule, Span

if TYPE_CHECKING:
    from collections.abc import Mapping

MAIL = """
[login]
window = 5
grace = 1h
[group all]
children = mail
[group mail]
children = imap smtp
session_children = imap smtp
session_master = yes
session = 10h
lock = 5/1h
window = 7
[group imap]
session = 2h
[group smtp]
[service imap]
pam = dovecot imap
group = imap
kinds = totp
[service office]
pam = web
from = 10.0.0.0/8 fd00::/8
group = mail
window = 9
[service submission]
pam = smtp
group = smtp
[service web]
group = mail
"""
NAMES = [f"g{number}" for number in range(6)]
VALUES: dict[str, list[Any]] = {
    "window": [1, 5, 21],
    "lock": [(0, 0), (5, 0), (3, 60)],
    "who": [("*",), ("%staff",)],
    "session": [Span(), Span(60), Span(3600, anywhere=True)],
}
keys = st.fixed_dictionaries({}, optional={k: st.sampled_from(v) for k, v in VALUES.items()})
graphs = st.dictionaries(
    st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), unique=True), max_size=6
)


def whole(edges: Mapping[str, list[str]]) -> dict[str, Group]:
    """Return all groups, with these children."""
    return {name: Group(name, tuple(edges.get(name, ()))) for name in NAMES}


def reached(edges: Mapping[str, list[str]], start: str) -> set[str]:
    """Return what can be reached from a group in one step or more, the slow way."""
    found: set[str] = set()
    for _ in NAMES:
        found |= {child for each in (start, *found) for child in edges.get(each, ())}
    return found


@pytest.fixture(scope="module")
def mail() -> Policy:
    """Return the policy of a mail server."""
    return config.parse(MAIL, path="otpauth.conf")


@given(keys, keys, keys, keys)
def test_precedence(
    login: dict[str, Any], group: dict[str, Any], service: dict[str, Any], line: dict[str, Any]
) -> None:
    """For every key, the PAM line goes before the service, that before the group, then [login]."""
    found = Policy(
        login=Rule()._replace(**login),
        groups={"g": Group("g", keys=group)},
        services=(Service("s", ("pam",), group="g", keys=service),),
    )
    rule = policy.effective(found, "pam", "")._replace(**line)
    for key in VALUES:
        told = [each[key] for each in (line, service, group, login) if key in each]
        assert getattr(rule, key) == (told[0] if told else getattr(Rule(), key))


def test_the_line_goes_first(mail: Policy) -> None:
    """An argument of the PAM line goes before what a service says."""
    assert arguments.read(policy.effective(mail, "web", "10.0.0.1"), ["window=3"]).rule.window == 3


@given(st.text(max_size=8), st.sampled_from(["", "192.0.2.7", "::1", "name"]))
def test_without_groups(service: str, rhost: str) -> None:
    """Without groups and services the rule is that of [login], and its only name PAM's."""
    login = Rule(window=5, session=Span(60))
    assert policy.effective(Policy(login=login), service, rhost) == login._replace(names=(service,))
    default = policy.effective(Policy(), service, rhost)
    assert default._replace(names=()) == Rule()


@given(st.text(max_size=8))
def test_what_no_section_fits(service: str) -> None:
    """A PAM service that no section names has the rule of [login], whatever groups there are."""
    found = Policy(
        groups={"g": Group("g", keys={"nullok": policy.ALWAYS})},
        services=(Service("s", ("no-such-service",), keys={"nullok": policy.ALWAYS}),),
    )
    names = () if service == "g" else (service,)
    assert policy.effective(found, service, "") == Rule(names=names)


def test_first_that_fits(mail: Policy) -> None:
    """The first section that fits counts, by the literal address where it has a from."""
    for rhost, window in (
        *(("10.0.0.1", 9), ("::ffff:10.0.0.1", 9), ("fd00::1", 9), ("192.0.2.7", 7), ("", 7)),
        *(("office.example.org", 7), ("10.0.0.1\n", 7)),
    ):
        assert policy.effective(mail, "web", rhost).window == window
    assert policy.effective(mail, "WEB", "").window == 7


@pytest.mark.parametrize(
    "name", ["group mail", "[service web]", "mail", "DEFAULT", "login", "w\0eb"]
)
def test_a_service_that_looks_like_a_section(mail: Policy, name: str) -> None:
    """A PAM service whose name is like a section's or a group's gets nothing of it."""
    rule = policy.effective(mail, name, "10.0.0.1")
    assert (rule.window, rule.group, rule.family) == (5, "", ())
    assert rule.names == (() if name == "mail" else (name,))


@given(
    st.text(st.characters(), max_size=8) | st.sampled_from(["web", "dovecot"]),
    st.text(st.characters(), max_size=12) | st.ip_addresses().map(str),
)
def test_any_login(service: str, rhost: str) -> None:
    """Whatever PAM says of service and remote host, one of the file's rules holds."""
    found = config.parse(MAIL, path="x")
    assert policy.effective(found, service, rhost).window in (5, 7, 9)


def test_no_rule_is_inherited(mail: Policy) -> None:
    """A group has none of its parents' keys."""
    rule = policy.effective(mail, "smtp", "")
    assert (rule.window, rule.lock, rule.grace) == (5, (0, 0), 3600)


def test_names(mail: Policy) -> None:
    """A login has the names of its section, its PAM service, its group and the ancestors."""
    assert set(policy.effective(mail, "dovecot", "").names) == {"dovecot", "imap", "mail", "all"}
    assert set(policy.effective(mail, "web", "10.0.0.1").names) == {"office", "web", "mail", "all"}
    assert set(policy.effective(mail, "smtp", "").names) == {"submission", "smtp", "mail", "all"}


def test_a_name_of_a_group_is_the_groups() -> None:
    """A section or PAM service named like a group that it is not in does not have the name."""
    text = (
        "[group mail]\n[group web]\n[service web]\npam = mail\n[service x]\npam = y\ngroup = web\n"
    )
    found = config.parse(text, path="x")
    assert policy.effective(found, "mail", "").names == ()
    assert policy.effective(found, "web", "").names == ()
    assert set(policy.effective(found, "y", "").names) == {"x", "y", "web"}


@given(graphs)
def test_ancestors(edges: dict[str, list[str]]) -> None:
    """A group's ancestors are all from which it can be reached by children, each once."""
    found = whole(edges)
    for name in NAMES:
        above = groups.ancestors(found, name)
        assert len(set(above)) == len(above)
        assert set(above) == {each for each in NAMES if name in reached(edges, each)}


@given(graphs)
def test_cycle(edges: dict[str, list[str]]) -> None:
    """A cycle is found if and only if there is one, and is one."""
    way = groups.cycle(whole(edges))
    assert bool(way) == any(name in reached(edges, name) for name in NAMES)
    assert all(child in edges[parent] for parent, child in pairwise(way))
    assert not way or (way[0] == way[-1] and len(set(way)) == len(way) - 1)


def test_many_groups_in_a_row() -> None:
    """A chain as long as the bound is no cycle, one closed is, and all are ancestors."""
    chain = {f"n{n}": Group(f"n{n}", (f"n{n + 1}",)) for n in range(groups.MOST)}
    chain[f"n{groups.MOST}"] = Group(f"n{groups.MOST}")
    assert groups.cycle(chain) == ()
    assert len(groups.ancestors(chain, f"n{groups.MOST}")) == groups.MOST
    chain[f"n{groups.MOST}"] = Group(f"n{groups.MOST}", ("n0",))
    assert len(groups.cycle(chain)) == groups.MOST + 2


def test_many_ways_up() -> None:
    """Of layers of groups, each the children of all above, every one is an ancestor, soon."""
    layers = [[f"{layer}.{each}" for each in range(4)] for layer in range(64)]
    made = [Group(name, tuple(below)) for layer, below in pairwise([*layers, []]) for name in layer]
    found = groups.ancestors({each.name: each for each in made}, "63.0")
    assert found == tuple(name for layer in layers[-2::-1] for name in layer)
    assert groups.cycle({each.name: each for each in made}) == ()


def test_family(mail: Policy) -> None:
    """A session reaches session_children, and a master and its, for as long as theirs says."""
    ten, two = Span(36000), Span(7200)
    assert dict(policy.effective(mail, "web", "").family) == {"imap": two, "smtp": ten}
    assert dict(policy.effective(mail, "imap", "").family) == {"mail": ten, "smtp": two}
    assert dict(policy.effective(mail, "smtp", "").family) == {"mail": ten, "imap": two}


def test_family_where_all_is_off() -> None:
    """Where no session lives in a family, none begins in it."""
    text = "[group a]\nsession_children = b\nsession_master = yes\n[group b]\n"
    found = config.parse(f"{text}[service s]\ngroup = a\n[service t]\ngroup = b\n", path="x")
    assert policy.effective(found, "s", "").family == ()
    assert policy.effective(found, "t", "").family == ()


@given(graphs, st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES["session"])))
def test_no_family_of_nothing(edges: dict[str, list[str]], spans: dict[str, Span]) -> None:
    """A family never has the group itself, a group twice, or one in which no session lives."""
    made = {
        name: Group(
            name,
            (),
            tuple(each for each in edges.get(name, ()) if each != name),
            session_master=len(edges.get(name, ())) % 2 == 0,
            keys={"session": spans[name]} if name in spans else {},
        )
        for name in NAMES
    }
    for name in NAMES:
        found = Policy(groups=made, services=(Service("s", ("s",), group=name),))
        family = policy.effective(found, "s", "").family
        reach = [each for each, _ in family]
        assert name not in reach
        assert len(set(reach)) == len(reach)
        assert all(span.timeout for _, span in family)


def test_anywhere() -> None:
    """What an account's tokens are shown by has the kinds of every section, and is else [login]."""
    text = "[login]\nkinds = totp\nwindow = 5\n[group a]\nkinds = scratch totp\nwindow = 7\n"
    found = config.parse(f"{text}[service s]\nkinds = hotp\n", path="x")
    rule = Rule(kinds=("totp", "scratch", "hotp"), window=5)
    assert policy.anywhere(found) == rule
    assert policy.anywhere(Policy()) == Rule()


def test_wherever() -> None:
    """What may hold for a PAM service are the rules of all sections that may fit it."""
    found = config.parse(MAIL, path="x")
    assert [each.window for each in groups.wherever(found, "web")] == [7, 9]
    assert [each.window for each in groups.wherever(found, "sshd")] == [5]
    assert groups.wherever(Policy(), "sshd") == [Rule(names=("sshd",))]
