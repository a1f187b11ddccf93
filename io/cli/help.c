#include "io/cli/help.h"

#include <stdio.h>
#include <string.h>

const snn_verb *const snn_verbs[] = {&snn_verb_run,
                                     &snn_verb_convert,
                                     &snn_verb_check,
                                     &snn_verb_plan,
                                     &snn_verb_config,
                                     &snn_verb_show,
                                     &snn_verb_verify,
                                     &snn_verb_diff,
                                     &snn_verb_report,
                                     &snn_verb_tune,
                                     &snn_verb_bench,
                                     &snn_verb_approx,
                                     &snn_verb_layers,
                                     &snn_verb_export,
                                     &snn_verb_pages,
                                     &snn_verb_try_data,
                                     NULL};

const snn_exit_code snn_exit_codes[] = {
    {0, "done"},
    {1, "a comparison or check failed"},
    {2, "bad usage, config or input"},
    {3, "input/output failure"},
    {4, "stopped early with a checkpoint written: run the same command again to go on"},
    {70, "internal error"},
    {0, NULL},
};

const char snn_help_purpose[] =
    "snn_dist runs a trained network as a spiking network with signGD neurons, on any number of ranks.";

const snn_verb *snn_verb_find(const char *name)
{
    for (const snn_verb *const *verb = snn_verbs; *verb != NULL; verb++) {
        if (strcmp((*verb)->name, name) == 0) {
            return *verb;
        }
    }
    return NULL;
}

void snn_help_print(void)
{
    printf("%s\n\nusage:\n", snn_help_purpose);
    for (const snn_verb *const *verb = snn_verbs; *verb != NULL; verb++) {
        if ((*verb)->summary != NULL) {
            printf("  snn_dist %s\n      %s\n", (*verb)->usage, (*verb)->summary);
        }
    }
    puts("  snn_dist CONFIG.toml\n      the same as snn_dist run CONFIG.toml");
    puts("  snn_dist --version | --help | VERB --help\n\nexit codes:");
    for (const snn_exit_code *code = snn_exit_codes; code->meaning != NULL; code++) {
        printf("  %2d  %s\n", code->code, code->meaning);
    }
}

/* "--set section.key=value" */
static int option_length(const snn_verb_option *option)
{
    return (int)strlen(option->name) + (option->value != NULL ? 1 + (int)strlen(option->value) : 0);
}

void snn_help_print_verb(const snn_verb *verb)
{
    enum { COLUMN = 25 }; /* longer ones push their meaning to the next line */
    printf("usage: snn_dist %s\n%s\n", verb->usage, verb->summary != NULL ? verb->summary : "");
    if (verb->options != NULL) {
        (void)putchar('\n');
    }
    for (const snn_verb_option *option = verb->options; option != NULL && option->name != NULL; option++) {
        const int length = option_length(option);
        printf("  %s%s%s", option->name, option->value != NULL ? " " : "", option->value != NULL ? option->value : "");
        if (length > COLUMN) {
            printf("\n%*s", COLUMN + 2, "");
        } else {
            printf("%*s", COLUMN - length, "");
        }
        printf(" %s\n", option->meaning);
    }
    if (verb->notes != NULL) {
        printf("\n%s\n", verb->notes);
    }
}
