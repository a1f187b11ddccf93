/* The verbs on files that the program wrote: `verify` and `diff`. And --version. */
#include <hdf5.h>
#include <stdio.h>

#include "comm/world.h"
#include "core/kernels/kernels.h"
#include "io/cli/verbs.h"
#include "io/hdf5/diff_words.h"
#include "io/hdf5/output.h"
#include "io/hdf5/sealed.h"

static snn_status verify_verb(int argc, char **argv)
{
    snn_file_kind kind = SNN_FILE_OUTPUT;
    if (argc != 2 || argv[1][0] == '-') {
        return snn_usage_error(&snn_verb_verify, "one file expected");
    }
    const snn_status status = snn_sealed_verify(argv[1], &kind);
    SNN_TRY(status.code == SNN_CHECK_FAILED ? snn_advise(status, "copy it again, or run again what writes it")
                                            : status);
    printf("%s: whole (%s)\n", argv[1], snn_file_kind_name(kind));
    return snn_ok();
}

static void print_difference(void *context, const char *line)
{
    (void)context;
    puts(line);
}

static void print_sentence(void *context, const char *sentence)
{
    (void)context;
    (void)fprintf(stderr, "  %s\n", sentence);
}

static snn_status diff_verb(int argc, char **argv)
{
    int64_t differences = 0;
    if (argc != 3 || argv[1][0] == '-' || argv[2][0] == '-') {
        return snn_usage_error(&snn_verb_diff, "two output files expected");
    }
    snn_status status = snn_output_diff(argv[1], argv[2], print_difference, NULL, &differences);
    if (status.code == SNN_OK) {
        printf("%s and %s hold the same results\n", argv[1], argv[2]);
    }
    if (status.code == SNN_CHECK_FAILED) {
        (void)fflush(stdout); /* where scripts read the parts, and nothing else */
        (void)fputs("\nin words:\n", stderr);
        SNN_TRY(snn_output_explain(argv[1], argv[2], print_sentence, NULL));
    }
    return status;
}

void snn_print_version(void)
{
    unsigned major = 0, minor = 0, release = 0;
    int32_t count = 0;
    const snn_kernels *const *tables = snn_kernels_all(&count);
    (void)H5get_libversion(&major, &minor, &release);
    printf("snn_dist %s\n", SNN_DIST_VERSION);
    printf("compiler   %s\n", __VERSION__);
    printf("MPI        %s\n", snn_world_library());
    printf("HDF5       %u.%u.%u\n", major, minor, release);
    printf("kernels   ");
    for (int32_t i = 0; i < count; i++) {
        printf(" %s%s", tables[i]->name, tables[i]->available() ? "" : " (not on this machine)");
    }
    printf("\n");
}

const snn_verb snn_verb_verify = {
    "verify",
    "verify FILE.h5",
    "whether an output, checkpoint or network file is whole",
    NULL,
    "exit code 0 if whole, 1 if not",
    verify_verb,
};

const snn_verb snn_verb_diff = {
    "diff",
    "diff a.h5 b.h5",
    "compares two outputs bit for bit, leaving out times and rank layout",
    NULL,
    "exit code 0 if the same, 1 if different: each part that differs, and on stderr in words what was set otherwise\n"
    "and where the runs part",
    diff_verb,
};
