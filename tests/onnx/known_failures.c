#include "known_failures.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"

enum { MAX_BYTES = 1 << 18, MAX_ENTRIES = 4096 };

static snn_status read_text(const char *path, char *text)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return snn_fail(SNN_FILE_ERROR, "%s: %s", path, strerror(errno));
    }
    const size_t count = fread(text, 1, MAX_BYTES, file); /* the text is zeroed and one byte longer */
    const bool whole = count < MAX_BYTES && ferror(file) == 0;
    (void)fclose(file);
    return whole ? snn_ok() : snn_fail(SNN_FILE_ERROR, "%s: cannot read it, or it is too long", path);
}

static known_failure *find(const known_failures *list, const char *test)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->entries[i].test, test) == 0) {
            return &list->entries[i];
        }
    }
    return NULL;
}

static snn_status add_entry(known_failures *list, const char *test, const char *reason)
{
    if (reason == NULL) {
        return snn_fail(SNN_INPUT_ERROR, "%s stands before any reason", test);
    }
    if (find(list, test) != NULL) {
        return snn_fail(SNN_INPUT_ERROR, "%s is named twice", test);
    }
    if (list->count == MAX_ENTRIES) {
        return snn_fail(SNN_INPUT_ERROR, "more than %d tests", (int)MAX_ENTRIES);
    }
    list->entries[list->count++] = (known_failure){test, reason, false};
    return snn_ok();
}

static snn_status parse(known_failures *list)
{
    const char *reason = NULL;
    char *rest = NULL;
    for (char *line = strtok_r(list->text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        if (line[0] == '>') {
            reason = line + 1 + strspn(line + 1, " ");
        } else if (line[0] != '#') {
            SNN_TRY(add_entry(list, line, reason));
        }
    }
    return snn_ok();
}

snn_status known_failures_read(const char *path, known_failures *list)
{
    *list = (known_failures){.text = snn_allocate(MAX_BYTES + 1, 1),
                             .entries = snn_allocate(MAX_ENTRIES, sizeof *list->entries)};
    if (list->text == NULL || list->entries == NULL) {
        return snn_out_of_memory("the list of known failures");
    }
    SNN_TRY(read_text(path, list->text));
    SNN_TRY_CONTEXT(parse(list), "%s", path);
    return snn_ok();
}

known_failure *known_failures_find(const known_failures *list, const char *test, const char *variant)
{
    char name[512];
    (void)snprintf(name, sizeof name, "%s:%s", test, variant);
    known_failure *entry = find(list, name);
    return entry != NULL ? entry : find(list, test);
}

void known_failures_clear(known_failures *list)
{
    snn_release(list->text);
    snn_release(list->entries);
    *list = (known_failures){0};
}
