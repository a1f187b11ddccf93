/* The one C++ file of the program: no exception and no C++ type leaves it. */
#include "io/config/toml.h"

extern "C" {
#include "core/base/memory.h"
}

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <toml++/toml.h>

namespace
{

char *duplicate(std::string_view text)
{
    auto *copy = static_cast<char *>(snn_allocate(text.size() + 1, 1));
    if (copy == nullptr) {
        throw std::bad_alloc();
    }
    std::memcpy(copy, text.data(), text.size());
    return copy;
}

std::string type_name(const toml::node &node)
{
    switch (node.type()) {
    case toml::node_type::table:
        return "table";
    case toml::node_type::array:
        return "array";
    case toml::node_type::string:
        return "string";
    case toml::node_type::integer:
        return "integer";
    case toml::node_type::floating_point:
        return "float";
    case toml::node_type::boolean:
        return "boolean";
    case toml::node_type::date:
        return "date";
    case toml::node_type::time:
        return "time";
    case toml::node_type::date_time:
        return "date-time";
    default:
        return "value";
    }
}

constexpr int most_dots = 16;

/* toml++ recurses once per part of a dotted key, without a limit. The first line (1-based) with too many, or 0. Numbers
 * have dots too, but no two without a comma between them; strings and comments may hold anything. */
int find_deep_line(const char *text)
{
    int line = 1;
    int dots = 0;
    char quote = '\0';
    bool comment = false;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\n') {
            line++;
            dots = 0;
            quote = '\0';
            comment = false;
        } else if (quote != '\0') {
            const bool escape = quote == '"' && *c == '\\' && c[1] != '\0' && c[1] != '\n';
            quote = !escape && *c == quote ? '\0' : quote;
            c += escape ? 1 : 0;
        } else if (!comment) {
            comment = *c == '#';
            quote = *c == '"' || *c == '\'' ? *c : '\0';
            dots = *c == ',' ? 0 : dots + (*c == '.' ? 1 : 0);
            if (dots > most_dots) {
                return line;
            }
        }
    }
    return 0;
}

/* Tables are looked through, but an empty one is an entry, so that nothing that the user wrote goes unseen. */
bool is_branch(const toml::node &node)
{
    return node.is_table() && !node.as_table()->empty();
}

std::size_t count_entries(const toml::table &table)
{
    std::size_t count = 0;
    for (const auto &[key, node] : table) {
        count += is_branch(node) ? count_entries(*node.as_table()) : 1;
    }
    return count;
}

/* A key that is not bare keeps its quotes: "a.b" = 1 is not the key b of section a. */
std::string shown_key(std::string_view key)
{
    const bool bare = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
    return bare ? std::string(key) : '"' + std::string(key) + '"';
}

void fill_array(const toml::array &array, snn_toml_entry &entry)
{
    for (const toml::node &element : array) {
        if (!element.is_number()) {
            const std::string name = type_name(element);
            const bool vowel = name[0] == 'a' || name[0] == 'i';
            entry.type_name = duplicate((vowel ? "array with an " : "array with a ") + name);
            entry.type = SNN_TOML_OTHER;
            return;
        }
    }
    entry.type_name = duplicate("array");
    entry.type = SNN_TOML_NUMBERS;
    entry.numbers = static_cast<double *>(snn_allocate(array.size(), sizeof(double)));
    if (entry.numbers == nullptr) {
        throw std::bad_alloc();
    }
    for (const toml::node &element : array) {
        entry.numbers[entry.count++] = *element.value<double>();
    }
}

void fill_value(const toml::node &node, snn_toml_entry &entry)
{
    if (const auto *array = node.as_array()) {
        fill_array(*array, entry);
        return;
    }
    if (const auto *text = node.as_string(); text != nullptr && text->get().find('\0') != std::string::npos) {
        entry.type = SNN_TOML_OTHER; /* C would see only its beginning */
        entry.type_name = duplicate("string with a NUL character");
        return;
    }
    entry.type_name = duplicate(type_name(node));
    if (const auto *text = node.as_string()) {
        entry.type = SNN_TOML_TEXT;
        entry.text = duplicate(text->get());
    } else if (const auto *integer = node.as_integer()) {
        entry.type = SNN_TOML_INTEGER;
        entry.integer = integer->get();
        entry.real = static_cast<double>(integer->get());
    } else if (const auto *real = node.as_floating_point()) {
        entry.type = SNN_TOML_REAL;
        entry.real = real->get();
    } else if (const auto *boolean = node.as_boolean()) {
        entry.type = SNN_TOML_BOOLEAN;
        entry.integer = boolean->get() ? 1 : 0;
    } else {
        entry.type = SNN_TOML_OTHER;
    }
}

void fill_entries(const toml::table &table, const std::string &prefix, snn_toml &document)
{
    for (const auto &[key, node] : table) {
        const std::string name = prefix + shown_key(key.str());
        if (is_branch(node)) {
            fill_entries(*node.as_table(), name + '.', document);
            continue;
        }
        snn_toml_entry &entry = document.entries[document.count++];
        entry.key = duplicate(name);
        entry.line = static_cast<int>(key.source().begin.line);
        entry.column = static_cast<int>(key.source().begin.column);
        fill_value(node, entry);
    }
}

void parse(const char *text, snn_toml &document)
{
    const toml::table root = toml::parse(std::string_view(text));
    document.entries = static_cast<snn_toml_entry *>(snn_allocate(count_entries(root), sizeof(snn_toml_entry)));
    if (document.entries == nullptr) {
        throw std::bad_alloc();
    }
    fill_entries(root, "", document);
    /* toml++ keeps tables sorted by name; messages should come in the order of the file. */
    std::sort(document.entries, document.entries + document.count,
              [](const snn_toml_entry &a, const snn_toml_entry &b) {
                  return a.line != b.line ? a.line < b.line : a.column < b.column;
              });
}

} // namespace

snn_toml *snn_toml_parse(const char *text)
{
    auto *document = static_cast<snn_toml *>(snn_allocate(1, sizeof(snn_toml)));
    if (document == nullptr) {
        return nullptr;
    }
    if (const int line = find_deep_line(text); line > 0) {
        std::snprintf(document->error, sizeof document->error, "a key has more than %d dots", most_dots);
        document->error_line = line;
        document->error_column = 1;
        return document;
    }
    try {
        parse(text, *document);
    } catch (const toml::parse_error &error) {
        const std::string_view description = error.description();
        std::snprintf(document->error, sizeof document->error, "%.*s", static_cast<int>(description.size()),
                      description.data());
        document->error_line = static_cast<int>(error.source().begin.line);
        document->error_column = static_cast<int>(error.source().begin.column);
    } catch (...) { /* only memory can be short */
        snn_toml_destroy(document);
        return nullptr;
    }
    return document;
}

void snn_toml_destroy(snn_toml *document)
{
    if (document == nullptr) {
        return;
    }
    for (std::size_t i = 0; i < document->count; i++) {
        snn_toml_entry &entry = document->entries[i];
        snn_release(entry.key);
        snn_release(entry.type_name);
        snn_release(entry.text);
        snn_release(entry.numbers);
    }
    snn_release(document->entries);
    snn_release(document);
}
