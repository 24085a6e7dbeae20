// json_get.cpp - json_get FILE PATH..: prints values of a JSON file, one a
// line. Exit status 1 if the file is no JSON, or lacks a value.
//
//   json_get out.json allocators.0.name allocators.name=mm.perf_index
//
// A step of a path is the key of an object, the index of an array's element,
// or key=text, the element of an array whose `key` is that text. The last
// step may be "#keys" (names, with blanks between) or "#size". Strings are
// printed without their quotes. The grammar is that of RFC 8259, no more.
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

struct Value {
  char kind = 0;    // o, a, s, or l for number, true, false, null
  std::string text; // of s and l
  std::vector<std::string> keys;
  std::vector<Value> items; // of o and a
};

[[noreturn]] void die(const std::string &what) {
  std::fprintf(stderr, "json_get: %s\n", what.c_str());
  std::exit(1);
}

class Parser {
public:
  explicit Parser(const std::string &text) : text_(text) {}

  Value document() {
    Value v = value();
    blanks();
    if (at_ != text_.size()) fail("the end");
    return v;
  }

private:
  [[noreturn]] void fail(const char *expected) const {
    die("byte " + std::to_string(at_) + ": expected " + expected);
  }
  char next() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void blanks() {
    while (next() && std::strchr(" \t\r\n", next())) at_++;
  }
  bool take(char c) {
    blanks();
    bool there = next() == c && c != '\0';
    at_ += there;
    return there;
  }

  Value value() {
    blanks();
    Value v;
    if (take('{')) return members(v, 'o', '}');
    if (take('[')) return members(v, 'a', ']');
    v.kind = next() == '"' ? 's' : 'l';
    v.text = v.kind == 's' ? string() : literal();
    return v;
  }

  Value &members(Value &v, char kind, char close) {
    v.kind = kind;
    if (take(close)) return v;
    do {
      blanks();
      if (kind == 'o') {
        v.keys.push_back(string());
        if (!take(':')) fail("':'");
      }
      v.items.push_back(value());
    } while (take(','));
    if (!take(close)) fail("',' or the closing bracket");
    return v;
  }

  std::string string() {
    if (next() != '"') fail("a string");
    std::string out;
    for (at_++; next() != '"'; at_++) {
      if (static_cast<unsigned char>(next()) < 0x20) fail("a character");
      out += next() == '\\' ? escape() : next();
    }
    at_++;
    return out;
  }

  // The driver writes \u only for control characters.
  char escape() {
    static const char kLetters[] = "\"\\/bfnrt", kMeant[] = "\"\\/\b\f\n\r\t";
    at_++;
    const char *known = next() ? std::strchr(kLetters, next()) : nullptr;
    if (known) return kMeant[known - kLetters];
    if (next() != 'u') fail("an escape");
    std::string hex = text_.substr(at_ + 1, 4);
    at_ += 4;
    return static_cast<char>(std::stoi(hex, nullptr, 16));
  }

  std::string literal() {
    size_t start = at_;
    while (std::isalnum(static_cast<unsigned char>(next())) ||
           (next() && std::strchr("+-.", next())))
      at_++;
    std::string word = text_.substr(start, at_ - start);
    if (word == "true" || word == "false" || word == "null") return word;
    char *end = nullptr;
    std::strtod(word.c_str(), &end);
    bool number =
        !word.empty() && *end == '\0' &&
        (std::isdigit(static_cast<unsigned char>(word[0])) || word[0] == '-') &&
        word.find_first_of("xXnN") == word.npos;
    if (!number) fail("a value");
    return word;
  }

  const std::string &text_;
  size_t at_ = 0;
};

const Value *member(const Value &v, const std::string &key) {
  for (size_t i = 0; i < v.keys.size(); i++)
    if (v.keys[i] == key) return &v.items[i];
  return nullptr;
}

const Value *step_into(const Value &v, const std::string &step) {
  if (v.kind == 'o') return member(v, step);
  if (v.kind != 'a') return nullptr;
  size_t equals = step.find('=');
  if (equals == step.npos) {
    size_t index = std::strtoul(step.c_str(), nullptr, 10);
    return index < v.items.size() ? &v.items[index] : nullptr;
  }
  for (const Value &item : v.items) {
    const Value *found = member(item, step.substr(0, equals));
    if (found && found->text == step.substr(equals + 1)) return &item;
  }
  return nullptr;
}

std::string keys_of(const Value &v) {
  std::string text;
  for (const std::string &key : v.keys) text += (text.empty() ? "" : " ") + key;
  return text;
}

std::string get(const Value &root, const std::string &path) {
  const Value *v = &root;
  for (size_t at = 0; at <= path.size();) {
    size_t dot = std::min(path.find('.', at), path.size());
    std::string step = path.substr(at, dot - at);
    if (step == "#keys") return keys_of(*v);
    if (step == "#size") return std::to_string(v->items.size());
    v = step_into(*v, step);
    if (!v) die("there is no " + path);
    at = dot + 1;
  }
  return v->text;
}

std::string read_file(const char *path) {
  std::FILE *file = std::fopen(path, "rb");
  if (!file) die(std::string("cannot read ") + path);
  std::string text;
  char part[65536];
  while (size_t got = std::fread(part, 1, sizeof part, file))
    text.append(part, got);
  std::fclose(file);
  return text;
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 2) die("usage: json_get FILE PATH..");
  std::string text = read_file(argv[1]);
  Value root = Parser(text).document();
  for (int i = 2; i < argc; i++)
    std::printf("%s\n", get(root, argv[i]).c_str());
}
