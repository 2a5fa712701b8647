"""The rules of check_structure.py find what they forbid, on the offending line, and nothing in a tree that obeys them."""
import os
import tempfile
import unittest

from check_structure import check_tree

GOOD = {
    "ir/include/tilejit/result.h": "#pragma once\n#include <string>\n",
    "ir/ops.def": "OP(add, 2)\n",
    "ir/ir.h": "#pragma once\n#include <tilejit/result.h>\n#define OP(name, count) name,\n#include \"ir/ops.def\"\n",
    "ir/ir.cpp": "#include \"ir/ir.h\"\n#include <fmt/format.h>\n",
    "targets/target.h": "#pragma once\n#include \"ir/ir.h\"\n",
    "targets/targets.h": "#pragma once\n#include \"targets/target.h\"\n",
    "targets/targets.cpp": "#include \"targets/targets.h\"\n#include \"targets/x86/x86_target.h\"\n",
    "targets/x86/x86_target.h": "#pragma once\n#include \"targets/target.h\"\n",
    "targets/x86/encode.cpp": "#include \"targets/x86/x86_target.h\"\n#include <xbyak/xbyak.h>\n",
    "targets/disassemble/disassemble.h": "#pragma once\n",
    "jit/compile.h": "#pragma once\n#include \"targets/target.h\"\n",
    "runtime/include/tilejit/linear.h": "#pragma once\n#include <tilejit/result.h>\n",
    "runtime/linear.cpp": "#include <tilejit/linear.h>\n#include \"targets/targets.h\"\n#include <xxhash.h>\n",
    "tools/jitdump/main.cpp": "#include \"targets/disassemble/disassemble.h\"\n#include <CLI/CLI.hpp>\n",
    "tests/unit/encode_test.cpp": "#include \"targets/x86/x86_target.h\"\n#include <gtest/gtest.h>\n",
}
WORD = "TO" "DO"
BAD = [  # path, text, place of the error, part of its message
    ("ir/a.cpp", '#include "jit/compile.h"\n', "ir/a.cpp:1:", "must not include jit/compile.h"),
    ("ir/a.cpp", "\n#include <tilejit/linear.h>\n", "ir/a.cpp:2:", "must not include runtime/include"),
    ("ir/a.cpp", '#include "missing.h"\n', "ir/a.cpp:1:", "no such file"),
    ("jit/a.cpp", '#include "targets/targets.h"\n', "jit/a.cpp:1:", "must not include targets/targets.h"),
    ("jit/a.cpp", '#include "targets/x86/x86_target.h"\n', "jit/a.cpp:1:", "must not include"),
    ("targets/target.cpp", '#include "jit/compile.h"\n', "targets/target.cpp:1:", "must not include"),
    ("targets/ref/a.cpp", '#include "targets/x86/x86_target.h"\n', "targets/ref/a.cpp:1:", "must not include"),
    ("targets/x86/a.cpp", '#include "jit/compile.h"\n', "targets/x86/a.cpp:1:", "must not include"),
    ("runtime/a.cpp", '#include "targets/x86/x86_target.h"\n', "runtime/a.cpp:1:", "must not include"),
    ("tools/jitdump/a.cpp", '#include "targets/x86/x86_target.h"\n', "tools/jitdump/a.cpp:1:", "must not include"),
    ("tests/diff/a.cpp", '#include "targets/x86/x86_target.h"\n', "tests/diff/a.cpp:1:", "must not include"),
    ("targets/x86/a.cpp", "#include <xbyak/xbyak.h>\n", "targets/x86/encode.cpp:1:", "Xbyak is for one file"),
    ("jit/a.cpp", "#include <xbyak/xbyak.h>\n", "jit/a.cpp:1:", "is only for"),
    ("targets/x86/a.cpp", "#include <llvm/MC/MCInst.h>\n", "targets/x86/a.cpp:1:", "is only for"),
    ("jit/a.cpp", "#include <nlohmann/json.hpp>\n", "jit/a.cpp:1:", "is only for"),
    ("runtime/include/tilejit/a.h", '#pragma once\n#include "ir/ir.h"\n', "runtime/include/tilejit/a.h:2:", "public header"),
    ("ir/a.h", "struct A {};\n", "ir/a.h:1:", "no #pragma once"),
    ("ir/a.cpp", "int x;\n#define MAX 3\n", "ir/a.cpp:2:", "macro MAX"),
    ("ir/a.cpp", f"int x;  // {WORD}: more\n", "ir/a.cpp:1:", "unfinished"),
    ("ir/a.py", f"# {WORD}\n", "ir/a.py:1:", "unfinished"),
    ("ir/a.cpp", "int x;\n" * 601, "ir/a.cpp:601:", "601 lines"),
    ("ir/string_utils.cpp", "", "ir/string_utils.cpp:1:", "says nothing"),
    ("tests/data/big.bin", "x" * (1 << 20) + "x", "tests/data/big.bin:1:", "bytes"),
    ("tests/data/kernel.hsaco", "", "tests/data/kernel.hsaco:1:", "build output"),
]


def errors_of(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                f.write(text)
        return check_tree(root)[0]


class Rules(unittest.TestCase):
    def test_an_obedient_tree_has_no_errors(self):
        self.assertEqual(errors_of(GOOD), [])

    def test_each_violation_is_found_where_it_is(self):
        for path, text, place, message in BAD:
            with self.subTest(path=path, message=message):
                errors = errors_of(GOOD | {path: text})
                self.assertTrue(errors)
                self.assertTrue(any(e.startswith(place) and message in e for e in errors), errors)


if __name__ == "__main__":
    unittest.main()
