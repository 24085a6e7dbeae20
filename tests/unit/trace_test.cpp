// trace_test.cpp - the trace parser: every form that the three generations of
// courses have left behind, every error with its line, column and caret, and
// the figures that are computed on the way.
#include "driver/text.hpp"
#include "driver/trace.hpp"
#include "tests/check.h"

#include <cstdlib>

using namespace driver;

namespace {

constexpr HeapRules kRules{1u << 30, 16};

Trace parse(const std::string &text) {
  return parse_trace("some/x.rep", text, kRules);
}

// A trace with a header of four lines; its operations begin on line 5.
Trace parse_ops(const std::string &ops) {
  return parse("1\n9\n9\n0\n" + ops);
}

std::string error_of(const std::string &text) {
  return check::thrown_by<InputError>([&] { parse(text); });
}

// The operations as letters, each with slot and size: "a1:100 f1".
std::string summary(const Trace &trace) {
  std::string text;
  for (const Op &op : trace.ops) {
    char letter = "afrRcm"[static_cast<int>(op.kind)];
    text += text.empty() ? "" : " ";
    text += letter + std::to_string(op.slot);
    if (op.kind != OpKind::Free)
      text += ":" + std::to_string(trace.requested(op));
  }
  return text;
}

} // namespace

// ---- Headers ----------------------------------------------------------------

TEST(header_with_weight_first) {
  for (int weight = 0; weight <= 3; weight++) {
    Trace t = parse(std::to_string(weight) + "\n2\n2\n40960\na 0 8\nf 0\n");
    CHECK_EQ(t.weight, weight);
    CHECK_EQ(summary(t), "a1:8 f1");
  }
}

TEST(byte_order_mark_of_an_editor) {
  Trace t = parse("\xef\xbb\xbf"
                  "1\r\n1\r\n2\r\n8\r\na 0 8\r\nf 0\r\n");
  CHECK_EQ(t.weight, 1);
  CHECK_EQ(summary(t), "a1:8 f1");
  CHECK_EQ(t.line_text(1), "f 0");
  CHECK_EQ(error_of("\xef\xbb\xbf"
                    "1x\n1\n2\n8\na 0 8\n"),
           "some/x.rep:1:2: 'x' is not part of a weight (0 to 3) or a heap "
           "size\n    1x\n     ^");
}

TEST(header_of_the_classic_order_has_no_weight) {
  Trace t = parse("20000\n1\n2\n2\na 0 8\nf 0\n");
  CHECK_EQ(t.weight, 1);
  CHECK_EQ(t.ops.size(), 2);
  CHECK_EQ(parse("4\n1\n2\n3\na 0 8\n").weight, 1);
}

TEST(header_line_four_never_matters) {
  for (const char *fourth : {"0", "1", "5848128", "-1", "007",
                             "99999999999999"
                             "9999999999999"})
    CHECK_EQ(summary(parse("1\n1\n1\n" + std::string(fourth) + "\na 0 8\n")),
             "a1:8");
  CHECK_EQ(summary(parse("1\n1\n1\na 0 8\n")), "a1:8"); // none at all
}

TEST(header_on_one_line_and_with_blank_lines) {
  CHECK_EQ(summary(parse("1 1 1 0\na 0 8\n")), "a1:8");
  CHECK_EQ(summary(parse("\n\n 2\n\n1\n\t1 \n\n0\n\n\na 0 8\n")), "a1:8");
  CHECK_EQ(parse("\n\n 2\n\n1\n1\n0\na 0 8\n").weight, 2);
}

TEST(header_counts_are_no_limits) {
  Trace t = parse("1\n1\n1\n0\na 0 8\na 1 8\na 900 8\nf 1\n");
  CHECK_EQ(t.ops.size(), 4);
}

// ---- What is tolerated ------------------------------------------------------

TEST(line_ends_of_dos_and_blanks_everywhere) {
  Trace t = parse("1\r\n2\r\n4\r\n0\r\n  a 0 8  \r\n\r\n\ta\t1\t16\r\n   \r\n"
                  "r  1   32\r\nf 0 \r\n\r\n");
  CHECK_EQ(summary(t), "a1:8 a2:16 r2:32 f1");
}

TEST(no_final_newline) {
  CHECK_EQ(summary(parse("1\n1\n2\n0\na 0 8\nf 0")), "a1:8 f1");
}

TEST(missing_size_is_the_previous_one) {
  CHECK_EQ(summary(parse_ops("a 0 100\na 1\nr 1 50\nr 0\na 2 \n")),
           "a1:100 a2:100 r2:50 r1:50 a3:50");
}

TEST(free_of_minus_one_is_free_of_null) {
  Trace t = parse_ops("f -1\na 0 8\nf -1\n");
  CHECK_EQ(summary(t), "f0 a1:8 f0");
  CHECK_EQ(t.ops[0].slot, kNullSlot);
}

TEST(realloc_of_a_new_id_is_realloc_of_null) {
  Trace t = parse_ops("r 5 30\nr 5 60\nf 5\nr 6 10\n");
  CHECK_EQ(summary(t), "R1:30 r1:60 f1 R1:10");
}

TEST(realloc_to_nothing_frees_and_leaves_null) {
  Trace t = parse_ops("a 0 100\nr 0 0\nr 0 50\nr 0 0\nf 0\n");
  CHECK_EQ(summary(t), "a1:100 r1:0 R1:50 r1:0 f0");
  CHECK(t.live_at_end.empty());
}

TEST(ids_are_used_again_and_left_live) {
  Trace t = parse_ops("a 0 8\nf 0\na 0 16\na 7 8\n");
  CHECK_EQ(summary(t), "a1:8 f1 a1:16 a2:8");
  CHECK_EQ(t.live_at_end.size(), 2);
}

TEST(an_id_that_is_given_twice_loses_its_first_block) {
  Trace t = parse_ops("a 0 8\na 0 16\nf 0\n");
  CHECK_EQ(summary(t), "a1:8 a2:16 f2");
  CHECK_EQ(t.live_at_end.size(), 1);
  CHECK_EQ(t.live_at_end.at(0), 1);
}

TEST(sizes_up_to_64_bits) {
  Trace t = parse_ops("a 0 0\na 1 9223372036854775808\n"
                      "a 2 18446744073709551615\n");
  CHECK_EQ(t.ops.at(0).size, 0);
  CHECK_EQ(t.ops.at(1).size, 1ull << 63);
  CHECK_EQ(t.ops.at(2).size, UINT64_MAX);
  CHECK_EQ(t.peak_payload, 0);
}

TEST(sparse_ids) {
  std::string ops;
  for (uint64_t id = 1; id < 1u << 20; id = id * 3 + 1)
    ops += "a " + std::to_string(id << 40) + " " + std::to_string(id) + "\n";
  ops += "a 18446744073709551615 8\nr 18446744073709551615 16\n";
  ops += "f 18446744073709551615\n";
  for (uint64_t id = 1; id < 1u << 20; id = id * 3 + 1)
    ops += "f " + std::to_string(id << 40) + "\n";
  Trace t = parse_ops(ops);
  CHECK(t.live_at_end.empty());
  size_t n = (t.ops.size() - 3) / 2;
  for (size_t i = 0; i < n; i++) CHECK_EQ(t.ops[i].slot, t.ops[n + 3 + i].slot);
}

// Around the border between the array and the hash table.
TEST(dense_and_sparse_ids_side_by_side) {
  std::string ops, frees;
  for (uint64_t id = 0; id < 3000; id++) {
    ops += "a " + std::to_string(id * 7) + " 8\n";
    frees += "f " + std::to_string(id * 7) + "\n";
  }
  Trace t = parse_ops(ops + frees);
  for (size_t i = 0; i < 3000; i++)
    CHECK_EQ(t.ops[i].slot, t.ops[3000 + i].slot);
  CHECK_EQ(t.slots, 3001);
}

// ---- Our own additions ------------------------------------------------------

TEST(calloc_and_its_overflow) {
  Trace t = parse_ops("c 0 10 30\nf 0\nc 1 4294967296 4294967296\nf 1\n");
  CHECK_EQ(t.ops.at(0).kind == OpKind::Calloc, true);
  CHECK_EQ(t.requested(t.ops.at(0)), 300);
  CHECK_EQ(t.requested(t.ops.at(2)), UINT64_MAX);
  CHECK_EQ(t.calloc_args.at(1).count, 1ull << 32);
  CHECK_EQ(t.peak_payload, 300);
}

TEST(memalign_keeps_its_alignment) {
  Trace t = parse_ops("m 0 64 100\nm 1 1 8\nm 2 1048576 8\n");
  CHECK_EQ(int{t.ops.at(0).align_log2}, 6);
  CHECK_EQ(int{t.ops.at(1).align_log2}, 0);
  CHECK_EQ(int{t.ops.at(2).align_log2}, 20);
  CHECK_EQ(summary(t), "m1:100 m2:8 m3:8");
}

TEST(threads_are_numbered_as_they_appear) {
  Trace t = parse_ops("@7 a 0 8\n@255 a 1 8\na 2 8\n@7 f 1\n");
  CHECK_EQ(t.threads, 3);
  CHECK_EQ(int{t.ops.at(0).thread}, 0);
  CHECK_EQ(int{t.ops.at(1).thread}, 1);
  CHECK_EQ(int{t.ops.at(2).thread}, 2);
  CHECK_EQ(int{t.ops.at(3).thread}, 0);
  CHECK_EQ(parse_ops("a 0 8\n").threads, 1);
}

// Reuse of a slot would order operations that the program did not order.
TEST(slots_are_reused_only_without_threads) {
  CHECK_EQ(parse_ops("a 0 8\nf 0\na 1 8\nf 1\n").slots, 2);
  CHECK_EQ(parse_ops("@1 a 0 8\n@1 f 0\n@1 a 1 8\n@1 f 1\n").slots, 3);
}

// An id that is used again keeps its operations in order.
TEST(slots_of_ids_with_threads) {
  CHECK_EQ(parse_ops("@1 a 0 8\nf 0\na 0 8\nf 0\n").slots, 2);
  CHECK_EQ(parse_ops("@1 a 0 8\nr 0 0\nr 0 8\nf 0\n").slots, 2);
  CHECK_EQ(parse_ops("@1 a 0 8\na 0 9\nf 0\n").slots, 3); // both live
  HeapRules own{1u << 30, 16, true};
  std::string text = "1 1 1 0\na 0 8\nf 0\na 1 8\nf 1\na 0 8\n";
  CHECK_EQ(parse_trace("x.rep", text, own).slots, 3);
}

// ---- Figures ----------------------------------------------------------------

TEST(peak_payload_and_where_it_was) {
  Trace t = parse_ops("a 0 100\na 1 200\nf 0\nr 1 250\na 2 60\nf 1\na 3 1\n");
  CHECK_EQ(t.peak_payload, 310);
  CHECK_EQ(t.peak_op, 4);
  Trace first = parse_ops("a 0 100\nf 0\na 0 100\n");
  CHECK_EQ(first.peak_op, 0);
}

TEST(requests_beyond_the_limit_are_never_live) {
  Trace t = parse_ops("a 0 1073741825\na 1 10\nr 1 1073741825\nf 1\nf 0\n");
  CHECK_EQ(t.peak_payload, 10);
  CHECK_EQ(parse_ops("a 0 1073741824\n").peak_payload, 1u << 30);
}

TEST(bound_of_boundary_tags) {
  Trace t = parse_ops("a 0 12\na 1 13\n"); // blocks of 16 and 32
  CHECK_EQ(t.peak_blocks, 48);
  CHECK_EQ(t.bound(), 25.0 / 48);
  HeapRules eight{1u << 30, 8};
  CHECK_EQ(parse_trace("x", "1 1 1 1\na 0 12\na 1 13\n", eight).peak_blocks,
           16 + 24);
  CHECK_EQ(parse_ops("f -1\n").bound(), 1.0);
}

TEST(name_and_place_of_an_operation) {
  Trace t = parse("\n1\n9\n9\n0\n\na 0 8\r\n\n\n  @3  f 0  \nf -1");
  CHECK_EQ(t.name, "x");
  CHECK_EQ(t.where(0), "some/x.rep:7");
  CHECK_EQ(t.line_text(0), "a 0 8");
  CHECK_EQ(t.where(1), "some/x.rep:10");
  CHECK_EQ(t.line_text(1), "@3  f 0");
  CHECK_EQ(t.line_number(2), 11);
  CHECK_EQ(t.line_text(2), "f -1");
}

// ---- Errors -----------------------------------------------------------------

namespace {

// What follows a good header of one line; the error is expected on line 2.
struct BadLine {
  const char *line;
  int column;
  const char *what;
};

const BadLine kBadLines[] = {
    {"x 0 8", 1,
     "an operation is a letter and a blank: a allocates, r reallocates, "
     "f frees, c callocs, m memaligns"},
    {"  aa 0 8", 3,
     "an operation is a letter and a blank: a allocates, r reallocates, "
     "f frees, c callocs, m memaligns"},
    {"17", 1,
     "an operation is a letter and a blank: a allocates, r reallocates, "
     "f frees, c callocs, m memaligns"},
    {"a", 2, "expected an id here"},
    {"f", 2, "expected an id here"},
    {"a 0", 4, "expected a size here (there is no previous one to repeat)"},
    {"a x 8", 3, "expected an id here"},
    {"a 0x1 8", 4, "'x' is not part of an id"},
    {"a 0 8x", 6, "'x' is not part of a size in bytes"},
    {"a 0 8.5", 6, "'.' is not part of a size in bytes"},
    {"a 0 -8", 5, "expected a size in bytes here"},
    {"a 0 8 9", 7, "nothing may follow an operation"},
    {"a -1 8", 3, "an id is not negative (only 'f -1' is, which frees NULL)"},
    {"r -1 8", 3, "an id is not negative (only 'f -1' is, which frees NULL)"},
    {"f -2", 3, "the only negative id is -1, which frees NULL"},
    {"a 0 18446744073709551616", 5, "a size in bytes does not fit in 64 bits"},
    {"a 99999999999999999999 8", 3, "an id does not fit in 64 bits"},
    {"f 3", 3, "frees id 3, which was never allocated"},
    {"c 0", 4, "expected the number of objects here"},
    {"c 0 4", 6, "expected a size in bytes here"},
    {"m 0 24 8", 5, "an alignment is a power of two"},
    {"m 0 0 8", 5, "an alignment is a power of two"},
    {"m 0 16", 7, "expected a size in bytes here"},
    {"@ a 0 8", 1, "expected a thread number behind '@', as in '@2 f 17'"},
    {"@x a 0 8", 1, "expected a thread number behind '@', as in '@2 f 17'"},
    {"@256 a 0 8", 2, "a thread number is at most 255"},
    {"@2", 3, "expected an operation here"},
};

} // namespace

TEST(malformed_lines_show_line_column_and_caret) {
  for (const BadLine &bad : kBadLines) {
    std::string want = format("some/x.rep:2:%d: %s\n    %s\n    %*s",
                              bad.column, bad.what, bad.line, bad.column, "^");
    CHECK_EQ(error_of(std::string("1 1 1 0\n") + bad.line + "\nf -1\n"), want);
  }
}

TEST(operations_on_dead_ids) {
  CHECK_EQ(error_of("1 1 1 0\na 4 8\nf 4\nf 4\n"),
           "some/x.rep:4:3: frees id 4, which was freed before\n"
           "    f 4\n"
           "      ^");
  CHECK_EQ(error_of("1 1 1 0\na 4 8\nf 4\n\n  r 4 9\n"),
           "some/x.rep:5:5: reallocates id 4, which was freed before\n"
           "      r 4 9\n"
           "        ^");
  CHECK_HAS(error_of("1 1 1 0\na 4 8\nr 4 0\nf 4\nf 4\n"),
            "x.rep:5:3: frees id 4, which was freed before");
}

TEST(carets_keep_tabs_and_ignore_line_ends) {
  CHECK_EQ(error_of("1 1 1 0\n\ta\t0\t8y\r\n"),
           "some/x.rep:2:7: 'y' is not part of a size in bytes\n"
           "    \ta\t0\t8y\n"
           "    \t \t \t ^");
}

TEST(malformed_headers) {
  CHECK_HAS(error_of(""), "some/x.rep:1:1: the file ends where its header "
                          "should have a weight (0 to 3) or a heap size");
  CHECK_HAS(error_of("\n \n"), "should have a weight (0 to 3) or a heap size");
  CHECK_HAS(error_of("1\n"), "should have the number of ids");
  CHECK_HAS(error_of("1\n1\n"), "should have the number of operations");
  CHECK_EQ(error_of("hello\n"),
           "some/x.rep:1:1: expected a weight (0 to 3) or a heap size here\n"
           "    hello\n"
           "    ^");
  CHECK_EQ(error_of("1\n2b\n"),
           "some/x.rep:2:2: 'b' is not part of the number of ids\n"
           "    2b\n"
           "     ^");
  CHECK_HAS(error_of("1\n1\n1\n1\n"), "the trace has no operation");
}

// Bytes that are no text must neither crash the parser nor reach a terminal.
TEST(binary_garbage_is_refused) {
  std::string garbage = "1 1 1 1\n";
  srand(7);
  for (int i = 0; i < 5000; i++) garbage += static_cast<char>(rand());
  std::string error = error_of(garbage);
  CHECK_HAS(error, "some/x.rep:2:");
  for (char c : error)
    CHECK(c == '\n' || c == '\t' || static_cast<unsigned char>(c) >= 0x20);
}

TEST(long_lines_are_cut_in_messages) {
  std::string error = error_of("1 1 1 1\na 0 8 " + std::string(100000, 'z'));
  CHECK_HAS(error, "nothing may follow an operation");
  CHECK(error.size() < 1000);
}

TEST(a_file_that_cannot_be_read) {
  std::string error = check::thrown_by<InputError>(
      [] { read_trace("no/such/file.rep", kRules); });
  CHECK_HAS(error, "no/such/file.rep: cannot read the trace: No such file");
  error = check::thrown_by<InputError>([] { read_trace("/", kRules); });
  CHECK_HAS(error, "/: cannot read the trace: Is a directory");
}
