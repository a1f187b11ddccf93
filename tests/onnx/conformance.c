/* ONNX's backend tests of nodes through our importer and evaluator: conformance FOLDER LIST, conformance --print
 * FOLDER.
 *
 * FOLDER holds one folder for each test (/usr/share/libonnx-testdata/data/node). Every test runs in two variants:
 * "weights" with all inputs as weights, so that folding computes the outputs, and "image" with its first floating-point
 * input as an image, so that an evaluator does. LIST names those that fail and why; a test on it that passes, or fails
 * for another reason, fails the run as one that is not on it does. `--print` says what fails, and why, with no list.
 * Exit code 77: FOLDER is not there. */
#define _GNU_SOURCE
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "core/graph/evaluator.h"
#include "io/onnx/onnx.h"
#include "known_failures.h"
#include "node_case.h"

enum { SKIPPED = 77 };

/* The tolerances of ONNX's own runner. */
static const double relative = 1e-3, absolute = 1e-7;

static const snn_tensor *find_tensor(const snn_graph *graph, const char *name)
{
    for (int32_t i = 0; i < graph->value_count; i++) {
        if (strcmp(graph->values[i].name, name) == 0) {
            return &graph->values[i].tensor;
        }
    }
    return NULL;
}

static double element(const snn_tensor *tensor, const void *data, int64_t i)
{
    switch (tensor->type) {
    case SNN_TYPE_FLOAT32:
        return ((const float *)data)[i];
    case SNN_TYPE_INT64:
        return (double)((const int64_t *)data)[i];
    case SNN_TYPE_INT8:
        return ((const int8_t *)data)[i];
    case SNN_TYPE_UINT8:
    case SNN_TYPE_BOOL:
        return ((const uint8_t *)data)[i];
    }
    return NAN;
}

/* `data`: of the output, of its type. `image`: the output was cast to float. */
static snn_status compare(const snn_tensor *output, const void *data, const snn_tensor *expected, bool image)
{
    char texts[2][128];
    bool fits = output->rank == expected->rank && (image || output->type == expected->type);
    for (int32_t axis = 0; fits && axis < output->rank; axis++) {
        fits = output->dims[axis] == expected->dims[axis];
    }
    if (!fits) {
        return snn_fail(SNN_CHECK_FAILED, "the output is %s, not %s",
                        snn_tensor_describe(output, texts[0], sizeof texts[0]),
                        snn_tensor_describe(expected, texts[1], sizeof texts[1]));
    }
    for (int64_t i = 0; i < snn_tensor_elements(expected); i++) {
        const double found = element(output, data, i);
        const double wanted = element(expected, expected->data, i);
        const bool same = found == wanted || fabs(found - wanted) <= absolute + relative * fabs(wanted);
        if (!same) { /* also where either is not a number */
            return snn_fail(SNN_CHECK_FAILED, "element %lld of the output is %.9g, not %.9g", (long long)i, found,
                            wanted);
        }
    }
    return snn_ok();
}

static snn_status evaluate(const snn_graph *graph, const snn_tensor *expected)
{
    const snn_tensor *output = &graph->values[graph->output].tensor;
    const snn_tensor *image = find_tensor(graph, node_case_image_name);
    if (image == NULL) {
        return output->data != NULL ? compare(output, output->data, expected, false)
                                    : snn_fail(SNN_CHECK_FAILED, "the output did not fold");
    }
    snn_evaluator *evaluator = NULL;
    SNN_TRY(snn_evaluator_create(graph, false, &evaluator));
    snn_status status = snn_evaluator_run(evaluator, image->data);
    if (status.code == SNN_OK) {
        const float *data = snn_evaluator_value(evaluator, graph->output);
        status = data == NULL ? snn_fail(SNN_CHECK_FAILED, "the output is not float32")
                              : compare(output, data, expected, true);
    }
    snn_evaluator_destroy(evaluator);
    return status;
}

/* One output of one variant, by way of a file. */
static snn_status run_model(const char *path)
{
    snn_graph *graph = NULL;
    snn_status status = snn_ok();
    SNN_GOTO_DONE(status, snn_onnx_read(path, &graph));
    SNN_GOTO_DONE(status, snn_graph_infer(graph, true));
    const snn_tensor *expected = find_tensor(graph, node_case_expected_name);
    status = expected != NULL ? evaluate(graph, expected) : snn_fail(SNN_INTERNAL_ERROR, "no expected output");
done:
    snn_graph_destroy(graph);
    return status;
}

/* What a run has seen. */
typedef struct tally {
    known_failures *list; /* NULL: print what fails */
    int passed, known, wrong;
} tally;

static void judge(tally *seen, const char *test, const char *variant, snn_status status)
{
    if (seen->list == NULL) {
        if (status.code != SNN_OK) {
            printf("%s:%s: %s\n", test, variant, status.message);
        }
        return;
    }
    known_failure *listed = known_failures_find(seen->list, test, variant);
    if (listed != NULL) {
        listed->met = true;
    }
    if (status.code == SNN_OK && listed == NULL) {
        seen->passed++;
    } else if (status.code != SNN_OK && listed != NULL && strstr(status.message, listed->reason) != NULL) {
        seen->known++;
    } else {
        seen->wrong++;
        if (status.code == SNN_OK) {
            printf("%s:%s passes: take it off the list\n", test, variant);
        } else if (listed == NULL) {
            printf("%s:%s fails: %s\n", test, variant, status.message);
        } else {
            printf("%s:%s is listed as failing by \"%s\", but fails by: %s\n", test, variant, listed->reason,
                   status.message);
        }
    }
}

/* All outputs of one variant of one data set. */
static snn_status run_variant(const node_case *test, int image, const char *path)
{
    for (size_t output = 0; output < test->model->graph->n_output; output++) {
        SNN_TRY(node_case_write(test, image, output, path));
        SNN_TRY(run_model(path));
    }
    return snn_ok();
}

static void run_test(tally *seen, const char *folder, const char *name, const char *path)
{
    char data_set[1024], test_folder[768];
    struct stat about;
    snn_status folded = snn_ok(), evaluated = snn_ok();
    bool has_image = false;
    (void)snprintf(test_folder, sizeof test_folder, "%s/%s", folder, name);
    for (int set = 0; folded.code == SNN_OK || evaluated.code == SNN_OK; set++) {
        (void)snprintf(data_set, sizeof data_set, "%s/test_data_set_%d", test_folder, set);
        if (stat(data_set, &about) != 0) {
            folded = set > 0 ? folded : snn_fail(SNN_FILE_ERROR, "%s is not there", data_set);
            break;
        }
        node_case test;
        snn_status status = node_case_read(test_folder, set, &test);
        const int image = status.code == SNN_OK ? node_case_image(&test) : NODE_CASE_ALL_FOLD;
        has_image = has_image || image != NODE_CASE_ALL_FOLD;
        if (folded.code == SNN_OK) {
            folded = status.code == SNN_OK ? run_variant(&test, NODE_CASE_ALL_FOLD, path) : status;
        }
        if (evaluated.code == SNN_OK && image != NODE_CASE_ALL_FOLD) {
            evaluated = run_variant(&test, image, path);
        }
        node_case_clear(&test);
    }
    judge(seen, name, "weights", folded);
    if (has_image) {
        judge(seen, name, "image", evaluated);
    }
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* How many tests there were; -1 if the folder cannot be read. */
static int run_folder(tally *seen, const char *folder, const char *path)
{
    struct dirent **entries = NULL;
    const int count = scandir(folder, &entries, visible, alphasort);
    for (int i = 0; i < count; i++) {
        run_test(seen, folder, entries[i]->d_name, path);
        free(entries[i]);
    }
    free(entries);
    return count;
}

static void find_unmet(tally *seen)
{
    for (size_t i = 0; i < seen->list->count; i++) {
        if (!seen->list->entries[i].met) {
            seen->wrong++;
            printf("%s is on the list, but there is no such test\n", seen->list->entries[i].test);
        }
    }
}

/* Exit code. `list` NULL: print. */
static int run_all(const char *folder, const char *list, const char *path)
{
    known_failures known = {0};
    tally seen = {.list = list != NULL ? &known : NULL};
    snn_status status = list != NULL ? known_failures_read(list, &known) : snn_ok();
    if (status.code != SNN_OK) {
        printf("%s\n", status.message);
        known_failures_clear(&known);
        return SNN_INPUT_ERROR;
    }
    const int tests = run_folder(&seen, folder, path);
    if (list != NULL) {
        find_unmet(&seen);
        printf("%d folders: %d pass, %d fail as listed, %d not as expected\n", tests, seen.passed, seen.known,
               seen.wrong);
    }
    known_failures_clear(&known);
    return tests > 0 && seen.wrong == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct stat about;
    const bool print = argc == 3 && strcmp(argv[1], "--print") == 0;
    if (argc != 3) {
        printf("usage: conformance FOLDER LIST, conformance --print FOLDER\n");
        return SNN_INPUT_ERROR;
    }
    const char *folder = argv[print ? 2 : 1];
    if (stat(folder, &about) != 0) {
        printf("skipped: %s is not there (libonnx-testdata)\n", folder);
        return SKIPPED;
    }
    char path[] = "/tmp/snn_dist_conformance_XXXXXX";
    const int file = mkstemp(path);
    if (file < 0) {
        printf("cannot make a temporary file\n");
        return SNN_FILE_ERROR;
    }
    (void)close(file);
    const int code = run_all(folder, print ? NULL : argv[2], path);
    (void)unlink(path);
    return code;
}
