/* snn_dist: the program. Finds the verb, runs it, prints the one error message, exits with its code. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/cli/verbs.h"
#include "io/hdf5_helpers.h"

static const snn_verb *const verbs[] = {&snn_verb_run,    &snn_verb_convert, &snn_verb_check,  &snn_verb_plan,
                                        &snn_verb_verify, &snn_verb_diff,    &snn_verb_report, &snn_verb_approx,
                                        &snn_verb_bench,  &snn_verb_tune,    &snn_verb_export};
enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

static void print_help(void)
{
    puts("snn_dist runs a trained network as a spiking network with signGD neurons, on any number of ranks.\n");
    puts("usage:");
    for (int i = 0; i < VERB_COUNT; i++) {
        printf("  snn_dist %s\n      %s\n", verbs[i]->usage, verbs[i]->summary);
    }
    puts("  snn_dist CONFIG.toml\n      the same as snn_dist run CONFIG.toml");
    puts("  snn_dist --version | --help | VERB --help\n");
    puts("exit codes: 0 done; 1 a comparison or check failed; 2 bad usage, config or input; 3 input/output failure;");
    puts("  4 stopped early with a checkpoint written (run the same command again to go on); 70 internal error");
}

static const snn_verb *find_verb(const char *word)
{
    for (int i = 0; i < VERB_COUNT; i++) {
        if (strcmp(verbs[i]->name, word) == 0) {
            return verbs[i];
        }
    }
    return NULL;
}

snn_status snn_usage_error(const snn_verb *verb, const char *format, ...)
{
    char message[300];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return snn_fail(SNN_INPUT_ERROR, "%s (see snn_dist %s --help)", message, verb->name);
}

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
            printf("usage: snn_dist %s\n%s\n\n%s", verb->usage, verb->summary, verb->help);
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
        print_help();
        return snn_ok();
    }
    if (strcmp(argv[1], "--version") == 0) {
        snn_print_version();
        return snn_ok();
    }
    const snn_verb *verb = find_verb(argv[1]);
    if (verb != NULL) {
        return run_verb(verb, argc - 1, argv + 1);
    }
    if (!is_run(argv[1])) {
        return snn_fail(SNN_INPUT_ERROR, "'%s' is neither a command nor a config file (*.toml) (see snn_dist --help)",
                        argv[1]);
    }
    return run_verb(&snn_verb_run, argc, argv);
}

/* Everything but run, convert and tune is the work of one process, whoever launched how many; so is their help. */
static bool is_spare_process(int argc, char **argv)
{
    const snn_verb *verb = argc > 1 ? find_verb(argv[1]) : NULL;
    bool collective = argc > 1 && (is_run(argv[1]) || verb == &snn_verb_convert || verb == &snn_verb_tune);
    for (int i = 1; i < argc; i++) {
        collective = collective && strcmp(argv[i], "--help") != 0;
    }
    return !collective && launched_rank() > 0;
}

void snn_print_failure(snn_status status)
{
    if (status.code == SNN_OK || status.message[0] == '\0') {
        return;
    }
    (void)fflush(stdout);
    fprintf(stderr, "snn_dist: %s%s\n", status.code == SNN_STOPPED ? "" : "error: ", status.message);
    (void)fflush(stderr);
}

int main(int argc, char **argv)
{
    if (is_spare_process(argc, argv)) {
        return SNN_OK;
    }
    snn_hdf5_start();
    snn_status status = dispatch(argc, argv);
    snn_print_failure(status);
    return (int)status.code;
}
