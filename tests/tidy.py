"""Checks what the compiler cannot: layers, owners of libraries, headers, names, lengths.

    python3 tests/tidy.py

Reads manifests and source as text and compiles nothing, so it takes a second.
Prints each finding as `path:line: what`, and exits with 1 if there is one.
"""

import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]
CRATES = ["config", "storage", "sql", "server"]

# Arrows point down: what each crate may use of ours.
MAY_USE = {
    "config": set(),
    "storage": {"gotgan-config"},
    "sql": {"gotgan-config", "gotgan-storage"},
    "server": {"gotgan-config", "gotgan-storage", "gotgan-sql"},
}

# One owner for each heavy library, so that an upgrade touches one crate.
OWNERS = {
    "config": {"config"},
    "sqlx": {"storage"},
    "object_store": {"storage", "sql"},
    "parquet": {"storage", "sql"},
    "datafusion": {"sql"},
    "datafusion-proto": {"sql"},
    "sqlparser": {"sql"},
    "pgwire": {"server"},
    "rustls": {"server"},
    "tokio-rustls": {"server"},
    "rcgen": {"server"},
}

# Where sql may touch the store and Parquet: it hands them to DataFusion.
SCAN_ONLY = ("object_store", "parquet")

LINES_MAX = 500
BLOB_BYTES_MAX = 256 * 1024

# Files that are data rather than code; each has a reason.
LENGTH_EXEMPT = {
    "sql/src/types/table.rs",  # one line for each type
    "sql/src/sqlstate.rs",  # one line for each SQLSTATE
}

BANNED_MODULES = re.compile(r"^(utils?|common|helpers?|misc|managers?|\w+_v\d+|types2)$")
BANNED_FUNCTIONS = re.compile(r"\bfn (get|do|handle|process)_\w+")
BANNED_TYPES = re.compile(r"\b(?:struct|enum|trait|type) (\w+(?:Manager|Info|Data))\b")
BANNED_WORDS = re.compile(r"\bunimplemented!|\bdbg!\(")
SQLSTATE = re.compile(r'b?"([0-9A-Z]{5})"')
TODO = re.compile(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))")


def tracked_files():
    """Returns the files that git knows, and those that it would."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).is_file()]


def rust_files(crate):
    """Returns the source files of a crate."""
    return sorted((ROOT / crate / "src").rglob("*.rs"))


def is_test(path):
    """Whether a file holds only tests."""
    return path.name == "tests.rs" or "tests" in path.relative_to(ROOT).parts


def manifests():
    """Checks what the manifests depend on: arrows, owners, versions in one place."""
    for crate in [*CRATES, "tests"]:
        path = ROOT / crate / "Cargo.toml"
        manifest = tomllib.loads(path.read_text())
        normal = manifest.get("dependencies", {})
        for name, wanted in {**normal, **manifest.get("dev-dependencies", {})}.items():
            if not (isinstance(wanted, dict) and wanted.get("workspace")):
                yield path, 1, f"{name} has a version here; versions stand in the workspace's manifest"
        if crate == "tests":
            continue
        for name in normal:
            if name.startswith("gotgan") and name not in MAY_USE[crate]:
                yield path, 1, f"{crate} must not depend on {name}"
            if crate not in OWNERS.get(name, {crate}):
                yield path, 1, f"{name} belongs to {' and '.join(sorted(OWNERS[name]))}"


def imports():
    """Checks that sql touches the store and Parquet only in its scan and COPY's neighbours."""
    pattern = re.compile(rf"\b(?:use |)({'|'.join(SCAN_ONLY)})::")
    for path in rust_files("sql"):
        inside = path.relative_to(ROOT / "sql" / "src").as_posix()
        if inside.startswith(("scan", "engine")) or is_test(path):
            continue
        for number, line in numbered(path):
            if line.startswith("use ") and pattern.match(line):
                yield path, number, "sql uses the store and Parquet only in scan/"


def numbered(path):
    """Returns the lines of a file with their numbers, without comments."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.lstrip().startswith("//"):
            yield number, line


def headers_and_lengths():
    """Checks that each file says what it owns and stays short."""
    for crate in [*CRATES, "tests"]:
        files = sorted((ROOT / crate).rglob("*.rs")) if crate == "tests" else rust_files(crate)
        for path in files:
            lines = path.read_text().splitlines()
            if not lines or not lines[0].startswith("//! "):
                yield path, 1, "a file starts with //! and one sentence on what it owns"
            header = next((i for i, line in enumerate(lines) if not line.startswith("//!")), len(lines))
            if header > 25:
                yield path, 1, f"the header has {header} lines; at most 25"
            exempt = crate == "tests" or is_test(path) or path.relative_to(ROOT).as_posix() in LENGTH_EXEMPT
            if len(lines) > LINES_MAX and not exempt:
                yield path, len(lines), f"{len(lines)} lines; over {LINES_MAX}, split it by noun"
            if path.name == "mod.rs":
                yield path, 1, "a folder x/ is opened by x.rs, not mod.rs"


def names():
    """Checks names of modules, functions and types that are ours to choose."""
    for crate in CRATES:
        for path in rust_files(crate):
            if BANNED_MODULES.match(path.stem):
                yield path, 1, f"a module named {path.stem} fills with junk"
            is_foreign = False
            for number, line in numbered(path):
                # Names in `impl Trait for Type` are the trait's, not ours.
                if re.match(r"(unsafe )?impl\b.*\bfor\b", line):
                    is_foreign = True
                elif line.startswith("}"):
                    is_foreign = False
                if not is_foreign and (found := BANNED_FUNCTIONS.search(line)):
                    yield path, number, f"{found[0]}: say what it does (style guide, section 4)"
                if found := BANNED_TYPES.search(line):
                    yield path, number, f"{found[1]}: a name that says nothing"
                if found := BANNED_WORDS.search(line):
                    yield path, number, f"{found[0]} is left over"


def sqlstates():
    """Checks that SQLSTATEs are spelt only in sqlstate.rs, and where those of a catalog's server are understood."""
    home = ROOT / "sql" / "src" / "sqlstate.rs"
    answers = ROOT / "storage" / "src" / "catalog" / "postgres" / "error.rs"
    known = set(SQLSTATE.findall(home.read_text())) if home.exists() else set()
    for crate in CRATES:
        for path in rust_files(crate):
            if path in (home, answers) or is_test(path):
                continue
            for number, line in numbered(path):
                if line.strip() == "mod tests {":
                    break
                for code in SQLSTATE.findall(line):
                    if code in known:
                        yield path, number, f"SQLSTATE {code} is named in sqlstate.rs; use the name"


def todos():
    """Checks that what is left to do has an issue."""
    for path in tracked_files():
        if path.suffix in (".rs", ".toml", ".sh") or path.name == "Dockerfile":
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if TODO.search(line):
                    yield path, number, "left to do without an issue: write TODO(#123)"


def blobs():
    """Checks that no large file is committed."""
    for path in tracked_files():
        if path.stat().st_size > BLOB_BYTES_MAX:
            yield path, 1, f"{path.stat().st_size} bytes; over {BLOB_BYTES_MAX}, generate it instead"


def settings():
    """Checks that every field of a configuration struct stands in default.toml, and the reverse."""
    path = ROOT / "config" / "default.toml"
    defaults = tomllib.loads(path.read_text())
    for section, values in defaults.items():
        source = ROOT / "config" / "src" / f"{section}.rs"
        if not isinstance(values, dict) or not source.exists():
            continue
        struct = re.search(r"pub struct \w+Config \{(.*?)\n\}", source.read_text(), re.DOTALL)
        fields = set(re.findall(r"pub (\w+):", struct[1])) if struct else set()
        for name in sorted(fields - values.keys()):
            yield path, 1, f"{section}.{name} has no default"
        for name in sorted(values.keys() - fields):
            yield path, 1, f"{section}.{name} is read by nobody"
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines, 1):
        is_setting = re.match(r"\w+ = ", line)
        if is_setting and not lines[number - 2].startswith(("#", lines[number - 1].split("_")[0])):
            yield path, number, "a setting has its reason above it"


def golden_purposes():
    """Checks that a golden file says what it is for and that COMPATIBILITY.md names real tests."""
    for path in (ROOT / "tests" / "golden").rglob("*.slt"):
        if not path.read_text().startswith("# "):
            yield path, 1, "a golden file starts with a sentence of purpose"
    table = ROOT / "tests" / "COMPATIBILITY.md"
    for number, line in enumerate(table.read_text().splitlines(), 1):
        for name in re.findall(r"`((?:golden|wire|clients|faults)/[\w./-]+)`", line):
            if not any((ROOT / "tests" / (name + ending)).exists() for ending in ("", ".slt", ".rs", ".py")):
                yield table, number, f"{name} is no test"


CHECKS = [manifests, imports, headers_and_lengths, names, sqlstates, todos, blobs, settings, golden_purposes]


def main():
    """Runs all checks."""
    findings = [finding for check in CHECKS for finding in check()]
    for path, number, what in findings:
        print(f"{path.relative_to(ROOT)}:{number}: {what}")
    print(f"tidy: {len(findings)} findings")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
