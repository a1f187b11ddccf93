/* The manual pages. And the verb `pages`, with which the build writes these and the completions. */
#include "io/cli/pages.h"

#include <errno.h>
#include <string.h>

#include "io/cli/help.h"
#include "io/config/config.h"

/* ---- roff ---- */

/* A line of text: what roff would take as its own is escaped. */
static void put_text(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'') {
        (void)fputs("\\&", out);
    }
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '\\':
            (void)fputs("\\e", out);
            break;
        case '-':
            (void)fputs("\\-", out);
            break;
        case '\'':
            (void)fputs("\\(aq", out);
            break;
        case '`':
            (void)fputs("\\(ga", out);
            break;
        case '^':
            (void)fputs("\\(ha", out);
            break;
        case '~':
            (void)fputs("\\(ti", out);
            break;
        default:
            (void)fputc(*text, out);
        }
    }
}

static void put_bold(FILE *out, const char *text)
{
    (void)fputs("\\fB", out);
    put_text(out, text);
    (void)fputs("\\fR", out);
}

static void put_line(FILE *out, const char *text)
{
    put_text(out, text);
    (void)fputc('\n', out);
}

static void put_header(FILE *out, const char *page, const char *section, const char *purpose)
{
    (void)fputs(".TH ", out);
    put_text(out, page);
    (void)fprintf(out, " %s " SNN_DIST_DATE " \"snn_dist " SNN_DIST_VERSION "\" \"\"\n.SH NAME\n", section);
    put_text(out, page);
    (void)fputs(" \\- ", out);
    put_line(out, purpose);
}

/* ---- snn_dist(1) ---- */

static void put_option(FILE *out, const snn_verb_option *option)
{
    (void)fputs(".TP\n", out);
    put_bold(out, option->name);
    if (option->value != NULL) {
        (void)fputs(" \\fI", out);
        put_text(out, option->value);
        (void)fputs("\\fR", out);
    }
    (void)fputc('\n', out);
    put_line(out, option->meaning);
}

static void put_verb(FILE *out, const snn_verb *verb)
{
    (void)fputs(".SS ", out);
    put_line(out, verb->usage);
    put_line(out, verb->summary);
    for (const snn_verb_option *option = verb->options; option != NULL && option->name != NULL; option++) {
        put_option(out, option);
    }
    if (verb->notes != NULL) {
        (void)fputs(".PP\n", out);
        for (const char *line = verb->notes; line != NULL;) {
            const char *end = strchr(line, '\n');
            char text[256];
            const size_t length = end != NULL ? (size_t)(end - line) : strlen(line);
            (void)snprintf(text, sizeof text, "%.*s", (int)length, line);
            put_line(out, text);
            line = end != NULL ? end + 1 : NULL;
        }
    }
}

/* What no table says. */
static const char command_rest[] =
    ".SH ENVIRONMENT\n"
    ".TP\n\\fBOMP_NUM_THREADS\\fR\n"
    "Threads of a rank. Without it the ranks of a host share its processors out.\n"
    ".TP\n\\fBSNN_DIST_ISA\\fR\n"
    "Kernels to use instead of the best that the processor has:\n"
    "portable, avx2, avxvnni, avx512 or amx. Results are the same.\n"
    ".TP\n\\fBSNN_DIST_RANKS_PER_HOST\\fR\n"
    "Ranks share spikes in memory with no more than this many of their host: 1 to send all of them in packets, as\n"
    "between hosts. Results are the same.\n"
    ".TP\n\\fBXDG_CACHE_HOME\\fR\n"
    "Where measured speeds are kept for the planner (parallel.calibration); by default ~/.cache.\n"
    ".SH EXAMPLES\n"
    "The embedded network, from a copy of its folder because results are written beside the configuration:\n"
    ".PP\n.EX\n"
    "cp \\-r \"$(dirname \"$(command \\-v snn_dist)\")/../share/snn_dist/configs\" .\n"
    "mpirun \\-np 4 snn_dist configs/digits.toml\n"
    ".EE\n.PP\n"
    "A model of your own:\n"
    ".PP\n.EX\n"
    "snn_dist check model.onnx\n"
    "snn_dist config > my.toml    # then name the model and the data in it\n"
    "snn_dist config \\-\\-check my.toml\n"
    "mpirun \\-np 8 snn_dist my.toml \\-\\-set neuron.steps=8\n"
    "snn_dist report my.out.h5 \\-o my.html\n"
    ".EE\n"
    ".SH SEE ALSO\n"
    ".BR snn_dist\\-config (5),\n"
    ".BR mpirun (1)\n";

void snn_pages_command(FILE *out)
{
    put_header(out, "snn_dist", "1", "distributed evaluation of trained networks as spiking networks");
    (void)fputs(
        ".SH SYNOPSIS\n\\fBsnn_dist\\fR \\fICONFIG.toml\\fR [\\fIoptions\\fR]\n.br\n"
        "\\fBsnn_dist\\fR \\fICOMMAND\\fR [\\fIarguments\\fR]\n.br\n"
        "\\fBmpirun \\-np\\fR \\fIN\\fR \\fBsnn_dist\\fR \\fICONFIG.toml\\fR [\\fIoptions\\fR]\n.SH DESCRIPTION\n",
        out);
    put_line(out, snn_help_purpose);
    (void)fputs(
        "A config file alone stands for the command run with it; its keys are those of\n"
        ".BR snn_dist\\-config (5).\n"
        ".PP\n\\fB\\-\\-help\\fR lists the commands, \\fICOMMAND\\fR \\fB\\-\\-help\\fR the options of one, and\n"
        "\\fB\\-\\-version\\fR tells the version, compiler, libraries and instruction sets.\n.SH COMMANDS\n",
        out);
    for (const snn_verb *const *verb = snn_verbs; *verb != NULL; verb++) {
        if ((*verb)->summary != NULL) {
            put_verb(out, *verb);
        }
    }
    (void)fputs(".SH EXIT STATUS\n", out);
    for (const snn_exit_code *code = snn_exit_codes; code->meaning != NULL; code++) {
        (void)fprintf(out, ".TP\n\\fB%d\\fR\n", code->code);
        put_line(out, code->meaning);
    }
    (void)fputs(command_rest, out);
}

/* ---- snn_dist-config(5) ---- */

typedef struct key_writer {
    FILE *out;
    const char *section; /* of the key before; "" at first */
} key_writer;

static void put_key(void *context, const snn_config_description *key)
{
    key_writer *writer = context;
    FILE *out = writer->out;
    if (strcmp(writer->section, key->section) != 0) {
        writer->section = key->section;
        (void)fprintf(out, ".SS [%s]\n", key->section);
        put_line(out, key->section_meaning);
    }
    (void)fputs(".TP\n", out);
    put_bold(out, key->name);
    if (key->fallback != NULL) {
        (void)fputs(" = ", out);
        put_text(out, key->fallback);
    }
    (void)fputc('\n', out);
    put_text(out, key->takes);
    (void)fputs(": ", out);
    put_line(out, key->meaning);
}

void snn_pages_config(FILE *out)
{
    key_writer writer = {.out = out, .section = ""};
    put_header(out, "snn_dist-config", "5", "configuration of snn_dist");
    (void)fputs(
        ".SH DESCRIPTION\n"
        "A TOML file. Relative paths in it start at its own folder. Keys that are left out have the default\n"
        "that is shown behind them here; unknown keys, wrong types and impossible values are errors.\n"
        "On the command line \\fB\\-\\-set\\fR \\fIsection.key=value\\fR overrides a key; there relative paths\n"
        "start at the working directory.\n"
        ".PP\n\\fBsnn_dist config\\fR prints a file with every key, \\fBsnn_dist config \\-\\-check\\fR checks one.\n"
        ".SH KEYS\n",
        out);
    snn_config_describe(put_key, &writer);
    (void)fputs(".SH EXAMPLE\n.EX\n"
                "[model]\nonnx = \"model.onnx\"\n\n[data]\ntest = \"test.h5\"\ncalibration = \"calibration.h5\"\n"
                "normalisation = \"imagenet\"\n\n[neuron]\nsteps = 8\n.EE\n"
                ".SH SEE ALSO\n.BR snn_dist (1)\n",
                out);
}

/* ---- the verb ---- */

static const struct {
    const char *name;
    void (*write)(FILE *out);
} pages[] = {
    {"snn_dist.1", snn_pages_command}, {"snn_dist-config.5", snn_pages_config},
    {"bash", snn_pages_bash},          {"zsh", snn_pages_zsh},
    {"fish", snn_pages_fish},
};

static snn_status pages_verb(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof pages / sizeof pages[0]; i++) {
        if (strcmp(pages[i].name, argv[1]) == 0) {
            pages[i].write(stdout);
            return fflush(stdout) == 0 && ferror(stdout) == 0
                       ? snn_ok()
                       : snn_fail(SNN_FILE_ERROR, "cannot write to stdout: %s", strerror(errno));
        }
    }
    return snn_usage_error(&snn_verb_pages, "one of snn_dist.1, snn_dist-config.5, bash, zsh and fish expected");
}

const snn_verb snn_verb_pages = {
    "pages", "pages snn_dist.1|snn_dist-config.5|bash|zsh|fish", NULL, NULL, NULL, pages_verb,
};
