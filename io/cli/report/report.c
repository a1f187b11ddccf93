/* The verb `report`: outputs as one HTML page. */
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/cli/overwrite.h"
#include "io/cli/report/report_page.h"
#include "io/cli/verbs.h"
#include "io/whole_file.h"

/* What a page shows of an output. */
typedef struct shown {
    snn_report_run *runs;
    snn_report_classes *classes;
    int32_t count;
} shown;

static snn_status write_page(const char *path, const shown *outputs)
{
    int32_t longest = 2;
    for (int32_t i = 0; i < outputs->count; i++) {
        const snn_report_run *run = &outputs->runs[i];
        longest = run->timesteps > longest ? run->timesteps : longest;
        longest = run->layer_count > longest ? run->layer_count : longest;
        longest = outputs->classes[i].count > longest ? outputs->classes[i].count : longest;
    }
    double *x = snn_allocate((size_t)longest, sizeof *x);
    double *y = snn_allocate((size_t)longest, sizeof *y);
    snn_whole_file file;
    snn_status status = x == NULL || y == NULL ? snn_out_of_memory("report") : snn_whole_file_create(path, &file);
    if (!snn_failed(status)) {
        snn_report_page(file.stream, outputs->runs, outputs->classes, outputs->count, x, y);
        status = snn_whole_file_finish(&file, status);
    }
    snn_release(x);
    snn_release(y);
    return status;
}

static snn_status make_report(const char *const *paths, int32_t count, const char *page)
{
    const shown outputs = {snn_allocate((size_t)count, sizeof *outputs.runs),
                           snn_allocate((size_t)count, sizeof *outputs.classes), count};
    snn_status status = outputs.runs == NULL || outputs.classes == NULL ? snn_out_of_memory("report") : snn_ok();
    for (int32_t i = 0; i < count && !snn_failed(status); i++) {
        status = snn_overwrite_check(page, paths[i], "an output to report");
    }
    for (int32_t i = 0; i < count && !snn_failed(status); i++) {
        status = snn_report_read(paths[i], true, &outputs.runs[i]);
        if (!snn_failed(status)) {
            status = snn_report_classes_read(paths[i], &outputs.classes[i]);
        }
    }
    if (!snn_failed(status)) {
        status = write_page(page, &outputs);
    }
    for (int32_t i = 0; i < count && outputs.runs != NULL && outputs.classes != NULL; i++) {
        snn_report_clear(&outputs.runs[i]);
        snn_report_classes_clear(&outputs.classes[i]);
    }
    snn_release(outputs.runs);
    snn_release(outputs.classes);
    return status;
}

static snn_status report_verb(int argc, char **argv)
{
    const char **paths = snn_allocate((size_t)argc, sizeof *paths);
    const char *page = NULL;
    int32_t count = 0;
    snn_status status = paths == NULL ? snn_out_of_memory("report") : snn_ok();
    for (int i = 1; i < argc && !snn_failed(status); i++) {
        if (strcmp(argv[i], "-o") == 0 && i + 1 == argc) {
            status = snn_usage_error(&snn_verb_report, "-o: a value is missing");
        } else if (strcmp(argv[i], "-o") == 0) {
            page = argv[++i];
        } else if (argv[i][0] == '-') {
            status = snn_usage_error(&snn_verb_report, "unknown option '%s'", argv[i]);
        } else {
            paths[count++] = argv[i];
        }
    }
    if (!snn_failed(status) && (count == 0 || page == NULL)) {
        status = snn_usage_error(&snn_verb_report, "output files and -o report.html expected");
    }
    if (!snn_failed(status)) {
        status = make_report(paths, count, page);
    }
    if (!snn_failed(status)) {
        printf("%s: %d output%s\n", page, count, count == 1 ? "" : "s");
    }
    snn_release(paths);
    return status;
}

static const snn_verb_option options_taken[] = {
    {"-o", "report.html", "the page to write: complete in itself, nothing is fetched"},
    {NULL, NULL, NULL},
};

const snn_verb snn_verb_report = {
    "report",
    "report out.h5 [more.h5] -o report.html",
    "one HTML page with tables and plots of outputs",
    options_taken,
    NULL,
    report_verb,
};
