#include "partition/moments.h"

#include "core/base/memory.h"
#include "partition/fingerprint.h"
#include "partition/plan.h"

snn_status snn_moments_create(const snn_network *network, snn_timing **timings)
{
    *timings = NULL;
    if (network->windows.steps == 0) {
        return snn_ok();
    }
    *timings = snn_allocate((size_t)network->population_count, sizeof **timings);
    if (*timings == NULL) {
        return snn_out_of_memory("timings");
    }
    snn_network_timings(network, *timings);
    return snn_ok();
}

static bool reads_stream(const snn_network *network, const snn_projection *projection)
{
    return network->populations[projection->source].kind == SNN_NEURON_STREAM;
}

/* Rounded sums are functions of all that the source has reached. */
static bool is_made_whole(const snn_network *network, const snn_projection *projection)
{
    return projection->op.kind == SNN_OPERATOR_TOKENS && network->format != SNN_WEIGHTS_FLOAT32;
}

/* Codes summed over large pool windows leave 16 bits: their planes are multiplied one by one, and the bits of the
 * resting state (core/shard/shard_windows.c). */
static bool is_made_in_pieces(const snn_network *network, const snn_projection *projection)
{
    const snn_operator *op = &projection->op;
    const int64_t area = op->pooled ? (int64_t)op->pool.kernel[0] * op->pool.kernel[1] : 1;
    return !reads_stream(network, projection) &&
           snn_network_source_reach(network, projection->source) * area > INT16_MAX;
}

static int32_t bits_of(int32_t number)
{
    int32_t bits = 0;
    for (; number > 0; number /= 2) {
        bits++;
    }
    return bits;
}

int32_t snn_moments_products(const snn_network *network, const snn_timing *timings, const snn_projection *projection)
{
    if (projection->source == SNN_SOURCE_INPUT) {
        return 1;
    }
    const bool pieces = is_made_in_pieces(network, projection);
    int32_t products = pieces ? bits_of(snn_windows_reach(&network->windows)) : 0;
    for (int32_t moment = 0; moment < timings[projection->target].moments; moment++) {
        int32_t begin, end;
        snn_timing_planes(network, timings, projection->source, projection->target, moment, &begin, &end);
        if (is_made_whole(network, projection)) {
            products += pieces ? end : 1;
        } else if (reads_stream(network, projection)) {
            products += end > 0;
        } else if (pieces) {
            products += end - begin;
        } else {
            products += moment == 0 || begin < end;
        }
    }
    return products;
}

uint64_t snn_moments_add(uint64_t fingerprint, const snn_network *network, const snn_timing *timings,
                         int32_t population)
{
    fingerprint = snn_fingerprint_add_number(fingerprint, network->windows.steps);
    if (timings == NULL) {
        return fingerprint;
    }
    const int32_t last = snn_plan_first_projection(network, population + 1), moments = timings[population].moments;
    fingerprint = snn_fingerprint_add_number(fingerprint, moments);
    for (int32_t i = snn_plan_first_projection(network, population); i < last; i++) {
        const snn_projection *projection = &network->projections[i];
        fingerprint = snn_fingerprint_add_number(fingerprint, projection->shift > 0);
        for (int32_t moment = 0; moment < moments && projection->source != SNN_SOURCE_INPUT; moment++) {
            int32_t begin, end;
            snn_timing_planes(network, timings, projection->source, population, moment, &begin, &end);
            fingerprint = snn_fingerprint_add_number(fingerprint, begin);
            fingerprint = snn_fingerprint_add_number(fingerprint, end);
        }
        const bool pieces = projection->source != SNN_SOURCE_INPUT && is_made_in_pieces(network, projection);
        fingerprint = snn_fingerprint_add_number(fingerprint, pieces);
    }
    return fingerprint;
}
