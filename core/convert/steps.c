#include "core/convert/steps.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/scaled_rows.h"

static const double LARGEST_STREAM = 536870912.0; /* 2^29: what reads a stream may sum over positions */
static const double STREAM_LEVELS = 64.0;         /* of the units of several streams that share a channel */
static const double PIXEL_REACH = 16.0;           /* of normalised pixels, with room to spare: they come all at once */
static const double SINGLE_LEVELS = 32768.0;      /* of diagonal weights that share a channel */

static bool reads_stream(const snn_term *term, const snn_network *network)
{
    return term->source != SNN_SOURCE_INPUT && network->populations[term->source].kind == SNN_NEURON_STREAM;
}

/* What the terms of one channel need, in real units. */
typedef struct need {
    double product; /* largest weight of products */
    double single;  /* largest weight of diagonals, gathers and token products on spikes */
    double stream;  /* smallest |weight| step of a stream that is read; 0 if none */
    double sum;     /* of magnitudes, over all projections */
    double graded;  /* what a graded image and products of streams may add: of a stream in all, of others by streams */
    double reach;   /* what products of streams add up to in the worst case */
    int32_t products; /* how many products of streams */
    int32_t streams;  /* how many are read */
    int32_t singles;  /* how many terms count as single */
    double least;     /* step that products of streams need at least */
    double weights;   /* how many weights rounding may raise by half a step */
} need;

typedef struct chooser {
    const snn_draft *draft;
    snn_network *network;
    need **needs;   /* [population][input channels] */
    int32_t *group; /* [population]: a population that shares the steps, by union; in the end the same one for all */
    int32_t *first; /* [group]: its first population */
    int32_t *next;  /* [population]: the next of its group; the number of populations behind the last */
    double *row;
} chooser;

/* By how much the positions that a row reads can raise what it makes of a source of magnitude 1. */
static double position_reach(const snn_term *term)
{
    return term->op.kind == SNN_OPERATOR_TOKENS ? snn_mixing_reach(term) : (double)snn_operator_pool_area(&term->op);
}

/* The channel of its stream that the first weight of row r takes; the others of a product follow, and again and again
 * at the positions of its window. */
static int32_t stream_channel(const snn_operator *op, int32_t r)
{
    return op->source_channel + (snn_operator_is_product(op->kind) ? snn_row_base(op, r) : r);
}

/* What a stream can sum up to in target row `r` of a term that reads it: without a graded image, and by that alone. */
static double stream_sum(const chooser *at, const snn_term *term, int32_t r)
{
    const int64_t length = snn_operator_row_length(&term->op);
    const need *needs = at->needs[term->source] + stream_channel(&term->op, r);
    const int32_t inputs = snn_operator_is_product(term->op.kind) ? snn_row_inputs(&term->op) : 1;
    double total = 0.0;
    for (int64_t k = 0; k < length; k++) {
        total += fabs((double)term->weights[r * length + k]) * needs[k % inputs].sum;
    }
    return total * (double)snn_operator_pool_area(&term->op);
}

/* `reach`: position_reach of the term. */
static double stream_graded(const chooser *at, const snn_term *term, int32_t r, double reach)
{
    const int64_t length = snn_operator_row_length(&term->op);
    const need *needs = at->needs[term->source] + stream_channel(&term->op, r);
    const int32_t inputs = snn_operator_is_product(term->op.kind) ? snn_row_inputs(&term->op) : 1;
    double total = 0.0;
    for (int64_t k = 0; k < length; k++) {
        total += fabs((double)term->weights[r * length + k]) * needs[k % inputs].graded;
    }
    return total * reach;
}

static int32_t find(const chooser *at, int32_t population)
{
    while (at->group[population] != population) {
        population = at->group[population];
    }
    return population;
}

/* Whether a population takes the stream's integers as they are, or scaled by whole numbers; otherwise the term is a
 * product, whose sums are rounded. Windows make the integers large: there only what is unchanged goes without. */
static bool passes_on(const chooser *at, const snn_term *term, int32_t population)
{
    if (term->op.kind != SNN_OPERATOR_DIAGONAL) {
        return false;
    }
    if (at->network->windows.steps == 0 || at->network->format == SNN_WEIGHTS_FLOAT32) {
        return true;
    }
    const bool alone = at->draft->populations[population].input.term_count == 1;
    return snn_term_is_unchanged(term) && (alone || at->group[population] == at->group[term->source]);
}

static void measure_stream(const chooser *at, const snn_term *term, bool passed_on, int32_t r, need *into)
{
    if (passed_on) {
        into->sum += stream_sum(at, term, r);
        return;
    }
    into->products++; /* whatever they reach, they are kept within a limit */
    into->singles++;  /* beside single weights on spikes, their sums need a finer unit than these */
}

/* The largest value of what a term takes, in the units of its source: 1 for spikes. */
static double source_reach(const chooser *at, const snn_term *term)
{
    const bool pixels = term->source == SNN_SOURCE_INPUT && at->network->windows.steps > 0;
    return pixels ? PIXEL_REACH : (double)snn_network_source_reach(at->network, term->source);
}

/* What is the same in all rows of a term that reads spikes. */
typedef struct spikes_read {
    double code;        /* source_reach */
    double reach, unit; /* of the token matrix; 1 of others */
} spikes_read;

static void measure_spikes(const chooser *at, const snn_term *term, int32_t r, const spikes_read *read, need *into)
{
    const snn_operator *op = &term->op;
    int64_t length = snn_operator_row_length(op);
    double largest = 0.0, total = 0.0;
    snn_scaled_row(term, at->network, r, at->row);
    for (int64_t k = 0; k < length; k++) {
        largest = fmax(largest, fabs(at->row[k]));
        total += fabs(at->row[k]);
    }
    into->sum += (op->kind == SNN_OPERATOR_GATHER ? largest : total) * (double)snn_operator_pool_area(op) *
                 read->reach * read->code;
    into->weights +=
        (op->kind == SNN_OPERATOR_GATHER ? 1.0 : (double)length * (double)snn_operator_pool_area(op)) * read->code;
    if (snn_operator_is_product(op->kind)) {
        into->product = fmax(into->product, largest);
        return;
    }
    into->single = fmax(into->single, largest * read->unit);
    /* A gather's weights may differ from position to position: it counts as several. */
    into->singles += op->kind == SNN_OPERATOR_GATHER ? 2 : 1;
}

static snn_status measure(const chooser *at, int32_t population)
{
    const snn_affine *input = &at->draft->populations[population].input;
    for (int32_t t = 0; t < input->term_count; t++) {
        const snn_term *term = &input->terms[t];
        const bool stream = reads_stream(term, at->network), passed_on = stream && passes_on(at, term, population);
        const bool mixes = term->op.kind == SNN_OPERATOR_TOKENS && !stream;
        const spikes_read read = {.code = stream ? 1.0 : source_reach(at, term),
                                  .reach = mixes ? snn_mixing_reach(term) : 1.0,
                                  .unit = mixes ? snn_mixing_unit(term, at->network) : 1.0};
        for (int32_t r = 0; r < term->op.target_channels; r++) {
            need *into = &at->needs[population][term->op.target_channel + r];
            if (stream) {
                measure_stream(at, term, passed_on, r, into);
            } else {
                measure_spikes(at, term, r, &read, into);
            }
            if (!isfinite(into->sum)) {
                return snn_fail(SNN_INPUT_ERROR,
                                "%s: weights are not finite; export the model again once it is trained well",
                                at->draft->populations[population].name);
            }
        }
    }
    return snn_ok();
}

/* Streams, and populations that add products to a stream that they read, share steps with that stream. A stream of one
 * that is scaled or pooled has steps of its own. */
static snn_status join_groups(const chooser *at)
{
    for (int32_t p = 0; p < at->draft->population_count; p++) {
        const snn_draft_population *population = &at->draft->populations[p];
        const snn_affine *input = &population->input;
        bool adds =
            population->kind == SNN_NEURON_STREAM && (input->term_count > 1 || snn_term_is_unchanged(&input->terms[0]));
        for (int32_t t = 0; t < input->term_count; t++) {
            adds = adds || snn_operator_is_product(input->terms[t].op.kind);
        }
        for (int32_t t = 0; t < input->term_count && adds; t++) {
            const snn_term *term = &input->terms[t];
            if (!reads_stream(term, at->network) || term->op.kind != SNN_OPERATOR_DIAGONAL) {
                continue; /* a product of a stream has its own fraction bits */
            }
            if (!snn_term_is_unchanged(term)) {
                return snn_fail(SNN_INPUT_ERROR,
                                "%s: adds products to a stream that is scaled, pooled or cut; that is not supported; "
                                "give neuron.streams = \"spikes\"",
                                population->name);
            }
            at->group[find(at, p)] = find(at, term->source);
        }
    }
    return snn_ok();
}

/* Lists the populations of every group. */
static void list_groups(const chooser *at)
{
    const int32_t count = at->draft->population_count;
    for (int32_t p = 0; p < count; p++) {
        at->first[p] = at->next[p] = count;
        at->group[p] = find(at, p);
    }
    for (int32_t p = count - 1; p >= 0; p--) {
        at->next[p] = at->first[at->group[p]];
        at->first[at->group[p]] = p;
    }
}

/* What is left of the largest sum for spikes and streams. */
static double room_of(const need *needs, double largest)
{
    return fmax(largest - needs->weights - (double)needs->products * SNN_PRODUCT_LIMIT, 1.0);
}

/* The step that one channel needs by itself; `alone`: nothing else of its group needs one. */
static double own_step(const need *needs, snn_weight_format format, bool stream, bool alone)
{
    double levels = format == SNN_WEIGHTS_INT8 ? 127.0 : 32767.0;
    double delta = needs->product / levels;
    if (needs->product == 0.0) {
        /* One diagonal weight is its own unit: +-1, exact. Several share 2^15 levels. */
        delta = needs->singles == 1 && alone ? needs->single : needs->single / SINGLE_LEVELS;
    }
    return fmax(delta, needs->sum / room_of(needs, stream ? LARGEST_STREAM : SNN_LARGEST_SUM));
}

/* floor(log2(x)) and ceil(log2(x)), exactly; x > 0. */
static double log2_below(double x)
{
    int exponent;
    (void)frexp(x, &exponent);
    return isinf(x) ? x : exponent - 1;
}

static double log2_above(double x)
{
    const double below = log2_below(x);
    return isinf(x) || ldexp(1.0, (int)below) == x ? below : below + 1.0;
}

/* Bits that are taken from the sums of a stream's positions, so that what is left has at most 30. */
static int32_t tokens_shift(const chooser *at, const snn_term *term)
{
    double largest = 1.0;
    for (int32_t r = 0; r < term->op.target_channels; r++) {
        int32_t channel = stream_channel(&term->op, r);
        const need *source = &at->needs[term->source][channel];
        double step = (double)at->network->populations[term->source].step[channel];
        largest = fmax(largest, (source->sum + source->graded) / step);
    }
    double reach = largest * snn_mixing_reach(term) / snn_mixing_unit(term, at->network);
    double bits = log2_above(fmax(reach, 1.0)) - 30.0;
    return bits < 0.0 ? 0 : bits > SNN_LARGEST_SHIFT ? SNN_LARGEST_SHIFT : (int32_t)bits;
}

/* Fraction bits of the weights of a stream's convolution or matrix product into a population whose steps are known. */
static int32_t product_shift(const chooser *at, const snn_term *term, int32_t target)
{
    const snn_operator *op = &term->op;
    double largest = 0.0;
    for (int32_t r = 0; r < op->target_channels; r++) {
        snn_scaled_row(term, at->network, r, at->row);
        for (int64_t k = 0; k < snn_operator_row_length(op); k++) {
            double step = (double)at->network->populations[target].step[op->target_channel + r];
            largest = fmax(largest, fabs(at->row[k]) / step);
        }
    }
    double levels = at->network->format == SNN_WEIGHTS_INT8 ? 127.0 : 32767.0;
    double bits = largest > 0.0 ? log2_below(levels / largest) : 0.0;
    return bits < 0.0 ? 0 : bits > SNN_LARGEST_SHIFT ? SNN_LARGEST_SHIFT : (int32_t)bits;
}

/* Fraction bits of the weights of codes: a stream's step, and that of what reads one, is coarse, because it has to hold
 * the worst that all of its sources could add up to. */
static int32_t codes_shift(const chooser *at, const snn_term *term, int32_t target)
{
    const snn_operator *op = &term->op;
    const double narrow = at->network->format == SNN_WEIGHTS_INT8 ? 127.0 : 32767.0;
    const double levels = snn_operator_is_product(op->kind) ? narrow : SINGLE_LEVELS;
    const double reach = source_reach(at, term) * (double)snn_operator_pool_area(op);
    double bits = SNN_LARGEST_SHIFT;
    for (int32_t r = 0; r < op->target_channels; r++) {
        const double step = (double)at->network->populations[target].step[op->target_channel + r];
        double largest = 0.0, total = 0.0, count = 0.0;
        snn_scaled_row(term, at->network, r, at->row);
        for (int64_t k = 0; k < snn_operator_row_length(op); k++) {
            largest = fmax(largest, fabs(at->row[k]));
            total += fabs(at->row[k]);
            count += 1.0;
        }
        total = op->kind == SNN_OPERATOR_GATHER ? largest : total;
        count = op->kind == SNN_OPERATOR_GATHER ? 1.0 : count;
        if (largest > 0.0) {
            bits = fmin(bits, log2_below(levels * step / largest));
            bits = fmin(bits, log2_below(fmax(SNN_LARGEST_SUM - count * reach, 1.0) * step / (total * reach)));
        }
    }
    return bits < 1.0 || bits >= SNN_LARGEST_SHIFT ? 0 : (int32_t)bits;
}

static int32_t term_shift(const chooser *at, const snn_term *term, int32_t target)
{
    const bool windows = at->network->windows.steps > 0;
    if (at->network->format == SNN_WEIGHTS_FLOAT32) {
        return 0;
    }
    if (!reads_stream(term, at->network)) {
        return windows && term->op.kind != SNN_OPERATOR_TOKENS ? codes_shift(at, term, target) : 0;
    }
    if (passes_on(at, term, target)) {
        return 0;
    }
    return term->op.kind == SNN_OPERATOR_TOKENS ? tokens_shift(at, term) : product_shift(at, term, target);
}

/* Of all projections of a population, one for each term in order. Products of the image are added up before they are
 * rounded, so they have one shift. */
static void choose_shifts(const chooser *at, const snn_affine *input, int32_t population, snn_projection *projections)
{
    int32_t image = SNN_LARGEST_SHIFT;
    for (int32_t t = 0; t < input->term_count; t++) {
        projections[t].shift = term_shift(at, &input->terms[t], population);
        if (input->terms[t].source == SNN_SOURCE_INPUT) {
            image = projections[t].shift < image ? projections[t].shift : image;
        }
    }
    for (int32_t t = 0; t < input->term_count; t++) {
        projections[t].shift = input->terms[t].source == SNN_SOURCE_INPUT ? image : projections[t].shift;
    }
}

/* What a unit of a row's weights is worth: 1 of products; of token products what their matrix and shift make of it. */
static double weight_unit(const chooser *at, const snn_term *term)
{
    return term->op.kind != SNN_OPERATOR_TOKENS
               ? 1.0
               : ldexp(snn_mixing_unit(term, at->network), SNN_TOKENS_FRACTION_BITS + tokens_shift(at, term));
}

/* The step that a row of a stream's product needs at least, so that its weights have no more bits than they may. */
static double coarsest_weight(const chooser *at, const snn_term *term, int32_t r, double unit)
{
    const double narrow = at->network->format == SNN_WEIGHTS_INT8 ? 127.0 : 32767.0;
    double largest = 0.0;
    snn_scaled_row(term, at->network, r, at->row);
    for (int64_t k = 0; k < snn_operator_row_length(&term->op); k++) {
        largest = fmax(largest, fabs(at->row[k]));
    }
    return largest * unit / (term->op.kind == SNN_OPERATOR_TOKENS ? (double)(1 << 30) : narrow);
}

/* Streams that are read: one stream's step is the unit, exactly; several need a finer one. What a graded image may add
 * to them counts as soon as the unit is not that of one stream. */
static void note_streams(const chooser *at, int32_t population, need *needs)
{
    const snn_affine *input = &at->draft->populations[population].input;
    for (int32_t t = 0; t < input->term_count; t++) {
        const snn_term *term = &input->terms[t];
        const bool stream = reads_stream(term, at->network), product = stream && !passes_on(at, term, population);
        const double reach = stream ? position_reach(term) : 1.0, unit = product ? weight_unit(at, term) : 1.0;
        for (int32_t r = 0; r < term->op.target_channels && stream; r++) {
            need *into = &needs[term->op.target_channel + r];
            if (product) {
                into->reach += stream_sum(at, term, r) + stream_graded(at, term, r, reach);
                into->least = fmax(into->least, coarsest_weight(at, term, r, unit));
                into->streams += 2;
                continue;
            }
            double step = (double)at->network->populations[term->source].step[term->op.source_channel + r];
            const double own = fabs((double)term->weights[r]) * step;
            into->graded += stream_graded(at, term, r, reach);
            into->streams++;
            if (own > 0.0) {
                into->stream = into->stream == 0.0 ? own : fmin(into->stream, own / STREAM_LEVELS);
            }
        }
    }
    for (int32_t c = 0; c < at->network->populations[population].input.channels; c++) {
        needs[c].sum += needs[c].streams > 1 ? needs[c].graded : 0.0;
    }
}

/* The step with which products of streams stay within their limit. */
static double product_step(const need *needs)
{
    return fmax(needs->least, needs->reach / (double)SNN_PRODUCT_LIMIT);
}

/* The step of channel `c` that suits all of the group: its first population's. */
static double group_step(const chooser *at, int32_t population, int32_t c)
{
    const int32_t count = at->draft->population_count;
    const snn_population *populations = at->network->populations;
    int32_t first = at->first[at->group[population]];
    while (c >= populations[first].input.channels) {
        first = at->next[first];
    }
    if (first < population) {
        return (double)populations[first].step[c];
    }
    double delta = fmax(at->needs[population][c].stream, product_step(&at->needs[population][c]));
    int32_t members = 0; /* that add something of their own */
    for (int32_t p = population; p < count; p = at->next[p]) {
        if (c < populations[p].input.channels) {
            members += at->needs[p][c].product > 0.0 || at->needs[p][c].singles > 0;
        }
    }
    for (int32_t p = population; p < count; p = at->next[p]) {
        if (c < populations[p].input.channels) {
            delta = fmax(delta, own_step(&at->needs[p][c], at->network->format, true, members == 1));
        }
    }
    return delta;
}

/* A graded image and products arrive at a stream as integers that have limits. */
static void note_limited(const chooser *at, int32_t population)
{
    const snn_population *made = &at->network->populations[population];
    const bool image = snn_affine_reads_image(&at->draft->populations[population].input);
    for (int32_t c = 0; c < made->input.channels && made->kind == SNN_NEURON_STREAM; c++) {
        need *needs = &at->needs[population][c];
        needs->graded += (double)made->step[c] * ((image ? snn_network_graded_limit(at->network) : 0) +
                                                  (double)needs->products * SNN_PRODUCT_LIMIT);
    }
}

static void choose_population(const chooser *at, int32_t population)
{
    snn_population *made = &at->network->populations[population];
    need *needs = at->needs[population];
    bool grouped = at->group[population] != population || made->kind == SNN_NEURON_STREAM;
    for (int32_t c = 0; c < made->input.channels; c++) {
        made->step[c] = 1.0f;
    }
    if (at->network->format == SNN_WEIGHTS_FLOAT32) {
        return;
    }
    note_streams(at, population, needs);
    for (int32_t c = 0; c < made->input.channels; c++) {
        double delta = 0.0;
        if (grouped) {
            delta = group_step(at, population, c);
        } else if (needs[c].stream > 0.0) {
            delta = fmax(needs[c].stream, needs[c].sum / room_of(&needs[c], SNN_LARGEST_SUM));
        } else {
            delta = fmax(own_step(&needs[c], at->network->format, false, true), product_step(&needs[c]));
        }
        made->step[c] = delta < 1e-30 ? 1.0f : (float)delta;
    }
    note_limited(at, population);
}

snn_status snn_steps_choose(const snn_draft *draft, snn_network *network)
{
    int32_t count = draft->population_count;
    chooser at = {.draft = draft, .network = network};
    snn_projection *projection = network->projections;
    at.needs = snn_allocate((size_t)count, sizeof *at.needs);
    at.group = snn_allocate((size_t)count, sizeof *at.group);
    at.first = snn_allocate((size_t)count, sizeof *at.first);
    at.next = snn_allocate((size_t)count, sizeof *at.next);
    at.row = snn_allocate((size_t)snn_longest_row(draft), sizeof *at.row);
    snn_status status = snn_ok();
    if (at.needs == NULL || at.group == NULL || at.first == NULL || at.next == NULL || at.row == NULL) {
        status = snn_out_of_memory("steps");
        goto done;
    }
    for (int32_t p = 0; p < count; p++) {
        at.group[p] = p;
        at.needs[p] = snn_allocate((size_t)network->populations[p].input.channels, sizeof **at.needs);
        if (at.needs[p] == NULL) {
            status = snn_out_of_memory("steps");
            goto done;
        }
    }
    SNN_GOTO_DONE(status, join_groups(&at));
    list_groups(&at);
    for (int32_t p = 0; p < count; p++) {
        SNN_GOTO_DONE(status, measure(&at, p));
    }
    for (int32_t p = 0; p < count; p++) {
        choose_population(&at, p);
        const snn_affine *input = &draft->populations[p].input;
        choose_shifts(&at, input, p, projection);
        projection += input->term_count;
    }
done:
    for (int32_t p = 0; p < count && at.needs != NULL; p++) {
        snn_release(at.needs[p]);
    }
    snn_release(at.needs);
    snn_release(at.group);
    snn_release(at.first);
    snn_release(at.next);
    snn_release(at.row);
    return status;
}
