/* Which number a name has: the names of a model, of which a big one has many thousands. */
#ifndef SNN_IO_NAME_TABLE_H
#define SNN_IO_NAME_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

typedef struct snn_name_table {
    const char **names; /* [slots]; borrowed: they must live as long as the table */
    int32_t *numbers;   /* [slots] */
    size_t slots;       /* a power of two, more than twice `limit` */
} snn_name_table;

/* A table for at most `limit` names. */
snn_status snn_name_table_init(snn_name_table *table, size_t limit);
/* False if the name is there already. */
bool snn_name_table_add(snn_name_table *table, const char *name, int32_t number);
/* The name's number, or -1. */
int32_t snn_name_table_find(const snn_name_table *table, const char *name);
void snn_name_table_clear(snn_name_table *table);

#endif
