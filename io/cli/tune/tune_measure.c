#include "io/cli/tune/tune_measure.h"

#include <math.h>
#include <string.h>

#include "core/base/functions.h"
#include "core/base/memory.h"
#include "core/base/timers.h"
#include "core/dynamics/schedule.h"
#include "core/network/timing.h"
#include "core/shard/shard.h"

enum { LARGEST_BATCH = 8, LARGEST_BLOCK = 16 };

static const float *maxima_of(const snn_tune_data *data, const snn_tune_choice *choice)
{
    for (int32_t q = 0; q < SNN_TUNE_QUANTILES; q++) {
        if (choice->quantile == snn_tune_quantiles[q]) {
            return data->quantiles[q];
        }
    }
    return data->maxima;
}

static snn_status convert(const snn_tune_data *data, const snn_tune_choice *choice, snn_network **network)
{
    snn_windows windows;
    SNN_TRY(snn_windows_init(choice->steps, choice->delay, choice->ratio, choice->margin, &windows));
    snn_draft_set_windows(data->trained.draft, &windows, choice->format);
    return snn_draft_finish(data->trained.draft, maxima_of(data, choice), data->images, network);
}

int32_t snn_tune_spikes(const snn_tune_choice *choice)
{
    return choice->steps > 0 ? choice->steps : choice->timesteps;
}

int32_t snn_tune_latency(const snn_tune_choice *choice, int32_t depth)
{
    return choice->steps > 0 ? choice->steps + choice->delay * (depth - 1) : choice->timesteps;
}

snn_status snn_tune_depth(const snn_tune_data *data, int32_t *depth)
{
    const snn_tune_choice least = {.steps = 1, .delay = 1, .ratio = 0.5, .margin = 0.25};
    snn_network *network = NULL;
    *depth = 0;
    snn_status status = snn_world_agree(data->world, convert(data, &least, &network));
    if (!snn_failed(status)) {
        *depth = snn_network_latency(network);
    }
    snn_network_destroy(network);
    return status;
}

/* A window is one block. */
static int32_t block_of(const snn_tune_choice *choice)
{
    return choice->steps > 0 || choice->timesteps < LARGEST_BLOCK ? snn_tune_spikes(choice) : LARGEST_BLOCK;
}

/* The network whole on this rank, for groups of so many images. */
static snn_status make_shard(const snn_tune_data *data, const snn_tune_choice *choice, int32_t images,
                             snn_network *network, snn_shard **shard)
{
    const int32_t timesteps = snn_tune_spikes(choice);
    const snn_schedule schedule = {.kind = SNN_SCHEDULE_EXPONENTIAL, .eta0 = choice->eta0, .gamma = choice->gamma};
    snn_channel_range *all = snn_allocate((size_t)network->population_count, sizeof *all);
    float *eta = snn_allocate((size_t)timesteps, sizeof *eta);
    snn_status status = all == NULL || eta == NULL ? snn_out_of_memory("channel ranges") : snn_ok();
    if (!snn_failed(status) && choice->steps == 0) {
        status = snn_schedule_fill(&schedule, timesteps, eta);
    }
    for (int32_t p = 0; p < network->population_count && all != NULL; p++) {
        all[p].end = network->populations[p].shape.channels;
    }
    if (!snn_failed(status)) {
        const snn_shard_options options = {.images = images,
                                           .block = block_of(choice),
                                           .timesteps = choice->steps > 0 ? 0 : timesteps,
                                           .eta = eta,
                                           .encoding = SNN_ENCODING_DIRECT,
                                           .channels = all,
                                           .visible = all,
                                           .dynamics = SNN_DYNAMICS_SIGNGD,
                                           .statistics = SNN_STATISTICS_SPIKES,
                                           .spent = network};
        status = snn_shard_create(network, data->kernels, &options, shard);
    }
    snn_release(all);
    snn_release(eta);
    return status;
}

static snn_status run_group(snn_shard *shard, const snn_network *network, const snn_tune_choice *choice)
{
    const int32_t steps = snn_tune_spikes(choice), block = block_of(choice);
    for (int32_t first = 0; first < steps; first += block) {
        const int32_t count = steps - first < block ? steps - first : block;
        for (int32_t p = 0; p < network->population_count; p++) {
            SNN_TRY(snn_shard_run(shard, p, first, count));
        }
    }
    return snn_ok();
}

/* Which of the held images is number i of `images`: they are spread over all, and so over all ranks. */
static int32_t spread(const snn_tune_data *data, int32_t i, int32_t images)
{
    return (int32_t)((int64_t)i * data->held / images);
}

/* What was found of one image, both arrays [images] of what run_images finds. */
static void compare(const snn_tune_data *data, const float *spiking, int32_t held, float *error, float *agrees)
{
    const float *trained = data->logits + (int64_t)(held - data->begin) * data->classes;
    double sum = 0.0;
    for (int32_t c = 0; c < data->classes; c++) {
        const double difference = (double)spiking[c] - (double)trained[c];
        sum += difference * difference;
    }
    *error = (float)(sum / data->classes);
    *agrees =
        snn_index_of_largest(spiking, data->classes) == snn_index_of_largest(trained, data->classes) ? 1.0F : 0.0F;
}

/* Signed additions of an image: one for each spike and synapse. */
static double operations_of(const snn_network *network, const snn_tune_choice *choice)
{
    double additions = 0.0;
    for (int32_t i = 0; i < network->projection_count; i++) {
        const snn_projection *projection = &network->projections[i];
        const bool spikes =
            projection->source != SNN_SOURCE_INPUT && snn_neuron_spikes(network->populations[projection->source].kind);
        additions += spikes ? (double)snn_operator_operations(&projection->op) : 0.0;
    }
    return additions * snn_tune_spikes(choice);
}

/* What was found of `images` held images: [2][images], the mean square of the logits' errors and whether the answers
 * are the same; other ranks' images stay as they are. */
static snn_status run_images(const snn_tune_data *data, const snn_tune_choice *choice, int32_t images, float *found,
                             double *seconds, double *operations)
{
    snn_network *network = NULL;
    snn_shard *shard = NULL;
    const int32_t batch =
        data->config->simulation.batch < LARGEST_BATCH ? data->config->simulation.batch : LARGEST_BATCH;
    const int64_t size = data->end > data->begin ? data->image_size : 0;
    float *pixels = snn_allocate((size_t)batch, (size_t)size * sizeof *pixels);
    snn_status status = pixels == NULL ? snn_out_of_memory("images") : snn_ok();
    double begun = 0.0;
    int32_t done = 0;
    for (int32_t next = 0; next < images && !snn_failed(status);) {
        int32_t members[LARGEST_BATCH], count = 0;
        for (; next < images && count < batch; next++) {
            const int32_t held = spread(data, next, images);
            if (held >= data->begin && held < data->end) {
                memcpy(pixels + count * size, data->pixels + (held - data->begin) * size,
                       (size_t)size * sizeof *pixels);
                members[count++] = next;
            }
        }
        if (count == 0) {
            break;
        }
        if (shard == NULL) {
            SNN_GOTO_DONE(status, convert(data, choice, &network));
            *operations = operations_of(network, choice);
            SNN_GOTO_DONE(status, make_shard(data, choice, batch, network, &shard));
            begun = snn_seconds();
        }
        SNN_GOTO_DONE(status, snn_shard_begin_group(shard, count, pixels, NULL));
        SNN_GOTO_DONE(status, run_group(shard, network, choice));
        for (int32_t i = 0; i < count; i++) {
            compare(data, snn_shard_logits(shard) + (int64_t)i * data->classes, spread(data, members[i], images),
                    &found[members[i]], &found[images + members[i]]);
        }
        done += count;
    }
    *seconds = done > 0 ? (snn_seconds() - begun) / done : 0.0;
done:
    snn_shard_destroy(shard);
    snn_network_destroy(network);
    snn_release(pixels);
    return status;
}

/* The chance that errors of that mean square, independent and normal, leave a gap between two logits open. */
static double chance_to_agree(double mean_square, double gap)
{
    return mean_square > 0.0 ? 0.5 * (1.0 + (double)snn_function_erf((float)(gap / (2.0 * sqrt(mean_square))))) : 1.0;
}

static void summarise(const snn_tune_data *data, const float *found, int32_t images, snn_tune_result *result)
{
    double error = 0.0, agreed = 0.0, agreement = 0.0;
    for (int32_t i = 0; i < images; i++) {
        error += (double)found[i] / images;
        agreed += (double)found[images + i] / images;
        for (int32_t j = 0; j < data->held; j++) {
            agreement += chance_to_agree((double)found[i], (double)data->gap[j]) / images / data->held;
        }
    }
    result->images = images;
    result->error = data->variance > 0.0 ? error / data->variance : error;
    result->agreed = agreed;
    result->agreement = agreement;
}

snn_status snn_tune_measure(const snn_tune_data *data, const snn_tune_choice *choice, int32_t images,
                            snn_tune_result *result)
{
    double seconds = 0.0, operations = 0.0;
    images = images < data->held ? images : data->held;
    float *found = snn_allocate((size_t)images, 2 * sizeof *found);
    for (int32_t i = 0; i < 2 * images && found != NULL; i++) {
        found[i] = -1.0F;
    }
    snn_status status =
        found == NULL ? snn_out_of_memory("errors") : run_images(data, choice, images, found, &seconds, &operations);
    status = snn_world_agree(data->world, status);
    if (!snn_failed(status)) {
        status = snn_world_maximum(data->world, found, 2 * (size_t)images);
    }
    float slowest[2] = {(float)seconds, (float)operations};
    if (!snn_failed(status)) {
        status = snn_world_maximum(data->world, slowest, 2);
    }
    if (!snn_failed(status)) {
        summarise(data, found, images, result);
        result->seconds = (double)slowest[0];
        result->operations = (double)slowest[1];
    }
    snn_release(found);
    return status;
}
