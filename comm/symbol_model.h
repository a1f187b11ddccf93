/* What both ends of an edge know when they code one symbol of all windows of a block: contexts, their groups, and the
 * frequencies of each group. `part`: which symbol of a window; `steps`: of that symbol. */
#ifndef SNN_COMM_SYMBOL_MODEL_H
#define SNN_COMM_SYMBOL_MODEL_H

#include "core/base/status.h"
#include "core/kernels/symbols.h"

enum {
    SNN_SYMBOL_SPARE = 8, /* slots that are written at once */
    /* Bytes in tables at most, of levels and of frequencies, few of which take more than a byte. */
    SNN_SYMBOL_TABLE = SNN_SYMBOLS / 2 + SNN_SYMBOL_GROUPS * (SNN_SYMBOLS + 2 * 16) + 2
};

typedef struct snn_symbol_model {
    uint8_t usual;                        /* the most frequent symbol */
    int32_t groups;                       /* of contexts */
    uint8_t level[SNN_SYMBOLS];           /* of each symbol, if it is the first */
    uint8_t group[SNN_SYMBOL_NEIGHBOURS]; /* of each context */
    uint8_t occurs[SNN_SYMBOLS / 8];      /* a bit for each symbol, in any group */
    uint16_t frequency[SNN_SYMBOL_GROUPS][SNN_SYMBOLS];
} snn_symbol_model;

/* Levels of first symbols: about equally many symbols are in each. increments [steps]: by how much y moves. */
void snn_symbol_model_levels(const uint16_t *increments, int32_t steps, const uint8_t *symbols, size_t count,
                             snn_symbol_model *model);

/* The most frequent symbol of those of neurons that are quiet. */
uint8_t snn_symbol_model_usual(const uint8_t *symbols, const uint8_t *quiet, size_t count);

/* Groups of contexts: of first symbols by levels that are there, and of others. The fewer symbols, the fewer groups. */
void snn_symbol_model_group_first(const snn_symbol_neighbours *neighbours, size_t count, snn_symbol_model *model);
void snn_symbol_model_group_next(size_t count, snn_symbol_model *model);

/* Levels to the beginning of the tables; returns where they end. */
size_t snn_symbol_model_write_levels(const snn_symbol_model *model, int32_t steps, uint8_t *tables);

/* Frequencies from counts. Writes them to tables + at; returns where they end. */
size_t snn_symbol_model_count(const uint32_t counts[SNN_SYMBOL_GROUPS][SNN_SYMBOLS], snn_symbol_model *model,
                              uint8_t *tables, size_t at);

/* All but levels and frequencies, as bytes. Reading fails on what no model can be. */
size_t snn_symbol_model_bytes(int32_t part, int32_t steps);
void snn_symbol_model_write(const snn_symbol_model *model, int32_t part, int32_t steps, uint8_t *to);
snn_status snn_symbol_model_read(const uint8_t *from, int32_t part, int32_t steps, snn_symbol_model *model);

/* Levels, and the frequencies of a model that was read; *at moves on in the tables. */
snn_status snn_symbol_model_read_levels(const uint8_t *tables, size_t table_bytes, int32_t steps, size_t *at,
                                        snn_symbol_model *model);
snn_status snn_symbol_model_read_frequencies(const uint8_t *tables, size_t table_bytes, size_t *at,
                                             snn_symbol_model *model);

/* For kernels. slots [SNN_SYMBOL_GROUPS][2^SNN_SYMBOL_PRECISION], and SNN_SYMBOL_SPARE more. */
void snn_symbol_model_codes(const snn_symbol_model *model, snn_symbol_codes *codes);
void snn_symbol_model_slots(const snn_symbol_model *model, uint32_t *slots);

#endif
