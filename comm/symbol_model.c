#include "comm/symbol_model.h"

#include <string.h>

enum {
    BYTE_BITS = 8,
    SLOTS = 1 << SNN_SYMBOL_PRECISION,
    NEXT_CONTEXTS = 2 << SNN_SYMBOL_RECENT,
    ESCAPE = 255,         /* a frequency from here on takes two bytes more */
    GROUP_SYMBOLS = 2048, /* of a block for each group: tables cost, too */
    SAMPLE_STRIDE = 7     /* where about right is good enough; odd, because channels come in even numbers */
};

static size_t contexts_of(int32_t part)
{
    return part == 0 ? SNN_SYMBOL_NEIGHBOURS : NEXT_CONTEXTS;
}

static bool occurs(const snn_symbol_model *model, int symbol)
{
    return (model->occurs[symbol / BYTE_BITS] >> symbol % BYTE_BITS & 1) != 0;
}

/* --- contexts --- */

/* Symbols of so many steps in the order of what they do to y. */
static void sort_symbols(const uint16_t *increments, int32_t steps, uint8_t order[SNN_SYMBOLS])
{
    int32_t value[SNN_SYMBOLS];
    for (int symbol = 0; symbol < 1 << steps; symbol++) {
        value[symbol] = 0;
        for (int32_t step = 0; step < steps; step++) {
            value[symbol] += (symbol >> (steps - 1 - step) & 1) != 0 ? increments[step] : -(int32_t)increments[step];
        }
        /* By insertion: if steps halve, they are in order already. */
        int at = symbol;
        for (; at > 0 && value[order[at - 1]] > value[symbol]; at--) {
            order[at] = order[at - 1];
        }
        order[at] = (uint8_t)symbol;
    }
}

void snn_symbol_model_levels(const uint16_t *increments, int32_t steps, const uint8_t *symbols, size_t count,
                             snn_symbol_model *model)
{
    uint8_t order[SNN_SYMBOLS];
    uint64_t counts[SNN_SYMBOLS] = {0};
    uint64_t all = 0, before = 0;
    for (size_t n = 0; n < count; n += SAMPLE_STRIDE) {
        counts[symbols[n]]++;
        all++;
    }
    sort_symbols(increments, steps, order);
    memset(model->level, 0, sizeof model->level);
    for (int rank = 0; rank < 1 << steps; rank++) {
        const uint64_t own = counts[order[rank]];
        const uint64_t level = (2 * before + own) * SNN_SYMBOL_LEVELS / (2 * all);
        model->level[order[rank]] = (uint8_t)(level < SNN_SYMBOL_LEVELS ? level : SNN_SYMBOL_LEVELS - 1);
        before += own;
    }
}

uint8_t snn_symbol_model_usual(const uint8_t *symbols, const uint8_t *quiet, size_t count)
{
    uint32_t counts[SNN_SYMBOLS] = {0};
    for (size_t n = 0; n < count; n += SAMPLE_STRIDE) {
        counts[symbols[n]] += quiet[n];
    }
    int most = 0;
    for (int symbol = 1; symbol < SNN_SYMBOLS; symbol++) {
        most = counts[symbol] > counts[most] ? symbol : most;
    }
    return (uint8_t)most;
}

static size_t most_groups(size_t symbols)
{
    const size_t groups = symbols / GROUP_SYMBOLS;
    return groups < 1 ? 1 : groups < SNN_SYMBOL_GROUPS ? groups : SNN_SYMBOL_GROUPS;
}

/* Groups of about equally many symbols, in the order of the sums of levels. */
void snn_symbol_model_group_first(const snn_symbol_neighbours *neighbours, size_t count, snn_symbol_model *model)
{
    uint64_t counts[SNN_SYMBOL_NEIGHBOURS] = {0};
    uint64_t all = 0, before = 0;
    for (size_t n = 0; n < count; n += SAMPLE_STRIDE) {
        const uint8_t *level = neighbours->levels + n;
        counts[*(level - neighbours->near) + *(level - neighbours->far)]++;
        all++;
    }
    const uint64_t most = most_groups(count);
    uint64_t last = 0; /* number of the group, were none left out */
    model->groups = 1;
    for (size_t sum = 0; sum < SNN_SYMBOL_NEIGHBOURS; sum++) {
        uint64_t group = (2 * before + counts[sum]) * most / (2 * all);
        group = group < most ? group : most - 1;
        model->groups += sum > 0 && group > last ? 1 : 0;
        model->group[sum] = (uint8_t)(model->groups - 1);
        last = group;
        before += counts[sum];
    }
}

/* By as many of the spikes before as there are groups for. */
void snn_symbol_model_group_next(size_t count, snn_symbol_model *model)
{
    const size_t most = most_groups(count);
    unsigned recent = SNN_SYMBOL_RECENT;
    while (recent > 0 && (size_t)2 << recent > most) {
        recent--;
    }
    model->groups = most < 2 ? 1 : 2 << recent;
    for (unsigned context = 0; context < NEXT_CONTEXTS; context++) {
        model->group[context] = (uint8_t)(context % (unsigned)model->groups);
    }
}

/* --- frequencies --- */

/* Counts to frequencies that add up to 2^precision, at least 1 of what occurs; none if nothing does. */
static void normalise(const uint32_t counts[SNN_SYMBOLS], uint16_t frequency[SNN_SYMBOLS])
{
    uint64_t all = 0;
    int32_t sum = 0;
    for (int symbol = 0; symbol < SNN_SYMBOLS; symbol++) {
        all += counts[symbol];
    }
    memset(frequency, 0, SNN_SYMBOLS * sizeof *frequency);
    for (int symbol = 0; symbol < SNN_SYMBOLS && all > 0; symbol++) {
        const uint64_t share = ((uint64_t)counts[symbol] * SLOTS + all / 2) / all;
        frequency[symbol] = (uint16_t)(counts[symbol] > 0 && share < 1 ? 1 : share);
        sum += frequency[symbol];
    }
    /* What is left over goes to the largest; what is too much comes from the largest, half of one at most. */
    while (all > 0 && sum != SLOTS) {
        int largest = 0;
        for (int symbol = 1; symbol < SNN_SYMBOLS; symbol++) {
            largest = frequency[symbol] > frequency[largest] ? symbol : largest;
        }
        int32_t change = SLOTS - sum;
        change = change < -frequency[largest] / 2 ? -frequency[largest] / 2 : change;
        frequency[largest] = (uint16_t)(frequency[largest] + change);
        sum += change;
    }
}

static size_t level_bytes(int32_t steps)
{
    return ((size_t)1 << steps) / 2;
}

size_t snn_symbol_model_write_levels(const snn_symbol_model *model, int32_t steps, uint8_t *tables)
{
    for (size_t byte = 0; byte < level_bytes(steps); byte++) {
        tables[byte] = (uint8_t)(model->level[2 * byte] | model->level[2 * byte + 1] << 4);
    }
    return level_bytes(steps);
}

size_t snn_symbol_model_count(const uint32_t counts[SNN_SYMBOL_GROUPS][SNN_SYMBOLS], snn_symbol_model *model,
                              uint8_t *tables, size_t at)
{
    memset(model->occurs, 0, sizeof model->occurs);
    for (int group = 0; group < model->groups; group++) {
        normalise(counts[group], model->frequency[group]);
        for (int symbol = 0; symbol < SNN_SYMBOLS; symbol++) {
            model->occurs[symbol / BYTE_BITS] |= (uint8_t)((counts[group][symbol] > 0) << symbol % BYTE_BITS);
        }
    }
    for (int group = 0; group < model->groups; group++) {
        for (int symbol = 0; symbol < SNN_SYMBOLS; symbol++) {
            if (occurs(model, symbol)) {
                const uint16_t frequency = model->frequency[group][symbol];
                const bool small = frequency < ESCAPE;
                tables[at] = small ? (uint8_t)frequency : ESCAPE;
                tables[at + 1] = (uint8_t)frequency; /* overwritten where they are not needed */
                tables[at + 2] = (uint8_t)(frequency >> 8);
                at += small ? 1 : 3;
            }
        }
    }
    return at;
}

/* --- as bytes --- */

static snn_status wrong(const char *what, uint64_t found, uint64_t expected)
{
    return snn_fail(SNN_INTERNAL_ERROR, "payload: %s: %llu, expected %llu", what, (unsigned long long)found,
                    (unsigned long long)expected);
}

static size_t occurs_bytes(int32_t steps)
{
    return steps < 3 ? 1 : (size_t)1 << (steps - 3);
}

size_t snn_symbol_model_bytes(int32_t part, int32_t steps)
{
    return 2 + contexts_of(part) / 2 + occurs_bytes(steps);
}

void snn_symbol_model_write(const snn_symbol_model *model, int32_t part, int32_t steps, uint8_t *to)
{
    to[0] = model->usual;
    to[1] = (uint8_t)model->groups;
    to += 2;
    for (size_t context = 0; context < contexts_of(part); context += 2) {
        *to = (uint8_t)(model->group[context] | model->group[context + 1] << 4);
        to++;
    }
    memcpy(to, model->occurs, occurs_bytes(steps));
}

snn_status snn_symbol_model_read(const uint8_t *from, int32_t part, int32_t steps, snn_symbol_model *model)
{
    const int symbols = 1 << steps;
    model->usual = from[0];
    model->groups = from[1];
    if (model->usual >= symbols) {
        return wrong("most frequent symbol", model->usual, (uint64_t)symbols - 1);
    }
    if (model->groups < 1 || model->groups > SNN_SYMBOL_GROUPS) {
        return wrong("groups of contexts", (uint64_t)model->groups, SNN_SYMBOL_GROUPS);
    }
    from += 2;
    for (size_t context = 0; context < contexts_of(part); context++) {
        model->group[context] = from[context / 2] >> context % 2 * 4 & 0xf;
        if (model->group[context] >= model->groups) {
            return wrong("group of a context", model->group[context], (uint64_t)model->groups - 1);
        }
    }
    from += contexts_of(part) / 2;
    memset(model->occurs, 0, sizeof model->occurs);
    memcpy(model->occurs, from, occurs_bytes(steps));
    if (symbols < BYTE_BITS && model->occurs[0] >> symbols != 0) {
        return wrong("symbols that occur", model->occurs[0], (1U << symbols) - 1);
    }
    return snn_ok();
}

snn_status snn_symbol_model_read_levels(const uint8_t *tables, size_t table_bytes, int32_t steps, size_t *at,
                                        snn_symbol_model *model)
{
    if (table_bytes < level_bytes(steps)) {
        return wrong("bytes of tables", table_bytes, level_bytes(steps));
    }
    memset(model->level, 0, sizeof model->level);
    for (size_t symbol = 0; symbol < 2 * level_bytes(steps); symbol++) {
        model->level[symbol] = tables[symbol / 2] >> symbol % 2 * 4 & 0xf;
    }
    *at = level_bytes(steps);
    return snn_ok();
}

snn_status snn_symbol_model_read_frequencies(const uint8_t *tables, size_t table_bytes, size_t *at,
                                             snn_symbol_model *model)
{
    for (int group = 0; group < model->groups; group++) {
        uint32_t sum = 0;
        for (int symbol = 0; symbol < SNN_SYMBOLS; symbol++) {
            uint32_t frequency = 0;
            if (occurs(model, symbol)) {
                if (*at >= table_bytes || (tables[*at] == ESCAPE && table_bytes - *at < 3)) {
                    return wrong("bytes of tables", table_bytes, *at + 1);
                }
                const uint8_t *from = tables + *at;
                frequency = from[0] < ESCAPE ? from[0] : (uint32_t)from[1] | (uint32_t)from[2] << 8;
                *at += from[0] < ESCAPE ? 1 : 3;
            }
            sum += frequency;
            model->frequency[group][symbol] = (uint16_t)frequency;
        }
        if (sum != 0 && sum != SLOTS) {
            return wrong("sum of frequencies", sum, SLOTS);
        }
    }
    return snn_ok();
}

/* --- for kernels --- */

void snn_symbol_model_codes(const snn_symbol_model *model, snn_symbol_codes *codes)
{
    for (int group = 0; group < model->groups; group++) {
        uint32_t begin = 0;
        for (int symbol = 0; symbol < SNN_SYMBOLS; symbol++) {
            const uint32_t frequency = model->frequency[group][symbol];
            if (frequency > 0) {
                codes->reciprocal[group][symbol] = (((uint64_t)1 << 44) + frequency - 1) / frequency;
                codes->share[group][symbol] = begin << 16 | (frequency - 1);
                begin += frequency;
            }
        }
    }
}

void snn_symbol_model_slots(const snn_symbol_model *model, uint32_t *slots)
{
    for (int group = 0; group < model->groups; group++) {
        uint32_t *of = slots + (size_t)group * SLOTS;
        size_t slot = 0;
        for (uint32_t symbol = 0; symbol < SNN_SYMBOLS; symbol++) {
            /* A few more than there are, which the next ones overwrite: so compilers make vectors of them. */
            const uint32_t frequency = model->frequency[group][symbol];
            for (uint32_t within = 0; within < frequency; within += SNN_SYMBOL_SPARE) {
                for (uint32_t i = 0; i < SNN_SYMBOL_SPARE; i++) {
                    of[slot + within + i] = snn_symbol_slot(symbol, frequency, within + i);
                }
            }
            slot += frequency;
        }
        /* A group without symbols is in no whole payload; whatever else comes finds slots that are somebody's. */
        for (uint32_t within = 0; slot < SLOTS; slot++, within++) {
            of[slot] = snn_symbol_slot(0, SLOTS, within);
        }
    }
}
