/* Random projections for the kernels' tests, of spikes or of the codes of windows, and what a kernel makes of them
 * against loops that read one bit at a time: exactly, with guards around what it may write. */
#ifndef TESTS_KERNELS_PROJECT_CASE_H
#define TESTS_KERNELS_PROJECT_CASE_H

#include "core/kernels/kernels.h"

typedef struct project_case {
    snn_projection projection;
    snn_weight_format format;
    snn_spikes source;
    const int32_t *integers; /* of a stream instead, [position][channel] */
    int32_t planes;          /* steps of the source */
    bool coded, whole;       /* codes, and of finished windows only */
    int32_t largest_code;    /* with the resting state */
    snn_codes codes;         /* `magnitude` and `rest` owned */
    snn_tile tile;
    int32_t row_begin, row_end; /* packed */
} project_case;

project_case random_project_case(snn_operator_kind kind, snn_weight_format format, bool coded);
void free_project_case(project_case *c);

/* Fails the test if the table does not give the exact sums, or writes elsewhere. */
void check_project_case(const snn_kernels *kernels, project_case *c);
/* The same of the products of a stream's integers, of which the case has no others. */
void check_stream_case(const snn_kernels *kernels, project_case *c);

#endif
