/* The whole network simulated neuron by neuron, timestep by timestep, image by image: the definition written down as
 * loops, without blocks, tiles, bits, packing or threads. */
#ifndef SNN_TESTS_NAIVE_H
#define SNN_TESTS_NAIVE_H

#include "core/dynamics/schedule.h"
#include "core/network/network.h"
#include "core/shard/statistics.h"

/* The seed of random numbers, and the number in the data set of image `image` of a run. */
enum { NAIVE_SEED = 77 };
static inline int64_t naive_image_number(int32_t image)
{
    return 1000 + 3 * (int64_t)image;
}

typedef struct naive_result {
    int32_t timesteps, images; /* with windows the steps of one */
    int32_t latency;           /* timesteps of an image: the same without windows */
    uint8_t **spikes;          /* [populations]: [timesteps][images][positions][channels], 0 or 1 */
    int64_t **sums;            /* [populations]: of streams likewise, with windows of their `planes` */
    int32_t *planes;           /* [populations]: of streams with windows, timesteps at which they change; or NULL */
    int32_t *predictions;      /* [images][latency] */
    float *logits;             /* [images][classes] */
    snn_statistics *statistics;
} naive_result;

/* `pixels` [images][input]. */
naive_result naive_run(const snn_network *network, snn_encoding encoding, const float *eta, int32_t timesteps,
                       const float *pixels, int32_t images);
/* The same with the subgradient dynamics (naive_baseline.c). */
naive_result naive_baseline_run(const snn_network *network, snn_encoding encoding, const float *eta, float momentum,
                                int32_t timesteps, const float *pixels, int32_t images);
/* The same with windows (naive_windows.c). `latency`: timesteps of the readout, 0: until the last one ends. */
naive_result naive_windows_run(const snn_network *network, const float *pixels, int32_t images, int32_t latency);
/* f of one output neuron; `x` [positions][input channels] of one image. */
float naive_activation(const snn_population *population, const float *x, int64_t position, int32_t channel);
/* Whether it fires on f(x) < y only. */
bool naive_is_strict(snn_neuron_kind kind);
/* What a projection adds to one neuron of its target; `source`: whole numbers [positions][channels]. */
int64_t naive_product(const snn_network *network, const snn_projection *projection, const int64_t *source, int64_t row,
                      int64_t column, int32_t channel);
/* A pixel in units of 2^-16, as graded inputs are rounded. */
int64_t naive_pixel(float pixel);
void naive_clear(naive_result *result, const snn_network *network);

#endif
