// text_test.cpp - the string helpers.
#include "driver/text.hpp"
#include "tests/check.h"

using namespace driver;

TEST(format_of_any_length) {
  CHECK_EQ(format("%d-%s", 5, "x"), "5-x");
  CHECK_EQ(format("%s", ""), "");
  std::string big(5000, 'b');
  CHECK_EQ(format("%s!", big.c_str()), big + "!");
}

TEST(base_names) {
  CHECK_EQ(base_name("traces/cc1.rep"), "cc1.rep");
  CHECK_EQ(base_name("/a/b/c"), "c");
  CHECK_EQ(base_name("plain"), "plain");
  CHECK_EQ(base_name("folder/"), "");
}

TEST(suffixes) {
  CHECK_EQ(strip_suffix("cc1.rep", ".rep"), "cc1");
  CHECK_EQ(strip_suffix("cc1.rep.rep", ".rep"), "cc1.rep");
  CHECK_EQ(strip_suffix("cc1", ".rep"), "cc1");
  CHECK_EQ(strip_suffix(".rep", ".rep"), ".rep"); // a name keeps something
}

TEST(texts_from_elsewhere_on_one_line) {
  CHECK_EQ(one_line("tortoise & h\xc3\xa9ros"), "tortoise & h\xc3\xa9ros");
  CHECK_EQ(one_line("a\nb\rc\033[2J\x7f"), "a?b?c?[2J?");
}

TEST(words_of_a_shell) {
  CHECK_EQ(shell_quote("traces/cc1.rep"), "traces/cc1.rep");
  CHECK_EQ(shell_quote("my traces/x.rep"), "'my traces/x.rep'");
  CHECK_EQ(shell_quote("it's"), "'it'\\''s'");
  CHECK_EQ(shell_quote(""), "''");
}

TEST(bytes_for_people) {
  CHECK_EQ(human_bytes(0), "0");
  CHECK_EQ(human_bytes(999), "999");
  CHECK_EQ(human_bytes(1000), "1.0K");
  CHECK_EQ(human_bytes(4096), "4.0K");
  CHECK_EQ(human_bytes(64 << 10), "64K");
  CHECK_EQ(human_bytes(17 << 20), "17M");
  CHECK_EQ(human_bytes(1ull << 30), "1.0G");
  CHECK_EQ(human_bytes(9 * 1024 + 1023), "10K"); // not 10.0K
  CHECK_EQ(human_bytes(1ull << 40), "1.0T");
  CHECK_EQ(human_bytes(UINT64_MAX), "16E");
}

namespace {
std::string bytes_error(const std::string &text) {
  return check::thrown_by<InputError>([&] { parse_bytes(text, "--flag"); });
}
} // namespace

TEST(bytes_of_people) {
  CHECK_EQ(parse_bytes("0", "x"), 0);
  CHECK_EQ(parse_bytes("4096", "x"), 4096);
  CHECK_EQ(parse_bytes("64K", "x"), 64 << 10);
  CHECK_EQ(parse_bytes("64k", "x"), 64 << 10);
  CHECK_EQ(parse_bytes("1.5G", "x"), 3ull << 29);
  CHECK_EQ(parse_bytes("2M", "x"), 2 << 20);
  CHECK_EQ(parse_bytes("1T", "x"), 1ull << 40);
  CHECK_EQ(parse_bytes("0x10000000", "x"), 0x10000000);
}

TEST(bytes_that_are_none) {
  for (const char *bad : {"", "x", "-1", "-1K", "1KB", "1 K", "K", "1Q", "nan",
                          "inf", "1e300", "9999999T", "0x", "0xg", "12 "})
    CHECK_HAS(bytes_error(bad), "--flag takes a number of bytes such as 4096, "
                                "64K or 1G, not '" +
                                    std::string(bad) + "'");
}

TEST(json_strings) {
  CHECK_EQ(json_quote(""), "\"\"");
  CHECK_EQ(json_quote("plain"), "\"plain\"");
  CHECK_EQ(json_quote("a\"b\\c"), "\"a\\\"b\\\\c\"");
  CHECK_EQ(json_quote("a\nb\tc"), "\"a\\u000ab\\u0009c\"");
  CHECK_EQ(json_quote(std::string_view("\0\x1f\x7f", 3)),
           "\"\\u0000\\u001f\x7f\"");
  CHECK_EQ(json_quote("\xc3\xa9"), "\"\xc3\xa9\""); // UTF-8 passes through
}

// A JSON file is UTF-8; what is not (a path, an allocator's name) must not
// make the whole file unreadable.
TEST(json_strings_are_utf8) {
  CHECK_EQ(json_quote("a\xff!"), "\"a\xef\xbf\xbd!\"");
  CHECK_EQ(json_quote("\xc3"), "\"\xef\xbf\xbd\"");
  CHECK_EQ(json_quote("\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8a"),
           "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8a\"");
  for (const char *none :
       {"\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80"})
    CHECK_EQ(json_quote(none).find(none), std::string::npos);
  for (const char *one :
       {"\xe0\xa0\x80", "\xed\x9f\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    CHECK_EQ(json_quote(one), std::string("\"") + one + '"');
  CHECK_EQ(json_quote("\xe2\x82x"), "\"\xef\xbf\xbd\xef\xbf\xbdx\"");
}
