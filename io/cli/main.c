/* snn_dist: the program. Finds the verb, runs it, prints the one error message, exits with its code. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/cli/help.h"
#include "io/hdf5/hdf5_helpers.h"

/* Number of this process under mpirun or srun, before MPI is started; 0 without them. */
static int launched_rank(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *text = getenv(names[i]);
        if (text != NULL) {
            return atoi(text);
        }
    }
    return 0;
}

static snn_status run_verb(const snn_verb *verb, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            snn_help_print_verb(verb);
            return snn_ok();
        }
    }
    return verb->function(argc, argv);
}

/* The word `run`, or a config file in its place. */
static bool is_run(const char *word)
{
    size_t length = strlen(word);
    return strcmp(word, "run") == 0 || (length > 5 && strcmp(word + length - 5, ".toml") == 0);
}

static snn_status dispatch(int argc, char **argv)
{
    if (argc < 2) {
        return snn_fail(SNN_INPUT_ERROR, "no command and no config file given (see snn_dist --help)");
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        snn_help_print();
        return snn_ok();
    }
    if (strcmp(argv[1], "--version") == 0) {
        snn_print_version();
        return snn_ok();
    }
    const snn_verb *verb = snn_verb_find(argv[1]);
    if (verb != NULL) {
        return run_verb(verb, argc - 1, argv + 1);
    }
    if (!is_run(argv[1])) {
        return snn_fail(SNN_INPUT_ERROR, "'%s' is neither a command nor a config file (*.toml) (see snn_dist --help)",
                        argv[1]);
    }
    return run_verb(&snn_verb_run, argc, argv);
}

/* Everything but run, convert and tune is the work of one process, whoever launched how many; so is their help.
 * `layers` starts MPI and then wants to be alone. */
static bool is_spare_process(int argc, char **argv)
{
    const snn_verb *verb = argc > 1 ? snn_verb_find(argv[1]) : NULL;
    bool collective = argc > 1 && (is_run(argv[1]) || verb == &snn_verb_convert || verb == &snn_verb_tune ||
                                   verb == &snn_verb_layers);
    for (int i = 1; i < argc; i++) {
        collective = collective && strcmp(argv[i], "--help") != 0;
    }
    return !collective && launched_rank() > 0;
}

int main(int argc, char **argv)
{
    if (is_spare_process(argc, argv)) {
        return SNN_OK;
    }
    snn_hdf5_start();
    snn_status status = dispatch(argc, argv);
    snn_print_failure(status, -1);
    return (int)status.code;
}
