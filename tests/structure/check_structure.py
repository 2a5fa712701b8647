"""check_structure.py [ROOT]: the rules of the tree that a compiler does not check. Prints `file:line: error: ...`.

Which folder may include which, where third-party headers may appear, sizes, names, words and macros.
"""
import os
import re
import subprocess
import sys

CONCRETE = r"targets/(?!disassemble/)[^/]+/"
# The first pattern that matches a file says what its includes of this tree must match; {own} is the pattern's first group.
EDGES = [
    (r"ir/", r"ir/"),
    (r"targets/(?:target|build_id)\.", r"ir/|targets/(?:target|build_id)\.h"),
    (r"targets/targets\.cpp", r"ir/|targets/"),
    (r"targets/targets\.h", r"ir/|targets/targets?\.h"),
    (r"targets/x86/(?!emulator/)", r"ir/|targets/target\.h|targets/x86/(?!emulator/)|targets/x86/emulator/emulator\.h"),
    (r"(targets/amdgpu/emulator/)", r"ir/|targets/target\.h|targets/disassemble/|targets/amdgpu/arch\.h|{own}"),
    (r"(targets/[^/]+/emulator/)", r"ir/|targets/target\.h|targets/disassemble/|{own}"),
    (r"(targets/[^/]+/)", r"ir/|targets/(?:target|build_id)\.h|{own}"),
    (r"jit/", r"ir/|jit/|targets/target\.h"),
    (r"runtime/", r"ir/|jit/|targets/(?:targets?|build_id)\.h|runtime/"),
    (r"tests/(?:unit|fake_hip)/", r""),
    (r"bench/triton/", rf"(?!{CONCRETE})|targets/amdgpu/"),  # runs code objects that no target of ours made
    (r"(?:tools|bench|tests)/", rf"(?!{CONCRETE})"),
]
THIRD_PARTY = [
    (r"xbyak/", r"targets/x86/"),
    (r"llvm", r"targets/(amdgpu|disassemble)/"),
    (r"omp\.h", r"runtime/|bench/|tests/"),
    (r"xxhash", r"runtime/"),
    (r"nlohmann/", r"runtime/(?!include/)|tools/|bench/|tests/"),
    (r"CLI/", r"tools/|bench/"),
    (r"gtest/|gmock/", r"tests/"),
    (r"benchmark/", r"bench/"),
    (r"oneapi/|dnnl", r"bench/peers/onednn\."),
    (r"aocl_dlp|classic/", r"bench/peers/aocl_dlp\."),
    (r"cblas|openblas", r"bench/peers/openblas\."),
]
MACROS = {"CHECK", "TRY"}
LINES_HARD, LINES_SOFT, BYTES = 600, 400, 1 << 20
EMPTY_NAMES = {"util", "common", "misc", "helper", "impl", "base", "manager"}
BUILD_OUTPUT = re.compile(r"(^|/)(build|__pycache__|CMakeFiles)/|\.(o|a|so|pyc|hsaco|co)$")
# Spelled in halves so that this file obeys its own rule.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")
INCLUDE = re.compile(r'\s*#\s*include\s*(["<])([^">]+)[">]')
DEFINE = re.compile(r"\s*#\s*define\s+(\w+)")


def list_files(root):
    """Paths of the tracked and the not ignored files; of every file outside build/ where there is no git."""
    git = ["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    result = subprocess.run(git, capture_output=True, text=True)
    if result.returncode == 0 and result.stdout:
        return sorted({f for f in result.stdout.split("\0") if f and os.path.exists(os.path.join(root, f))})
    files = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [s for s in subfolders if s not in (".git", "build", "__pycache__")]
        files += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return sorted(files)


def resolve(root, path, quote, name):
    """The path in the tree of an included file; None for a third-party or standard header."""
    if name.startswith("tilejit/"):
        return next((p for p in (f"{f}/include/{name}" for f in ("ir", "runtime")) if os.path.exists(f"{root}/{p}")), "")
    if quote == "<":
        return None
    beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
    return next((p for p in (name, beside) if os.path.exists(os.path.join(root, p))), "")


def check_include(root, path, quote, name):
    """Yields what is wrong with one include."""
    target = resolve(root, path, quote, name)
    if target == "":
        yield f"no such file in the tree: {name}"
    elif target is not None:
        for pattern, allowed in EDGES:
            if match := re.match(pattern, path):
                own = match.group(1) if match.groups() else ""
                if not re.match(allowed.replace("{own}", re.escape(own)), target):
                    yield f"{pattern} must not include {target}"
                break
    else:
        for header, allowed in THIRD_PARTY:
            if re.match(header, name) and not re.match(allowed, path):
                yield f"<{name}> is only for {allowed}"
    if "/include/tilejit/" in path and (quote == '"' or ("/" in name and not name.startswith("tilejit/"))):
        yield f"a public header includes only <tilejit/...> and standard headers, not {name}"


def check_source(root, path, lines):
    """Yields (line, message) for one C++ file."""
    text = "\n".join(lines)
    macros = set(MACROS)
    for definitions in re.findall(r'#include "([^"]+\.def)"', text):
        with open(os.path.join(root, definitions), encoding="utf-8") as f:
            macros |= set(re.findall(r"^(\w+)\(", f.read(), re.MULTILINE))
    for number, line in enumerate(lines, 1):
        if match := INCLUDE.match(line):
            for message in check_include(root, path, *match.groups()):
                yield number, message
        if (match := DEFINE.match(line)) and match.group(1) not in macros:
            yield number, f"macro {match.group(1)}: only {' and '.join(sorted(MACROS))}, or the macro of an included .def"
    if path.endswith(".h") and "#pragma once" not in lines:
        yield 1, "no #pragma once"


def check_file(root, path):
    """Yields (line, message) for any file."""
    full = os.path.join(root, path)
    if BUILD_OUTPUT.search(path):
        yield 1, "build output does not belong in the tree"
    if os.path.getsize(full) > BYTES:
        yield 1, f"{os.path.getsize(full)} bytes; the limit is {BYTES}"
    words = os.path.basename(path).split(".")[0].lower().split("_")
    if empty := [w for w in words if w in EMPTY_NAMES or w.removesuffix("s") in EMPTY_NAMES]:
        yield 1, f"`{empty[0]}` says nothing about what is in the file"
    if not path.endswith((".h", ".cpp", ".def", ".py", ".sh", ".cmake", "CMakeLists.txt")):
        return
    with open(full, encoding="utf-8") as f:
        lines = f.read().splitlines()
    for number, line in enumerate(lines, 1):
        if match := UNFINISHED.search(line):
            yield number, f"unfinished: {match.group(0)}"
    if path.endswith((".h", ".cpp", ".py")) and len(lines) > LINES_SOFT:
        if len(lines) > LINES_HARD:
            yield len(lines), f"{len(lines)} lines; the limit is {LINES_HARD}"
        else:
            print(f"{path}:{len(lines)}: warning: {len(lines)} lines; aim for fewer than {LINES_SOFT}")
    if path.endswith((".h", ".cpp", ".def")):
        yield from check_source(root, path, lines)


def check_tree(root):
    """All errors of a tree, as lines of text."""
    errors, xbyak = [], set()
    files = list_files(root)
    for path in files:
        errors += [f"{path}:{line}: error: {message}" for line, message in check_file(root, path)]
        if path.endswith((".h", ".cpp")):
            with open(os.path.join(root, path), encoding="utf-8") as f:
                if re.search(r"#\s*include\s*<xbyak/", f.read()):
                    xbyak.add(path)
    if len(xbyak) > 1:
        errors += [f"{path}:1: error: Xbyak is for one file; {len(xbyak)} include it" for path in sorted(xbyak)]
    return errors, len(files)


def main():
    root = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else ".")
    errors, count = check_tree(root)
    print("\n".join(errors + [f"{count} files, {len(errors)} errors"]))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
