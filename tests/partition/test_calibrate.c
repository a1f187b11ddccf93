/* Calibration on networks that use every operator and neuron; prices; the memory that a plan predicts against what the
 * shards of that plan allocate. */
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "core/network/timing.h"
#include "partition/calibrate.h"
#include "partition/planner.h"
#include "tests/core/shard/examples.h"

enum { MOST_POPULATIONS = 64, TIMESTEPS = 16, EXAMPLES = 6, SHARDS = 6 };

static const double SECONDS = 1e-4;

static const snn_work WORK = {
    .images = 3, .block = 8, .threads = 1, .encoding = SNN_ENCODING_FLOAT, .dynamics = SNN_DYNAMICS_SIGNGD};

static snn_network *make_example(int number, snn_weight_format format)
{
    snn_network *(*const make[EXAMPLES])(snn_weight_format, uint64_t) = {
        example_residual, example_image, example_rectified, example_large, example_streams, example_nary};
    snn_network *network = make[number](format, 5);
    assert_non_null(network);
    return network;
}

/* Lets the neurons of an example fire in windows. Resting states differ from channel to channel. */
static void set_windows(snn_network *network, int32_t steps, int32_t delay)
{
    assert_int_equal(snn_windows_init(steps, delay, 0.5, 0.25, &network->windows).code, SNN_OK);
    const int32_t reach = snn_windows_reach(&network->windows);
    for (int32_t p = 0; p < network->population_count; p++) {
        snn_population *population = &network->populations[p];
        if (snn_neuron_spikes(population->kind)) {
            population->unit = 1.0f / (float)reach;
            population->rest = snn_allocate((size_t)population->shape.channels, sizeof *population->rest);
            assert_non_null(population->rest);
            for (int32_t c = 0; c < population->shape.channels; c++) {
                population->rest[c] = c % (2 * reach + 1) - reach;
            }
        }
    }
    snn_network_find_depths(network);
}

static void calibrate(const snn_network *network, const snn_kernels *kernels, const snn_work *work,
                      snn_speed_book *book)
{
    const snn_status status = snn_calibrate(network, kernels, work, SHARDS, SECONDS, book);
    assert_string_equal(status.message, "");
}

/* As a file gives the book back. */
static void forget(snn_speed_book *book, bool confirmed)
{
    for (int32_t i = 0; i < book->count; i++) {
        book->speeds[i].fresh = false;
        book->speeds[i].confirmed = confirmed;
    }
    book->changed = false;
}

/* Whatever the network and the kernels, every width of every population gets a speed, and is measured once in a
 * planning. */
static void everything_is_measured_once(void **unused)
{
    (void)unused;
    static const snn_weight_format formats[] = {SNN_WEIGHTS_INT16, SNN_WEIGHTS_INT8, SNN_WEIGHTS_FLOAT32};
    int32_t tables;
    const snn_kernels *const *kernels = snn_kernels_all(&tables);
    for (int i = 0; i < EXAMPLES * tables; i++) {
        if (!kernels[i / EXAMPLES]->available()) {
            continue;
        }
        snn_network *network = make_example(i % EXAMPLES, formats[i % 3]);
        snn_speed_book book = {0};
        snn_prices *prices;
        snn_work work = WORK;
        work.encoding = i % 2 == 0 ? SNN_ENCODING_FLOAT : SNN_ENCODING_DETERMINISTIC;
        calibrate(network, kernels[i / EXAMPLES], &work, &book);
        assert_true(book.changed && book.count > 0);
        for (int32_t speed = 0; speed < book.count; speed++) {
            assert_true(isfinite(book.speeds[speed].step_seconds) && book.speeds[speed].step_seconds > 0);
            assert_true(isfinite(book.speeds[speed].group_seconds) && book.speeds[speed].group_seconds >= 0);
        }
        assert_false(snn_failed(snn_prices_create(network, &work, SHARDS, &book, &prices)));
        assert_true(prices->measured);
        snn_prices_destroy(prices);
        book.changed = false;
        calibrate(network, kernels[i / EXAMPLES], &work, &book);
        assert_false(book.changed);
        forget(&book, false); /* the next planning: once more */
        calibrate(network, kernels[i / EXAMPLES], &work, &book);
        assert_true(book.changed);
        forget(&book, true);
        calibrate(network, kernels[i / EXAMPLES], &work, &book);
        assert_false(book.changed);
        work.block = 4; /* other work: nothing is known of it */
        assert_false(snn_failed(snn_prices_create(network, &work, SHARDS, &book, &prices)));
        assert_false(prices->measured);
        snn_prices_destroy(prices);
        snn_speed_book_clear(&book);
        snn_network_destroy(network);
    }
}

static bool are_measured(const snn_network *network, const snn_work *work, const snn_speed_book *book)
{
    snn_prices *prices;
    assert_false(snn_failed(snn_prices_create(network, work, SHARDS, book, &prices)));
    const bool measured = prices->measured;
    snn_prices_destroy(prices);
    return measured;
}

/* Speeds of windows are of so many steps at so many moments, not those of as many timesteps. */
static void windows_are_measured(void **unused)
{
    (void)unused;
    static const int32_t windows[][2] = {{0, 0}, {4, 4}, {4, 1}, {4, 0}, {5, 5}, {1, 1}}; /* steps, delay */
    enum { WINDOWS = sizeof windows / sizeof windows[0] };
    const snn_kernels *kernels = NULL;
    assert_int_equal(snn_kernels_select(&kernels).code, SNN_OK);
    for (int i = 0; i < EXAMPLES; i++) {
        const snn_weight_format format = i % 2 == 0 ? SNN_WEIGHTS_INT16 : SNN_WEIGHTS_FLOAT32;
        snn_network *networks[WINDOWS];
        snn_speed_book books[WINDOWS] = {{0}};
        snn_work works[WINDOWS];
        for (int w = 0; w < WINDOWS; w++) {
            networks[w] = make_example(i, format);
            works[w] = WORK;
            works[w].block = w > 0 ? windows[w][0] : 4;
            works[w].encoding = SNN_ENCODING_DIRECT;
            if (w > 0) {
                set_windows(networks[w], windows[w][0], windows[w][1]);
            }
            calibrate(networks[w], kernels, &works[w], &books[w]);
            for (int32_t speed = 0; speed < books[w].count; speed++) {
                assert_true(isfinite(books[w].speeds[speed].step_seconds) && books[w].speeds[speed].step_seconds > 0);
            }
        }
        for (int w = 0; w < WINDOWS * WINDOWS; w++) {
            const int other = w % WINDOWS;
            assert_true(are_measured(networks[w / WINDOWS], &works[w / WINDOWS], &books[other]) ==
                        (w / WINDOWS == other));
        }
        for (int w = 0; w < WINDOWS; w++) {
            snn_speed_book_clear(&books[w]);
            snn_network_destroy(networks[w]);
        }
    }
}

/* The faster of two plannings counts, and is measured until two agree. */
static void speeds_are_confirmed(void **unused)
{
    (void)unused;
    enum { KEY = 9 };
    static const struct {
        double measured, kept;
        bool lacking; /* for the next planning */
    } plannings[] = {{8.0, 8.0, true}, {4.0, 4.0, true}, {7.0, 4.0, true}, {4.2, 4.0, false}};
    snn_speed_book book = {0};
    for (size_t i = 0; i < sizeof plannings / sizeof plannings[0]; i++) {
        assert_true(snn_speed_book_lacks(&book, KEY));
        const snn_speed measured = {.key = KEY, .step_seconds = plannings[i].measured, .unsteady = true};
        assert_false(snn_failed(snn_speed_book_measured(&book, measured)));
        assert_false(snn_speed_book_lacks(&book, KEY)); /* once for a planning */
        snn_speed kept = *snn_speed_book_find(&book, KEY);
        assert_true(kept.step_seconds == plannings[i].kept);
        assert_int_equal(kept.unsteady, plannings[i].lacking);
        kept.fresh = false; /* as a file gives it back */
        assert_false(snn_failed(snn_speed_book_add(&book, kept)));
        assert_int_equal(snn_speed_book_lacks(&book, KEY), plannings[i].lacking);
    }
    assert_int_equal(book.count, 1);
    snn_speed_book_clear(&book);
}

/* More threads than processors: there are speeds, and what OpenMP was told is left as it was. */
static void teams_are_measured(void **unused)
{
    (void)unused;
    const snn_kernels *kernels = NULL;
    assert_int_equal(snn_kernels_select(&kernels).code, SNN_OK);
    snn_network *network = make_example(1, SNN_WEIGHTS_INT16);
    snn_speed_book book = {0};
    snn_work work = WORK;
    work.threads = 32;
    const int threads = omp_get_max_threads(), levels = omp_get_max_active_levels();
    calibrate(network, kernels, &work, &book);
    assert_int_equal(omp_get_max_threads(), threads);
    assert_int_equal(omp_get_max_active_levels(), levels);
    for (int32_t i = 0; i < book.count; i++) {
        assert_true(book.speeds[i].step_seconds > 0);
    }
    snn_speed_book_clear(&book);
    snn_network_destroy(network);
}

/* A network's structure is enough, as a rank has it before it loads its rows. */
static void weights_are_made_up(void **unused)
{
    (void)unused;
    int32_t tables;
    snn_network *network = make_example(0, SNN_WEIGHTS_INT16);
    snn_speed_book book = {0};
    snn_network_release_weights(network);
    calibrate(network, snn_kernels_all(&tables)[tables - 1], &WORK, &book);
    assert_true(book.count > 0);
    snn_speed_book_clear(&book);
    snn_network_destroy(network);
}

/* Prices are those of the book at its widths, straight lines between them, and in proportion above. */
static void prices_between_widths(void **unused)
{
    (void)unused;
    int32_t channels[] = {64, 32, 16};
    snn_price known[] = {{8.0, 4.0, 640.0}, {5.0, 2.0, 320.0}, {4.0, 1.0, 160.0}};
    const snn_prices prices = {.populations = 1, .points = 3, .channels = channels, .prices = known, .measured = true};
    assert_true(snn_prices_of(&prices, 0, 64).step_seconds == 8.0);
    assert_true(snn_prices_of(&prices, 0, 48).step_seconds == 6.5);
    assert_true(snn_prices_of(&prices, 0, 48).group_seconds == 3.0);
    assert_true(snn_prices_of(&prices, 0, 32).step_seconds == 5.0);
    assert_true(snn_prices_of(&prices, 0, 24).packed_bytes == 240.0);
    assert_true(snn_prices_of(&prices, 0, 16).step_seconds == 4.0);
    assert_true(snn_prices_of(&prices, 0, 1).step_seconds == 4.0);
    assert_true(snn_prices_of(&prices, 0, 128).step_seconds == 16.0);
}

static void create_shard(const snn_network *network, const snn_kernels *kernels, const snn_work *work,
                         const snn_plan *plan, int32_t rank, snn_shard **shard)
{
    float eta[TIMESTEPS];
    snn_channel_range owned[MOST_POPULATIONS], visible[MOST_POPULATIONS];
    const snn_place place = snn_plan_place(plan, rank);
    assert_true(network->population_count <= MOST_POPULATIONS);
    for (int t = 0; t < TIMESTEPS; t++) {
        eta[t] = 0.1f;
    }
    for (int32_t p = 0; p < network->population_count; p++) {
        owned[p] = snn_plan_owned(plan, network, place, p);
        visible[p] = snn_channel_range_hull(owned[p], snn_plan_needed(plan, network, place, p));
    }
    const snn_shard_options options = {.images = work->images,
                                       .block = work->block,
                                       .timesteps = TIMESTEPS,
                                       .eta = eta,
                                       .encoding = work->encoding,
                                       .channels = owned,
                                       .visible = visible,
                                       .dynamics = work->dynamics};
    const snn_status status = snn_shard_create(network, kernels, &options, shard);
    assert_string_equal(status.message, "");
}

/* Bytes that the program has asked for and not given back; the linker puts these before snn_allocate and snn_release.
 */
enum { MOST_ARRAYS = 1 << 14, LIST_BYTES = 2048, PRODUCT_BYTES = 128 * 1024 };

static struct {
    void *address;
    size_t bytes;
} arrays[MOST_ARRAYS];
static int array_count;
static bool counting;

void *__real_snn_allocate(size_t count, size_t size);
void __real_snn_release(void *pointer);
void *__wrap_snn_allocate(size_t count, size_t size);
void __wrap_snn_release(void *pointer);

void *__wrap_snn_allocate(size_t count, size_t size)
{
    void *address = __real_snn_allocate(count, size);
    if (counting) {
        assert_true(array_count < MOST_ARRAYS);
        arrays[array_count].address = address;
        arrays[array_count++].bytes = count * size;
    }
    return address;
}

void __wrap_snn_release(void *pointer)
{
    for (int i = array_count - 1; counting && i >= 0; i--) {
        if (arrays[i].address == pointer) {
            arrays[i] = arrays[--array_count];
            break;
        }
    }
    __real_snn_release(pointer);
}

static int64_t bytes_allocated(void)
{
    int64_t bytes = 0;
    for (int i = 0; i < array_count; i++) {
        bytes += (int64_t)arrays[i].bytes;
    }
    return bytes;
}

/* Beside what is predicted a shard has lists of its parts and their projections, and what products unpack. */
static void compare_allocated(const snn_network *network, const snn_rank_cost *cost, int64_t weights, int64_t allocated)
{
    const int32_t timesteps = network->windows.steps > 0 ? network->windows.steps : TIMESTEPS;
    const int64_t threads = omp_get_max_threads(), statistics = snn_statistics_bytes(network, timesteps);
    const int64_t predicted =
        weights + cost->state_bytes + cost->spike_bytes + threads * cost->scratch_bytes + (threads + 1) * statistics;
    const int64_t lists = network->population_count * LIST_BYTES;
    assert_true(predicted <= allocated && allocated <= predicted + lists + threads * PRODUCT_BYTES);
}

/* Neurons and spikes to the byte; packed weights within what lies between the widths that were measured. */
static void compare_memory(const snn_network *network, const snn_kernels *kernels, const snn_work *work,
                           const snn_prices *prices, const snn_plan *plan)
{
    const int32_t steps = network->windows.steps;
    const snn_planner_request request = {.ranks = snn_plan_ranks(plan),
                                         .groups = 1,
                                         .timesteps = steps > 0 ? steps : TIMESTEPS,
                                         .block = work->block,
                                         .images = work->images,
                                         .encoding = work->encoding,
                                         .dynamics = work->dynamics,
                                         .prices = prices};
    /* Prices go by the number of channels, whichever operators these have; and other layouts fill up to whole tiles,
     * which is most of what such small networks come to. */
    const bool exact = strcmp(kernels->name, "portable") == 0;
    snn_cost_model *model;
    assert_false(snn_failed(snn_cost_model_create(network, &request, &model)));
    for (int32_t rank = 0; rank < request.ranks; rank++) {
        snn_shard *shard;
        int64_t weights, state, spikes;
        const snn_rank_cost cost = snn_plan_cost(model, plan, rank);
        counting = true;
        create_shard(network, kernels, work, plan, rank, &shard);
        snn_shard_memory(shard, &weights, &state, &spikes);
        if (exact) { /* tiles of other tables may be larger */
            compare_allocated(network, &cost, weights, bytes_allocated());
        }
        counting = false;
        array_count = 0;
        snn_shard_destroy(shard);
        assert_int_equal(cost.state_bytes, state);
        assert_int_equal(cost.spike_bytes, spikes);
        assert_true(!exact || llabs(cost.packed_bytes - weights) <= weights / 4 + 2048);
    }
    snn_cost_model_destroy(model);
}

static void memory_is_as_predicted(void **unused)
{
    (void)unused;
    int32_t tables;
    const snn_kernels *const *kernels = snn_kernels_all(&tables);
    static const int32_t windows[][2] = {{0, 0}, {0, 0}, {4, 4}, {4, 1}}; /* steps, delay */
    for (int i = 0; i < 8 * EXAMPLES; i++) {
        const snn_kernels *table = kernels[i < 4 * EXAMPLES ? tables - 1 : 0];
        const int kind = i / EXAMPLES % 4;
        if (!table->available()) {
            continue;
        }
        snn_network *network = make_example(i % EXAMPLES, SNN_WEIGHTS_INT16);
        const int32_t end = network->population_count;
        const int32_t begin[][4] = {{0, end}, {0, end / 2, end}, {0, 1, end / 2, end}};
        const int32_t shards[][3] = {{1}, {1, 2}, {3, 5, 2}};
        snn_speed_book book = {0};
        snn_prices *prices;
        snn_work work = WORK;
        work.encoding = kind != 1 ? SNN_ENCODING_DIRECT : SNN_ENCODING_DETERMINISTIC;
        if (kind > 1) {
            set_windows(network, windows[kind][0], windows[kind][1]);
            work.block = windows[kind][0];
        }
        calibrate(network, table, &work, &book);
        assert_false(snn_failed(snn_prices_create(network, &work, SHARDS, &book, &prices)));
        for (int32_t stages = 1; stages <= 3; stages++) {
            snn_plan *plan;
            assert_false(snn_failed(snn_plan_create(1, stages, begin[stages - 1], shards[stages - 1], end, &plan)));
            compare_memory(network, table, &work, prices, plan);
            snn_plan_destroy(plan);
        }
        snn_prices_destroy(prices);
        snn_speed_book_clear(&book);
        snn_network_destroy(network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_measured_once), cmocka_unit_test(weights_are_made_up),
        cmocka_unit_test(windows_are_measured),        cmocka_unit_test(teams_are_measured),
        cmocka_unit_test(prices_between_widths),       cmocka_unit_test(memory_is_as_predicted),
        cmocka_unit_test(speeds_are_confirmed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
