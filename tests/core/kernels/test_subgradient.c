/* The baseline's neurons against the textbook integrate-and-fire neuron, and against their own formula. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "core/kernels/subgradient.h"
#include "tests/core/network/sample.h"

enum {
    STEPS = 60,
    POSITIONS = 5,
    CHANNELS = 19, /* of the population */
    BEGIN = 3,     /* owned: [BEGIN, BEGIN + OWNED) */
    OWNED = 11,
    ROW_BYTES = (CHANNELS + 7) / 8,
    STATES = POSITIONS * OWNED
};

/* Random populations of one image, with their sums W (2 s - 1) of all timesteps. */
typedef struct population {
    int32_t sums[STEPS][POSITIONS][OWNED], ones[POSITIONS][OWNED];
    float real_sums[STEPS][POSITIONS][OWNED], real_ones[POSITIONS][OWNED];
    float eta[STEPS], step[OWNED], scale[OWNED], inverse_scale[OWNED];
    float drive[STATES], x[STATES], y[STATES], x_velocity[STATES], y_velocity[STATES];
    uint8_t bits[STEPS * POSITIONS * ROW_BYTES], previous[POSITIONS * ROW_BYTES];
    int64_t spikes[STEPS], flips[STEPS], error[STEPS], channel_spikes[OWNED];
} population;

static uint64_t random_state;

static float random_float(float low, float high)
{
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    return low + (high - low) * (float)(random_state >> 40) * 0x1p-24F;
}

static int32_t random_whole(int32_t low, int32_t high)
{
    return (int32_t)floorf(random_float((float)low, (float)high));
}

static void make_population(population *p, uint64_t seed, bool inverse)
{
    memset(p, 0, sizeof *p);
    random_state = seed;
    for (int c = 0; c < OWNED; c++) {
        p->step[c] = random_float(1e-4F, 1e-3F);
        p->scale[c] = random_float(0.5F, 3.0F);
        p->inverse_scale[c] = 1.0F / p->scale[c];
    }
    for (int position = 0; position < POSITIONS; position++) {
        for (int c = 0; c < OWNED; c++) {
            p->ones[position][c] = random_whole(-3000, 4000);
            p->real_ones[position][c] = (float)p->ones[position][c];
            p->drive[position * OWNED + c] = random_float(-0.5F, 1.0F);
        }
    }
    for (int t = 0; t < STEPS; t++) {
        p->eta[t] = inverse ? (float)(1.0 / (t + 1)) : 0.125F;
        for (int position = 0; position < POSITIONS; position++) {
            for (int c = 0; c < OWNED; c++) {
                /* The parity of any sum of all weights, each with a sign. */
                p->sums[t][position][c] = p->ones[position][c] + 2 * random_whole(-2500, 2500);
                p->real_sums[t][position][c] = (float)p->sums[t][position][c];
            }
        }
    }
    memcpy(p->x, p->drive, sizeof p->x);
}

static bool fired(const population *p, int t, int position, int c)
{
    return (p->bits[(t * POSITIONS + position) * ROW_BYTES + (BEGIN + c) / 8] >> (BEGIN + c) % 8 & 1) != 0;
}

typedef struct run_settings {
    int block;         /* timesteps a call */
    int tile;          /* positions a tile */
    bool real;         /* float accumulators */
    bool has_momentum; /* velocities are kept */
    bool untracked;    /* without tracking errors */
    float momentum;
} run_settings;

static void run(population *p, const run_settings *settings)
{
    static union {
        int32_t whole[STEPS * STATES];
        float real[STEPS * STATES];
    } accumulator;
    for (int first = 0; first < STEPS; first += settings->block) {
        const int steps = STEPS - first < settings->block ? STEPS - first : settings->block;
        for (int begin = 0; begin < POSITIONS; begin += settings->tile) {
            const int end = begin + settings->tile < POSITIONS ? begin + settings->tile : POSITIONS;
            for (int t = 0; t < steps; t++) {
                for (int position = begin; position < end; position++) {
                    for (int c = 0; c < OWNED; c++) {
                        const int to = (t * (end - begin) + position - begin) * OWNED + c;
                        if (settings->real) {
                            accumulator.real[to] = p->real_sums[first + t][position][c];
                        } else {
                            accumulator.whole[to] = p->sums[first + t][position][c];
                        }
                    }
                }
            }
            const snn_neurons neurons = {
                .kind = SNN_NEURON_RELU,
                .real = settings->real,
                .eta = p->eta + first,
                .step = p->step,
                .inverse_scale = p->inverse_scale,
                .x = p->x,
                .y = p->y,
                .spikes = {p->bits + first * POSITIONS * ROW_BYTES, POSITIONS, CHANNELS, ROW_BYTES, 1},
                .previous = first == 0 ? p->previous : p->bits + (first - 1) * POSITIONS * ROW_BYTES,
                .first = first == 0,
                .channel_begin = BEGIN,
                .channel_end = BEGIN + OWNED,
            };
            const snn_subgradient baseline = {.momentum = settings->momentum,
                                              .ones =
                                                  settings->real ? (const void *)p->real_ones : (const void *)p->ones,
                                              .drive = p->drive,
                                              .x_velocity = settings->has_momentum ? p->x_velocity : NULL,
                                              .y_velocity = settings->has_momentum ? p->y_velocity : NULL};
            const snn_tile tile = {.position_begin = begin,
                                   .position_end = end,
                                   .steps = steps,
                                   .channel_begin = BEGIN,
                                   .channel_end = BEGIN + OWNED,
                                   .accumulator = &accumulator};
            const snn_tile_counts counts = {p->spikes + first, p->flips + first,
                                            settings->untracked ? NULL : p->error + first, p->channel_spikes, NULL};
            snn_subgradient_fire(&neurons, &baseline, &tile, &counts);
        }
    }
}

/* Theorem 4.1, exact: with eta = 1/(t+1) spikes are those of v <- v + current; s = [v > 1]; v <- v - s from v = 1 on,
 * and y is the firing rate. The membrane potential is kept in double; where it comes so close to the threshold that
 * single precision cannot tell, the neuron's own decision is followed. */
static void inverse_schedule_is_integrate_and_fire(void **state)
{
    (void)state;
    static population p;
    int spikes = 0, undecided = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        make_population(&p, seed, true);
        const run_settings settings = {.block = 8, .tile = 2, .real = seed % 2 == 0};
        run(&p, &settings);
        for (int position = 0; position < POSITIONS; position++) {
            for (int c = 0; c < OWNED; c++) {
                double potential = 1.0, received = 0.0;
                int count = 0;
                for (int t = 0; t < STEPS; t++) {
                    const int64_t product = ((int64_t)p.sums[t][position][c] + p.ones[position][c]) / 2;
                    const double current = (double)p.drive[position * OWNED + c] + (double)p.step[c] * (double)product;
                    received += current;
                    potential += current / (double)p.scale[c];
                    const bool close = fabs(potential - 1.0) < 1e-3;
                    const bool spike = close ? fired(&p, t, position, c) : potential > 1.0;
                    undecided += close;
                    if (spike != fired(&p, t, position, c)) {
                        fail_msg("seed %d, step %d, position %d, channel %d: potential %g", (int)seed, t, position, c,
                                 potential);
                    }
                    potential -= spike;
                    count += spike;
                }
                const int i = position * OWNED + c;
                assert_true(fabs((double)p.y[i] - (double)count / STEPS) < 1e-5);
                assert_true(fabs((double)p.x[i] - received / STEPS) < 1e-5);
                spikes += count;
            }
        }
    }
    const int all = 20 * STEPS * STATES;
    assert_in_range(spikes, all / 10, all * 9 / 10); /* the neurons are neither silent nor saturated */
    assert_true(undecided < all / 100);
}

/* The rate follows the mean input, clipped: its distance from it is at most one spike. */
static void rate_is_the_clipped_mean_of_the_input(void **state)
{
    (void)state;
    static population p;
    make_population(&p, 7, true);
    for (int c = 0; c < OWNED; c++) {
        for (int position = 0; position < POSITIONS; position++) {
            p.ones[position][c] = 0;
            p.drive[position * OWNED + c] = p.scale[c] * (-0.5F + 0.2F * (float)c);
            for (int t = 0; t < STEPS; t++) {
                p.sums[t][position][c] = 0;
            }
        }
    }
    run(&p, &(run_settings){.block = STEPS, .tile = POSITIONS});
    for (int c = 0; c < OWNED; c++) {
        const double value = -0.5 + 0.2 * c, clipped = value < 0.0 ? 0.0 : value > 1.0 ? 1.0 : value;
        assert_true(fabs((double)p.y[c] - clipped) < 1.0 / STEPS + 1e-5);
    }
}

/* The definition in double, term by term, with velocities; momentum 0 is the same as none. */
static void momentum_is_a_heavy_ball(void **state)
{
    (void)state;
    static const float momenta[] = {0.0F, 0.5F, 0.9F};
    static population p, plain;
    for (int m = 0; m < 3; m++) {
        make_population(&p, 5, false);
        run(&p, &(run_settings){.block = 7, .tile = 3, .has_momentum = true, .momentum = momenta[m]});
        for (int position = 0; position < POSITIONS; position++) {
            for (int c = 0; c < OWNED; c++) {
                const double bias = (double)p.drive[position * OWNED + c];
                double x = bias, y = 0.0, x_velocity = 0.0, y_velocity = 0.0;
                for (int t = 0; t < STEPS; t++) {
                    const double product = 0.5 * ((double)p.sums[t][position][c] + p.ones[position][c]);
                    const bool spike = fired(&p, t, position, c);
                    x_velocity = (double)momenta[m] * x_velocity + (x - (bias + (double)p.step[c] * product));
                    x -= 0.125 * x_velocity;
                    const double rest = y - 0.125 * ((double)momenta[m] * y_velocity + y);
                    const double distance = x / (double)p.scale[c] - rest;
                    if (fabs(distance) > 1e-4) {
                        assert_int_equal(spike, distance > 0.0);
                    }
                    y_velocity = (double)momenta[m] * y_velocity + (y - spike);
                    y -= 0.125 * y_velocity;
                }
                assert_true(fabs((double)p.x[position * OWNED + c] - x) < 1e-4);
                assert_true(fabs((double)p.y[position * OWNED + c] - y) < 1e-4);
            }
        }
        if (m == 0) {
            make_population(&plain, 5, false);
            run(&plain, &(run_settings){.block = 7, .tile = 3});
            assert_memory_equal(plain.bits, p.bits, sizeof p.bits);
            assert_memory_equal(plain.x, p.x, sizeof p.x);
            assert_memory_equal(plain.y, p.y, sizeof p.y);
        }
    }
}

/* Blocks, tiles, and float sums of whole numbers change no bit; counts are those of the spikes. */
static void cuts_change_nothing(void **state)
{
    (void)state;
    static const run_settings settings[] = {
        {.block = 1, .tile = 1}, {.block = STEPS, .tile = POSITIONS},        {.block = 7, .tile = 2, .real = true},
        {.block = 9, .tile = 4}, {.block = 7, .tile = 3, .untracked = true},
    };
    static population first, other;
    static const int64_t none[STEPS];
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        population *p = i == 0 ? &first : &other;
        make_population(p, 3, true);
        memset(p->bits, 0xff, sizeof p->bits); /* bits of other channels stay */
        run(p, &settings[i]);
        if (i > 0) {
            assert_memory_equal(first.bits, p->bits, sizeof p->bits);
            assert_memory_equal(first.x, p->x, sizeof p->x);
            assert_memory_equal(first.y, p->y, sizeof p->y);
            assert_memory_equal(first.spikes, p->spikes, sizeof p->spikes);
            assert_memory_equal(first.flips, p->flips, sizeof p->flips);
            assert_memory_equal(settings[i].untracked ? none : first.error, p->error, sizeof p->error);
            assert_memory_equal(first.channel_spikes, p->channel_spikes, sizeof p->channel_spikes);
        }
    }
    int64_t by_channel[OWNED] = {0};
    for (int t = 0; t < STEPS; t++) {
        int64_t spikes = 0, flips = 0;
        for (int position = 0; position < POSITIONS; position++) {
            assert_int_equal(first.bits[(t * POSITIONS + position) * ROW_BYTES] & 7, 7);
            for (int c = 0; c < OWNED; c++) {
                spikes += fired(&first, t, position, c);
                flips += t > 0 && fired(&first, t, position, c) != fired(&first, t - 1, position, c);
                by_channel[c] += fired(&first, t, position, c);
            }
        }
        assert_int_equal(first.spikes[t], spikes);
        assert_int_equal(first.flips[t], flips);
    }
    assert_memory_equal(first.channel_spikes, by_channel, sizeof by_channel);
}

/* |y - relu(x)| of one neuron by hand: t = 0: x = 0.75, y = 1. */
static void error_is_the_distance_to_the_rectified_input(void **state)
{
    (void)state;
    static population p;
    make_population(&p, 1, true);
    memset(p.sums, 0, sizeof p.sums);
    memset(p.ones, 0, sizeof p.ones);
    for (int i = 0; i < STATES; i++) {
        p.inverse_scale[i % OWNED] = 1.0F;
        p.drive[i] = i % OWNED == 0 ? 0.75F : -2.0F;
    }
    run(&p, &(run_settings){.block = 1, .tile = POSITIONS});
    assert_int_equal(p.error[0], POSITIONS * 65536 / 4);
    assert_int_equal(p.spikes[0], POSITIONS);
}

static void other_neurons_are_refused(void **state)
{
    (void)state;
    static const snn_neuron_kind kinds[] = {SNN_NEURON_RELU, SNN_NEURON_LINEAR, SNN_NEURON_LEAKY_RELU};
    for (int i = 0; i < 3; i++) {
        sample made = sample_begin(SNN_WEIGHTS_INT16, (snn_shape){1, 1, 2}, 2, 1);
        (void)sample_population(&made, SNN_NEURON_RELU, (snn_shape){1, 1, 3}, NULL, false);
        const int32_t second = sample_population(&made, kinds[i], (snn_shape){1, 1, 3}, NULL, false);
        (void)sample_readout(&made);
        const snn_status status = snn_subgradient_check(made.network);
        assert_int_equal(status.code, i == 0 ? SNN_OK : SNN_INPUT_ERROR);
        if (i > 0) {
            assert_non_null(strstr(status.message, made.network->populations[second].name));
            assert_non_null(strstr(status.message, snn_neuron_kind_name(kinds[i])));
        }
        snn_network_destroy(made.network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inverse_schedule_is_integrate_and_fire),
        cmocka_unit_test(rate_is_the_clipped_mean_of_the_input),
        cmocka_unit_test(momentum_is_a_heavy_ball),
        cmocka_unit_test(cuts_change_nothing),
        cmocka_unit_test(error_is_the_distance_to_the_rectified_input),
        cmocka_unit_test(other_neurons_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
