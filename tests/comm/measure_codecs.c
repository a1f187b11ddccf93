/* Codecs on the spikes of a real run:
 *
 *     measure_codecs NETWORK.snn.h5 DATA.h5 [TIMESTEPS [BLOCK [IMAGES [CENTRE]]]]
 *
 * Runs one group of images through a converted network and sends each population's spikes through a pair of packet
 * coders, block by block, in every codec. Prints raw against sent bytes (headers included) and the speed of one core in
 * MB of raw bits a second of processor time, each way, the best of some repetitions. What arrives is compared. If the
 * network has windows, a group is one block, of their steps: TIMESTEPS and BLOCK are not looked at.
 *
 * Pixels are normalised as those of networks trained on CIFAR-10 usually are; with CENTRE 1 to [-1, 1]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "comm/packet.h"
#include "core/base/memory.h"
#include "core/shard/shard.h"
#include "io/hdf5/dataset.h"
#include "io/hdf5/network_file.h"

enum { REPETITIONS = 7, MOST_STEPS = 4096 };

typedef struct measurement {
    double raw_bytes, sent_bytes;
    double encode_seconds, decode_seconds;
} measurement;

typedef struct setting {
    const char *network, *data;
    int32_t timesteps, block, images;
    bool centre;
    float eta[MOST_STEPS];
} setting;

static double processor_seconds(void)
{
    struct timespec time;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) != 0) {
        return 0.0;
    }
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* One population's spikes of all steps through one codec. */
static snn_status send(const setting *made, const snn_spikes *spikes, snn_packet_coder *coder[2], uint8_t *packet,
                       const snn_spikes *placed, measurement *result)
{
    for (int32_t first = 0; first < made->timesteps; first += made->block) {
        const int32_t left = made->timesteps - first, steps = left < made->block ? left : made->block;
        const size_t block_bytes = (size_t)snn_spikes_block_bytes(spikes, steps);
        snn_packet_block sent = {.spikes = *spikes}, received = {.spikes = *placed};
        sent.spikes.bits = snn_spikes_plane(spikes, first, 0); /* with windows the only block */
        size_t bytes = 0;
        double start = processor_seconds();
        SNN_TRY(snn_packet_encode(coder[0], &sent, 0, (uint32_t)first, steps, made->images, packet, &bytes));
        double middle = processor_seconds();
        SNN_TRY(snn_packet_decode(coder[1], packet, bytes, 0, (uint32_t)first, steps, made->images, &received));
        double end = processor_seconds();
        result->encode_seconds += middle - start;
        result->decode_seconds += end - middle;
        result->raw_bytes += (double)snn_packet_raw_bytes(coder[0], steps, made->images);
        result->sent_bytes += (double)bytes;
        if (memcmp(sent.spikes.bits, received.spikes.bits, block_bytes) != 0) {
            return snn_fail(SNN_INTERNAL_ERROR, "other spikes arrived than were sent");
        }
    }
    return snn_ok();
}

/* width: of the neurons' rows; 0: no windows. */
static snn_status measure(const setting *made, const snn_spikes *spikes, int32_t width, snn_codec codec,
                          measurement *result)
{
    const snn_packet_shape shape = {.positions = spikes->positions,
                                    .channel_end = spikes->channels,
                                    .images = made->images,
                                    .block = made->block,
                                    .width = width};
    snn_codec_workspace *workspace = NULL;
    snn_packet_coder *coder[2] = {NULL, NULL};
    uint8_t *packet = NULL;
    snn_spikes placed = *spikes;
    snn_status status = snn_ok();
    placed.bits = snn_allocate((size_t)snn_spikes_block_bytes(spikes, made->block), 1);
    SNN_GOTO_DONE(status, snn_codec_workspace_create(made->eta, made->timesteps, &workspace));
    SNN_GOTO_DONE(status, snn_packet_coder_create(&shape, codec, workspace, &coder[0]));
    SNN_GOTO_DONE(status, snn_packet_coder_create(&shape, codec, workspace, &coder[1]));
    packet = snn_allocate(snn_packet_bound(coder[0]), 1);
    if (packet == NULL || placed.bits == NULL) {
        SNN_GOTO_DONE(status, snn_out_of_memory("packet"));
    }
    measurement best = {0};
    for (int i = 0; i < REPETITIONS; i++) {
        measurement once = {0};
        SNN_GOTO_DONE(status, send(made, spikes, coder, packet, &placed, &once));
        if (i == 0) {
            best = once;
        }
        best.encode_seconds = once.encode_seconds < best.encode_seconds ? once.encode_seconds : best.encode_seconds;
        best.decode_seconds = once.decode_seconds < best.decode_seconds ? once.decode_seconds : best.decode_seconds;
    }
    result->raw_bytes += best.raw_bytes;
    result->sent_bytes += best.sent_bytes;
    result->encode_seconds += best.encode_seconds;
    result->decode_seconds += best.decode_seconds;
done:
    snn_release(packet);
    snn_release(placed.bits);
    snn_packet_coder_destroy(coder[0]);
    snn_packet_coder_destroy(coder[1]);
    snn_codec_workspace_destroy(workspace);
    return status;
}

/* Timesteps, blocks and steps of the network's windows, if it has any. */
static snn_status settle(setting *made, const snn_network *network)
{
    const snn_windows *windows = &network->windows;
    const snn_schedule schedule = {.kind = SNN_SCHEDULE_EXPONENTIAL, .eta0 = 0.15, .gamma = 0.95};
    if (windows->steps == 0) {
        return snn_schedule_fill(&schedule, made->timesteps, made->eta);
    }
    made->timesteps = made->block = windows->steps;
    for (int32_t step = 0; step < windows->steps; step++) {
        made->eta[step] = (float)windows->magnitude[step];
    }
    return snn_ok();
}

static snn_status create_shard(const setting *made, const snn_network *network, snn_shard **shard)
{
    const snn_kernels *kernels = NULL;
    SNN_TRY(snn_kernels_select(&kernels));
    snn_channel_range *all = snn_allocate((size_t)network->population_count, sizeof *all);
    if (all == NULL) {
        return snn_out_of_memory("channel ranges");
    }
    for (int32_t i = 0; i < network->population_count; i++) {
        all[i].end = network->populations[i].shape.channels;
    }
    const snn_shard_options options = {.images = made->images,
                                       .block = made->timesteps,
                                       .timesteps = made->timesteps,
                                       .eta = made->eta,
                                       .encoding =
                                           network->windows.steps > 0 ? SNN_ENCODING_DIRECT : SNN_ENCODING_FLOAT,
                                       .channels = all,
                                       .visible = all};
    snn_status status = snn_shard_create(network, kernels, &options, shard);
    snn_release(all);
    return status;
}

/* *pixels: to be released when the group is done. */
static snn_status begin_group(const setting *made, const snn_network *network, snn_shard *shard, float **pixels)
{
    static const double usual[] = {0.485, 0.456, 0.406}, spread[] = {0.229, 0.224, 0.225}, half[] = {0.5, 0.5, 0.5};
    const double *mean = made->centre ? half : usual, *deviation = made->centre ? half : spread;
    const int32_t channels = network->input.channels == 3 ? 3 : 1;
    snn_dataset *data = NULL;
    SNN_TRY(snn_dataset_open(made->data, SNN_LAYOUT_AUTO, mean, channels, deviation, channels, false, &data));
    *pixels = snn_allocate((size_t)made->images, (size_t)snn_shape_size(network->input) * sizeof **pixels);
    snn_status status = *pixels == NULL ? snn_out_of_memory("images") : snn_ok();
    SNN_GOTO_DONE(status, status);
    SNN_GOTO_DONE(status, snn_dataset_read(data, 0, made->images, false, *pixels));
    SNN_GOTO_DONE(status, snn_shard_begin_group(shard, made->images, *pixels, NULL));
done:
    snn_dataset_close(data);
    return status;
}

static snn_status run(setting *made, measurement *results)
{
    snn_network *network = NULL;
    snn_network_origin origin;
    snn_shard *shard = NULL;
    float *pixels = NULL;
    snn_status status = snn_ok();
    SNN_GOTO_DONE(status, snn_network_file_read_whole(made->network, &network, &origin));
    SNN_GOTO_DONE(status, settle(made, network));
    SNN_GOTO_DONE(status, create_shard(made, network, &shard));
    SNN_GOTO_DONE(status, begin_group(made, network, shard, &pixels));
    for (int32_t population = 0; population < network->population_count; population++) {
        SNN_GOTO_DONE(status, snn_shard_run(shard, population, 0, made->timesteps));
        if (!snn_neuron_spikes(network->populations[population].kind)) {
            continue;
        }
        const snn_spikes spikes = snn_shard_spikes(shard, population);
        const int32_t width = network->windows.steps > 0 ? network->populations[population].shape.width : 0;
        for (int codec = 0; codec < SNN_CODEC_AUTO; codec++) {
            SNN_GOTO_DONE(status, measure(made, &spikes, width, (snn_codec)codec, &results[codec]));
        }
    }
done:
    snn_shard_destroy(shard);
    snn_network_destroy(network);
    snn_release(pixels);
    return status;
}

static int32_t argument(int count, char **values, int index, int32_t fallback)
{
    return count > index ? (int32_t)strtol(values[index], NULL, 10) : fallback;
}

int main(int count, char **values)
{
    if (count < 3) {
        fprintf(stderr, "usage: measure_codecs NETWORK.snn.h5 DATA.h5 [TIMESTEPS [BLOCK [IMAGES [CENTRE]]]]\n");
        return 2;
    }
    static setting made;
    made.network = values[1];
    made.data = values[2];
    made.timesteps = argument(count, values, 3, 32);
    made.block = argument(count, values, 4, 8);
    made.images = argument(count, values, 5, 16);
    made.centre = argument(count, values, 6, 0) != 0;
    if (made.timesteps < 1 || made.timesteps > MOST_STEPS || made.block < 1 || made.images < 1) {
        fprintf(stderr, "measure_codecs: timesteps in 1 to %d, block and images at least 1\n", MOST_STEPS);
        return 2;
    }
    measurement results[SNN_CODEC_AUTO] = {{0}};
    snn_status status = run(&made, results);
    if (snn_failed(status)) {
        fprintf(stderr, "measure_codecs: %s\n", status.message);
        return 1;
    }
    printf("T = %d, block %d, %d images: %.1f MB of spikes\n", made.timesteps, made.block, made.images,
           results[0].raw_bytes / 1e6);
    printf("codec      ratio   encode MB/s   decode MB/s\n");
    for (int codec = 0; codec < SNN_CODEC_AUTO; codec++) {
        const measurement *result = &results[codec];
        printf("%-8s %7.3f %13.0f %13.0f\n", snn_codec_name((snn_codec)codec), result->raw_bytes / result->sent_bytes,
               result->raw_bytes / result->encode_seconds / 1e6, result->raw_bytes / result->decode_seconds / 1e6);
    }
    return 0;
}
