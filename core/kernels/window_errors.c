/* Tracking errors of neurons that fire in windows: those of a sample of positions, whose steps are gone through. */
#include "core/base/integers.h"
#include "core/kernels/window_neurons.h"

enum { LARGEST_SUMS = 512 }; /* of so many errors: they fit 32 bits */

void snn_window_flush_errors(snn_window_job *job)
{
    for (int32_t step = 0; job->counts->error != NULL && step < job->constants->steps; step++) {
        int64_t sum = 0;
        for (int i = 0; i < SNN_VECTOR; i++) {
            sum += (uint32_t)job->errors[step][i];
            job->errors[step][i] = 0;
        }
        job->counts->error[step] += sum;
    }
    job->unflushed = 0;
}

/* A vector's neurons of one position, from a channel on; none if there are no `lanes`. */
typedef struct sampled {
    int64_t position, at; /* and that of the first neuron in the batch's values */
    int32_t channel, lanes;
} sampled;

/* f(x) where it is nothing but limits, straight from sums; x that is kept has yet to move. */
static inline __attribute__((always_inline)) snn_vector find_limited(const snn_window_job *job, const sampled *of,
                                                                     snn_vector_mask used, const bool full)
{
    const snn_neurons *neurons = job->neurons;
    const int64_t in_tile = of->position - job->tile->position_begin;
    const int64_t at = in_tile * neurons->input_channels + of->channel;
    const float *bias = job->constants->bias == NULL
                            ? NULL
                            : job->constants->bias + of->position * job->constants->bias_stride + of->channel;
    const int32_t *sums = job->tile->accumulator;
    const float *graded = neurons->graded;
    snn_vector x;
    if (neurons->x == NULL) {
        x = snn_vector_x(neurons->step + of->channel, sums == NULL ? NULL : sums + at, bias,
                         graded == NULL ? NULL : graded + at, used, full);
    } else {
        const float *kept = neurons->x + of->position * neurons->input_channels + of->channel;
        const snn_vector eta = snn_vector_all(neurons->eta[0]);
        const snn_vector step = eta * snn_vector_of(neurons->step + of->channel, used, full);
        x = snn_vector_moved_x(kept, step, sums + at, used, full);
    }
    return snn_vector_smaller(snn_vector_all(job->most), snn_vector_larger(snn_vector_all(job->least), x));
}

/* Steps [begin, end) of some neurons; full: of whole vectors. */
static inline __attribute__((always_inline)) void follow(snn_window_job *job, const snn_window_batch *b,
                                                         const sampled *of, int32_t begin, int32_t end, const bool full)
{
    const snn_neurons *neurons = job->neurons;
    const bool strict = snn_neuron_is_strict(neurons->kind);
    const snn_vector unit = snn_vector_all(job->constants->unit * SNN_ERROR_UNIT);
    snn_vector y[SNN_STRIP_VECTORS], target[SNN_STRIP_VECTORS];
    snn_vector_mask used[SNN_STRIP_VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
        used[v] = snn_vector_first(full ? SNN_VECTOR : of[v].lanes);
        const snn_vector value =
            job->finds ? find_limited(job, &of[v], used[v], full) : snn_vector_of(b->values + of[v].at, used[v], full);
        const snn_vector scale = snn_vector_of(neurons->inverse_scale + of[v].channel, used[v], full);
        target[v] = value * scale;
        y[v] = begin == 0 && neurons->y == NULL
                   ? snn_vector_of_sums(job->constants->rest + of[v].channel, used[v], full)
                   : snn_vector_of(b->y + of[v].at, used[v], full);
    }
    for (int32_t step = begin; step < end; step++) {
        const snn_vector eta = snn_vector_all(neurons->eta[step]);
        snn_vector_int errors = snn_vector_load_int(job->errors[step]);
#pragma GCC unroll 4
        for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
            y[v] = snn_vector_move(y[v], eta, snn_vector_reaches(used[v], target[v], y[v], strict));
            errors = snn_vector_add_rounded(errors, snn_vector_error(y[v], target[v], unit), used[v]);
        }
        snn_vector_store_int(job->errors[step], errors);
    }
}

static void track(snn_window_job *job, const snn_window_batch *b, const sampled *of, int32_t begin, int32_t end)
{
    bool full = true;
    for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
        full = full && of[v].lanes == SNN_VECTOR;
    }
    if (full) {
        follow(job, b, of, begin, end, true);
    } else {
        follow(job, b, of, begin, end, false);
    }
    job->unflushed++;
    if (job->unflushed == LARGEST_SUMS) {
        snn_window_flush_errors(job);
    }
}

void snn_window_track(snn_window_job *job, int32_t moment, int64_t batch_begin, int64_t count,
                      const snn_window_batch *b)
{
    const int64_t apart = snn_tracked_apart(snn_shape_positions(job->neurons->shape));
    const int64_t owned = snn_lanes_owned(job->neurons), end = job->counts->error != NULL ? batch_begin + count : 0;
    const int32_t steps_end = moment + 1 < job->moments ? moment + 1 : job->constants->steps;
    sampled some[SNN_STRIP_VECTORS] = {{0}};
    int found = 0;
    for (int64_t i = (batch_begin + apart - 1) / apart * apart; i < end; i += apart) {
        for (int32_t channel = 0; channel < owned; channel += SNN_VECTOR) {
            const int32_t lanes = (int32_t)snn_smaller(owned - channel, SNN_VECTOR);
            some[found++] = (sampled){i, (i - batch_begin) * owned + channel, channel, lanes};
            if (found == SNN_STRIP_VECTORS) {
                track(job, b, some, moment, steps_end);
                found = 0;
            }
        }
    }
    for (int i = found; i < SNN_STRIP_VECTORS; i++) {
        some[i].lanes = 0;
    }
    if (found > 0) {
        track(job, b, some, moment, steps_end);
    }
}
