/* An output whose values are closed forms, the same however its images are spread over ranks, and checks of what a file
 * made of it holds. */
#ifndef SNN_TESTS_IO_OUTPUT_FIXTURE_H
#define SNN_TESTS_IO_OUTPUT_FIXTURE_H

#include "io/hdf5/hdf5_helpers.h"
#include "io/hdf5/output.h"

enum { OUTPUT_IMAGES = 41, OUTPUT_TIMESTEPS = 5, OUTPUT_CLASSES = 3 };

typedef struct output_fixture {
    snn_world *world;
    snn_config *config;
    snn_network *network;
    snn_network_origin origin;
    snn_plan *plan;
    snn_results *results;
    snn_statistics *statistics;
    snn_connections *connections;
    int32_t labels[OUTPUT_IMAGES], ann[OUTPUT_IMAGES];
    int64_t correct[OUTPUT_TIMESTEPS];
    float eta[OUTPUT_TIMESTEPS];
    snn_output output;
} output_fixture;

/* Made from a small network without windows. `spread`: groups of images go to ranks in turn; otherwise rank 0 has all.
 */
void output_set_up(snn_world *world, bool spread, output_fixture *all);
void output_tear_down(output_fixture *all);

/* One image more on this rank. */
void output_append_image(output_fixture *all, int64_t image);

/* Count number i is output_count_of(i). */
int64_t output_count_of(size_t number);
void output_fill_counts(const snn_statistics *statistics);

/* These fail the test if not. */
void output_succeeds(snn_status status);
void output_fails(snn_status status, snn_code code, const char *part);
void output_check_int64(hid_t file, const char *name, int64_t expected);
void output_check_number(hid_t file, const char *name, double expected);
void output_check_attribute(hid_t object, const char *name, int32_t expected);
void output_check_predictions(hid_t file);

#endif
