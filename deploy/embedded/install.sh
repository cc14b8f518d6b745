#!/bin/sh
# Makes .venv and installs the locked requirements: `sh deploy/embedded/install.sh [dev]`, from the repository.
# What is installed is remembered by a hash, so that a later run needs neither time nor a network.
#
#   KAREZ_PYTHON    the interpreter to use (3.11 or newer)
#   PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS, PIP_NO_INDEX   a mirror or a directory of wheels, as for pip
set -eu

venv=.venv
sets="base embedded chat"
[ "${1:-}" = dev ] && sets="base embedded chat dev"
# Meant for the children of a test runner, not for a virtual environment that is started many times.
unset PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH || true

fail() {
    printf '\nKarez could not be installed: %s\n' "$1" >&2
    exit 1
}

say() { printf '[install] %s\n' "$1"; }

requirements_hash() {
    for name in $sets; do cat "requirements/$name.txt"; done | sha256sum
}

find_python() {
    for candidate in "${KAREZ_PYTHON:-}" python3.11 python3 python3.12 python3.13 python3.14; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
        [ "$candidate" != "${KAREZ_PYTHON:-}" ] || fail "KAREZ_PYTHON=$candidate is not a Python of version 3.11 or newer."
    done
    fail "there is no Python 3.11 or newer. On Debian: apt install python3; or name one in KAREZ_PYTHON."
}

make_venv() {
    if "$venv/bin/python" -c '' 2>/dev/null; then return; fi
    say "virtual environment of $("$python" --version 2>&1)"
    # Without pip: it needs Debian's python3-venv, takes seconds, and uv does its work.
    "$python" -m venv --without-pip --clear "$venv" || fail "no virtual environment could be made in $(pwd)/$venv (disk full?)"
}

# The repository and platform/ on the import path, relative to the environment, so that the clone may be moved.
link_sources() {
    packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    printf '../../../..\n../../../../platform\n' > "$packages/karez.pth"
}

pip_into_venv() {
    if "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m pip --python "$venv/bin/python" install --disable-pip-version-check --quiet "$@"
    else
        "$venv/bin/python" -m ensurepip --upgrade >/dev/null 2>&1 ||
            fail "neither pip nor ensurepip is there. On Debian: apt install python3-pip"
        "$venv/bin/python" -m pip install --disable-pip-version-check --quiet "$@"
    fi
}

find_uv() {
    if [ -x "$venv/bin/uv" ]; then uv="$venv/bin/uv"; return; fi
    if command -v uv >/dev/null 2>&1; then uv=$(command -v uv); return; fi
    say "uv, which installs faster than pip"
    if pip_into_venv uv; then uv="$venv/bin/uv"; else uv=; fi
}

# uv has names of its own for what pip users have set.
map_pip_settings() {
    index=${PIP_INDEX_URL:-$("$python" -m pip config get global.index-url 2>/dev/null || true)}
    if [ -n "$index" ] && [ -z "${UV_DEFAULT_INDEX:-}" ]; then export UV_DEFAULT_INDEX="$index"; fi
    if [ -n "${PIP_EXTRA_INDEX_URL:-}" ] && [ -z "${UV_INDEX:-}" ]; then
        export UV_INDEX="$PIP_EXTRA_INDEX_URL" UV_INDEX_STRATEGY="${UV_INDEX_STRATEGY:-unsafe-best-match}"
    fi
    if [ -n "${PIP_FIND_LINKS:-}" ] && [ -z "${UV_FIND_LINKS:-}" ]; then
        UV_FIND_LINKS=$(printf '%s' "$PIP_FIND_LINKS" | tr -s ' ' ',')
        export UV_FIND_LINKS
    fi
    if [ -n "${PIP_NO_INDEX:-}" ] && [ -z "${UV_NO_INDEX:-}" ]; then export UV_NO_INDEX=1; fi
    # Also sees the certificates of a proxy that the system trusts.
    export UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-120}" UV_LINK_MODE="${UV_LINK_MODE:-copy}"
}

install_packages() {
    set -- pip # with which the bundled model is fetched later
    for name in $sets; do set -- "$@" -r "requirements/$name.txt"; done
    count=$(for name in $sets; do cat "requirements/$name.txt"; done | grep -c '==' || true)
    say "$count packages ($sets)"
    if [ -n "$uv" ]; then
        "$uv" pip install --python "$venv/bin/python" "$@" && return
        say "uv did not succeed; trying pip"
    fi
    pip_into_venv "$@" || fail "the packages above could not be installed. Check:
  - the network, or a mirror:   PIP_INDEX_URL=https://… make up
  - without a network:          PIP_NO_INDEX=1 PIP_FIND_LINKS=/directory/of/wheels make up
  - free space here:            $(df -Ph . | awk 'NR == 2 {print $4 " on " $6}')"
}

compile() {
    say "byte-compiling"
    "$venv/bin/python" -m compileall -q -j 0 "$packages" >/dev/null 2>&1 || true # some packages ship broken samples
}

# The tests' browser comes from the system's packages: Playwright's own is downloaded from a host of its own. Without one the
# tests that need it are skipped, and say so.
find_browser() {
    for name in chromium chromium-browser google-chrome-stable google-chrome; do
        if command -v "$name" >/dev/null 2>&1; then return; fi
    done
    [ -z "${KAREZ_CHROMIUM:-}" ] || return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "Chromium and Chinese fonts, for the tests with a browser"
        (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            chromium fonts-noto-cjk) >/dev/null 2>&1 && return
    fi
    say "no Chromium: tests with a browser will be skipped (apt install chromium fonts-noto-cjk)"
}

if [ "${1:-}" = dev ]; then find_browser; fi

wanted=$(requirements_hash)
stamp="$venv/.karez-$(printf '%s' "$sets" | tr ' ' '-')"
if [ "$(cat "$stamp" 2>/dev/null || true)" = "$wanted" ] && "$venv/bin/python" -c '' 2>/dev/null; then exit 0; fi

python=$(find_python)
make_venv
# A second make at the same moment waits here.
exec 9> "$venv/.install-lock"
if command -v flock >/dev/null 2>&1; then flock 9; fi
link_sources
map_pip_settings
find_uv
install_packages
compile
rm -f "$venv"/.karez-*
printf '%s\n' "$wanted" > "$stamp"
if [ "$sets" = "base embedded chat dev" ]; then
    sets="base embedded chat"
    requirements_hash > "$venv/.karez-base-embedded-chat"
fi
say "done"
