/* Comparison of one data set or attribute of two files, element by element. */
#ifndef SNN_IO_DIFF_VALUES_H
#define SNN_IO_DIFF_VALUES_H

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

enum { SNN_COMPARISON_LINE_BYTES = 480 };

typedef struct snn_comparison {
    const char *file[2];                             /* names, for messages */
    void (*report)(void *context, const char *line); /* or NULL */
    void *context;
    int64_t differences;
    char first[SNN_COMPARISON_LINE_BYTES]; /* the first line reported */
} snn_comparison;

/* Counts a difference and reports it as one line. */
void snn_comparison_report(snn_comparison *comparison, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Compares types and shapes, and where these are the same the data. At most one line. `path` is for messages. */
snn_status snn_comparison_values(snn_comparison *comparison, const char *path, hid_t a, hid_t b, bool attribute);

#endif
