/* Operators one by one: the trained value (graph evaluator) and the spiking value against a naive function of the
 * image, whatever the operator reads: the image, an operator's products, spikes or a stream. cmocka.h comes first.
 *
 * The image is [1][CHANNELS][HEIGHT][WIDTH], three different sizes, so that no two axes can be mixed up. */
#ifndef TESTS_CONVERT_OPERATOR_ROWS_H
#define TESTS_CONVERT_OPERATOR_ROWS_H

#include "core/convert/convert.h"
#include "tests/core/convert/graph_builder.h"
#include "tests/core/convert/spiking_run.h"

enum { CHANNELS = 4, HEIGHT = 2, WIDTH = 6, PIXELS = HEIGHT * WIDTH, ELEMENTS = CHANNELS * PIXELS };
enum { WINDOW_STEPS = 10 }; /* in which the last step is a thousandth of the range */

/* Reproducible weights. */
static inline float rows_weight(int i)
{
    return 0.5f * sinf(1.0f + 2.3f * (float)i);
}

static inline int32_t rows_weights(builder *b, int32_t rank, const int64_t *dims)
{
    int32_t v = constant(b, 0.0f, rank, dims);
    snn_tensor *tensor = &b->graph->values[v].tensor;
    for (int64_t i = 0; i < snn_tensor_elements(tensor); i++) {
        ((float *)tensor->data)[i] = rows_weight((int)i);
    }
    return v;
}

/* Element of the image. */
static inline double pixel(const float *x, int c, int h, int w)
{
    return (double)x[(c * HEIGHT + h) * WIDTH + w];
}

typedef struct operator_row {
    const char *name;
    int32_t (*build)(builder *b, int32_t x);  /* appends the operator behind value x, the image; gives its value */
    void (*naive)(const float *x, double *y); /* the same, element by element, in the order of the ONNX value */
    int32_t outputs;                          /* elements of y */
    float low, high;                          /* range of the pixels */
    double tolerance;                         /* of the spiking value after many steps; of the range of y */
} operator_row;

/* The image's own value, as different networks would hand it to the operator. */
typedef enum operand { OPERAND_IMAGE, OPERAND_PRODUCTS, OPERAND_SPIKES, OPERAND_STREAM, OPERANDS } operand;

static inline int32_t row_operand(builder *b, operand how)
{
    if (how == OPERAND_IMAGE) {
        return 0;
    }
    if (how == OPERAND_SPIKES) {
        return NODE(b, "Sub", NODE(b, "Relu", 0), NODE(b, "Relu", NODE(b, "Neg", 0)));
    }
    float identity[CHANNELS * CHANNELS] = {0};
    for (int c = 0; c < CHANNELS; c++) {
        identity[c * CHANNELS + c] = 1.0f;
    }
    int32_t weights = given(b, identity, DIMS(CHANNELS, CHANNELS, 1, 1));
    int32_t product = NODE(b, "Conv", 0, weights);
    if (how == OPERAND_PRODUCTS) {
        return product;
    }
    int32_t spikes = NODE(b, "Relu", product); /* read twice: a stream */
    return NODE(b, "Add", NODE(b, "Sub", product, spikes), spikes);
}

static inline void row_must(const operator_row *row, operand how, snn_status status)
{
    if (status.code != SNN_OK) {
        fail_msg("%s, operand %d: %s", row->name, (int)how, status.message);
    }
}

typedef struct row_errors {
    double trained, early, late, windows, range;
} row_errors;

static inline double row_difference(const double *a, const double *b, int32_t count)
{
    double largest = 0.0;
    for (int32_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs(a[i] - b[i]));
    }
    return largest;
}

/* One image through the trained network and the spiking ones, whose neurons fire at all timesteps or in windows. */
static inline void row_run(const operator_row *row, const snn_graph *graph, snn_evaluator *evaluator,
                           const snn_network *network, const snn_network *windowed, const float *image,
                           row_errors *errors)
{
    enum { FEW = 16, MANY = 256 };
    double expected[4 * ELEMENTS], found[4 * ELEMENTS];
    float pixels[ELEMENTS];
    row->naive(image, expected);
    assert_int_equal(snn_evaluator_run(evaluator, image).code, SNN_OK);
    for (int32_t i = 0; i < row->outputs; i++) {
        found[i] = (double)snn_evaluator_value(evaluator, graph->output)[i];
        errors->range = fmax(errors->range, fabs(expected[i]));
    }
    errors->trained = fmax(errors->trained, row_difference(found, expected, row->outputs));
    for (int i = 0; i < ELEMENTS; i++) {
        pixels[i % PIXELS * CHANNELS + i / PIXELS] = image[i];
    }
    spiking_logits(network, pixels, FEW, found);
    errors->early = fmax(errors->early, row_difference(found, expected, row->outputs));
    spiking_logits(network, pixels, MANY, found);
    errors->late = fmax(errors->late, row_difference(found, expected, row->outputs));
    spiking_logits(windowed, pixels, 0, found);
    errors->windows = fmax(errors->windows, row_difference(found, expected, row->outputs));
}

static inline row_errors row_compare(const operator_row *row, operand how, snn_form form)
{
    enum { IMAGES = 2 };
    const snn_convert_options options = {
        .format = SNN_WEIGHTS_INT16, .maxpool = form, .layernorm = form, .softmax = form, .attention = form};
    row_errors errors = {0.0, 0.0, 0.0, 0.0, 0.0};
    float images[IMAGES * ELEMENTS];
    snn_draft *draft = NULL;
    snn_evaluator *evaluator = NULL;
    snn_network *network = NULL, *windowed = NULL;
    snn_windows windows;
    builder b = builder_begin(DIMS(1, CHANNELS, HEIGHT, WIDTH));
    int32_t y = row->build(&b, row_operand(&b, how));
    (void)NODE(&b, "Reshape", y, integers(&b, 2, (int64_t[]){1, row->outputs}));
    row_must(row, how, snn_graph_infer(b.graph, true));
    row_must(row, how, snn_draft_create(b.graph, &options, NULL, &draft));
    row_must(row, how, snn_evaluator_create(b.graph, true, &evaluator));
    float *maxima = snn_allocate((size_t)snn_draft_maxima_length(draft), sizeof *maxima);
    for (int i = 0; i < IMAGES * ELEMENTS; i++) {
        images[i] = row->low + (row->high - row->low) * 0.5f * (builder_random(&b) + 1.0f);
    }
    for (int i = 0; i < IMAGES; i++) {
        assert_int_equal(snn_evaluator_run(evaluator, images + i * ELEMENTS).code, SNN_OK);
        snn_draft_observe(draft, evaluator, maxima);
    }
    row_must(row, how, snn_draft_finish(draft, maxima, 1, &network));
    assert_int_equal(network->classes, row->outputs);
    row_must(row, how, snn_windows_init(WINDOW_STEPS, WINDOW_STEPS, 0.5, 0.1, &windows));
    snn_draft_set_windows(draft, &windows, SNN_WEIGHTS_INT16);
    row_must(row, how, snn_draft_finish(draft, maxima, IMAGES, &windowed));
    for (int i = 0; i < IMAGES; i++) {
        row_run(row, b.graph, evaluator, network, windowed, images + i * ELEMENTS, &errors);
    }
    snn_release(maxima);
    snn_network_destroy(network);
    snn_network_destroy(windowed);
    snn_evaluator_destroy(evaluator);
    snn_draft_destroy(draft);
    snn_graph_destroy(b.graph);
    return errors;
}

/* All operands of one row: the trained value is exact, the spiking one comes close as time goes on, and at once if
 * neurons fire in windows one after the other. */
static inline void row_check(const operator_row *row, snn_form form)
{
    for (int how = 0; how < OPERANDS; how++) {
        row_errors errors = row_compare(row, (operand)how, form);
        assert_true(errors.range > 0.05); /* the comparison would be empty otherwise */
        if (!(errors.trained <= 2e-6 * errors.range)) {
            fail_msg("%s, operand %d: trained values differ by %g of %g", row->name, how, errors.trained, errors.range);
        }
        /* Linear operators of the image itself are exact from the first step. */
        bool falls = errors.late < 0.5 * errors.early || errors.early <= 1e-3 * errors.range;
        if (!falls || !(errors.late <= row->tolerance * errors.range)) {
            fail_msg("%s, operand %d: spiking values differ by %g after few steps and %g after many, of %g", row->name,
                     how, errors.early, errors.late, errors.range);
        }
        if (!(errors.windows <= row->tolerance * errors.range)) {
            fail_msg("%s, operand %d: values after windows differ by %g of %g", row->name, how, errors.windows,
                     errors.range);
        }
    }
}

static inline void rows_check(const operator_row *rows, size_t count, snn_form form)
{
    for (size_t i = 0; i < count; i++) {
        row_check(&rows[i], form);
    }
}

typedef struct row_table {
    const operator_row *rows;
    size_t count;
} row_table;

static inline void rows_fused(void **state)
{
    const row_table *table = *state;
    rows_check(table->rows, table->count, SNN_FORM_FUSED);
}

static inline void rows_decomposed(void **state)
{
    const row_table *table = *state;
    rows_check(table->rows, table->count, SNN_FORM_DECOMPOSED);
}

/* What a program of such rows alone does: both forms of them. */
static inline int rows_main(const operator_row *rows, size_t count)
{
    row_table table = {rows, count};
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(rows_fused, &table),
                                       cmocka_unit_test_prestate(rows_decomposed, &table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
