#!/usr/bin/env bash
# The one gate, for people and for CI.
#
#   tests/check.sh          everything that a change must pass
#   tests/check.sh --all    and the long tests: 50 crashes, release build, scale 1
#   tests/check.sh golden   only the named steps
#
# From a fresh checkout it needs Rust and Python 3; it installs the rest for
# itself: PostgreSQL's client and server where apt-get may, and a virtual
# environment in ${XDG_CACHE_HOME:-~/.cache}/gotgan-venv. A step that cannot run
# here says SKIPPED and why.

set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/gotgan-target}"
export RUST_BACKTRACE="${RUST_BACKTRACE:-0}"
cache="${XDG_CACHE_HOME:-$HOME/.cache}"
venv="$cache/gotgan-venv"
postgres_folder=""
all=""
steps=()
for argument in "$@"; do
    if [ "$argument" = --all ]; then all=yes; else steps+=("$argument"); fi
done
if [ -n "$all" ]; then export GOTGAN_TEST_LONG=1; fi

# Whether a step was asked for.
wanted() {
    [ ${#steps[@]} -eq 0 ] || [[ " ${steps[*]} " == *" $1 "* ]]
}

skipped() {
    echo "SKIPPED $1: $2"
    skips+=("$1")
}

# Runs a step, tells how long it took, and stops at the first that fails. A step is
# a condition here, so `set -e` is off within it: each command hands its status on.
step() {
    local name="$1" started=$SECONDS
    shift
    wanted "$name" || return 0
    echo "== $name"
    if ! "$@"; then
        echo "FAILED $name after $((SECONDS - started)) s"
        exit 1
    fi
    done_steps+=("$name $((SECONDS - started))s")
}

# Installs Debian packages where that is possible without asking.
install() {
    if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" > /dev/null
    else
        return 1
    fi
}

postgres_programs() {
    ls -d /usr/lib/postgresql/15/bin 2> /dev/null || true
}

# What the steps need beside Rust. A missing tool is a skipped step, not an error.
prepare() {
    if ! command -v psql > /dev/null || [ -z "$(postgres_programs)" ]; then
        install postgresql-15 postgresql-client-15 || echo "PostgreSQL 15 is not installed and cannot be"
    fi
    command -v strace > /dev/null || install strace || true
    command -v ip > /dev/null || install iproute2 || true
    command -v openssl > /dev/null || install openssl || true
    if ! wanted clients && ! wanted bench; then return 0; fi
    if [ ! -e /usr/share/java/postgresql.jar ] || ! command -v java > /dev/null; then
        install libpostgresql-jdbc-java default-jre-headless || true
    fi
    if [ ! -x "$venv/bin/python" ]; then
        python3 -m venv "$venv" || { install python3-venv && python3 -m venv "$venv"; }
    fi
    if ! cmp -s tests/clients/requirements.txt "$venv/requirements.txt"; then
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/clients/requirements.txt
        cp tests/clients/requirements.txt "$venv/requirements.txt"
    fi
}

# Starts a PostgreSQL 15 on a port of its own, for the golden files and for catalogs.
start_postgres() {
    local programs port
    programs="$(postgres_programs)"
    [ -n "$programs" ] || return 1
    postgres_folder="$(mktemp -d /tmp/gotgan-postgres-XXXXXX)"
    postgres_as=()
    if [ "$(id -u)" = 0 ]; then
        id postgres > /dev/null 2>&1 || return 1
        chown postgres "$postgres_folder"
        postgres_as=(runuser -u postgres --)
    fi
    (cd / && "${postgres_as[@]}" "$programs/initdb" -A trust -U golden --locale=C.UTF-8 --encoding=UTF8 \
        -D "$postgres_folder/data" > /dev/null) || return 1
    # Another process may take a free port before PostgreSQL does.
    for _ in 1 2 3; do
        port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
        if (cd / && "${postgres_as[@]}" "$programs/pg_ctl" -D "$postgres_folder/data" -l "$postgres_folder/log" -w \
            -o "-p $port -k '' -c listen_addresses=127.0.0.1 -c fsync=off -c timezone=UTC -c max_connections=500" start > /dev/null); then
            export GOTGAN_TEST_POSTGRES="golden@127.0.0.1:$port/postgres"
            return 0
        fi
    done
    return 1
}

# One server for all steps: the one that is given, or one that lives as long as this script.
need_postgres() {
    [ -n "${GOTGAN_TEST_POSTGRES:-}" ] || start_postgres
}

stop_postgres() {
    [ -n "$postgres_folder" ] || return 0
    (cd / && "${postgres_as[@]}" "$(postgres_programs)/pg_ctl" -D "$postgres_folder/data" -m immediate stop > /dev/null) || true
    rm -rf "$postgres_folder"
    postgres_folder=""
}
trap stop_postgres EXIT

# Always the whole workspace: with -p cargo may pick other features, and then
# compiles DataFusion once more.
check_fmt() { cargo fmt --all --check; }
check_tidy() { python3 tests/tidy.py; }
check_clippy() { cargo clippy --workspace --all-targets --quiet -- -D warnings; }
check_doc() { RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --quiet; }

# The tests of storage run twice: the catalog in SQLite, and in PostgreSQL.
check_unit() {
    if ! need_postgres; then skipped unit-on-postgres "PostgreSQL 15 cannot be started here"; fi
    cargo test --workspace --lib --bins || return 1
    if [ -n "${GOTGAN_TEST_POSTGRES:-}" ]; then
        GOTGAN_TEST_CATALOG=postgres cargo test --workspace --lib transaction::tests || return 1
    fi
}

check_build() { cargo build --workspace --bin gotgan && cargo test --workspace --test main --no-run; }

check_golden() {
    if ! need_postgres; then skipped golden-on-postgres "PostgreSQL 15 cannot be started here"; fi
    cargo test --workspace --test main golden
}

check_wire() {
    cargo test --workspace --test main wire || return 1
    cargo test --workspace --test main start || return 1
    cargo test --workspace --test main isolation
}
check_faults() { cargo test --workspace --test main faults -- --nocapture; }

check_clients() {
    if ! need_postgres; then skipped catalog-in-postgres "PostgreSQL 15 cannot be started here"; fi
    if ! command -v psql > /dev/null; then skipped psql "it is not installed"; fi
    GOTGAN_TEST_BINARY="$CARGO_TARGET_DIR/debug/gotgan" "$venv/bin/python" -m pytest -q -p no:cacheprovider tests/clients
}

check_deny() {
    if ! command -v cargo-deny > /dev/null; then
        if [ -n "$all" ]; then cargo install --quiet --locked cargo-deny || true; fi
    fi
    if command -v cargo-deny > /dev/null; then
        # Advisories come from a repository that not every machine reaches.
        cargo deny --offline check licenses bans sources || return 1
        cargo deny check advisories || skipped deny-advisories "the advisory database cannot be read here, or holds one"
    else
        skipped deny "cargo-deny is not installed"
    fi
}

check_image() {
    if ! docker info > /dev/null 2>&1; then
        skipped image "no container engine answers"
        return 0
    fi
    tests/image.sh
}

check_release() {
    [ -n "$all" ] || return 0
    cargo build --release --package gotgan
}

check_bench() {
    [ -n "$all" ] || return 0
    "$venv/bin/python" tests/bench/run.py --scale 1
}

skips=()
done_steps=()
postgres_as=()
prepare
step fmt check_fmt
step tidy check_tidy
step clippy check_clippy
step doc check_doc
step unit check_unit
step build check_build
step golden check_golden
step wire check_wire
step faults check_faults
step clients check_clients
step deny check_deny
step image check_image
step release check_release
step bench check_bench

echo "== ${done_steps[*]:-nothing}"
if [ ${#skips[@]} -gt 0 ]; then echo "== skipped: ${skips[*]}"; fi
echo "${#done_steps[@]} steps passed, 0 failed, ${#skips[@]} skipped"
