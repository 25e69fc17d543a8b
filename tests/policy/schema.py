#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`mixguard policy schema` against the parser: what mixguard takes the schema takes, and a misspelt key neither does.

Every policy of the examples, the cases and the documents is tried as it is, with each key misspelt, left out and given
each of several other values. Usage: tests/policy/schema.py MIXGUARD
"""
import copy
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
OTHERS = ["", "x", "${root}", "do", 0, 1, -1, True, [], ["x"], [1], {}, {"type": "int"}]


def literal(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    return json.dumps(value)  # integers, and strings: TOML has the escapes of JSON


def dump(document):
    return "".join(f"{json.dumps(key)} = {literal(value)}\n" for key, value in document.items())


def snippets(path):
    """Indented blocks of a document that are policies, made whole where they are parts of one."""
    for block in re.findall(r"(?:^    .*\n|^\n)+", path.read_text(), re.M):
        text = re.sub(r"^    ", "", block, flags=re.M)
        if not re.search(r"^(\[|version *=)", text, re.M):
            continue
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            continue
        document.setdefault("version", 1)
        document.setdefault("vars", {"db": "127.0.0.1:5432"})
        yield document


def corpus():
    files = [*sorted((ROOT / "examples").glob("**/.mixguard.toml")), *sorted((ROOT / "tests/cases").glob("*.toml"))]
    for path in files:
        yield path.name, tomllib.loads(path.read_text())
    for path in [ROOT / "README.md", ROOT / "docs/design/policy-language.md"]:
        found = list(snippets(path))
        assert found, f"no policy in {path}"
        for document in found:
            yield path.name, document


def places(value, path=()):
    """The path of each table entry and list element."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def changed(document, path, change):
    result = copy.deepcopy(document)
    parent = result
    for key in path[:-1]:
        parent = parent[key]
    change(parent, path[-1])
    return result


def misspell(parent, key):
    parent[key + "zq"] = parent.pop(key)


def is_free(path):
    """Whether the table at that place has names of its own: variables, flags, parameters."""
    return path[:-1] in [("vars",), ("env",)] or (len(path) == 4 and path[2] in ["flags", "env", "params", "query"])


class Tester:
    def __init__(self, program):
        self.program = str(pathlib.Path(program).resolve())
        schema = json.loads(subprocess.run([program, "policy", "schema"], check=True, capture_output=True).stdout)
        jsonschema.Draft7Validator.check_schema(schema)
        self.validator = jsonschema.Draft7Validator(schema)
        self.passed = self.failed = self.refused = 0
        self.file = pathlib.Path(tempfile.mkdtemp()) / "p.toml"

    def close(self):
        self.file.unlink(missing_ok=True)
        self.file.parent.rmdir()

    def taken(self, document):
        self.file.write_text(dump(document))
        run = subprocess.run([self.program, "policy", "lint", "--policy", str(self.file)],
                             cwd=self.file.parent, capture_output=True, text=True,
                             env={"XDG_CONFIG_HOME": str(self.file.parent), "HOME": str(self.file.parent)})
        assert run.returncode in (0, 122), run.stderr
        return run.returncode == 0, run.stderr

    def check(self, holds, what):
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            print("FAIL", what)

    def whole(self, name, document):
        errors = [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in self.validator.iter_errors(document)]
        self.check(not errors, f"{name}: the schema refuses it: {errors}")

    def misspelt(self, name, document, path):
        other = changed(document, path, misspell)
        taken, _ = self.taken(other)
        self.check(not taken and not self.validator.is_valid(other), f"{name}: {path} misspelt is taken")

    def varied(self, name, document, path):
        """The schema refuses nothing that the parser takes, the words that the parser asks for among them."""
        self.stricter(name, changed(document, path, lambda p, k: p.pop(k)), path)
        values = list(OTHERS)
        for value in values:
            complaint = self.stricter(name, changed(document, path, lambda p, k: p.__setitem__(k, value)), path)
            for words in re.findall(r"expected one of (.*)", complaint):
                values += [word for word in re.findall(r'"([^"]*)"', words) if word not in values]

    def stricter(self, name, other, path):
        if self.validator.is_valid(other):
            return ""
        self.refused += 1
        taken, complaint = self.taken(other)
        self.check(not taken, f"{name}: {path}: the schema refuses what mixguard takes: {dump(other)}")
        return complaint


def main():
    tester = Tester(sys.argv[1])
    seen = set()
    for name, document in corpus():
        tester.whole(name, document)
        bare = {key: value for key, value in document.items() if key != "expect"}  # they fail by being changed
        for path in [*places(bare), *(("expect", *p) for p in places(document.get("expect", [])[:1]))]:
            # One of each kind of place is enough: list elements are alike.
            kind = tuple("*" if isinstance(key, int) else key for key in path)
            if kind in seen:
                continue
            seen.add(kind)
            if isinstance(path[-1], str) and not is_free(path):
                tester.misspelt(name, document, path)
            tester.varied(name, bare if path[0] != "expect" else document, path)
    tester.close()
    print(f"{tester.refused} changed policies that the schema refuses were refused by mixguard too"
          if not tester.failed else "")
    print(f"{tester.passed} passed, {tester.failed} failed")
    return 1 if tester.failed or tester.refused < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
