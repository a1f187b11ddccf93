#include "io/onnx/export.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/network/timing.h"
#include "io/onnx/export_internal.h"

enum { OPSET = 13, NAME_BYTES = 300 };

static const double PIXEL_UNITS = 65536.0; /* graded pixels are rounded to whole ones of these */

static const char DESCRIPTION[] =
    "One timestep of a spiking network: (image, t, state.*) -> (logits, next.*). Pixels are normalised; t counts from "
    "0 "
    "to timesteps - 1 (see the metadata); next.* go in as state.* at t + 1, and at t = 0 anything may go in.";

typedef struct exporter {
    const snn_network *network;
    snn_export_dynamics dynamics; /* of networks without windows */
    int32_t timesteps, latency;
    bool windows, graded; /* whether pixels enter as real values */
    snn_onnx_build *build;
    snn_timing *timings;         /* [populations], with windows */
    float *increments;           /* [timesteps] of a graded image's coefficient, without windows */
    snn_onnx_value *values;      /* [populations]: what readers take at this timestep, whole numbers */
    snn_onnx_value image, units; /* pixels, and what projections from the image read: whole numbers */
    snn_onnx_value t, first;     /* the timestep, and whether it is the first */
    snn_onnx_value eta;          /* without windows */
    int32_t states;
} exporter;

static snn_onnx_value unary(exporter *e, const char *operator, snn_onnx_value a)
{
    return snn_onnx_build_unary(e->build, operator, a);
}

static snn_onnx_value binary(exporter *e, const char *operator, snn_onnx_value a, snn_onnx_value b)
{
    return snn_onnx_build_binary(e->build, operator, a, b);
}

static snn_onnx_value where(exporter *e, snn_onnx_value condition, snn_onnx_value a, snn_onnx_value b)
{
    return snn_onnx_build_ternary(e->build, "Where", condition, a, b);
}

/* table[t], a scalar. */
static snn_onnx_value of_timestep(exporter *e, const float *table)
{
    const int64_t count = e->timesteps;
    return binary(e, "Gather", snn_onnx_build_constant(e->build, SNN_ONNX_FLOAT, 1, &count, table), e->t);
}

/* ---- states ---- */

/* What the state was before this timestep; `initial` at t = 0. */
static snn_onnx_value begin_state(exporter *e, const char *name, snn_shape shape, snn_onnx_value initial)
{
    char full[NAME_BYTES + 8];
    (void)snprintf(full, sizeof full, "state.%s", name);
    const int64_t dims[] = {SNN_ONNX_BATCH, shape.channels, shape.height, shape.width};
    return where(e, e->first, initial, snn_onnx_build_input(e->build, full, SNN_ONNX_FLOAT, 4, dims));
}

static void end_state(exporter *e, const char *name, snn_shape shape, snn_onnx_value next)
{
    char full[NAME_BYTES + 8];
    (void)snprintf(full, sizeof full, "next.%s", name);
    const int64_t dims[] = {SNN_ONNX_BATCH, shape.channels, shape.height, shape.width};
    snn_onnx_build_output(e->build, next, full, SNN_ONNX_FLOAT, 4, dims);
    e->states++;
}

/* ---- the image ---- */

/* Spikes that follow the pixels. */
static void encode_spikes(exporter *e)
{
    const snn_shape shape = e->network->input;
    snn_onnx_value y = begin_state(e, "image.y", shape, snn_onnx_build_float(e->build, 0.0F));
    snn_onnx_value fires = binary(e, "GreaterOrEqual", y, e->image);
    e->units = where(e, fires, snn_onnx_build_double(e->build, 1.0), snn_onnx_build_double(e->build, -1.0));
    end_state(e, "image.y", shape, where(e, fires, binary(e, "Sub", y, e->eta), binary(e, "Add", y, e->eta)));
}

static void encode_image(exporter *e)
{
    if (!e->graded) {
        encode_spikes(e);
        return;
    }
    snn_onnx_value scaled = binary(e, "Mul", snn_onnx_build_cast(e->build, e->image, SNN_ONNX_DOUBLE),
                                   snn_onnx_build_double(e->build, PIXEL_UNITS));
    snn_onnx_value limited =
        snn_onnx_build_ternary(e->build, "Clip", scaled, snn_onnx_build_double(e->build, -(double)INT32_MAX),
                               snn_onnx_build_double(e->build, (double)INT32_MAX));
    e->units = unary(e, "Round", limited);
}

static void begin_inputs(exporter *e)
{
    const snn_shape input = e->network->input;
    const int64_t dims[] = {SNN_ONNX_BATCH, input.channels, input.height, input.width};
    const int64_t zero = 0;
    snn_onnx_build_scope(e->build, "image");
    e->image = snn_onnx_build_input(e->build, "image", SNN_ONNX_FLOAT, 4, dims);
    e->t = snn_onnx_build_input(e->build, "t", SNN_ONNX_INT64, 0, NULL);
    e->first = binary(e, "Equal", e->t, snn_onnx_build_constant(e->build, SNN_ONNX_INT64, 0, NULL, &zero));
    if (!e->windows) {
        e->eta = of_timestep(e, e->dynamics.eta);
    }
    encode_image(e);
}

/* ---- what a population gets ---- */

static bool is_stream(const snn_network *network, int32_t population)
{
    return population != SNN_SOURCE_INPUT && network->populations[population].kind == SNN_NEURON_STREAM;
}

/* The readout may look at a stream before its time, and finds nothing; at the last timestep all is there. */
static snn_onnx_value in_time(exporter *e, const snn_projection *projection, snn_onnx_value product)
{
    const bool readout = e->network->populations[projection->target].kind == SNN_NEURON_READOUT;
    if (!e->windows || !readout || !is_stream(e->network, projection->source)) {
        return product;
    }
    const int32_t start = e->timings[projection->source].start;
    const int64_t begin = start < e->latency - 1 ? start : e->latency - 1;
    snn_onnx_value early = binary(e, "Less", e->t, snn_onnx_build_constant(e->build, SNN_ONNX_INT64, 0, NULL, &begin));
    return where(e, early, snn_onnx_build_double(e->build, 0.0), product);
}

/* Adds up what the projections onto a population give: those from the image, or all others. NULL if there are none. */
static snn_status add_up(exporter *e, int32_t population, bool image, snn_onnx_value *sum, int32_t *shift)
{
    *sum = NULL;
    for (int32_t i = 0; i < e->network->projection_count; i++) {
        const snn_projection *projection = &e->network->projections[i];
        const bool from_image = projection->source == SNN_SOURCE_INPUT && e->graded;
        if (projection->target != population || from_image != image) {
            continue;
        }
        snn_onnx_value product = NULL;
        snn_onnx_value source = projection->source == SNN_SOURCE_INPUT ? e->units : e->values[projection->source];
        *shift = projection->shift;
        SNN_TRY(snn_export_product(e->build, e->network, projection, source, image ? 0 : projection->shift, &product));
        product = in_time(e, projection, product);
        *sum = *sum == NULL ? product : binary(e, "Add", *sum, product);
    }
    return snn_ok();
}

/* The image's current into a population, in float32: its product, which is exact, times delta; NULL if there is none.
 */
static snn_status find_current(exporter *e, int32_t p, snn_onnx_value *current)
{
    const snn_population *population = &e->network->populations[p];
    const int32_t channels = population->input.channels;
    int32_t shift = 0;
    SNN_TRY(add_up(e, p, true, current, &shift));
    if (*current == NULL) {
        return snn_ok();
    }
    snn_onnx_value step =
        snn_onnx_build_cast(e->build, snn_export_channels(e->build, population->step, channels), SNN_ONNX_DOUBLE);
    snn_onnx_value unit = snn_onnx_build_double(e->build, ldexp(1.0 / PIXEL_UNITS, -shift));
    snn_onnx_value scaled = binary(e, "Mul", binary(e, "Mul", *current, step), unit);
    *current = snn_onnx_build_cast(e->build, scaled, SNN_ONNX_FLOAT);
    return snn_ok();
}

static snn_onnx_value bias_of(exporter *e, const snn_population *population)
{
    const int32_t channels = population->input.channels;
    const snn_shape input = population->input;
    const int64_t positions = snn_shape_positions(input);
    if (population->bias_positions == 1) {
        return snn_export_channels(e->build, population->bias, channels);
    }
    float *turned = snn_allocate((size_t)snn_shape_size(input), sizeof *turned);
    if (turned == NULL) {
        return NULL;
    }
    for (int64_t position = 0; position < positions; position++) {
        for (int32_t c = 0; c < channels; c++) {
            turned[c * positions + position] = population->bias[position * channels + c];
        }
    }
    const int64_t dims[] = {1, channels, input.height, input.width};
    snn_onnx_value bias = snn_onnx_build_constant(e->build, SNN_ONNX_FLOAT, 4, dims, turned);
    snn_release(turned);
    return bias;
}

/* A constant of every output channel. NULL when memory is short, which ends in a failed build. */
static snn_onnx_value of_channels(exporter *e, const snn_population *population,
                                  float (*value)(const snn_population *population, int32_t channel))
{
    const int32_t channels = population->shape.channels;
    float *values = snn_allocate((size_t)channels, sizeof *values);
    if (values == NULL) {
        return NULL;
    }
    for (int32_t c = 0; c < channels; c++) {
        values[c] = value(population, c);
    }
    snn_onnx_value made = snn_export_channels(e->build, values, channels);
    snn_release(values);
    return made;
}

/* A step that divides: 1 in place of 0, where there is nothing to divide. */
static float divisor_of(const snn_population *population, int32_t channel)
{
    return population->step[channel] != 0.0F ? population->step[channel] : 1.0F;
}

static float rest_of(const snn_population *population, int32_t channel)
{
    return (float)population->rest[channel];
}

static float inverse_scale_of(const snn_population *population, int32_t channel)
{
    return 1.0F / population->scale[channel];
}

static snn_onnx_value rounded_units(exporter *e, snn_onnx_value units, int32_t limit)
{
    return snn_onnx_build_ternary(e->build, "Clip", unary(e, "Round", units),
                                  snn_onnx_build_float(e->build, (float)-limit),
                                  snn_onnx_build_float(e->build, (float)limit));
}

static snn_onnx_value add_whole(exporter *e, snn_onnx_value sum, snn_onnx_value units)
{
    snn_onnx_value whole = snn_onnx_build_cast(e->build, units, SNN_ONNX_DOUBLE);
    return sum == NULL ? whole : binary(e, "Add", sum, whole);
}

/* ---- networks with windows: sums of what the sources have reached ---- */

static snn_status decode_window(exporter *e, int32_t p, snn_onnx_value *x)
{
    const snn_population *population = &e->network->populations[p];
    snn_onnx_value sum = NULL, current = NULL;
    int32_t shift = 0;
    SNN_TRY(find_current(e, p, &current));
    SNN_TRY(add_up(e, p, false, &sum, &shift));
    *x = bias_of(e, population);
    if (sum != NULL) {
        snn_onnx_value step = snn_export_channels(e->build, population->step, population->input.channels);
        *x = binary(e, "Add", *x, binary(e, "Mul", step, snn_onnx_build_cast(e->build, sum, SNN_ONNX_FLOAT)));
    }
    if (current != NULL) {
        *x = binary(e, "Add", *x, current);
    }
    return snn_ok();
}

static snn_status keep_stream(exporter *e, int32_t p)
{
    const snn_population *population = &e->network->populations[p];
    snn_onnx_value sum = NULL, current = NULL;
    int32_t shift = 0;
    SNN_TRY(find_current(e, p, &current));
    SNN_TRY(add_up(e, p, false, &sum, &shift));
    if (current != NULL) {
        snn_onnx_value units = binary(e, "Div", current, of_channels(e, population, divisor_of));
        sum = add_whole(e, sum, rounded_units(e, units, SNN_GRADED_WINDOW_LIMIT));
    }
    e->values[p] = sum;
    return snn_ok();
}

/* How far a neuron of the population moves at each timestep: nowhere outside of its window. */
static snn_onnx_value window_step(exporter *e, int32_t p)
{
    float *steps = snn_allocate((size_t)e->timesteps, sizeof *steps);
    if (steps == NULL) {
        return NULL;
    }
    for (int32_t j = 0; j < e->network->windows.steps; j++) {
        const int64_t t = (int64_t)e->timings[p].start + j;
        if (t < e->timesteps) {
            steps[t] = (float)e->network->windows.magnitude[j];
        }
    }
    snn_onnx_value made = of_timestep(e, steps);
    snn_release(steps);
    return made;
}

/* ---- networks without: what arrives moves x ---- */

static snn_status decode_step(exporter *e, int32_t p, snn_onnx_value *x)
{
    const snn_population *population = &e->network->populations[p];
    snn_onnx_value sum = NULL, current = NULL;
    int32_t shift = 0;
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "%d_%.200s.x", p, population->name);
    SNN_TRY(find_current(e, p, &current));
    SNN_TRY(add_up(e, p, false, &sum, &shift));
    *x = begin_state(e, name, population->input, bias_of(e, population));
    if (sum != NULL) {
        snn_onnx_value step = snn_export_channels(e->build, population->step, population->input.channels);
        snn_onnx_value unit = binary(e, "Mul", e->eta, step);
        *x = binary(e, "Sub", *x, binary(e, "Mul", unit, snn_onnx_build_cast(e->build, sum, SNN_ONNX_FLOAT)));
    }
    if (current != NULL) {
        *x = binary(e, "Add", *x, binary(e, "Mul", of_timestep(e, e->increments), current));
    }
    end_state(e, name, population->input, *x);
    return snn_ok();
}

/* What the increments add up to. */
static snn_onnx_value coefficient(exporter *e)
{
    float *sums = snn_allocate((size_t)e->timesteps, sizeof *sums);
    if (sums == NULL) {
        return NULL;
    }
    float sum = 0.0F;
    for (int32_t t = 0; t < e->timesteps; t++) {
        sum = sum + e->increments[t];
        sums[t] = sum;
    }
    snn_onnx_value made = of_timestep(e, sums);
    snn_release(sums);
    return made;
}

/* Sums of this timestep, and the graded image as whole numbers; a state has what was sent of it so far. */
static snn_status step_stream(exporter *e, int32_t p)
{
    const snn_population *population = &e->network->populations[p];
    const int32_t channels = population->shape.channels;
    snn_onnx_value sum = NULL, current = NULL;
    int32_t shift = 0;
    SNN_TRY(find_current(e, p, &current));
    SNN_TRY(add_up(e, p, false, &sum, &shift));
    if (current != NULL) {
        char name[NAME_BYTES];
        (void)snprintf(name, sizeof name, "%d_%.200s.sent", p, population->name);
        snn_onnx_value sent = begin_state(e, name, population->shape, snn_onnx_build_float(e->build, 0.0F));
        snn_onnx_value unit = binary(e, "Mul", e->eta, snn_export_channels(e->build, population->step, channels));
        snn_onnx_value divisor = unary(e, "Neg", binary(e, "Mul", e->eta, of_channels(e, population, divisor_of)));
        snn_onnx_value missing = binary(e, "Sub", binary(e, "Mul", coefficient(e), current), sent);
        snn_onnx_value units = rounded_units(e, binary(e, "Div", missing, divisor), SNN_GRADED_LIMIT);
        sum = add_whole(e, sum, units);
        end_state(e, name, population->shape, binary(e, "Sub", sent, binary(e, "Mul", unit, units)));
    }
    e->values[p] = sum;
    return snn_ok();
}

/* ---- a timestep ---- */

/* s = [f(x) / sigma <= y] (strict kinds: <), y moves by -eta or +eta; readers see y (windows) or -1 and +1. */
static void fire(exporter *e, int32_t p, snn_onnx_value x)
{
    const snn_population *population = &e->network->populations[p];
    snn_onnx_value scale = of_channels(e, population, inverse_scale_of);
    snn_onnx_value target = binary(e, "Mul", snn_export_function(e->build, population, x), scale);

    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "%d_%.200s.y", p, population->name);
    snn_onnx_value initial = e->windows ? of_channels(e, population, rest_of) : snn_onnx_build_float(e->build, 0.0F);
    snn_onnx_value step = e->windows ? window_step(e, p) : e->eta;
    snn_onnx_value y = begin_state(e, name, population->shape, initial);
    snn_onnx_value fires = binary(e, snn_neuron_is_strict(population->kind) ? "Less" : "LessOrEqual", target, y);
    y = where(e, fires, binary(e, "Sub", y, step), binary(e, "Add", y, step));
    end_state(e, name, population->shape, y);
    e->values[p] = e->windows
                       ? snn_onnx_build_cast(e->build, y, SNN_ONNX_DOUBLE)
                       : where(e, fires, snn_onnx_build_double(e->build, 1.0), snn_onnx_build_double(e->build, -1.0));
}

static snn_status export_population(exporter *e, int32_t p)
{
    const snn_population *population = &e->network->populations[p];
    const int64_t dims[] = {SNN_ONNX_BATCH, e->network->classes};
    snn_onnx_value x = NULL;
    snn_onnx_build_scope(e->build, population->name);
    if (population->kind == SNN_NEURON_STREAM) {
        return e->windows ? keep_stream(e, p) : step_stream(e, p);
    }
    SNN_TRY(e->windows ? decode_window(e, p, &x) : decode_step(e, p, &x));
    if (population->kind != SNN_NEURON_READOUT) {
        fire(e, p, x);
        return snn_ok();
    }
    const int64_t flat[] = {0, e->network->classes};
    x = binary(e, "Reshape", x, snn_onnx_build_integers(e->build, 2, flat));
    snn_onnx_build_output(e->build, x, "logits", SNN_ONNX_FLOAT, 2, dims);
    return snn_ok();
}

/* ---- the model ---- */

static snn_status check(const snn_network *network, const snn_export_dynamics *dynamics)
{
    if (network->format == SNN_WEIGHTS_FLOAT32) {
        return snn_fail(
            SNN_INPUT_ERROR,
            "a network with float32 weights cannot be exported: its sums depend on an order, which ONNX does "
            "not fix (simulation.weights = \"int16\" or \"int8\")");
    }
    if (network->windows.steps == 0 && dynamics->encoding == SNN_ENCODING_STOCHASTIC) {
        return snn_fail(SNN_INPUT_ERROR,
                        "simulation.encoding = \"stochastic\" cannot be exported: its random numbers are "
                        "no operator of ONNX");
    }
    return snn_ok();
}

static void describe(const exporter *e)
{
    char number[24];
    snn_onnx_build_description(e->build, DESCRIPTION);
    (void)snprintf(number, sizeof number, "%d", e->timesteps);
    snn_onnx_build_metadata(e->build, "timesteps", number);
    snn_onnx_build_metadata(e->build, "dynamics", e->windows ? "windows" : "synchronous");
    if (e->windows) {
        (void)snprintf(number, sizeof number, "%d", e->network->windows.steps);
        snn_onnx_build_metadata(e->build, "steps", number);
        (void)snprintf(number, sizeof number, "%d", e->network->windows.delay);
        snn_onnx_build_metadata(e->build, "delay", number);
    }
}

static snn_status begin(exporter *e)
{
    const snn_network *network = e->network;
    const size_t populations = (size_t)network->population_count;
    e->windows = network->windows.steps > 0;
    e->latency = e->windows ? snn_network_latency(network) : 0;
    e->timesteps = e->windows ? e->latency : e->dynamics.timesteps;
    e->graded = e->windows || snn_encoding_is_graded(e->dynamics.encoding);
    e->build = snn_onnx_build_create(network->name, OPSET);
    e->values = snn_allocate(populations, sizeof *e->values);
    e->timings = snn_allocate(populations, sizeof *e->timings);
    e->increments = snn_allocate((size_t)e->timesteps, sizeof *e->increments);
    if (e->build == NULL || e->values == NULL || e->timings == NULL || e->increments == NULL) {
        return snn_out_of_memory("ONNX model");
    }
    if (e->windows) {
        snn_network_timings(network, e->timings);
    } else {
        snn_encoding_increments(e->dynamics.encoding, e->dynamics.eta, e->timesteps, e->increments);
    }
    return snn_ok();
}

snn_status snn_export_step(const snn_network *network, const snn_export_dynamics *dynamics, const char *path,
                           snn_export_summary *summary)
{
    exporter e = {.network = network, .dynamics = *dynamics};
    snn_status status;
    SNN_TRY(check(network, dynamics));
    SNN_GOTO_DONE(status, begin(&e));
    begin_inputs(&e);
    for (int32_t p = 0; p < network->population_count; p++) {
        SNN_GOTO_DONE(status, export_population(&e, p));
    }
    describe(&e);
    *summary = (snn_export_summary){.timesteps = e.timesteps, .states = e.states};
    status = snn_onnx_build_write(e.build, path);
done:
    snn_onnx_build_destroy(e.build);
    snn_release(e.values);
    snn_release(e.timings);
    snn_release(e.increments);
    return status;
}
