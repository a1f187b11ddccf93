/* Populations that fire in windows: all of a tile's window at once, from the codes of its sources to its spikes.
 *
 * The accumulator is [moment][position][channel held]. Products of codes that are exact are added up as they come, each
 * moment what it adds to the one before, and then summed over the moments; contributions that are rounded (token
 * products, projections with a shift) are rounded as a whole, moment by moment, and streams are kept as whole sums. So
 * the sums are functions of what the sources have reached, however the steps were taken together. */
#include <stdlib.h>
#include <string.h>

#include "core/base/integers.h"
#include "core/base/memory.h"
#include "core/shard/shard_private.h"

typedef struct window_tile {
    snn_shard *shard;
    int32_t population;
    const snn_part *part;
    const snn_worker *worker;
    snn_tile tile;             /* steps: moments */
    snn_channel_range outputs; /* that fire */
    int64_t moment_size;       /* elements of a moment's sums */
    const float *graded;       /* [position of the tile][channel held]: what the image adds; NULL if it adds nothing */
} window_tile;

/* ---- maxima ---- */

/* In the rows of the owned outputs. */
static bool never_falls(const snn_projection *projection, snn_channel_range owned, bool real)
{
    const snn_channel_range rows = snn_rows_of(&projection->op, owned);
    bool rises = true;
    for (int64_t r = rows.begin - projection->row_begin; r < rows.end - projection->row_begin; r++) {
        rises = rises && (real ? ((const float *)projection->weights)[r] >= 0.0f
                               : ((const int32_t *)projection->weights)[r] >= 0);
    }
    return rises;
}

static bool compares_codes(const snn_shard *shard, const snn_part *part, int32_t population)
{
    const snn_footprint footprint = snn_shard_footprint(shard);
    bool compares = snn_footprint_compares_codes(&footprint, population, part->projection_begin, part->projection_end);
    for (int32_t i = part->projection_begin; compares && i < part->projection_end; i++) {
        compares = never_falls(&shard->network->projections[i], part->owned, shard->real);
    }
    return compares;
}

snn_status snn_windows_prepare_part(const snn_shard *shard, int32_t population, snn_part *part)
{
    const int32_t count = part->projection_end - part->projection_begin;
    const snn_population *maxima = &shard->network->populations[population];
    if (!compares_codes(shard, part, population)) {
        return snn_ok();
    }
    part->largest_codes = snn_allocate((size_t)count, sizeof *part->largest_codes);
    if (part->largest_codes == NULL) {
        return snn_out_of_memory("projections");
    }
    for (int32_t i = 0; i < count; i++) {
        snn_projection *from_largest = &part->largest_codes[i];
        *from_largest = shard->network->projections[part->projection_begin + i];
        from_largest->op.pooled = SNN_POOLS_MAXIMA;
        from_largest->op.pool = maxima->window;
        from_largest->op.target.height = maxima->shape.height;
        from_largest->op.target.width = maxima->shape.width;
    }
    return snn_ok();
}

/* ---- set-up ---- */

snn_status snn_windows_pack(const snn_shard *shard, const snn_part *part, const snn_projection *projection,
                            snn_channel_range rows, snn_packed *packed)
{
    const snn_network *network = shard->network;
    snn_codes codes = {.magnitude = network->windows.magnitude,
                       .rest = network->populations[projection->source].rest,
                       .rest_steps = 1};
    snn_timing_planes(network, shard->timings, projection->source, projection->target, 0, &codes.begin[0],
                      &codes.end[0]);
    const bool whole = codes.begin[0] == 0 && codes.end[0] == network->windows.steps;
    const int32_t i = (int32_t)(projection - network->projections) - part->projection_begin;
    const snn_projection *taken = part->largest_codes != NULL ? &part->largest_codes[i] : projection;
    return shard->kernels->pack_codes(taken, network->format, rows.begin, rows.end, whole ? &codes : NULL, packed);
}

/* ---- sums ---- */

/* What the image adds to the tile, which has whole rows. */
static void find_graded(window_tile *at)
{
    const snn_shard *shard = at->shard;
    const int64_t width = shard->network->populations[at->population].input.width;
    snn_graded_rows(shard, at->population, shard->pixels + at->tile.image * snn_shape_size(shard->network->input),
                    (int32_t)(at->tile.position_begin / width),
                    (int32_t)((at->tile.position_end - at->tile.position_begin) / width), at->worker->accumulator,
                    at->worker->graded);
    at->graded = at->worker->graded;
}

/* The tile's moments [first, first + count), with sums in `base`. */
static snn_tile moments_of(const window_tile *at, void *base, int32_t first, int32_t count)
{
    snn_tile tile = at->tile;
    tile.steps = count;
    tile.accumulator = (uint8_t *)base + first * at->moment_size * SNN_SUM_BYTES;
    return tile;
}

static bool is_rounded(const snn_shard *shard, const snn_projection *projection)
{
    return !shard->real && (projection->op.kind == SNN_OPERATOR_TOKENS || projection->shift > 0);
}

/* Whether a projection's products are added up as they come. */
static bool is_exact(const snn_shard *shard, const snn_projection *projection)
{
    return !snn_reads_stream(shard, projection) && !is_rounded(shard, projection);
}

/* sums of moment i += those of moment i - 1. */
static void add_up(const window_tile *at, void *base)
{
    const int64_t size = at->moment_size;
    for (int64_t i = size; i < at->tile.steps * size; i++) {
        if (at->shard->real) {
            ((float *)base)[i] = ((float *)base)[i] + ((float *)base)[i - size];
        } else {
            ((int32_t *)base)[i] += ((int32_t *)base)[i - size];
        }
    }
}

/* sums[moment] += factor * added, an array of one moment. */
static void add_scaled(const window_tile *at, void *base, int32_t moment, const void *added, int32_t factor)
{
    const snn_tile tile = moments_of(at, base, moment, 1);
    for (int64_t i = 0; i < at->moment_size; i++) {
        if (at->shard->real) {
            float *sum = (float *)tile.accumulator + i;
            *sum = *sum + (float)factor * ((const float *)added)[i];
        } else {
            int32_t *sum = (int32_t *)tile.accumulator + i; /* within 32 bits when the last limb has come */
            *sum = (int32_t)((uint32_t)*sum + (uint32_t)factor * (uint32_t)((const int32_t *)added)[i]);
        }
    }
}

/* The most that planes [begin, end) of a projection's source, and its resting state if it `rests`, add up to over a
 * window of its pool. */
static int64_t reach_of(const snn_network *network, const snn_projection *projection, int32_t begin, int32_t end,
                        bool rests)
{
    int64_t reach =
        rests ? snn_network_source_reach(network, projection->source) - snn_windows_reach(&network->windows) : 0;
    for (int32_t j = begin; j < end; j++) {
        reach += network->windows.magnitude[j];
    }
    return reach * snn_operator_pool_area(&projection->op);
}

/* Codes summed over large pool windows leave 16 bits: limb by limb then. `codes`: of one moment, which reach so far;
 * `spare`: an array of one moment. */
static void project_in_limbs(const window_tile *at, const snn_packed *packed, int32_t moment, snn_codes codes,
                             int64_t reach, void *base, void *spare)
{
    enum { LIMB_BITS = 15 };
    const snn_spikes spikes = snn_shard_spikes(at->shard, packed->projection->source);
    const snn_tile tile = moments_of(at, spare, 0, 1);
    for (codes.shift = 0; reach >> codes.shift != 0; codes.shift += LIMB_BITS) {
        const bool top = reach >> codes.shift >> (LIMB_BITS - 1) == 0;
        codes.mask = top ? -1 : (1 << LIMB_BITS) - 1;
        memset(spare, 0, (size_t)at->moment_size * SNN_SUM_BYTES);
        at->shard->kernels->project_codes(packed, &spikes, &codes, &tile);
        add_scaled(at, base, moment, spare, 1 << codes.shift);
        if (top) {
            return;
        }
    }
}

/* Adds what the source of a projection does at each moment into `base`: what is new at it, or (`whole`) all so far.
 * fresh: nothing is there in its rows. */
static void project(const window_tile *at, const snn_packed *packed, bool whole, void *base, void *spare, bool fresh)
{
    const snn_shard *shard = at->shard;
    const int32_t source = packed->projection->source, moments = at->tile.steps;
    const snn_spikes spikes = snn_shard_spikes(shard, source);
    snn_codes codes = {.magnitude = shard->network->windows.magnitude,
                       .rest = shard->network->populations[source].rest};
    int32_t first = 0, count = 0;
    for (int32_t moment = 0; moment <= moments; moment++) {
        int32_t begin = 0, end = 0;
        if (moment < moments) {
            snn_timing_planes(shard->network, shard->timings, source, at->population, moment, &begin, &end);
            begin = whole ? 0 : begin;
        }
        const bool rests = whole || moment == 0, some = moment < moments && (rests || begin < end);
        const int64_t reach = some ? reach_of(shard->network, packed->projection, begin, end, rests) : 0;
        const bool in_limbs = reach > INT16_MAX;
        if (count > 0 && (!some || in_limbs || count == SNN_WINDOW_STEPS)) {
            snn_tile tile = moments_of(at, base, first, count);
            tile.fresh = fresh;
            codes.rest_steps = whole ? count : first == 0 ? 1 : 0;
            shard->kernels->project_codes(packed, &spikes, &codes, &tile);
            count = 0;
        }
        if (in_limbs) {
            codes.begin[0] = begin;
            codes.end[0] = end;
            codes.rest_steps = rests ? 1 : 0;
            project_in_limbs(at, packed, moment, codes, reach, base, spare);
        } else if (some) {
            first = count == 0 ? moment : first;
            codes.begin[count] = begin;
            codes.end[count] = end;
            count++;
        }
    }
}

static void read_stream(const window_tile *at, const snn_packed *packed, bool fresh)
{
    for (int32_t moment = 0; moment < at->tile.steps; moment++) {
        int32_t begin, end;
        snn_timing_planes(at->shard->network, at->shard->timings, packed->projection->source, at->population, moment,
                          &begin, &end);
        if (end > 0) {
            snn_tile tile = moments_of(at, at->tile.accumulator, moment, 1);
            tile.fresh = fresh;
            snn_stream_project(at->shard, packed, end - 1, &tile);
        }
    }
}

/* A product of tokens is added whole: its weights are rounded already. */
static void add_rounded(const window_tile *at, const snn_packed *packed, bool fresh)
{
    const snn_projection *projection = packed->projection;
    const bool tokens = projection->op.kind == SNN_OPERATOR_TOKENS;
    const int64_t held = at->tile.channel_end - at->tile.channel_begin;
    const int64_t positions = at->tile.steps * (at->moment_size / held);
    int32_t *rounded = at->worker->rounded;
    memset(rounded, 0, fresh ? 0 : (size_t)(at->tile.steps * at->moment_size) * SNN_SUM_BYTES);
    project(at, packed, tokens, rounded, at->worker->spare, fresh);
    if (!tokens) {
        add_up(at, rounded);
    }
    const int64_t channel = projection->op.target_channel + packed->row_begin - at->tile.channel_begin;
    snn_added_rows rows = {.sums = (int32_t *)at->tile.accumulator + channel,
                           .added = rounded + channel,
                           .positions = positions,
                           .count = packed->row_end - packed->row_begin,
                           .sums_apart = held,
                           .added_apart = held,
                           .shift = projection->shift,
                           .fresh = fresh};
    if (rows.count == held) {
        rows.count *= positions;
        rows.positions = 1;
    }
    at->shard->kernels->add_rounded(&rows);
}

static void find_sums(const window_tile *at)
{
    const snn_part *part = at->part;
    memset(at->tile.accumulator, 0, part->begun ? 0 : (size_t)(at->tile.steps * at->moment_size) * SNN_SUM_BYTES);
    for (int32_t i = 0; i < part->exact_count; i++) {
        const bool fresh = part->begun && part->begins[i];
        project(at, &part->packed[i], false, at->tile.accumulator, at->worker->rounded, fresh);
    }
    if (part->exact_count > 0) {
        add_up(at, at->tile.accumulator);
    }
    for (int32_t i = part->exact_count; i < part->packed_count; i++) {
        const snn_packed *packed = &part->packed[i];
        const bool fresh = part->begun && part->begins[i];
        if (snn_reads_stream(at->shard, packed->projection)) {
            read_stream(at, packed, fresh);
        } else {
            add_rounded(at, packed, fresh);
        }
    }
}

/* ---- the order of products ---- */

/* Whether a product, once the first onto its rows, can write all their sums in one piece. */
static bool writes(const snn_shard *shard, int32_t population, const snn_projection *projection)
{
    return shard->timings[population].moments == 1 &&
           (snn_reads_stream(shard, projection) ||
            reach_of(shard->network, projection, 0, shard->network->windows.steps, true) <= INT16_MAX);
}

static bool overlap(const snn_packed *a, const snn_packed *b)
{
    const int32_t a_first = a->projection->op.target_channel, b_first = b->projection->op.target_channel;
    return a_first + a->row_begin < b_first + b->row_end && b_first + b->row_begin < a_first + a->row_end;
}

snn_status snn_windows_order(const snn_shard *shard, int32_t population, snn_part *part)
{
    snn_packed *packed = part->packed;
    int32_t written = 0;
    part->begins = snn_allocate((size_t)part->packed_count, sizeof *part->begins);
    if (part->begins == NULL) {
        return snn_out_of_memory("projections");
    }
    for (int32_t i = 0; i < part->packed_count; i++) {
        if (is_exact(shard, packed[i].projection)) {
            const snn_packed next = packed[i];
            memmove(packed + part->exact_count + 1, packed + part->exact_count,
                    (size_t)(i - part->exact_count) * sizeof *packed);
            packed[part->exact_count++] = next;
        }
    }
    for (int32_t i = 0; i < part->packed_count; i++) {
        bool first = writes(shard, population, packed[i].projection);
        for (int32_t j = 0; j < i && first; j++) {
            first = !overlap(&packed[i], &packed[j]);
        }
        part->begins[i] = first;
        written += first ? packed[i].row_end - packed[i].row_begin : 0;
    }
    part->begun = written == part->held.end - part->held.begin;
    return snn_ok();
}

/* ---- what becomes of them ---- */

static void fire(const window_tile *at, const snn_tile_counts *counts)
{
    const snn_shard *shard = at->shard;
    const snn_population *population = &shard->network->populations[at->population];
    const snn_part *part = at->part;
    const bool compared = part->largest_codes != NULL; /* each x is that of an output */
    const snn_neurons neurons = {
        .kind = compared ? SNN_NEURON_LINEAR : population->kind,
        .alpha = population->alpha,
        .beta = population->beta,
        .groups = population->groups,
        .input_channels = snn_part_inputs(part),
        .real = shard->real,
        .eta = shard->eta,
        .step = population->step + part->held.begin,
        .inverse_scale = part->inverse_scale + (at->outputs.begin - part->owned.begin),
        .graded = at->graded,
        .spikes = snn_shard_spikes(shard, at->population),
        .window = population->window,
        .input = compared ? population->shape : population->input,
        .shape = population->shape,
        .channel_begin = at->outputs.begin,
        .channel_end = at->outputs.end,
        .window_constants = {.steps = shard->network->windows.steps,
                             .reach = (float)snn_windows_reach(&shard->network->windows),
                             .unit = population->unit,
                             .rest = population->rest + at->outputs.begin,
                             .bias = population->bias + part->held.begin,
                             .bias_stride = population->bias_positions == 1 ? 0 : population->input.channels},
    };
    shard->kernels->fire_window(&neurons, &at->tile, counts);
}

/* The readout's decoded input at every timestep: before its first moment as at that, after its last as at that. */
static void read_out(const window_tile *at)
{
    const snn_shard *shard = at->shard;
    const snn_population *population = &shard->network->populations[at->population];
    const int32_t classes = shard->network->classes, latency = shard->latency;
    const int32_t start = shard->timings[at->population].start;
    int32_t *predictions = shard->predictions + (int64_t)at->tile.image * latency;
    float *x = shard->logits + (int64_t)at->tile.image * classes;
    int32_t t = 0;
    for (int32_t moment = 0; moment < at->tile.steps && (moment == 0 || start + moment < latency); moment++) {
        const snn_tile tile = moments_of(at, at->tile.accumulator, moment, 1);
        for (int32_t c = 0; c < classes; c++) {
            const float sum =
                shard->real ? ((const float *)tile.accumulator)[c] : (float)((const int32_t *)tile.accumulator)[c];
            x[c] = population->bias[c] + population->step[c] * sum;
            x[c] = at->graded != NULL ? x[c] + at->graded[c] : x[c];
        }
        const int32_t best = snn_index_of_largest(x, classes);
        const bool last = moment + 1 == at->tile.steps;
        for (; t < latency && (t <= start + moment || last); t++) {
            predictions[t] = best;
        }
    }
}

void snn_windows_run_tile(snn_shard *shard, int32_t population, const snn_worker *worker, snn_tile tile,
                          snn_channel_range outputs, const snn_tile_counts *counts)
{
    window_tile at = {.shard = shard,
                      .population = population,
                      .part = &shard->parts[population],
                      .worker = worker,
                      .tile = tile,
                      .outputs = outputs};
    at.tile.steps = shard->timings[population].moments;
    at.moment_size = (tile.position_end - tile.position_begin) * (tile.channel_end - tile.channel_begin);
    if (shard->network->populations[population].kind == SNN_NEURON_STREAM) {
        void *place = snn_stream_place(shard, population, &at.tile);
        at.tile.accumulator = place != NULL ? place : tile.accumulator;
    }
    if (at.part->graded_product_count > 0) {
        find_graded(&at);
    }
    if (at.part->packed_count > 0 || !snn_neuron_spikes(shard->network->populations[population].kind)) {
        find_sums(&at);
    } else {
        at.tile.accumulator = NULL; /* the image is all that comes */
    }
    switch (shard->network->populations[population].kind) {
    case SNN_NEURON_READOUT:
        read_out(&at);
        break;
    case SNN_NEURON_STREAM:
        snn_stream_keep(shard, population, &at.tile, at.graded);
        break;
    default:
        fire(&at, counts);
        break;
    }
}
