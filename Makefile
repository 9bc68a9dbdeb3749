# otpauth: build, install, test.  `make help` lists the targets.
#
# Recipes are whole shell scripts (.ONESHELL) that stop at the first fault and start with ">".

.DEFAULT_GOAL := help
.RECIPEPREFIX := >
.ONESHELL:
.NOTPARALLEL:
.SHELLFLAGS := -euc
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory

# Where things go. pam_python looks up relative names in /lib/security and nowhere else.
PREFIX ?= /usr/local
PAMDIR ?= /lib/security
DESTDIR ?=
SUITE ?= bookworm
LIB := $(PREFIX)/lib/otpauth
BINDIR := $(PREFIX)/bin
SBINDIR := $(PREFIX)/sbin
MANDIR := $(PREFIX)/share/man
SHARE := $(PREFIX)/share/otpauth
UNITDIR := $(PREFIX)/lib/systemd/system
# Where the shells look for completions; Debian's zsh does not look here in /usr.
BASHDIR := $(PREFIX)/share/bash-completion/completions
ZSHDIR := $(PREFIX)/share/zsh/site-functions
FISHDIR := $(PREFIX)/share/fish/vendor_completions.d
COMPLETIONS := $(foreach name,otpauth otpauth-admin,$(BASHDIR)/$(name) $(ZSHDIR)/_$(name) $(FISHDIR)/$(name).fish)

# The product's Python is the system's, never the first in PATH. pip runs isolated from PYTHON*
# and the user's site, and honours pip's own configuration (PIP_INDEX_URL, PIP_CERT ...).
PYTHON := /usr/bin/python3
PIP_FLAGS := -q --disable-pip-version-check --no-deps --require-hashes --only-binary=:all:
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' otpauth/__init__.py)
# cryptography is abi3, the cffi it loads is not: its wheels lie side by side, so that a new
# Python from a distribution upgrade locks nobody out.
CFFI_PYTHONS := 3.11 3.12 3.13 3.14
# What NTLM needs is installed on demand, and then stays through upgrades: NTLM=no takes it out.
NTLM ?=
WITH_NTLM := $(filter yes,$(or $(NTLM),$(if $(wildcard $(DESTDIR)$(LIB)/deps/Crypto),yes)))

BUILD := $(CURDIR)/build
VENV := $(BUILD)/venv
MAN_PAGES := $(notdir $(wildcard man/*.[1358]))

# apt packages: to run; to run every test; to show the demo.
PACKAGES := libpam-python python3 python3-pip
STAGE_PACKAGES := libpam-python login oathtool openssh-client openssh-server passwd procps \
  python3-pip python3-venv util-linux
DEMO_PACKAGES := $(STAGE_PACKAGES)
TEST_PACKAGES := $(STAGE_PACKAGES) curl debian-archive-keyring debootstrap dovecot-imapd eapoltest expect \
  fail2ban faketime fish freeradius freeradius-utils gcc lftp libc6-dev libfaketime libpam-google-authenticator \
  libpam-oath libpam0g-dev librsvg2-bin lintian mandoc openssl otpw-bin pamtester postfix pskc-utils pskctool \
  python3-aiosmtpd strace sudo systemd tmux vsftpd zbar-tools zsh
FRESH_PACKAGES := debian-archive-keyring debootstrap git util-linux

# Tests leave the work tree as it is: every cache is under build/.
export PYTHONPYCACHEPREFIX := $(BUILD)/pycache
export HYPOTHESIS_STORAGE_DIRECTORY := $(BUILD)/hypothesis
STAGE := unshare --mount --propagation private $(VENV)/bin/python -m tests.stage --
PYTEST := $(VENV)/bin/python -m pytest
HALF := $(addprefix tests/,attacks cli conformance doctor faults formats guide howto man)

# A tool that is missing costs one line that names it and its package.
fail = { echo "otpauth: error: $(1)" >&2; exit 1; }
need = command -v $(1) >/dev/null || $(call fail,$(1) is missing: apt-get install $(2))
root = test "$$(id -u)" = 0 || $(call fail,this needs root: sudo make $(MAKECMDGOALS))
# apt is asked only if something is missing, and left alone where there is none.
apt = if test -z "$(NOINSTALLDEPS)" && command -v apt-get >/dev/null; then \
  missing=$$(for package in $(1); do \
    dpkg-query -W -f '$${db:Status-Status}' $$package 2>/dev/null | grep -qx installed || echo $$package; done); \
  test -z "$$missing" || { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
    --no-install-recommends --no-remove $$missing; } </dev/null || $(call fail,apt-get could not install $$missing); fi

.PHONY: help build build-ntlm deb install install-files uninstall venv lock check lint types unit vectors attacks \
  conformance faults e2e howto packaging soak bench demo fresh clean install-packages test-packages demo-packages keys

help: ## list the targets
>@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile
>echo "variables: PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) PAMDIR=$(PAMDIR) NTLM=yes NOINSTALLDEPS=1 NOINIT=1 SUITE=$(SUITE)"

# ---- build and install ---------------------------------------------------------------------

build: ## assemble build/deps: the Python dependencies, by hash
>@umask 022
>$(call need,$(PYTHON),python3)
>$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || $(call fail,$(PYTHON) is older than 3.11)
>$(PYTHON) -I -c 'import pip' 2>/dev/null || $(call fail,pip is missing: apt-get install python3-pip)
>mkdir -p $(BUILD)
>exec 9>$(BUILD)/deps.lock
>flock 9
>! cmp -s requirements.lock $(BUILD)/deps.stamp || test ! -d $(BUILD)/deps || exit 0
>rm -rf $(BUILD)/deps $(BUILD)/deps.new $(BUILD)/deps.stamp
>pip="$(PYTHON) -I -m pip install $(PIP_FLAGS) --no-compile --root-user-action=ignore"
>$$pip --target $(BUILD)/deps.new/all -r requirements.lock
>awk '/^[a-z]/ { cffi = /^cffi==/ } cffi' requirements.lock > $(BUILD)/deps.new/cffi.lock
>for version in $(CFFI_PYTHONS); do
>  $$pip --target $(BUILD)/deps.new/$$version --python-version $$version -r $(BUILD)/deps.new/cffi.lock
>  cp $(BUILD)/deps.new/$$version/_cffi_backend.*.so $(BUILD)/deps.new/all/
>done
># Only the extension module is loaded at runtime; commands and man pages of others stay out.
>rm -rf $(BUILD)/deps.new/all/cffi $(BUILD)/deps.new/all/bin $(BUILD)/deps.new/all/share
>mv $(BUILD)/deps.new/all $(BUILD)/deps
>rm -rf $(BUILD)/deps.new
>cp requirements.lock $(BUILD)/deps.stamp

build-ntlm: build
>@umask 022
>exec 9>$(BUILD)/deps.lock
>flock 9
>! cmp -s requirements-ntlm.lock $(BUILD)/ntlm.stamp || test ! -d $(BUILD)/ntlm || exit 0
>rm -rf $(BUILD)/ntlm $(BUILD)/ntlm.new $(BUILD)/ntlm.stamp
>$(PYTHON) -I -m pip install $(PIP_FLAGS) --no-compile --root-user-action=ignore \
>  --target $(BUILD)/ntlm.new -r requirements-ntlm.lock
># What MD4 and DES load; the rest is most of it.
>rm -rf $(addprefix $(BUILD)/ntlm.new/Crypto/,IO Math Protocol PublicKey SelfTest Signature)
>mv $(BUILD)/ntlm.new $(BUILD)/ntlm
>cp requirements-ntlm.lock $(BUILD)/ntlm.stamp

# Compiled files carry the hash of their source, unchecked: the same bytes at every installation,
# and a date changed by a backup or a copy never makes each login compile them anew (pam_python
# does not write them). Another Python than the one that compiled them compiles in memory.
install-files: build $(if $(WITH_NTLM),build-ntlm) ## install the files alone: no apt, no keys
>@umask 022
>test "$$(id -u)" = 0 || test -n "$(DESTDIR)" || $(call fail,without root give a DESTDIR: make $@ DESTDIR=...)
># The image: everything that will be installed, in its place.
>image=$$(mktemp -d $(BUILD)/image.XXXXXX)
>trap 'rm -rf "$$image"' EXIT
>mkdir -p $$image$(BINDIR) $$image$(SBINDIR) $$image$(LIB) $$image$(PAMDIR)
>cp -R otpauth $(BUILD)/deps bin/otpauth-pam-exec bin/otpauth-ntlm-auth pam/in-use $$image$(LIB)/
>test -z "$(WITH_NTLM)" || cp -R $(BUILD)/ntlm/. $$image$(LIB)/deps/
>cp bin/otpauth $$image$(BINDIR)/
>cp bin/otpauth-admin $$image$(SBINDIR)/
>cp pam/pam_otpauth.py $$image$(PAMDIR)/
>for page in $(MAN_PAGES); do
>  mkdir -p $$image$(MANDIR)/man$${page##*.}
>  sed 's|/usr/local/|$(PREFIX)/|g; s|/lib/security/pam_otp|$(PAMDIR)/pam_otp|g' man/$$page \
>    > $$image$(MANDIR)/man$${page##*.}/$$page
>done
>for file in examples/otpauth.conf fail2ban/filter.d/otpauth.conf fail2ban/jail.d/otpauth.conf pam-configs/otpauth; do
>  mkdir -p $$image$(SHARE)/$${file%/*}
>  cp pam/$$file $$image$(SHARE)/$$file
>done
>mkdir -p $$image$(UNITDIR) $$image$(BASHDIR) $$image$(ZSHDIR) $$image$(FISHDIR)
>sed 's|@SBINDIR@|$(SBINDIR)|' pam/systemd/otpauth-init.service > $$image$(UNITDIR)/otpauth-init.service
>PYTHONPATH=$(CURDIR):$(BUILD)/deps $(PYTHON) -B pam/completion/write.py \
>  $$image$(BASHDIR) $$image$(ZSHDIR) $$image$(FISHDIR)
>sed -i 's|@LIB@|$(LIB)|' $$image$(BINDIR)/otpauth $$image$(SBINDIR)/otpauth-admin \
>  $$image$(LIB)/otpauth-pam-exec $$image$(LIB)/otpauth-ntlm-auth $$image$(PAMDIR)/pam_otpauth.py
>find $$image -name __pycache__ -prune -exec rm -rf {} +
>$(PYTHON) -I -m compileall -q -s $$image -p / --invalidation-mode unchecked-hash $$image$(LIB)
>chmod -R u=rwX,go=rX $$image
>same=yes
>for part in otpauth deps; do diff -rq $$image$(LIB)/$$part $(DESTDIR)$(LIB)/$$part >/dev/null 2>&1 || same=no; done
>for file in $$(cd $$image && find . -type f); do cmp -s $$image/$$file $(DESTDIR)/$$file || same=no; done
># The same owner and modes whatever was there before.
>owner="-o 0 -g 0"
>test "$$(id -u)" = 0 || owner=
>for dir in $$(cd $$image && find . -type d); do
>  test -d $(DESTDIR)/$$dir && test $$dir != .$(LIB) || { install -d -m 755 $$owner $(DESTDIR)/$$dir; chmod a-s $(DESTDIR)/$$dir; }
>done
># A login that falls into an upgrade finds the old folder or the new one, for all but an instant.
>for part in $(LIB)/otpauth $(LIB)/deps; do
>  rm -rf $(DESTDIR)$(LIB)/.new $(DESTDIR)$(LIB)/.old
>  cp -R $$image$$part $(DESTDIR)$(LIB)/.new
>  test -z "$$owner" || chown -R 0:0 $(DESTDIR)$(LIB)/.new
>  chmod -R a-s,u=rwX,go=rX $(DESTDIR)$(LIB)/.new
>  test ! -e $(DESTDIR)$$part || mv $(DESTDIR)$$part $(DESTDIR)$(LIB)/.old
>  mv $(DESTDIR)$(LIB)/.new $(DESTDIR)$$part
>  rm -rf $(DESTDIR)$(LIB)/.old $$image$$part
>done
>for file in $$(cd $$image && find . -type f); do
>  mode=644
>  case $$file in .$(BINDIR)/* | .$(SBINDIR)/* | */otpauth-pam-exec | */otpauth-ntlm-auth | */in-use) mode=755 ;; esac
>  install -m $$mode $$owner $$image/$$file $(DESTDIR)/$$file
>done
>case $$same in
>  yes) echo "otpauth $(VERSION) was installed in $(PREFIX) already; nothing changed" ;;
>  no) echo "otpauth $(VERSION) installed in $(PREFIX)" ;;
>esac

install: install-packages install-files keys ## install for this host: packages, files, keys (root)
>@test -z "$(DESTDIR)" || exit 0
>test -n "$$(find /lib/ /usr/lib/ -name pam_python.so)" \
>  || echo "otpauth: warning: pam_python.so is missing, no PAM stack can use otpauth: apt-get install libpam-python" >&2
>echo "next: 1. enrol yourself, as $${SUDO_USER:-your own account}, without sudo:  otpauth"
>echo "      2. sudo otpauth-admin enable sshd           goes back by itself in 10 minutes unless confirmed from a new login"

install-packages:
>@test -n "$(DESTDIR)" || { $(root); $(call apt,$(PACKAGES)); }

keys:
>@test -z "$(DESTDIR)$(NOINIT)" || exit 0
>test -e /etc/otpauth/host.key && test -e /etc/otpauth/record.key || $(SBINDIR)/otpauth-admin init

uninstall: ## remove what was installed; keys and users' files stay (root)
>@test -n "$(DESTDIR)" || { $(root); }
>pam/in-use $(DESTDIR)
>rm -f $(DESTDIR)$(BINDIR)/otpauth $(DESTDIR)$(SBINDIR)/otpauth-admin $(DESTDIR)$(PAMDIR)/pam_otpauth.py
>rm -rf $(addprefix $(DESTDIR)$(LIB)/,otpauth deps otpauth-pam-exec otpauth-ntlm-auth in-use)
>rm -f $(DESTDIR)$(UNITDIR)/otpauth-init.service $(addprefix $(DESTDIR),$(COMPLETIONS))
>for page in $(MAN_PAGES); do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page; done
>rm -rf $(addprefix $(DESTDIR)$(SHARE)/,examples fail2ban pam-configs)
>rmdir $(DESTDIR)$(LIB) $(DESTDIR)$(SHARE) 2>/dev/null || :
>echo "otpauth removed from $(PREFIX)"
>echo "left as they are: $(DESTDIR)/etc/otpauth (keys, configuration), $(DESTDIR)/var/lib/otpauth (records), users' ~/.otpauth"

# The package is what install-files puts below PREFIX=/usr. pam_python's /lib/security is the same
# folder as /usr/lib/security there.
deb: build ## build/libpam-otpauth_VERSION_ARCH.deb, for Debian 12 and 13
>@umask 022
>$(call need,dpkg-deb,dpkg)
>image=$$(mktemp -d $(BUILD)/image.XXXXXX)
>trap 'rm -rf "$$image"' EXIT
>$(MAKE) install-files PREFIX=/usr PAMDIR=/usr/lib/security ZSHDIR=/usr/share/zsh/vendor-completions \
>  DESTDIR=$$image/root >/dev/null
>deb=libpam-otpauth_$(VERSION)_$$(dpkg --print-architecture).deb
>pam/debian/assemble $$image $(VERSION) $$image/$$deb
>mv $$image/$$deb $(BUILD)/$$deb
>echo "$(BUILD)/$$deb"

# ---- developers ----------------------------------------------------------------------------

venv: ## make build/venv: pytest, hypothesis, ruff, mypy and the dependencies, by hash
>@umask 022
>mkdir -p $(BUILD)
>exec 9>$(BUILD)/venv.lock
>flock 9
>$(PYTHON) -V | cat - requirements-dev.lock > $(BUILD)/venv.want
>! cmp -s $(BUILD)/venv.want $(BUILD)/venv.stamp || test ! -x $(VENV)/bin/python || exit 0
>rm -rf $(VENV) $(BUILD)/venv.stamp
>$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || $(call fail,python3 -m venv does not work: apt-get install python3-venv)
>$(VENV)/bin/python -m pip install $(PIP_FLAGS) -r requirements-dev.lock
>mv $(BUILD)/venv.want $(BUILD)/venv.stamp

lock: ## write the three lock files anew from requirements*.in (needs uv)
>@command -v uv >/dev/null || $(call fail,uv is missing: pip install uv)
>uv="uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate"
># pycparser serves cffi's C parser, which nothing here calls.
>$$uv --no-emit-package pycparser requirements.in -o requirements.lock
>$$uv requirements-ntlm.in -o requirements-ntlm.lock
>$$uv requirements-dev.in -o requirements-dev.lock

# Two stages side by side, each with about half of the tests: they wait more than they compute.
check: test-packages venv build lint types ## install what the tests need and run all of them (root)
>@pid=; other=$$(mktemp $(BUILD)/check.XXXXXX)
>trap 'kill $$pid 2>/dev/null || :; rm -f $$other' EXIT
>trap 'exit 1' HUP INT TERM
>$(STAGE) $(PYTEST) $(HALF) >$$other 2>&1 & pid=$$!
>status=0
>$(STAGE) $(PYTEST) tests $(addprefix --ignore=,$(HALF)) || status=1
>wait $$pid || status=1
>cat $$other
>exit $$status

# Postfix comes without a configuration, and nothing that is installed is started: the tests run
# servers of their own, and no host listens because of them.
test-packages:
>@$(root)
>policy=/usr/sbin/policy-rc.d
>test -n "$(NOINSTALLDEPS)" || test -e $$policy || ! command -v apt-get >/dev/null \
>  || { trap "rm -f $$policy" EXIT; printf '#!/bin/sh\nexit 101\n' >$$policy; chmod 755 $$policy; }
>test -n "$(NOINSTALLDEPS)" || test -e /etc/postfix || ! command -v debconf-set-selections >/dev/null \
>  || echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
>$(call apt,$(TEST_PACKAGES))

lint: venv ## ruff and mandoc
>@$(VENV)/bin/ruff check .
>$(VENV)/bin/ruff format --check .
>$(call need,mandoc,mandoc)
>test -z "$(MAN_PAGES)" || mandoc -T lint -W warning $(addprefix man/,$(MAN_PAGES))

types: venv ## mypy --strict
>@$(VENV)/bin/mypy --strict otpauth pam/pam_otpauth.py pam/completion/write.py

unit: venv build ## tests of single modules: no root, no stage
>@$(PYTEST) -m "not stage and not soak" tests $(addprefix --ignore=tests/,attacks conformance e2e faults packaging vectors test_stage.py)

vectors: venv build ## test vectors: one defect per file
>@$(PYTEST) tests/vectors

attacks conformance faults e2e howto packaging: venv build
>@$(root)
>$(STAGE) $(PYTEST) tests/$@

conformance: ## beside google-authenticator's module (root)
attacks: ## what was tried on the design, each line a test (root)
faults: ## full disks, kills, dead homes (root)
e2e: ## real sshd, ssh, sudo, su, pamtester (root)
howto: ## the how-tos, done to the letter (root)
packaging: ## install and uninstall (root)

soak: venv build ## the long-running tests (root)
>@$(root)
>$(STAGE) $(PYTEST) -m soak tests

bench: venv build ## measure logins beside other modules (root)
>@$(root)
>$(STAGE) $(VENV)/bin/python -m tests.bench

demo: demo-packages venv build ## show an enrolment and real logins, leaving nothing behind (root)
>@unshare --mount --propagation private $(VENV)/bin/python -m tests.demo

demo-packages:
>@$(root)
>$(call apt,$(DEMO_PACKAGES))

fresh: ## demo and check in a minimal Debian: SUITE=bookworm or trixie (root)
>@$(root)
>$(call apt,$(FRESH_PACKAGES))
>MIRROR=$(MIRROR) tests/fresh/run $(SUITE)

clean: ## remove build/, but not the base systems that `make fresh` keeps there
>@test ! -d $(BUILD) || find $(BUILD) -mindepth 1 -maxdepth 1 ! -name fresh -exec rm -rf {} +
