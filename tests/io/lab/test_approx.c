/* The approximation experiment against the definition of the neuron and what follows from it. */
#include "io/lab/approx/approx_network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>

enum { POINTS = SNN_APPROX_POINTS, EXPONENTIAL = 0, CONSTANT = 3, MOST_TIMESTEPS = 128 };

static const double ROUNDING = 1e-5; /* of y after 128 float additions, and of f */

static const snn_approx_function *function_of(snn_neuron_kind kind)
{
    int32_t count;
    const snn_approx_function *functions = snn_approx_functions(&count);
    for (int32_t i = 0; i < count; i++) {
        if (functions[i].kind == kind) {
            return &functions[i];
        }
    }
    fail_msg("no function %s", snn_neuron_kind_name(kind));
    return NULL;
}

static snn_approx_result *run(const snn_approx_function *function, int32_t timesteps)
{
    snn_approx_result *result = NULL;
    const snn_status status = snn_approx_run(function, timesteps, &result);
    if (snn_failed(status)) {
        fail_msg("%s", status.message);
    }
    assert_non_null(result);
    return result;
}

static void fill_schedule(int32_t schedule, int32_t timesteps, float *eta)
{
    assert_false(snn_failed(snn_schedule_fill(&snn_approx_schedules[schedule].schedule, timesteps, eta)));
}

/* Every kind that spikes is there, none twice. */
static void test_functions_are_complete(void **state)
{
    (void)state;
    int32_t count, seen[SNN_NEURON_KIND_COUNT] = {0};
    const snn_approx_function *functions = snn_approx_functions(&count);
    for (int32_t i = 0; i < count; i++) {
        seen[functions[i].kind]++;
    }
    for (int kind = 0; kind < SNN_NEURON_KIND_COUNT; kind++) {
        assert_int_equal(seen[kind], snn_neuron_spikes((snn_neuron_kind)kind) ? 1 : 0);
    }
}

static void test_sweep(void **state)
{
    (void)state;
    snn_approx_result *result = run(function_of(SNN_NEURON_EXP), 1);
    assert_true(result->x[0] == -4.0f && result->x[200] == -1.0f && result->x[POINTS - 1] == 2.0f);
    assert_true(fabs((double)result->scale - exp(2.0)) < 1e-5);
    assert_true(fabs(result->target[200] - exp(-3.0)) < 1e-6);
    snn_approx_result_destroy(result);
}

/* y of one neuron by the definition, in float like the engine: the rule of the paper, with ReLU. */
static void simulate_relu(float x, float scale, float source_scale, bool arrives, const float *eta, int32_t timesteps,
                          float *y)
{
    float source = 0.0f, decoded = arrives ? 0.0f : x, output = 0.0f;
    for (int32_t t = 0; t < timesteps; t++) {
        if (arrives) {
            const float sign = x * (1.0f / source_scale) <= source ? 1.0f : -1.0f;
            source = source - eta[t] * sign;
            decoded = decoded - (eta[t] * source_scale) * sign;
        }
        const float target = (decoded > 0.0f ? decoded : 0.0f) * (1.0f / scale);
        output = output - eta[t] * (target <= output ? 1.0f : -1.0f);
        y[t] = output;
    }
}

static void test_relu_is_the_definition(void **state)
{
    (void)state;
    enum { TIMESTEPS = 40 };
    float eta[TIMESTEPS], y[TIMESTEPS];
    snn_approx_result *result = run(function_of(SNN_NEURON_RELU), TIMESTEPS);
    for (int32_t s = 0; s < SNN_APPROX_SCHEDULES; s++) {
        fill_schedule(s, TIMESTEPS, eta);
        for (int32_t input = 0; input < SNN_APPROX_INPUT_KINDS; input++) {
            for (int32_t i = 0; i < POINTS; i++) {
                simulate_relu(result->x[i], 4.0f, 4.0f, input == SNN_APPROX_TRAIN, eta, TIMESTEPS, y);
                for (int32_t t = 0; t < TIMESTEPS; t++) {
                    const float found = result->curves[s][input].y[t * POINTS + i];
                    if (found != y[t]) {
                        fail_msg("schedule %d, input %d, x %g, step %d: y = %.9g, expected %.9g", s, input,
                                 (double)result->x[i], t, (double)found, (double)y[t]);
                    }
                }
            }
        }
    }
    snn_approx_result_destroy(result);
}

/* Once y has reached a fixed target it stays within the last step of it, if steps never fall by more than half. */
static void check_last_step(const snn_approx_result *result, const float *eta)
{
    const snn_approx_curve *curve = &result->curves[EXPONENTIAL][SNN_APPROX_STATIC];
    double reach = 0.0;
    for (int32_t t = 0; t < result->timesteps; t++) {
        reach += (double)eta[t];
        for (int32_t i = 0; i < POINTS; i++) {
            const double error = fabs((double)curve->y[t * POINTS + i] - result->target[i]);
            if (fabs(result->target[i]) <= reach && error > (double)eta[t] + ROUNDING) {
                fail_msg("%s, x %g, step %d: error %g, expected at most %g", snn_approx_function_name(result->function),
                         (double)result->x[i], t, error, (double)eta[t]);
            }
        }
    }
}

/* x from a spike train comes as close, and f with it, but where f jumps. */
static void check_train(const snn_approx_result *result)
{
    const snn_approx_curve *curve = &result->curves[EXPONENTIAL][SNN_APPROX_TRAIN];
    const double mean = curve->mean[result->timesteps - 1], maximum = curve->maximum[result->timesteps - 1];
    const double allowed = result->function->kind == SNN_NEURON_THRESHOLDED_RELU ? 0.25 : 0.005;
    if (mean > 0.001 || maximum > allowed) {
        fail_msg("%s: mean error %g, maximum %g", snn_approx_function_name(result->function), mean, maximum);
    }
}

/* The last of steps that halve bounds the error where the input stands still: they span what is seen and a quarter more
 * on either side, or less. */
static void check_last_unit(const snn_approx_result *result)
{
    const snn_approx_window_curve *curve = &result->windows[SNN_APPROX_WINDOW_HALVING][SNN_APPROX_STATIC];
    double negative = 0.0;
    for (int32_t i = 0; i < POINTS; i++) {
        negative = fmax(negative, -result->target[i]);
    }
    const double range = (negative + 1.0 + 0.5) / 2.0;
    for (int32_t at = 0; snn_approx_lengths[at] <= 8; at++) {
        const double last = range / (ldexp(1.0, snn_approx_lengths[at]) - 1.0);
        if (curve->maximum[at] > last + ROUNDING) {
            fail_msg("%s, %d steps: error %g, expected at most %g", snn_approx_function_name(result->function),
                     snn_approx_lengths[at], curve->maximum[at], last);
        }
    }
}

/* The search knows the default; and six steps more are worth something, 2^6 where nothing else limits precision. */
static void check_window_means(const snn_approx_result *result, snn_approx_input input)
{
    const snn_approx_window_curve *curve = &result->windows[SNN_APPROX_WINDOW_HALVING][input];
    const snn_approx_window_curve *tuned = &result->windows[SNN_APPROX_WINDOW_TUNED][input];
    for (int32_t at = 0; at < snn_approx_length_count(result->timesteps); at++) {
        assert_true(tuned->mean[at] <= curve->mean[at]);
    }
    const double few = curve->mean[snn_approx_length_of(4)], many = curve->mean[snn_approx_length_of(10)];
    if (many > few / 16.0) {
        fail_msg("%s, input %d: mean error %g at 4 steps, %g at 10", snn_approx_function_name(result->function),
                 (int)input, few, many);
    }
}

static void test_errors_of_all_functions(void **state)
{
    (void)state;
    int32_t count;
    float eta[MOST_TIMESTEPS];
    const snn_approx_function *functions = snn_approx_functions(&count);
    fill_schedule(EXPONENTIAL, MOST_TIMESTEPS, eta);
    for (int32_t f = 0; f < count; f++) {
        snn_approx_result *result = run(&functions[f], MOST_TIMESTEPS);
        check_last_step(result, eta);
        check_train(result);
        check_last_unit(result);
        check_window_means(result, SNN_APPROX_STATIC);
        check_window_means(result, SNN_APPROX_TRAIN);
        snn_approx_result_destroy(result);
    }
}

/* Eight steps of 0.05 lead to 0.4, which x = 4 needs 1.0 of. */
static void test_errors(void **state)
{
    (void)state;
    snn_approx_result *result = run(function_of(SNN_NEURON_RELU), 8);
    const snn_approx_curve *curve = &result->curves[CONSTANT][SNN_APPROX_STATIC];
    double sum = 0.0;
    for (int32_t i = 0; i < POINTS; i++) {
        sum += fabs((double)curve->y[7 * POINTS + i] - fmax((double)result->x[i], 0.0) / 4.0);
    }
    assert_true(fabs(curve->maximum[7] - 0.6) < 1e-6);
    assert_true(fabs(curve->mean[7] - sum / POINTS) < 1e-9);
    snn_approx_result_destroy(result);
}

/* ---- windows ---- */

/* A neuron with a window, timestep by timestep; a unit of its y is worth `unit`. */
typedef struct stepped {
    int32_t y, start;
    float unit;
} stepped;

/* Its values, seen from -`below` sigma to sigma, have a margin on either side, but for `end`: f goes no further there.
 */
static stepped begin(const snn_windows *windows, double below, bool end, int32_t start, float scale)
{
    const double sigma = (double)scale, margin = windows->margin * sigma;
    const double low = -below * sigma - (end ? 0.0 : margin), high = sigma + margin;
    const double unit = (high - low) / (2.0 * (double)snn_windows_reach(windows));
    return (stepped){snn_windows_rest(windows, (high + low) / (2.0 * unit), false), start, (float)unit};
}

static void fire(stepped *neuron, const snn_windows *windows, int32_t timestep, float value)
{
    const int32_t step = timestep - neuron->start;
    if (step >= 0 && step < windows->steps) {
        const bool fires = value * (1.0f / neuron->unit) <= (float)neuron->y;
        neuron->y += fires ? -windows->magnitude[step] : windows->magnitude[step];
    }
}

/* y of a ReLU neuron by the definition: spikes one after the other, nothing taken together. */
static float simulate_window(float x, bool arrives, const snn_windows *windows)
{
    const float scale = 4.0f;
    const int32_t start = arrives ? windows->delay : 0;
    const bool still = windows->delay >= windows->steps - 1;
    stepped source = begin(windows, 1.0, false, 0, scale), neuron = begin(windows, 0.0, still, start, scale);
    for (int32_t t = 0; t < start + windows->steps; t++) {
        fire(&source, windows, t, x);
        const float decoded = arrives ? source.unit * (float)source.y : x;
        fire(&neuron, windows, t, decoded > 0.0f ? decoded : 0.0f);
    }
    return neuron.unit / scale * (float)neuron.y;
}

static void check_window_curve(const snn_approx_result *result, snn_approx_window_kind kind, snn_approx_input input)
{
    const snn_approx_window_curve *curve = &result->windows[kind][input];
    for (int32_t at = 0; at < SNN_APPROX_LENGTHS; at++) {
        const int32_t steps = snn_approx_lengths[at];
        assert_int_equal(curve->windows[at].steps, steps);
        assert_int_equal(curve->windows[at].delay, kind == SNN_APPROX_WINDOW_OVERLAP ? (steps + 3) / 4 : steps);
        for (int32_t i = 0; i < POINTS; i++) {
            const float expected = simulate_window(result->x[i], input == SNN_APPROX_TRAIN, &curve->windows[at]);
            if (curve->y[at][i] != expected) {
                fail_msg("%s, input %d, %d steps, x %g: y = %.9g, expected %.9g", snn_approx_window_names[kind],
                         (int)input, steps, (double)result->x[i], (double)curve->y[at][i], (double)expected);
            }
        }
    }
}

static void test_windows_are_the_definition(void **state)
{
    (void)state;
    snn_approx_result *result = run(function_of(SNN_NEURON_RELU), 64);
    assert_int_equal(snn_approx_length_count(64), SNN_APPROX_LENGTHS);
    for (int kind = 0; kind < SNN_APPROX_WINDOW_KINDS; kind++) {
        for (int input = 0; input < SNN_APPROX_INPUT_KINDS; input++) {
            if (snn_approx_window_applies((snn_approx_window_kind)kind, (snn_approx_input)input)) {
                check_window_curve(result, (snn_approx_window_kind)kind, (snn_approx_input)input);
            }
        }
    }
    snn_approx_result_destroy(result);
}

/* Half of all ReLU neurons are silent: they end at 0, not near it. */
static void test_silent_neurons_end_at_zero(void **state)
{
    (void)state;
    snn_approx_result *result = run(function_of(SNN_NEURON_RELU), 16);
    assert_int_equal(snn_approx_length_count(16), 7);
    for (int input = 0; input < SNN_APPROX_INPUT_KINDS; input++) {
        const snn_approx_window_curve *curve = &result->windows[SNN_APPROX_WINDOW_HALVING][input];
        for (int32_t i = 0; i < POINTS / 2; i++) {
            assert_true(curve->y[snn_approx_length_of(8)][i] == 0.0f);
        }
        assert_int_equal(curve->windows[7].steps, 0); /* longer than was asked for */
    }
    snn_approx_result_destroy(result);
}

static void test_bad_timesteps(void **state)
{
    (void)state;
    static const int32_t bad[] = {0, -1, SNN_APPROX_MAX_TIMESTEPS + 1};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snn_approx_result *result = NULL;
        assert_int_equal(snn_approx_run(function_of(SNN_NEURON_RELU), bad[i], &result).code, SNN_INPUT_ERROR);
        assert_null(result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions_are_complete),
        cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_relu_is_the_definition),
        cmocka_unit_test(test_errors_of_all_functions),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_windows_are_the_definition),
        cmocka_unit_test(test_silent_neurons_end_at_zero),
        cmocka_unit_test(test_bad_timesteps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
