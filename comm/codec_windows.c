#include "comm/codec_windows.h"

#include <string.h>

enum {
    BYTE_BITS = 8,
    MANY_SYMBOLS = 8192, /* from here on the states of all lanes are worth their bytes */
    FEW_LANES = 4
};

static snn_status wrong(const char *what, uint64_t found, uint64_t expected)
{
    return snn_fail(SNN_INTERNAL_ERROR, "payload: %s: %llu, expected %llu", what, (unsigned long long)found,
                    (unsigned long long)expected);
}

static size_t symbols_of(const snn_windows_block *block)
{
    return block->frame_bytes * BYTE_BITS;
}

static int32_t parts_of(const snn_windows_block *block)
{
    return (block->steps + SNN_SYMBOL_STEPS - 1) / SNN_SYMBOL_STEPS;
}

/* Steps of symbol `part` of a window. */
static int32_t steps_of(const snn_windows_block *block, int32_t part)
{
    const int32_t left = block->steps - part * SNN_SYMBOL_STEPS;
    return left < SNN_SYMBOL_STEPS ? left : SNN_SYMBOL_STEPS;
}

static uint8_t *planes_of(const snn_windows_block *block, int32_t part)
{
    return block->planes + (size_t)part * SNN_SYMBOL_STEPS * block->frame_bytes;
}

static void split(const snn_codec_workspace *workspace, const snn_windows_block *block)
{
    for (int32_t part = 0; part < parts_of(block); part++) {
        workspace->kernels->symbols->split(planes_of(block, part), block->frame_bytes, steps_of(block, part),
                                           workspace->symbols + (size_t)part * symbols_of(block));
    }
}

static void join(const snn_codec_workspace *workspace, const snn_windows_block *block)
{
    for (int32_t part = 0; part < parts_of(block); part++) {
        workspace->kernels->symbols->join(workspace->symbols + (size_t)part * symbols_of(block), block->frame_bytes,
                                          steps_of(block, part), planes_of(block, part));
    }
}

/* --- zstd --- */

snn_status snn_codec_windows_compress(snn_codec_workspace *workspace, const snn_windows_block *block, size_t room,
                                      size_t *bytes)
{
    const size_t count = symbols_of(block);
    size_t at = 0, coded = 1;
    split(workspace, block);
    for (int32_t part = 0; part < parts_of(block) && coded > 0; part++) {
        SNN_TRY(snn_codec_compress(workspace->entropy_compressor, workspace->symbols + (size_t)part * count, count,
                                   workspace->coded + at, room - at, &coded));
        at += coded;
    }
    *bytes = coded > 0 ? at : 0;
    return snn_ok();
}

snn_status snn_codec_windows_decompress(snn_codec_workspace *workspace, const snn_windows_block *block,
                                        const uint8_t *payload, size_t bytes)
{
    SNN_TRY(snn_codec_decompress(workspace, payload, bytes, workspace->symbols,
                                 (size_t)parts_of(block) * symbols_of(block)));
    join(workspace, block);
    return snn_ok();
}

/* --- contexts: models --- */

/* Bytes of all models and of the lengths of the tables. */
static size_t description_bytes(const snn_windows_block *block)
{
    size_t bytes = 2 * sizeof(uint32_t);
    for (int32_t part = 0; part < parts_of(block); part++) {
        bytes += snn_symbol_model_bytes(part, steps_of(block, part));
    }
    return bytes;
}

static snn_symbol_neighbours neighbours_of(const snn_codec_workspace *workspace, const snn_windows_block *block,
                                           const snn_symbol_model *model)
{
    snn_symbol_neighbours neighbours = {.near = block->near, .far = block->far};
    const size_t before = block->near > block->far ? block->near : block->far;
    memset(workspace->levels, 0, before);
    neighbours.levels = workspace->levels + before;
    memcpy(neighbours.level, model->level, sizeof neighbours.level);
    memcpy(neighbours.group, model->group, sizeof neighbours.group);
    return neighbours;
}

/* Groups of all symbols, and models; *table_bytes of frequencies. */
static void prepare(snn_codec_workspace *workspace, const snn_windows_block *block, size_t *table_bytes)
{
    const snn_symbol_kernels *kernels = workspace->kernels->symbols;
    const size_t count = symbols_of(block);
    uint32_t counts[SNN_SYMBOL_GROUPS][SNN_SYMBOLS];
    memset(workspace->quiet, 1, parts_of(block) > 1 ? count : 0);
    for (int32_t part = 0; part < parts_of(block); part++) {
        const uint8_t *symbols = workspace->symbols + (size_t)part * count;
        uint8_t *groups = workspace->groups + (size_t)part * count;
        snn_symbol_model *model = &workspace->models[part];
        if (part == 0) {
            snn_symbol_model_levels(workspace->increments, steps_of(block, 0), symbols, count, model);
            *table_bytes = snn_symbol_model_write_levels(model, steps_of(block, 0), workspace->tables);
            snn_symbol_neighbours neighbours = neighbours_of(workspace, block, model);
            kernels->find_levels(symbols, count, &neighbours);
            snn_symbol_model_group_first(&neighbours, count, model);
            memcpy(neighbours.group, model->group, sizeof neighbours.group);
            kernels->group_first(count, &neighbours, groups);
        } else {
            snn_symbol_model_group_next(count, model);
            kernels->group_next(symbols - count, count, model[-1].usual, model->group, workspace->quiet, groups);
        }
        model->usual = parts_of(block) > 1 ? snn_symbol_model_usual(symbols, workspace->quiet, count) : 0;
        kernels->count(symbols, groups, count, counts);
        *table_bytes = snn_symbol_model_count(counts, model, workspace->tables, *table_bytes);
    }
}

/* --- contexts: encoding --- */

static uint32_t lanes_of(size_t symbols)
{
    return symbols < MANY_SYMBOLS ? FEW_LANES : SNN_SYMBOL_LANES;
}

/* All symbols, last ones first, to words that end where workspace->planes does. False if they do not fit. */
static bool encode_symbols(snn_codec_workspace *workspace, const snn_windows_block *block, snn_symbol_stream *stream)
{
    const size_t count = symbols_of(block);
    stream->lanes = lanes_of(count);
    for (uint32_t lane = 0; lane < SNN_SYMBOL_LANES; lane++) {
        stream->state[lane] = SNN_SYMBOL_STATE;
    }
    stream->limit = workspace->planes;
    stream->at = workspace->planes + workspace->raw_bytes;
    for (int32_t part = parts_of(block) - 1; part >= 0; part--) {
        snn_symbol_model_codes(&workspace->models[part], workspace->symbol_codes);
        if (!workspace->kernels->symbols->encode(workspace->symbols + (size_t)part * count,
                                                 workspace->groups + (size_t)part * count, count,
                                                 workspace->symbol_codes, stream)) {
            return false;
        }
    }
    return true;
}

static uint8_t *write_word(uint8_t *at, size_t word)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(word >> (BYTE_BITS * i));
    }
    return at + 4;
}

static uint32_t read_word(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

snn_status snn_codec_windows_encode(snn_codec_workspace *workspace, const snn_windows_block *block, size_t room,
                                    size_t *bytes)
{
    const size_t lanes = lanes_of(symbols_of(block)), fixed = description_bytes(block) + lanes * sizeof(uint32_t);
    size_t table_bytes = 0, coded_tables = 0;
    snn_symbol_stream stream;
    *bytes = 0;
    if (room < fixed + 1) {
        return snn_ok();
    }
    split(workspace, block);
    prepare(workspace, block, &table_bytes);
    uint8_t *at = workspace->coded;
    for (int32_t part = 0; part < parts_of(block); part++) {
        snn_symbol_model_write(&workspace->models[part], part, steps_of(block, part), at);
        at += snn_symbol_model_bytes(part, steps_of(block, part));
    }
    uint8_t *tables = at + 2 * sizeof(uint32_t);
    SNN_TRY(snn_codec_compress(workspace->entropy_compressor, workspace->tables, table_bytes, tables, room - fixed,
                               &coded_tables));
    if (coded_tables == 0 || !encode_symbols(workspace, block, &stream)) {
        return snn_ok();
    }
    at = write_word(at, table_bytes);
    at = write_word(at, coded_tables) + coded_tables;
    const size_t words = (size_t)(workspace->planes + workspace->raw_bytes - stream.at);
    if (fixed + coded_tables + words > room) {
        return snn_ok();
    }
    for (size_t lane = 0; lane < lanes; lane++) {
        at = write_word(at, stream.state[lane]);
    }
    memcpy(at, stream.at, words);
    *bytes = fixed + coded_tables + words;
    return snn_ok();
}

/* --- contexts: decoding --- */

static snn_status decode_part(snn_codec_workspace *workspace, const snn_windows_block *block, int32_t part,
                              size_t table_bytes, size_t *table_at, snn_symbol_stream *stream)
{
    const snn_symbol_kernels *kernels = workspace->kernels->symbols;
    snn_symbol_model *model = &workspace->models[part];
    const size_t count = symbols_of(block);
    uint8_t *symbols = workspace->symbols + (size_t)part * count;
    SNN_TRY(snn_symbol_model_read_frequencies(workspace->tables, table_bytes, table_at, model));
    snn_symbol_model_slots(model, workspace->slots);
    bool whole;
    if (part == 0) {
        const snn_symbol_neighbours neighbours = neighbours_of(workspace, block, model);
        whole = kernels->decode_first(&neighbours, count, workspace->slots, stream, symbols);
    } else {
        kernels->group_next(symbols - count, count, model[-1].usual, model->group, workspace->quiet, workspace->groups);
        whole = kernels->decode(workspace->groups, count, workspace->slots, stream, symbols);
    }
    return whole ? snn_ok() : snn_fail(SNN_INTERNAL_ERROR, "payload: symbols end early");
}

static snn_status decode_symbols(snn_codec_workspace *workspace, const snn_windows_block *block, size_t table_bytes,
                                 snn_symbol_stream *stream)
{
    size_t table_at;
    memset(workspace->quiet, 1, parts_of(block) > 1 ? symbols_of(block) : 0);
    SNN_TRY(snn_symbol_model_read_levels(workspace->tables, table_bytes, steps_of(block, 0), &table_at,
                                         &workspace->models[0]));
    for (int32_t part = 0; part < parts_of(block); part++) {
        SNN_TRY(decode_part(workspace, block, part, table_bytes, &table_at, stream));
    }
    if (table_at != table_bytes) {
        return wrong("bytes of tables", table_bytes, table_at);
    }
    if (stream->at != stream->limit) {
        return wrong("bytes behind the symbols", (uint64_t)(stream->limit - stream->at), 0);
    }
    for (uint32_t lane = 0; lane < stream->lanes; lane++) {
        if (stream->state[lane] != SNN_SYMBOL_STATE) {
            return wrong("last state", stream->state[lane], SNN_SYMBOL_STATE);
        }
    }
    return snn_ok();
}

snn_status snn_codec_windows_decode(snn_codec_workspace *workspace, const snn_windows_block *block,
                                    const uint8_t *payload, size_t bytes)
{
    const size_t described = description_bytes(block);
    snn_symbol_stream stream = {.lanes = lanes_of(symbols_of(block))};
    const size_t fixed = described + stream.lanes * sizeof(uint32_t);
    if (bytes < fixed || bytes > workspace->raw_bytes) {
        return wrong("bytes", bytes, fixed);
    }
    const uint8_t *at = payload;
    for (int32_t part = 0; part < parts_of(block); part++) {
        SNN_TRY(snn_symbol_model_read(at, part, steps_of(block, part), &workspace->models[part]));
        at += snn_symbol_model_bytes(part, steps_of(block, part));
    }
    at = payload + described;
    const size_t table_bytes = read_word(at - 8), coded_tables = read_word(at - 4);
    if (table_bytes > workspace->table_bytes || coded_tables > bytes - fixed) {
        return wrong("bytes of tables", table_bytes, workspace->table_bytes);
    }
    SNN_TRY(snn_codec_decompress(workspace, at, coded_tables, workspace->tables, table_bytes));
    at += coded_tables;
    for (uint32_t lane = 0; lane < stream.lanes; lane++) {
        stream.state[lane] = read_word(at);
        at += sizeof(uint32_t);
    }
    /* Where there is room to read on behind them. */
    const size_t words = bytes - fixed - coded_tables;
    memcpy(workspace->coded, at, words);
    memset(workspace->coded + words, 0, SNN_SYMBOL_MARGIN);
    stream.at = workspace->coded;
    stream.limit = workspace->coded + words;
    SNN_TRY(decode_symbols(workspace, block, table_bytes, &stream));
    join(workspace, block);
    return snn_ok();
}
