#include "tests/core/shard/drive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"

enum { POPULATIONS = 32, DRIVE_IMAGES = 64 };

typedef struct drive_rank {
    snn_network *network;
    snn_shard *shard;
    snn_channel_range owned[POPULATIONS], visible[POPULATIONS];
} drive_rank;

static void must(snn_status status)
{
    if (snn_failed(status)) {
        fail_msg("%s", status.message);
    }
}

/* Rows of a projection for the owned channels; begin == end for none. */
static snn_channel_range rows_for(const snn_operator *op, snn_channel_range owned)
{
    int32_t begin = owned.begin - op->target_channel, end = owned.end - op->target_channel;
    begin = begin > 0 ? begin : 0;
    end = end < op->target_channels ? end : op->target_channels;
    return begin < end ? (snn_channel_range){begin, end} : (snn_channel_range){0, 0};
}

static void *copy_bytes(const void *from, size_t offset, size_t bytes)
{
    void *copy = snn_allocate(bytes, 1);
    assert_non_null(copy);
    memcpy(copy, (const uint8_t *)from + offset, bytes);
    return copy;
}

snn_network *drive_slice(const snn_network *network, const snn_channel_range *owned)
{
    snn_network *slice = NULL;
    must(snn_network_copy_structure(network, &slice));
    for (int32_t i = 0; i < network->projection_count; i++) {
        const snn_projection *from = &network->projections[i];
        snn_projection *to = &slice->projections[i];
        const snn_channel_range rows = rows_for(&from->op, owned[from->target]);
        if (rows.begin == rows.end) {
            continue;
        }
        const size_t length = (size_t)snn_operator_row_length(&from->op);
        const size_t skipped = length * (size_t)rows.begin, kept = length * (size_t)(rows.end - rows.begin);
        const size_t bytes = (size_t)snn_weight_bytes(network->format, from->op.kind);
        to->row_begin = rows.begin;
        to->row_end = rows.end;
        to->weights = copy_bytes(from->weights, skipped * bytes, kept * bytes);
        if (from->index != NULL) {
            to->index = copy_bytes(from->index, skipped * sizeof(int32_t), kept * sizeof(int32_t));
        }
    }
    return slice;
}

/* Stage s holds an equal part of the populations, shard k of a stage an equal part of the channels. */
static void cut(const snn_network *network, drive_cut how, int32_t number, snn_channel_range *owned)
{
    const int32_t stage = number / how.shards, shard = number % how.shards;
    const int32_t first = network->population_count * stage / how.stages;
    const int32_t end = network->population_count * (stage + 1) / how.stages;
    for (int32_t p = 0; p < network->population_count; p++) {
        const snn_population *population = &network->populations[p];
        const int32_t channels = population->shape.channels;
        owned[p] = (snn_channel_range){0, 0};
        if (p >= first && p < end) {
            if (population->kind == SNN_NEURON_READOUT) {
                owned[p].end = shard == 0 ? channels : 0;
            } else {
                owned[p].begin = channels * shard / how.shards;
                owned[p].end = channels * (shard + 1) / how.shards;
            }
        }
    }
}

/* Channels of the input that the owner of these channels decodes. */
static snn_channel_range decoded(const snn_population *population, snn_channel_range owned)
{
    const bool all = owned.begin < owned.end && population->input.channels != population->shape.channels;
    const bool normalised = population->kind == SNN_NEURON_LAYER_NORM || population->kind == SNN_NEURON_SOFTMAX ||
                            population->kind == SNN_NEURON_SHIFTED_EXP;
    return all || (normalised && owned.begin < owned.end) ? (snn_channel_range){0, population->input.channels} : owned;
}

static void see(drive_rank *rank)
{
    memcpy(rank->visible, rank->owned, sizeof rank->visible);
    for (int32_t i = 0; i < rank->network->projection_count; i++) {
        const snn_projection *projection = &rank->network->projections[i];
        const snn_channel_range owned =
            decoded(&rank->network->populations[projection->target], rank->owned[projection->target]);
        if (projection->source == SNN_SOURCE_INPUT || owned.begin == owned.end) {
            continue;
        }
        snn_channel_range *visible = &rank->visible[projection->source], needed;
        snn_operator_source_channels(&projection->op, owned.begin, owned.end, &needed.begin, &needed.end);
        if (needed.begin == needed.end) {
            continue;
        }
        if (visible->begin == visible->end) {
            *visible = needed;
        }
        visible->begin = needed.begin < visible->begin ? needed.begin : visible->begin;
        visible->end = needed.end > visible->end ? needed.end : visible->end;
    }
}

static void start_rank(drive_rank *rank, const snn_network *network, const drive_settings *settings, int32_t number,
                       const float *eta, int32_t timesteps)
{
    assert_true(network->population_count <= POPULATIONS);
    cut(network, settings->cut, number, rank->owned);
    snn_channel_range kept[POPULATIONS];
    for (int32_t p = 0; p < network->population_count; p++) {
        const snn_channel_range all = {0, network->populations[p].input.channels};
        kept[p] = settings->all_rows ? all : decoded(&network->populations[p], rank->owned[p]);
    }
    rank->network = drive_slice(network, kept);
    see(rank);
    const snn_shard_options options = {.images = settings->group,
                                       .block = settings->block,
                                       .timesteps = network->windows.steps > 0 ? settings->latency : timesteps,
                                       .eta = eta,
                                       .encoding = settings->encoding,
                                       .channels = rank->owned,
                                       .visible = rank->visible,
                                       .dynamics = settings->dynamics,
                                       .momentum = settings->momentum,
                                       .seed = NAIVE_SEED,
                                       .statistics = settings->statistics,
                                       .spent = settings->all_rows ? NULL : rank->network};
    must(snn_shard_create(rank->network, settings->kernels, &options, &rank->shard));
    for (int32_t i = 0; i < network->projection_count && options.spent != NULL; i++) {
        assert_null(rank->network->projections[i].weights);
    }
    snn_network_release_weights(rank->network); /* the shard has its own */
}

/* Where a run is: timesteps [first, first + steps) of images [image, image + images). */
typedef struct drive_item {
    int32_t image, images, first, steps;
} drive_item;

/* All channels of `owned` as expected; all others as they were in `before`. */
static void check_spikes(const snn_network *network, int32_t p, const snn_spikes *spikes, const uint8_t *before,
                         snn_channel_range owned, const drive_item *item, const naive_result *expected)
{
    const int64_t size = snn_shape_size(network->populations[p].shape);
    snn_spikes old = *spikes;
    old.bits = (uint8_t *)before;
    for (int32_t s = 0; s < item->steps; s++) {
        for (int32_t i = 0; i < item->images; i++) {
            const uint8_t *naive =
                expected->spikes[p] + ((int64_t)(item->first + s) * expected->images + item->image + i) * size;
            for (int64_t n = 0; n < size; n++) {
                const int32_t channel = (int32_t)(n % spikes->channels);
                const int64_t position = n / spikes->channels;
                const bool own = channel >= owned.begin && channel < owned.end;
                const bool want = own ? naive[n] != 0 : snn_spikes_fired(&old, s, i, position, channel);
                if (snn_spikes_fired(spikes, s, i, position, channel) != want) {
                    fail_msg("%s: timestep %d, image %d, position %lld, channel %d (%s): not %d",
                             network->populations[p].name, item->first + s, item->image + i, (long long)position,
                             channel, own ? "owned" : "not owned", want);
                }
            }
        }
    }
}

static double value_of(const snn_network *network, const snn_sums *sums, int32_t step, int32_t image, int64_t n)
{
    const void *plane = snn_sums_plane(sums, step, image);
    return network->format == SNN_WEIGHTS_FLOAT32 ? (double)((const float *)plane)[n]
                                                  : (double)((const int32_t *)plane)[n];
}

/* As check_spikes, for streams. */
static void check_sums(const snn_network *network, int32_t p, const snn_sums *sums, const void *before,
                       snn_channel_range owned, const drive_item *item, const naive_result *expected)
{
    const int64_t size = snn_shape_size(network->populations[p].shape);
    snn_sums old = *sums;
    old.values = (void *)before;
    for (int32_t s = 0; s < item->steps; s++) {
        for (int32_t i = 0; i < item->images; i++) {
            const int64_t *naive =
                expected->sums[p] + ((int64_t)(item->first + s) * expected->images + item->image + i) * size;
            for (int64_t n = 0; n < size; n++) {
                const int32_t channel = (int32_t)(n % sums->channels);
                const bool own = channel >= owned.begin && channel < owned.end;
                const double want = own ? (double)naive[n] : value_of(network, &old, s, i, n);
                if (value_of(network, sums, s, i, n) != want) {
                    fail_msg("%s: timestep %d, image %d, element %lld (%s): %g, expected %g",
                             network->populations[p].name, item->first + s, item->image + i, (long long)n,
                             own ? "owned" : "not owned", value_of(network, sums, s, i, n), want);
                }
            }
        }
    }
}

static void hand_over_sums(const snn_sums *from, const snn_sums *to, snn_channel_range channels, const drive_item *item)
{
    for (int32_t s = 0; s < item->steps; s++) {
        for (int32_t i = 0; i < item->images; i++) {
            for (int64_t position = 0; position < from->positions; position++) {
                const int64_t first = position * from->channels + channels.begin;
                memcpy((int32_t *)snn_sums_plane(to, s, i) + first, (int32_t *)snn_sums_plane(from, s, i) + first,
                       (size_t)(channels.end - channels.begin) * sizeof(int32_t));
            }
        }
    }
}

/* What a packet does: the owner's bits into another rank's array, all other bits untouched. */
static void hand_over(const snn_spikes *from, const snn_spikes *to, snn_channel_range channels, const drive_item *item)
{
    for (int32_t s = 0; s < item->steps; s++) {
        for (int32_t i = 0; i < item->images; i++) {
            for (int64_t position = 0; position < from->positions; position++) {
                for (int32_t c = channels.begin; c < channels.end; c++) {
                    snn_spikes_set(to, s, i, position, c, snn_spikes_fired(from, s, i, position, c));
                }
            }
        }
    }
}

static void run_population(const snn_network *network, drive_rank *ranks, int32_t count, int32_t p,
                           const drive_item *item, const naive_result *expected)
{
    drive_item planes = *item; /* of the population: those of a stream with windows are as many as change it */
    planes.steps = expected->planes != NULL && network->populations[p].kind == SNN_NEURON_STREAM ? expected->planes[p]
                                                                                                 : item->steps;
    for (int32_t r = 0; r < count; r++) {
        const snn_spikes spikes = snn_shard_spikes(ranks[r].shard, p);
        const snn_channel_range owned = ranks[r].owned[p];
        const snn_neuron_kind kind = network->populations[p].kind;
        assert_true(kind == SNN_NEURON_READOUT || snn_shard_planes(ranks[r].shard, p, item->steps) == planes.steps);
        assert_int_equal(spikes.images, item->images);
        const snn_sums sums = snn_shard_sums(ranks[r].shard, p);
        assert_false(spikes.bits != NULL && sums.values != NULL);
        assert_true(sums.values == NULL || network->populations[p].kind == SNN_NEURON_STREAM);
        uint8_t *before = NULL;
        if (spikes.bits != NULL) {
            before = copy_bytes(spikes.bits, 0, (size_t)snn_spikes_block_bytes(&spikes, item->steps));
        }
        if (sums.values != NULL) {
            before = copy_bytes(sums.values, 0, (size_t)(planes.steps * item->images * snn_sums_plane_bytes(&sums)));
        }
        must(snn_shard_run(ranks[r].shard, p, item->first, item->steps));
        if (sums.values != NULL) {
            check_sums(network, p, &sums, before, owned, &planes, expected);
        } else if (before != NULL) {
            check_spikes(network, p, &spikes, before, owned, item, expected);
        }
        snn_release(before);
    }
    for (int32_t from = 0; from < count; from++) {
        for (int32_t to = 0; to < count; to++) {
            const snn_spikes source = snn_shard_spikes(ranks[from].shard, p);
            const snn_spikes target = snn_shard_spikes(ranks[to].shard, p);
            const snn_sums source_sums = snn_shard_sums(ranks[from].shard, p);
            const snn_sums target_sums = snn_shard_sums(ranks[to].shard, p);
            if (from != to && source_sums.values != NULL && target_sums.values != NULL) {
                hand_over_sums(&source_sums, &target_sums, ranks[from].owned[p], &planes);
            }
            if (from != to && source.bits != NULL && target.bits != NULL) {
                hand_over(&source, &target, ranks[from].owned[p], item);
            }
        }
    }
}

static void check_readout(const snn_network *network, const drive_rank *ranks, int32_t count, const drive_item *group,
                          const naive_result *expected)
{
    int32_t owners = 0;
    const size_t latency = (size_t)expected->latency, classes = (size_t)network->classes;
    for (int32_t r = 0; r < count; r++) {
        const int32_t *predictions = snn_shard_predictions(ranks[r].shard);
        const float *logits = snn_shard_logits(ranks[r].shard);
        assert_true((predictions == NULL) == (logits == NULL));
        if (predictions != NULL) {
            owners++;
            assert_int_equal(snn_shard_latency(ranks[r].shard), latency);
            assert_memory_equal(predictions, expected->predictions + (size_t)group->image * latency,
                                (size_t)group->images * latency * sizeof *predictions);
            assert_memory_equal(logits, expected->logits + (size_t)group->image * classes,
                                (size_t)group->images * classes * sizeof *logits);
        }
    }
    assert_int_equal(owners, 1);
}

/* Whether counts[i] is counted: spikes and flips of each step come first, then tracking errors, then spikes of each
 * channel and its neurons beyond their range. */
static bool is_counted(snn_statistics_detail detail, const snn_statistics *statistics, size_t i)
{
    int32_t population = statistics->populations - 1;
    while (statistics->offset[population] > i) {
        population--;
    }
    const size_t steps = (size_t)statistics->timesteps, begin = statistics->offset[population];
    const size_t end =
        population + 1 < statistics->populations ? statistics->offset[population + 1] : statistics->length;
    const size_t channels = (end - begin - 3 * steps) / 2;
    return detail == SNN_STATISTICS_FULL || i >= end - channels ||
           (detail == SNN_STATISTICS_SPIKES && (i - begin) / steps != 2);
}

static void check_statistics(const drive_settings *settings, const drive_rank *ranks, int32_t count,
                             const naive_result *expected)
{
    const snn_statistics *want = expected->statistics;
    for (size_t i = 0; i < want->length; i++) {
        int64_t sum = 0;
        for (int32_t r = 0; r < count; r++) {
            assert_int_equal(snn_shard_statistics(ranks[r].shard)->length, want->length);
            sum += snn_shard_statistics(ranks[r].shard)->counts[i];
        }
        if (sum != (is_counted(settings->statistics, want, i) ? want->counts[i] : 0)) {
            fail_msg("statistics[%zu]: %lld, expected %lld", i, (long long)sum, (long long)want->counts[i]);
        }
    }
}

void drive_and_compare(const snn_network *network, const drive_settings *settings, const float *eta,
                       const float *pixels, const naive_result *expected)
{
    drive_rank ranks[DRIVE_SHARDS];
    const int32_t count = settings->cut.stages * settings->cut.shards;
    const int32_t timesteps = expected->timesteps;
    const int threads_before = omp_get_max_threads();
    assert_true(count <= DRIVE_SHARDS);
    omp_set_num_threads(settings->threads);
    for (int32_t r = 0; r < count; r++) {
        start_rank(&ranks[r], network, settings, r, eta, timesteps);
    }
    int64_t numbers[DRIVE_IMAGES];
    assert_true(settings->group <= DRIVE_IMAGES);
    for (int32_t image = 0; image < expected->images; image += settings->group) {
        drive_item item = {.image = image};
        item.images = expected->images - image < settings->group ? expected->images - image : settings->group;
        for (int32_t i = 0; i < item.images; i++) {
            numbers[i] = naive_image_number(image + i);
        }
        for (int32_t r = 0; r < count; r++) {
            const float *group = pixels + image * snn_shape_size(network->input);
            const bool reads = snn_shard_reads_input(ranks[r].shard);
            must(snn_shard_begin_group(ranks[r].shard, item.images, reads ? group : NULL, numbers));
        }
        for (item.first = 0; item.first < timesteps; item.first += settings->block) {
            item.steps = timesteps - item.first < settings->block ? timesteps - item.first : settings->block;
            for (int32_t p = 0; p < network->population_count; p++) {
                run_population(network, ranks, count, p, &item, expected);
            }
        }
        check_readout(network, ranks, count, &item, expected);
    }
    check_statistics(settings, ranks, count, expected);
    for (int32_t r = 0; r < count; r++) {
        snn_shard_destroy(ranks[r].shard);
        snn_network_destroy(ranks[r].network);
    }
    omp_set_num_threads(threads_before);
}
