#include "partition/speeds.h"

#include <string.h>

#include "core/base/memory.h"
#include "partition/fingerprint.h"
#include "partition/moments.h"
#include "partition/plan.h"

/* Measured speeds that differ by no more agree. */
static const double AGREEMENT = 1.1;

/* ---- the book ---- */

void snn_speed_book_clear(snn_speed_book *book)
{
    snn_release(book->speeds);
    *book = (snn_speed_book){0};
}

static int32_t place_of(const snn_speed_book *book, uint64_t key)
{
    for (int32_t i = 0; i < book->count; i++) {
        if (book->speeds[i].key == key) {
            return i;
        }
    }
    return -1;
}

const snn_speed *snn_speed_book_find(const snn_speed_book *book, uint64_t key)
{
    const int32_t place = place_of(book, key);
    return place >= 0 ? &book->speeds[place] : NULL;
}

snn_status snn_speed_book_add(snn_speed_book *book, snn_speed speed)
{
    const int32_t place = place_of(book, speed.key);
    book->changed = true;
    if (place >= 0) {
        book->speeds[place] = speed;
        return snn_ok();
    }
    if (book->count == book->room) {
        const int32_t room = book->room > 0 ? 2 * book->room : 64;
        snn_speed *speeds = snn_allocate((size_t)room, sizeof *speeds);
        if (speeds == NULL) {
            return snn_out_of_memory("speeds");
        }
        if (book->count > 0) {
            memcpy(speeds, book->speeds, (size_t)book->count * sizeof *speeds);
        }
        snn_release(book->speeds);
        book->speeds = speeds;
        book->room = room;
    }
    book->speeds[book->count++] = speed;
    return snn_ok();
}

snn_status snn_speed_book_measured(snn_speed_book *book, snn_speed speed)
{
    const snn_speed *known = snn_speed_book_find(book, speed.key);
    speed.fresh = true;
    if (known != NULL) {
        const double fewer = known->step_seconds < speed.step_seconds ? known->step_seconds : speed.step_seconds;
        const double more = known->step_seconds > speed.step_seconds ? known->step_seconds : speed.step_seconds;
        speed.confirmed = more <= AGREEMENT * fewer;
        speed.unsteady = speed.unsteady && !speed.confirmed;
        speed.step_seconds = fewer;
        speed.group_seconds = known->group_seconds < speed.group_seconds ? known->group_seconds : speed.group_seconds;
    }
    return snn_speed_book_add(book, speed);
}

bool snn_speed_book_lacks(const snn_speed_book *book, uint64_t key)
{
    const snn_speed *known = snn_speed_book_find(book, key);
    return known == NULL || !(known->confirmed || known->fresh);
}

/* What a kernel does depends on where the source's values come from. */
static int32_t source_class(const snn_network *network, const snn_projection *projection)
{
    enum { IMAGE, SPIKES, SUMS };
    if (projection->source == SNN_SOURCE_INPUT) {
        return IMAGE;
    }
    return network->populations[projection->source].kind == SNN_NEURON_STREAM ? SUMS : SPIKES;
}

uint64_t snn_speed_key(const snn_network *network, const snn_timing *timings, const snn_work *work, int32_t population,
                       snn_channel_range owned)
{
    const int64_t numbers[] = {network->format,       work->images,     work->block,
                               work->threads,         work->dynamics,   work->encoding,
                               work->momentum > 0.0f, work->statistics, owned.end - owned.begin};
    uint64_t key = SNN_FINGERPRINT_SEED;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        key = snn_fingerprint_add_number(key, numbers[i]);
    }
    key = snn_fingerprint_add_population(key, &network->populations[population]);
    const int32_t last = snn_plan_first_projection(network, population + 1);
    for (int32_t i = snn_plan_first_projection(network, population); i < last; i++) {
        if (snn_neuron_reads_all_channels(network->populations[population].kind)) {
            key = snn_fingerprint_add_number(
                key, snn_plan_rows_read(&network->populations[population], &network->projections[i].op, owned));
        }
        key = snn_fingerprint_add_number(key, source_class(network, &network->projections[i]));
        key = snn_fingerprint_add_operator(key, &network->projections[i].op);
    }
    return snn_moments_add(key, network, timings, population);
}

/* ---- prices ---- */

snn_channel_range snn_price_range(const snn_population *population, int32_t shards)
{
    const int32_t channels = population->shape.channels;
    if (population->kind == SNN_NEURON_READOUT) {
        return (snn_channel_range){0, channels};
    }
    const int64_t units = snn_plan_units(population), most = (units + shards - 1) / shards;
    return snn_plan_unit_range(population, 0, most); /* the first ones: the last unit may have fewer channels */
}

static void price_population(snn_prices *prices, const snn_network *network, const snn_timing *timings,
                             const snn_work *work, const snn_speed_book *book, int32_t population)
{
    for (int32_t point = 0; point < prices->points; point++) {
        const int64_t at = (int64_t)population * prices->points + point;
        const snn_channel_range owned = snn_price_range(&network->populations[population], 1 << point);
        const int32_t channels = owned.end - owned.begin;
        prices->channels[at] = channels;
        if (point > 0 && channels == prices->channels[at - 1]) {
            prices->prices[at] = prices->prices[at - 1];
            continue;
        }
        const snn_speed *speed =
            book != NULL ? snn_speed_book_find(book, snn_speed_key(network, timings, work, population, owned)) : NULL;
        if (speed != NULL) {
            prices->prices[at] = (snn_price){speed->step_seconds, speed->group_seconds, speed->packed_bytes};
        } else {
            prices->prices[at] = snn_price_assumed(network, timings, work, population, channels);
            prices->measured = false;
        }
    }
}

snn_status snn_prices_create(const snn_network *network, const snn_work *work, int32_t most_shards,
                             const snn_speed_book *book, snn_prices **prices)
{
    *prices = NULL;
    snn_prices *made = snn_allocate(1, sizeof *made);
    snn_timing *timings = NULL;
    snn_status status = snn_ok();
    if (made == NULL) {
        status = snn_out_of_memory("prices");
        goto done;
    }
    made->populations = network->population_count;
    made->points = 1;
    while (made->points < SNN_PRICE_POINTS && 1 << (made->points - 1) < most_shards) {
        made->points++;
    }
    made->measured = true;
    const size_t count = (size_t)made->populations * (size_t)made->points;
    made->channels = snn_allocate(count, sizeof *made->channels);
    made->prices = snn_allocate(count, sizeof *made->prices);
    if (made->channels == NULL || made->prices == NULL) {
        status = snn_out_of_memory("prices");
        goto done;
    }
    SNN_GOTO_DONE(status, snn_moments_create(network, &timings));
    for (int32_t i = 0; i < made->populations; i++) {
        price_population(made, network, timings, work, book, i);
    }
    *prices = made;
    made = NULL;
done:
    snn_release(timings);
    snn_prices_destroy(made);
    return status;
}

void snn_prices_destroy(snn_prices *prices)
{
    if (prices != NULL) {
        snn_release(prices->channels);
        snn_release(prices->prices);
        snn_release(prices);
    }
}

static snn_price scale(snn_price price, double factor)
{
    return (snn_price){price.step_seconds * factor, price.group_seconds * factor, price.packed_bytes * factor};
}

static snn_price between(snn_price low, snn_price high, double share)
{
    return (snn_price){low.step_seconds + share * (high.step_seconds - low.step_seconds),
                       low.group_seconds + share * (high.group_seconds - low.group_seconds),
                       low.packed_bytes + share * (high.packed_bytes - low.packed_bytes)};
}

snn_price snn_prices_of(const snn_prices *prices, int32_t population, int32_t channels)
{
    const int32_t *known = prices->channels + (int64_t)population * prices->points;
    const snn_price *price = prices->prices + (int64_t)population * prices->points;
    if (channels >= known[0]) {
        return scale(price[0], (double)channels / known[0]);
    }
    int32_t i = 1;
    while (i < prices->points && known[i] > channels) {
        i++;
    }
    if (i == prices->points) { /* fewer than were measured: registers are not filled, and little is saved */
        return price[i - 1];
    }
    return between(price[i], price[i - 1], (double)(channels - known[i]) / (known[i - 1] - known[i]));
}

/* ---- assumptions ---- */

static const double OPERATION_SECONDS = 3e-12; /* a 16-bit multiply-add of a convolution or matrix product */
static const double CODE_SECONDS = 4e-11;      /* the same of 16-bit codes, for all steps of a window that they hold */
static const double SINGLE_SECONDS = 5e-11;    /* a sum of an operator of one weight per neuron */
static const double VALUE_SECONDS = 2e-10;     /* one x or y, one timestep */
static const double WINDOW_SECONDS = 6e-10;    /* of windows: one f(x), or one step of a neuron */
static const double FUNCTION_SECONDS = 1e-10;  /* a float32 multiply-add within a tile that is in cache */
static const double IMAGE_SECONDS = 5e-10;     /* a product with a pixel */

/* Attention takes each position with every other of its window. Others cost as much as their values do. */
static double function_operations(const snn_population *neurons, int32_t channels)
{
    const double positions = (double)snn_shape_positions(neurons->shape);
    const double others = (double)snn_attention_positions(neurons->beta, neurons->shape);
    const int32_t groups = neurons->groups > 0 ? neurons->groups : 1;
    switch (neurons->kind) {
    case SNN_NEURON_SCORES: /* one product of a head's channels for each output */
        return positions * channels * (neurons->input.channels / (2.0 * groups));
    case SNN_NEURON_MIX:
        return positions * others * channels;
    case SNN_NEURON_ATTENTION: /* a head's scores, then their mix */
        return 2 * positions * others * channels;
    default:
        return 0;
    }
}

snn_price snn_price_assumed(const snn_network *network, const snn_timing *timings, const snn_work *work,
                            int32_t population, int32_t channels)
{
    const snn_population *neurons = &network->populations[population];
    const bool all = snn_neuron_reads_all_channels(neurons->kind);
    const snn_channel_range owned = {0, channels};
    const double inputs = (double)snn_shape_positions(neurons->input) * (all ? neurons->input.channels : channels);
    const double outputs = (double)snn_shape_positions(neurons->shape) * channels;
    const bool windows = timings != NULL;
    /* How often f(x) is found in a step: in a window once for each moment. */
    const double steps = network->windows.steps, evaluations = windows ? timings[population].moments / steps : 1.0;
    snn_price price = {.step_seconds = (evaluations * inputs + outputs) * (windows ? WINDOW_SECONDS : VALUE_SECONDS) +
                                       evaluations * function_operations(neurons, channels) * FUNCTION_SECONDS,
                       .group_seconds = windows ? 0.0 : (inputs + outputs) * VALUE_SECONDS};
    const int32_t last = snn_plan_first_projection(network, population + 1);
    for (int32_t i = snn_plan_first_projection(network, population); i < last; i++) {
        const snn_projection *projection = &network->projections[i];
        const snn_operator *op = &projection->op;
        const bool product = op->kind == SNN_OPERATOR_CONVOLUTION || op->kind == SNN_OPERATOR_DENSE;
        const double share = (double)snn_plan_rows_read(neurons, op, owned) / (double)op->target_channels;
        const double operations = (double)snn_operator_operations(op) * share;
        if (projection->source == SNN_SOURCE_INPUT && (windows || snn_encoding_is_graded(work->encoding))) {
            price.group_seconds += operations * IMAGE_SECONDS;
        } else if (windows) {
            const double products = snn_moments_products(network, timings, projection) / steps;
            price.step_seconds += products * operations * (product ? CODE_SECONDS : SINGLE_SECONDS);
        } else {
            price.step_seconds += operations * (product ? OPERATION_SECONDS : SINGLE_SECONDS);
        }
        price.packed_bytes += (double)op->target_channels * share * (double)snn_operator_row_length(op) *
                              (double)snn_weight_bytes(network->format, op->kind);
    }
    return price;
}
