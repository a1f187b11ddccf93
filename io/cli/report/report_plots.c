#include "io/cli/report/report_plots.h"

#include <inttypes.h>
#include <math.h>

#include "io/cli/report/report_parts.h"

enum { ROWS_SHOWN = 64 };

/* ---- accuracy ---- */

static double accuracy_at(const snn_report_run *run, int32_t step)
{
    return 100.0 * (double)run->correct[step] / (double)run->images;
}

/* The first timestep of the plot. With windows nothing happens before the last layer's first one, and the curve of a
 * single output begins a window earlier. */
static int32_t first_shown(const snn_report_run *runs, int32_t count)
{
    const int32_t early = runs[0].first_answer - runs[0].steps;
    return count == 1 && runs[0].windows && early > 1 ? early : 1;
}

static void put_curve(FILE *file, const snn_svg_panel *panel, const snn_report_run *run, const snn_svg_style *style,
                      const snn_svg_style *thin, double *x, double *y)
{
    const double trained = 100.0 * (double)run->ann_correct / (double)run->images;
    const double ends[2] = {panel->x_low, panel->x_high}, level[2] = {trained, trained};
    const int32_t first = (int32_t)panel->x_low - 1;
    for (int32_t t = first; t < run->timesteps; t++) {
        x[t] = t + 1.0;
        y[t] = accuracy_at(run, t);
    }
    if (run->ann_correct >= 0) {
        snn_svg_curve(file, panel, thin, 2, ends, level);
    }
    snn_svg_curve(file, panel, style, run->timesteps - first, x + first, y + first);
}

void snn_report_put_accuracy(FILE *file, const snn_report_run *runs, int32_t count, double *x, double *y)
{
    int32_t longest = 1, keys = 0;
    char told[160], note[200] = "";
    snn_svg_style styles[SNN_REPORT_COLOURS + 1];
    for (int32_t i = 0; i < count; i++) {
        longest = runs[i].timesteps > longest ? runs[i].timesteps : longest;
    }
    const int32_t first = first_shown(runs, count);
    const snn_svg_panel panel = snn_report_panel("timestep", "accuracy, per cent", first, longest, 100.0);
    (void)snprintf(told, sizeof told, "Accuracy rises from %.2f to %.2f per cent in %d timesteps%s",
                   accuracy_at(&runs[0], 0), accuracy_at(&runs[0], runs[0].timesteps - 1), runs[0].timesteps,
                   count > 1 ? " in the first output" : "");
    snn_report_plot_begin(file, "Accuracy after every timestep", told, 0, &panel);
    for (int32_t i = 0; i < count; i++) {
        const snn_svg_style style =
            snn_report_style_of(i, count > 1 ? snn_report_base_name(runs[i].path) : "spiking network");
        const snn_svg_style thin = {"trained network", style.colour, 1.2, "4 3"};
        put_curve(file, &panel, &runs[i], &style, &thin, x, y);
        if (keys < SNN_REPORT_COLOURS) {
            styles[keys++] = style;
        }
        if (runs[i].ann_correct >= 0 && i == count - 1) {
            styles[keys++] = thin;
        }
    }
    if (first > 1) {
        (void)snprintf(note, sizeof note,
                       "From timestep %d on: the last layer has no input before the others are done, and nothing to "
                       "answer with.",
                       first);
    }
    snn_report_plot_end(file, styles, keys, first > 1 ? note : NULL);
}

/* ---- layers ---- */

typedef enum layer_value { FIRING, FLIPPING, TRACKING, BEYOND } layer_value;

static double value_of(const snn_report_layer *layer, layer_value which)
{
    switch (which) {
    case FIRING:
        return layer->firing_rate;
    case FLIPPING:
        return layer->flip_rate;
    case TRACKING:
        return layer->tracking_error;
    case BEYOND:
        break;
    }
    return layer->channels > 0 ? 100.0 * (double)layer->beyond / (double)layer->channels : 0.0;
}

static double highest_of(const snn_report_run *run, layer_value which, int32_t *at)
{
    double highest = 0.0;
    *at = 0;
    for (int32_t i = 0; i < run->layer_count; i++) {
        if (value_of(&run->layers[i], which) > highest) {
            highest = value_of(&run->layers[i], which);
            *at = i;
        }
    }
    return highest;
}

static void put_layer_curve(FILE *file, const snn_report_run *run, const snn_svg_panel *panel,
                            const snn_svg_style *style, layer_value which, double *x, double *y)
{
    for (int32_t i = 0; i < run->layer_count; i++) {
        x[i] = i + 1.0;
        y[i] = value_of(&run->layers[i], which);
    }
    snn_svg_curve(file, panel, style, run->layer_count, x, y);
}

static void put_layer_plot(FILE *file, const snn_report_run *run, layer_value which, const char *caption,
                           const char *unit, double *x, double *y)
{
    int32_t at;
    char told[256];
    const double highest = highest_of(run, which, &at);
    const bool rates = which == FIRING;
    const snn_svg_style styles[2] = {snn_report_style_of(0, rates ? "firing rate" : caption),
                                     snn_report_style_of(1, "flip rate")};
    const snn_svg_panel panel = snn_report_panel("layer", unit, 1.0, run->layer_count, rates ? 1.0 : 1.05 * highest);
    (void)snprintf(told, sizeof told, "%s of %d layers; the highest is %.3g, in layer %d, %.64s", caption,
                   run->layer_count, highest, at + 1, run->layer_count > 0 ? run->layers[at].name : "");
    snn_report_plot_begin(file, caption, told, 0, &panel);
    put_layer_curve(file, run, &panel, &styles[0], which, x, y);
    if (rates) {
        put_layer_curve(file, run, &panel, &styles[1], FLIPPING, x, y);
    }
    snn_report_plot_end(file, styles, rates ? 2 : 0,
                        rates
                            ? "Firing: the share of steps whose spike is +1 (or 1). Flipping: of those whose spike is "
                              "not the one before."
                            : NULL);
}

static void put_error_plot(FILE *file, const snn_report_run *run, double *x)
{
    const snn_svg_style styles[] = {snn_report_style_of(0, "mean of the layers"),
                                    snn_report_style_of(1, "worst layer")};
    double highest = 0.0;
    char told[160];
    for (int32_t j = 0; j < run->steps; j++) {
        x[j] = j + 1.0;
        highest = fmax(highest, run->worst_error[j]);
    }
    const snn_svg_panel panel = snn_report_panel(run->windows ? "step of the neuron's window" : "timestep",
                                                 "mean |y - f(x)|, scales", 1.0, run->steps, highest);
    (void)snprintf(told, sizeof told,
                   "Tracking error over %d steps: the mean of the layers falls from %.3g to %.3g, in units of a scale",
                   run->steps, run->mean_error[0], run->mean_error[run->steps - 1]);
    snn_report_plot_begin(file, "Tracking error over the steps", told, 0, &panel);
    snn_svg_curve(file, &panel, &styles[0], run->steps, x, run->mean_error);
    snn_svg_curve(file, &panel, &styles[1], run->steps, x, run->worst_error);
    snn_report_plot_end(file, styles, 2, NULL);
}

/* By what layers are compared: errors, or rates where there are none, or what left its range. */
static layer_value worst_by(const snn_report_run *run)
{
    return run->tracking ? TRACKING : run->counted ? FIRING : BEYOND;
}

/* Whether few enough layers are worse than this one. */
static bool is_shown(const snn_report_run *run, int32_t i)
{
    const layer_value which = worst_by(run);
    const double value = value_of(&run->layers[i], which);
    int32_t worse = 0;
    for (int32_t j = 0; j < run->layer_count; j++) {
        const double other = value_of(&run->layers[j], which);
        worse += other > value || (other == value && j < i);
    }
    return worse < ROWS_SHOWN;
}

static void put_layer_row(FILE *file, const snn_report_run *run, const snn_report_layer *layer, bool ranges)
{
    fputs("<tr><th scope=\"row\" class=\"name\">", file);
    snn_svg_put_escaped(file, layer->name);
    fputs("<small>", file);
    snn_svg_put_escaped(file, layer->neuron);
    fprintf(file, ", %" PRId64 "</small></th><td>%d to %d</td>", layer->neurons, layer->first_step + 1,
            layer->first_step + run->steps);
    if (run->counted) {
        fprintf(file, "<td>%.4f</td><td class=\"wide\">%.4f</td>", layer->firing_rate, layer->flip_rate);
    }
    if (run->tracking) {
        fprintf(file, "<td>%.5f</td>", layer->tracking_error);
    }
    if (ranges) {
        fprintf(file, "<td>%" PRId64 " of %" PRId64 "</td>", layer->beyond, layer->channels);
    }
    fputs("</tr>\n", file);
}

static void put_layer_table(FILE *file, const snn_report_run *run, int32_t number, bool ranges)
{
    snn_report_table_begin(file, "layers", number, "Layers");
    fputs("<thead><tr><th scope=\"col\">layer<small>neuron, number of neurons</small></th><th scope=\"col\">fires in "
          "timesteps</th>",
          file);
    fputs(run->counted ? "<th scope=\"col\">firing rate</th><th scope=\"col\" class=\"wide\">flip rate</th>" : "",
          file);
    fputs(run->tracking ? "<th scope=\"col\">tracking error</th>" : "", file);
    fputs(ranges ? "<th scope=\"col\">beyond range<small>channels</small></th>" : "", file);
    fputs("</tr></thead>\n<tbody>\n", file);
    for (int32_t i = 0; i < run->layer_count; i++) {
        if (run->layer_count <= ROWS_SHOWN || is_shown(run, i)) {
            put_layer_row(file, run, &run->layers[i], ranges);
        }
    }
    fputs("</tbody>\n", file);
    snn_report_table_end(file);
    if (run->layer_count > ROWS_SHOWN) {
        static const char *const values[] = {
            [FIRING] = "firing rate", [TRACKING] = "tracking error", [BEYOND] = "share of channels beyond their range"};
        fprintf(file, "<p class=\"note\">The %d of %d layers with the largest %s.</p>\n", ROWS_SHOWN, run->layer_count,
                values[worst_by(run)]);
    }
}

void snn_report_put_layers(FILE *file, const snn_report_run *run, int32_t number, int level, double *x, double *y)
{
    int64_t channels = 0, beyond = 0;
    for (int32_t i = 0; i < run->layer_count && !run->subgradient; i++) { /* a firing rate has no range to leave */
        channels += run->layers[i].channels;
        beyond += run->layers[i].beyond;
    }
    snn_report_heading(file, level, "Layers");
    if (channels > 0) {
        fprintf(file, "<p>%s %" PRId64 " of %" PRId64 " channels had a neuron beyond %s in some image.</p>\n",
                "Saturation:", beyond, channels,
                run->windows ? "what its window reaches" : "the range found by calibration");
    }
    fputs("<div class=\"plots\">\n", file);
    if (run->counted) {
        put_layer_plot(file, run, FIRING, "Rates", "share of steps", x, y);
    }
    if (run->tracking) {
        put_layer_plot(file, run, TRACKING, "Tracking error after the last step", "mean |y - f(x)|, scales", x, y);
        put_error_plot(file, run, x);
    }
    if (beyond > 0) {
        put_layer_plot(file, run, BEYOND, "Saturation", "per cent of channels beyond", x, y);
    }
    fputs("</div>\n", file);
    put_layer_table(file, run, number, channels > 0);
}
