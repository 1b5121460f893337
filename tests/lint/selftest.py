#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Feeds every lint known offences, and things that only look like one: a lint that is blind must not pass."""
import os
import tempfile
import unittest

import banned
import layers
import lengths
import pid1_binary
import roots

SPDX = "// SPDX-License-Identifier: Apache-2.0\n"


def complaints(lint, files):
    """What `lint` says about a tree that holds only `files`: path -> text."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)) or root, exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        return lint.check(root)


class Lengths(unittest.TestCase):
    def names(self, text):
        return [name.split("(")[0] for _, _, name in lengths.functions(text)]

    def test_a_function_of_61_lines_is_reported_and_one_of_60_is_not(self):
        def body(lines):
            return SPDX + "int f() {\n" + "  g();\n" * (lines - 2) + "}\n"
        self.assertEqual(complaints(lengths, {"src/a.cpp": body(60)}), [])
        self.assertEqual(len(complaints(lengths, {"src/a.cpp": body(61)})), 1)

    def test_a_file_of_401_lines_is_reported(self):
        self.assertEqual(complaints(lengths, {"src/a.hpp": "\n" * 400}), [])
        self.assertEqual(len(complaints(lengths, {"tests/a.hpp": "\n" * 401})), 1)

    def test_members_constructors_templates_and_test_cases_are_functions(self):
        text = ("namespace a::b {\nclass C final : public D {\n public:\n  C() : x_{1}, y_(2) { go(); }\n"
                "  int get() const noexcept { return x_; }\n  template <class T>\n  auto run(T t) -> int { return t; }\n"
                "  bool operator==(const C& o) const { return x_ == o.x_; }\n};\n}\nTEST_CASE(\"x {\") { f(); }\n")
        self.assertEqual(self.names(text), ["C", "int get", "template <class T> auto run", "bool operator==", "TEST_CASE"])

    def test_braces_in_literals_comments_and_directives_do_not_count(self):
        text = 'int f() {\n  a("{{", R"x({{)x", \'{\', 1\'000);  // {\n  /* { */\n}\n#define X {\nint g() { return 1; }\n'
        self.assertEqual(self.names(text), ["int f", "int g"])

    def test_initialisers_are_not_functions(self):
        text = "const int k[] = {1, 2};\nstruct S { int a{1}; S(int b = int{2}) : a{b} {} };\nenum class E : int { kA };\n"
        self.assertEqual(self.names(text), ["S"])

    def test_a_lambda_counts_towards_the_function_around_it(self):
        text = "void f() {\n  g([] {\n" + "    h();\n" * 60 + "  });\n}\n"
        self.assertEqual(len(complaints(lengths, {"src/a.cpp": text})), 1)


class Layers(unittest.TestCase):
    def one(self, path, line):
        self.assertEqual(len(complaints(layers, {path: line + "\n"})), 1, f"{path}: {line}")

    def none(self, path, line):
        self.assertEqual(complaints(layers, {path: line + "\n"}), [], f"{path}: {line}")

    def test_lower_modules_do_not_know_each_other(self):
        self.one("src/image/a.cpp", '#include "runtime/plan.hpp"')
        self.one("src/netcni/a.cpp", '#include "image/reference.hpp"')
        self.one("src/base/a.hpp", '#include "image/reference.hpp"')
        self.one("src/pid1/a.cpp", '#include "base/error.hpp"')
        self.one("src/runtime/a.cpp", '#include "pid1/sys.h"')
        self.none("src/runtime/a.cpp", '#include "pid1/plan_format.h"')
        self.none("src/daemon/app.cpp", '#include "netcni/result.hpp"')

    def test_the_daemon_points_downwards(self):
        self.one("src/daemon/ops/a.cpp", '#include "daemon/rpc/server.hpp"')
        self.one("src/daemon/state/a.cpp", '#include "daemon/ops/operation.hpp"')
        self.one("src/daemon/spec/a.cpp", '#include "daemon/ops/operation.hpp"')
        self.one("src/daemon/streaming/a.cpp", '#include "daemon/rpc/server.hpp"')
        self.none("src/daemon/rpc/a.cpp", '#include "daemon/ops/operation.hpp"')

    def test_expensive_headers_stay_where_they_must_be(self):
        self.one("src/runtime/a.cpp", '#include "api.pb.h"')
        self.one("src/daemon/ops/a.cpp", '#include "api.grpc.pb.h"')
        self.one("src/daemon/ops/a.cpp", "#include <grpcpp/grpcpp.h>")
        self.none("src/daemon/rpc/a.cpp", "#include <grpcpp/grpcpp.h>")

    def test_a_c_library_has_one_user(self):
        twice = {"src/runtime/a.cpp": "#include <seccomp.h>\n", "src/runtime/b.cpp": "#include <seccomp.h>\n"}
        self.assertEqual(len(complaints(layers, twice)), 1)
        self.one("src/runtime/a.hpp", "#include <sys/capability.h>")
        self.none("src/runtime/a.cpp", "#include <sys/capability.h>")

    def test_kernel_calls_that_change_namespaces_have_few_places(self):
        self.one("src/daemon/a.cpp", "#include <sys/mount.h>")
        self.one("src/daemon/a.cpp", "int r = ::setns(fd, 0);")
        self.one("src/netcni/a.cpp", "syscall(SYS_pivot_root, a, b);")
        self.none("src/daemon/a.cpp", "auto copy = object.clone(); // setns(")
        self.none("src/runtime/namespaces_pin.cpp", "int r = ::setns(fd, 0);")

    def test_pid1_has_no_cpp_runtime(self):
        self.one("src/pid1/a.cpp", "#include <string>")
        self.none("src/pid1/a.cpp", "#include <type_traits>")
        self.none("src/pid1/a.cpp", "#include <linux/filter.h>")

    def test_includes_are_written_from_src(self):
        self.one("src/base/a.cpp", '#include "error.hpp"')
        self.one("src/image/a.cpp", '#include "../base/error.hpp"')
        self.none("src/image/a.cpp", '// #include "runtime/plan.hpp"')


class Banned(unittest.TestCase):
    def check(self, line, expected, path="src/runtime/a.cpp"):
        self.assertEqual(len(complaints(banned, {path: SPDX + line + "\n"})), expected, line)

    def test_calls_with_a_better_way(self):
        for call in ("std::filesystem::remove_all(p);", "system(c);", "std::system(c);", "::popen(c, m);",
                     "pid = fork();", "x = strerror(e);", "std::thread t(f);", 'getenv("HOME");'):
            self.check(call, 1)
        for harmless in ('use_system(c);', "config.system(c);", 'say("fork()");', "// system(c)", "std::jthread t(f);",
                         "std::thread::hardware_concurrency();"):
            self.check(harmless, 0)
        self.check("std::thread t(f);", 0, "src/base/lane.cpp")
        self.check('getenv("HOME");', 0, "src/daemon/config_load.cpp")

    def test_exit_in_pid1(self):
        self.check("exit(1);", 1, "src/pid1/a.cpp")
        self.check("_exit(1);", 0, "src/pid1/a.cpp")

    def test_descriptors_that_would_leak(self):
        for call in ("int fd = ::open(path, O_RDONLY);", "return ::open(path, O_RDONLY);", "return openat(dir, p,\n  O_RDONLY);", "x = ::accept(fd, 0, 0);",
                     "UniqueFd fd(socket(AF_UNIX, SOCK_STREAM, 0));", "if (pipe(ends) < 0) {}", "int d = dup(fd);",
                     "auto fd = memfd_create(n, 0);", "x = epoll_create1(0);"):
            self.check(call, 1)
        for harmless in ("int fd = ::open(path, O_RDONLY | O_CLOEXEC);", "Dir::open(path);", "file.open(path);",
                         "if (c == 1) open('[');",
                         "static Result<Dir> open(const char* path);", "x = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);"):
            self.check(harmless, 0)

    def test_marks_and_empty_checks(self):
        self.check("// TODO: later", 1)
        self.check("int a;  /* XXX */", 1)
        self.check('mkstemp("/tmp/XXXXXX");', 0)
        self.check("REQUIRE(true);", 1, "tests/unit/a.cpp")
        self.check("REQUIRE(true == f());", 0, "tests/unit/a.cpp")

    def test_licence_line_and_machine_paths(self):
        self.assertEqual(len(complaints(banned, {"src/a.cpp": "int a;\n"})), 1)
        self.check('open_at("/work/x");', 1)
        self.check('options = "upperdir=/x/upper,workdir=/x/work/";', 0)
        self.assertEqual(len(complaints(banned, {"dev": "cat ../shared/design.md\n"})), 1)


class Roots(unittest.TestCase):
    def check(self, line, expected, path="src/runtime/plan/mounts.cpp"):
        self.assertEqual(len(complaints(roots, {path: SPDX + line + "\n"})), expected, line)

    def test_calls_that_walk_a_path(self):
        for call in ("int fd = ::open(path, O_RDONLY | O_CLOEXEC);", "return ::stat(p, &s) == 0;", "if (::mkdirat(root, p, 0755) != 0) {}",
                     "::fchownat(fd, p, 0, 0,\n  AT_EMPTY_PATH);", "::syscall(SYS_open_tree, AT_FDCWD, s.c_str(), flags);", "::mount(a, b, c, 0, d);",
                     "::move_mount(tree, \"\", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH);", "open_at(root, \"etc/passwd\", O_RDONLY);",
                     "sys::openat2(root, path, O_PATH, 0, 0);", "::rename(a, b);", "::symlinkat(text, parent, name);"):
            self.check(call, 1)
            self.check(call, 1, "src/image/layer_new.cpp")

    def test_descriptors_and_the_helpers_do_not(self):
        for harmless in ("::fchownat(fd, \"\", 0, 0, AT_EMPTY_PATH);", "::mount_setattr(fd, \"\", AT_EMPTY_PATH, &a, sizeof a);",
                         "::syscall(SYS_mount_setattr, tree, \"\", flags, &a, sizeof a);", "open_in_root(root, path, O_RDONLY);",
                         "open_at(kCwd, path, O_RDONLY);", "::move_mount(a, \"\", b, \"\", flags);", "file.open(path, O_RDONLY);",
                         "::fstat(fd, &status);", "// ::open(path, O_RDONLY)", "Result<int> open_tree(const TreeFd& wanted, Maker& maker);"):
            self.check(harmless, 0)
        self.check("int fd = ::open(path, O_RDONLY | O_CLOEXEC);", 0, "src/daemon/ops/a.cpp")

    def test_the_table_is_kept_by_call_and_may_not_be_stale(self):
        self.check("::mount(a, b, c, 0, d); ::umount2(a, 0); ::rmdir(a);", 0, "src/runtime/pod_shm.cpp")
        self.check("::mount(a, b, c, 0, d); ::umount2(a, 0);", 1, "src/runtime/pod_shm.cpp")
        self.check("::mount(a, b, c, 0, d); ::umount2(a, 0); ::rmdir(a); ::open(a, 0);", 1, "src/runtime/pod_shm.cpp")


class Pid1Binary(unittest.TestCase):
    def test_the_child_side_may_only_make_system_calls(self):
        self.assertEqual(pid1_binary.object_offences("run_plan.cpp.o", ["mount", "__errno_location"]), [])
        self.assertEqual(len(pid1_binary.object_offences("ops_mount.cpp.o", ["getpwnam"])), 1)
        self.assertEqual(pid1_binary.object_offences("supervise.cpp.o", ["getpwnam"]), [])

    def test_no_object_has_a_heap_or_a_cpp_runtime(self):
        for symbol in ("malloc", "_Znwm", "__cxa_throw", "_ZNSt6vectorIiE", "free"):
            self.assertEqual(len(pid1_binary.object_offences("supervise.cpp.o", [symbol])), 1, symbol)


if __name__ == "__main__":
    unittest.main()
