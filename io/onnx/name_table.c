#include "io/onnx/name_table.h"

#include <string.h>
#include <xxhash.h>

#include "core/base/memory.h"

snn_status snn_name_table_init(snn_name_table *table, size_t limit)
{
    table->slots = 16;
    while (table->slots / 2 <= limit) {
        table->slots *= 2;
    }
    table->names = snn_allocate(table->slots, sizeof *table->names);
    table->numbers = snn_allocate(table->slots, sizeof *table->numbers);
    if (table->names == NULL || table->numbers == NULL) {
        snn_name_table_clear(table);
        return snn_out_of_memory("table of names");
    }
    return snn_ok();
}

/* Where the name is, or the empty slot where it would go: slots behind its hash are tried in turn, and at least half
 * are empty. */
static size_t slot_of(const snn_name_table *table, const char *name)
{
    size_t slot = (size_t)XXH3_64bits(name, strlen(name)) & (table->slots - 1);
    while (table->names[slot] != NULL && strcmp(table->names[slot], name) != 0) {
        slot = (slot + 1) & (table->slots - 1);
    }
    return slot;
}

bool snn_name_table_add(snn_name_table *table, const char *name, int32_t number)
{
    size_t slot = slot_of(table, name);
    if (table->names[slot] != NULL) {
        return false;
    }
    table->names[slot] = name;
    table->numbers[slot] = number;
    return true;
}

int32_t snn_name_table_find(const snn_name_table *table, const char *name)
{
    size_t slot = slot_of(table, name);
    return table->names[slot] == NULL ? -1 : table->numbers[slot];
}

void snn_name_table_clear(snn_name_table *table)
{
    snn_release(table->names);
    snn_release(table->numbers);
    memset(table, 0, sizeof *table);
}
