"""The state machine's library needs nothing that could make two replays differ.

Reads the undefined symbols of the archive (nm -u), demangled. Whatever is not on the list of what a
pure function over values needs is a finding: a new need is argued for here, not slipped in.
Usage: purity_test.py NM ARCHIVE
"""

import re
import subprocess
import sys

ALLOWED = [
    # The C++ run time: memory, exceptions of the containers, type information, static locals.
    r"operator (new|delete)(\[\])?\(", r"__cxa_\w+$", r"__gxx_personality_v0$", r"_Unwind_Resume$",
    r"(vtable|typeinfo|typeinfo name) for (std|__cxxabiv1|fmt)::", r"__dso_handle$", r"_GLOBAL_OFFSET_TABLE_$",
    r"__stack_chk_fail$", r"__dynamic_cast$", r"abort$",
    # Bytes in memory.
    r"mem(cpy|move|set|cmp|chr)$", r"__mem(cpy|move|set)_chk$", r"strlen$", r"strcmp$", r"bcmp$",
    # Containers, strings, numbers to text, and how they fail.
    r"(\w+ )?std::(__cxx11::)?basic_string<char", r"std::__throw_\w+\(", r"std::terminate\(",
    r"std::__glibcxx_assert_fail\(", r"std::__detail::_List_node_base::", r"std::_Rb_tree_(in|de)crement\(",
    r"std::_Rb_tree_insert_and_rebalance\(", r"std::_Rb_tree_rebalance_for_erase\(", r"std::(to|from)_chars\(",
    r"std::(exception|bad_alloc|bad_variant_access|bad_optional_access|logic_error|runtime_error|length_error"
    r"|out_of_range)::", r"std::type_info::",
    # Formatting. It writes to memory; its functions for files are not called vprint, fopen … by chance.
    r"(\w[\w:<>*& ]* )?fmt::v\d+::(?!.*\b(FILE|_IO_FILE|vprint|system_error|localtime|gmtime|locale_ref\b.*locale>))",
    # Sanitizers and coverage, in the builds that have them.
    r"__(asan|ubsan|tsan|sanitizer|gcov|llvm)_\w+$", r"__start___sancov|__stop___sancov",
]
# Named even where a pattern above would let them through, and first, for the message.
BANNED = re.compile(
    r"chrono|clock|gettimeofday|\btime$|thread|mutex|condition_variable|pthread|random|\brand|getenv"
    r"|fstream|filebuf|filesystem|\bopen|fopen|fwrite|\bwrite$|\bread$|iostream|std::(cout|cerr|clog)|socket"
    r"|capnp::|\bkj::|rocksdb::|boost::asio|EVP_|SHA256")


def symbols(nm, archive, *flags):
    out = subprocess.run([nm, "--demangle", "--format=posix", *flags, archive],
                         check=True, capture_output=True, text=True).stdout
    # "name U", or "name T address size"; a demangled name has spaces of its own.
    lines = (re.match(r"(.+?) [A-Za-z](?: [0-9a-f]+){0,2} *$", line) for line in out.splitlines())
    return {m.group(1) for m in lines if m}


def main():
    nm, archive = sys.argv[1:]
    undefined = symbols(nm, archive, "--undefined-only") - symbols(nm, archive, "--defined-only")
    allowed = re.compile("|".join(f"(?:{pattern})" for pattern in ALLOWED))
    findings = sorted(s for s in undefined if BANNED.search(s) or not allowed.match(s))
    for symbol in findings:
        print(f"{archive} needs {symbol}")
    print(f"purity: {len(undefined)} needs, {len(findings)} of them not pure")
    if not undefined:
        print("purity: nothing was read, which proves nothing")
    return 1 if findings or not undefined else 0


if __name__ == "__main__":
    sys.exit(main())
