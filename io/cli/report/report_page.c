#include "io/cli/report/report_page.h"

#include <inttypes.h>

#include "io/cli/report/report_answers.h"
#include "io/cli/report/report_cost.h"
#include "io/cli/report/report_parts.h"
#include "io/cli/report/report_plots.h"
#include "io/cli/report/report_ranks.h"
#include "io/cli/report/report_summary.h"

static void put_title(FILE *file, const snn_report_run *runs, int32_t count)
{
    if (count == 1) {
        snn_svg_put_escaped(file, snn_report_base_name(runs[0].model));
        fputs(" as a spiking network", file);
    } else {
        fprintf(file, "%d outputs of spiking networks", count);
    }
}

static void put_beginning(FILE *file, const snn_report_run *runs, int32_t count)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
          "content=\"width=device-width, initial-scale=1\">\n<title>",
          file);
    put_title(file, runs, count);
    fprintf(file, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<header>\n<h1>", snn_report_css);
    put_title(file, runs, count);
    fputs("</h1>\n</header>\n", file);
}

static void put_origin(FILE *file, const snn_report_run *run)
{
    char seconds[32];
    snn_report_format_seconds(run->evaluation, seconds, sizeof seconds);
    fputs("<p class=\"sub\">", file);
    snn_svg_put_escaped(file, run->path);
    fputs(", started ", file);
    snn_svg_put_escaped(file, run->started);
    fprintf(file, ": %" PRId64 " images in %s on %d rank%s as %s (replicas x stages x shards), kernels %s.</p>\n",
            run->images, seconds, run->ranks, run->ranks == 1 ? "" : "s", run->layout, run->kernels);
}

/* Links to the outputs' sections, where there are several. */
static void put_contents(FILE *file, const snn_report_run *runs, int32_t count)
{
    fputs("<nav aria-label=\"Outputs\"><ul>\n", file);
    for (int32_t i = 0; i < count; i++) {
        fprintf(file, "<li><a href=\"#output%d\">", i + 1);
        snn_svg_put_escaped(file, snn_report_base_name(runs[i].path));
        fputs("</a></li>\n", file);
    }
    fputs("</ul></nav>\n", file);
}

/* Everything about one output. Alone on the page, it has the only curve of accuracy, too. */
static void put_output(FILE *file, const snn_report_run *run, const snn_report_classes *classes, int32_t number,
                       bool alone, double *x, double *y)
{
    const int level = alone ? 2 : 3;
    put_origin(file, run);
    snn_report_put_figures(file, run, classes);
    snn_report_heading(file, level, alone ? "Accuracy" : "Classes");
    fputs("<div class=\"plots\">\n", file);
    if (alone) {
        snn_report_put_accuracy(file, run, 1, x, y);
    }
    snn_report_put_class_plot(file, classes, x, y);
    fputs("</div>\n", file);
    snn_report_put_class_tables(file, classes, number);
    snn_report_put_layers(file, run, number, level, x, y);
    snn_report_put_traffic(file, run, number, level);
    snn_report_put_times(file, run, number, level);
    snn_report_put_cost(file, run, number, level);
}

static void put_outputs(FILE *file, const snn_report_run *runs, const snn_report_classes *classes, int32_t count,
                        double *x, double *y)
{
    put_contents(file, runs, count);
    snn_report_put_outputs(file, runs, classes, count);
    fputs("<div class=\"plots\">\n", file);
    snn_report_put_accuracy(file, runs, count, x, y);
    fputs("</div>\n", file);
    for (int32_t i = 0; i < count; i++) {
        fprintf(file, "<section aria-labelledby=\"output%d\">\n<h2 id=\"output%d\">", i + 1, i + 1);
        snn_svg_put_escaped(file, snn_report_base_name(runs[i].path));
        fputs("</h2>\n", file);
        put_output(file, &runs[i], &classes[i], i + 1, false, x, y);
        fputs("</section>\n", file);
    }
}

void snn_report_page(FILE *file, const snn_report_run *runs, const snn_report_classes *classes, int32_t count,
                     double *x, double *y)
{
    put_beginning(file, runs, count);
    fputs("<main>\n", file);
    if (count == 1) {
        put_output(file, &runs[0], &classes[0], 1, true, x, y);
    } else {
        put_outputs(file, runs, classes, count, x, y);
    }
    fputs("</main>\n<footer><p class=\"sub\">Made by snn_dist " SNN_DIST_VERSION
          ". Predictions, logits and spike counts in the output are the same bits on any number of ranks; times are of "
          "this run.</p></footer>\n</body>\n</html>\n",
          file);
}
