#include "io/cli/report_page.h"

#include <inttypes.h>
#include <math.h>

#include "io/cli/report_cost.h"
#include "io/cli/svg.h"

static const char *const colours[] = {"#1f77b4", "#d62728", "#2ca02c", "#9467bd",
                                      "#ff7f0e", "#17becf", "#8c564b", "#7f7f7f"};
enum { COLOURS = sizeof colours / sizeof colours[0], WIDTH = 860, HEIGHT = 330, BARS_SHOWN = 128, ROWS_SHOWN = 64 };

static const char PAGE_BEGIN[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
    "content=\"width=device-width\">\n<title>snn_dist report</title>\n<style>\n"
    "body { font-family: \"DejaVu Sans\", Helvetica, Arial, sans-serif; margin: 2em auto; padding: 0 1em; "
    "max-width: 62em; color: #222; }\n"
    "table { border-collapse: collapse; margin: 1em 0; display: block; max-width: 100%; overflow-x: auto; }\n"
    "svg { max-width: 100%; height: auto; }\n"
    "@media (prefers-color-scheme: dark) { body { background: #181818; color: #ddd; } }\n"
    "@media print { body { margin: 0; max-width: none; } table, svg { break-inside: avoid; } }\n"
    "th, td { padding: 0.25em 0.7em; border-bottom: 1px solid #ddd; text-align: right; font-size: 90%; }\n"
    "th:first-child, td:first-child { text-align: left; }\n"
    "</style>\n</head>\n<body>\n<h1>snn_dist report</h1>\n";

static snn_svg_panel panel_of(const char *title, const char *x_label, const char *y_label, double x_low, double x_high,
                              double y_high)
{
    return (snn_svg_panel){.left = 75,
                           .top = 30,
                           .width = WIDTH - 95,
                           .height = HEIGHT - 110,
                           .x_low = x_low,
                           .x_high = x_high > x_low ? x_high : x_low + 1.0,
                           .y_low = 0.0,
                           .y_high = y_high > 0.0 ? y_high : 1.0,
                           .title = title,
                           .x_label = x_label,
                           .y_label = y_label};
}

static void put_cell(FILE *file, const char *tag, const char *text)
{
    fprintf(file, "<%s>", tag);
    snn_svg_put_escaped(file, text);
    fprintf(file, "</%s>", tag);
}

static double accuracy_of(const snn_report_run *run, int32_t step)
{
    return 100.0 * (double)run->correct[step] / (double)run->images;
}

/* Half the width of the 95 % interval of Wilson's score, in per cent. */
static double accuracy_error(const snn_report_run *run, int32_t step)
{
    const double z = 1.96, n = (double)run->images;
    const double p = (double)run->correct[step] / n;
    return 100.0 * z / (1.0 + z * z / n) * sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n));
}

/* ---- all runs side by side ---- */

static int64_t fullest_rank(const snn_report_run *run)
{
    int64_t most = 0;
    for (int32_t rank = 0; rank < run->ranks; rank++) {
        most = run->memory[rank] > most ? run->memory[rank] : most;
    }
    return most;
}

static double speed_of(const snn_report_run *run)
{
    return run->evaluation > 0.0 ? (double)run->images / run->evaluation : 0.0;
}

enum run_row {
    ROW_MODEL,
    ROW_IMAGES,
    ROW_ACCURACY,
    ROW_TRAINED,
    ROW_LATENCY,
    ROW_INTERVAL,
    ROW_SPIKES,
    ROW_RANKS,
    ROW_LAYOUT,
    ROW_SPEED,
    ROW_SPEED_UP,
    ROW_MEMORY,
    ROW_SENT,
    ROW_CODEC,
    ROW_RATIO,
    RUN_ROWS
};

static void put_run_value(FILE *file, const snn_report_run *run, const snn_report_run *first, enum run_row row)
{
    const int32_t last = run->timesteps - 1;
    const double reference = speed_of(first);
    switch (row) {
    case ROW_MODEL:
        put_cell(file, "td", run->model);
        break;
    case ROW_IMAGES:
        fprintf(file, "<td>%" PRId64 "</td>", run->images);
        break;
    case ROW_ACCURACY:
        fprintf(file, "<td>%.2f &plusmn; %.2f %%</td>", accuracy_of(run, last), accuracy_error(run, last));
        break;
    case ROW_TRAINED:
        if (run->ann_correct >= 0) {
            fprintf(file, "<td>%.2f %%</td>", 100.0 * (double)run->ann_correct / (double)run->images);
        } else {
            fputs("<td>-</td>", file);
        }
        break;
    case ROW_LATENCY:
        fprintf(file, "<td>%d</td>", run->timesteps);
        break;
    case ROW_INTERVAL:
        fprintf(file, "<td>%d</td>", run->steps);
        break;
    case ROW_SPIKES:
        fprintf(file, "<td>%g</td>", run->spikes_per_neuron);
        break;
    case ROW_RANKS:
        fprintf(file, "<td>%d</td>", run->ranks);
        break;
    case ROW_LAYOUT:
        put_cell(file, "td", run->layout);
        break;
    case ROW_SPEED:
        fprintf(file, "<td>%.1f</td>", speed_of(run));
        break;
    case ROW_SPEED_UP:
        fprintf(file, "<td>%.2f</td>", reference > 0.0 ? speed_of(run) / reference : 0.0);
        break;
    case ROW_MEMORY:
        fprintf(file, "<td>%.1f</td>", (double)fullest_rank(run) * 1e-6);
        break;
    case ROW_SENT:
        fprintf(file, "<td>%.1f</td>", (double)run->sent_bytes * 1e-6);
        break;
    case ROW_CODEC:
        put_cell(file, "td", run->codec);
        break;
    case ROW_RATIO:
        fprintf(file, "<td>%.2f</td>", run->sent_bytes > 0 ? (double)run->raw_bytes / (double)run->sent_bytes : 1.0);
        break;
    case RUN_ROWS:
        break;
    }
}

/* An output a column: what is read side by side fits a narrow page. */
static void put_runs(FILE *file, const snn_report_run *runs, int32_t count)
{
    static const char *const heads[RUN_ROWS] = {
        "model",    "images",   "accuracy", "trained", "latency", "interval", "spikes per neuron", "ranks", "layout",
        "images/s", "speed-up", "MB/rank",  "sent MB", "codec",   "ratio"};
    fputs("<table>\n<tr><th>output</th>", file);
    for (int32_t i = 0; i < count; i++) {
        put_cell(file, "th", runs[i].path);
    }
    fputs("</tr>\n", file);
    for (int row = 0; row < RUN_ROWS; row++) {
        fputs("<tr>", file);
        put_cell(file, "th", heads[row]);
        for (int32_t i = 0; i < count; i++) {
            put_run_value(file, &runs[i], &runs[0], (enum run_row)row);
        }
        fputs("</tr>\n", file);
    }
    fputs(
        "</table>\n<p>Accuracy at the last timestep with its 95 % interval. Latency: timesteps until the last neuron "
        "is "
        "done; interval: timesteps from one image to the next in a pipeline. Speed-up against the first output; memory "
        "of the fullest rank (weights, state, spikes).</p>\n",
        file);
}

static void put_accuracy(FILE *file, const snn_report_run *runs, int32_t count, double *x, double *y)
{
    int32_t longest = 1;
    for (int32_t i = 0; i < count; i++) {
        longest = runs[i].timesteps > longest ? runs[i].timesteps : longest;
    }
    const snn_svg_panel panel =
        panel_of("Accuracy", "timestep", "per cent (thin: trained network)", 1.0, longest, 100.0);
    snn_svg_begin(file, WIDTH, HEIGHT, "Accuracy");
    snn_svg_axes(file, &panel);
    for (int32_t i = 0; i < count; i++) {
        const snn_report_run *run = &runs[i];
        const snn_svg_style style = {run->path, colours[i % COLOURS], 2.0};
        const snn_svg_style thin = {"trained", colours[i % COLOURS], 0.7};
        const double trained = 100.0 * (double)run->ann_correct / (double)run->images;
        const double ends[2] = {1.0, (double)longest}, level[2] = {trained, trained};
        for (int32_t t = 0; t < run->timesteps; t++) {
            x[t] = t + 1.0;
            y[t] = accuracy_of(run, t);
        }
        snn_svg_curve(file, &panel, &style, run->timesteps, x, y);
        if (run->ann_correct >= 0) {
            snn_svg_curve(file, &panel, &thin, 2, ends, level);
        }
        if (i < 4) {
            snn_svg_legend(file, 75.0 + (i % 2) * 400.0, HEIGHT - 28.0 + (i / 2) * 16.0, &style, 1);
        }
    }
    snn_svg_end(file);
}

/* ---- one run ---- */

static void put_layer_plot(FILE *file, const snn_report_run *run, double *x, double *y)
{
    static const snn_svg_style styles[] = {
        {"firing rate", "#1f77b4", 1.8}, {"flip rate", "#ff7f0e", 1.8}, {"tracking error, last step", "#d62728", 1.8}};
    const int32_t curves = run->tracking ? 3 : 2;
    double highest = 1.0;
    for (int32_t i = 0; i < run->layer_count; i++) {
        highest = fmax(highest, run->layers[i].tracking_error);
    }
    const snn_svg_panel panel =
        panel_of("Layers", "layer", run->tracking ? "rate, error" : "rate", 0.0, run->layer_count - 1.0, highest);
    snn_svg_begin(file, WIDTH, HEIGHT, "Layers");
    snn_svg_axes(file, &panel);
    for (int32_t curve = 0; curve < curves; curve++) {
        for (int32_t i = 0; i < run->layer_count; i++) {
            const snn_report_layer *layer = &run->layers[i];
            const double values[] = {layer->firing_rate, layer->flip_rate, layer->tracking_error};
            x[i] = i;
            y[i] = values[curve];
        }
        snn_svg_curve(file, &panel, &styles[curve], run->layer_count, x, y);
    }
    snn_svg_legend(file, 75.0, HEIGHT - 22.0, styles, curves);
    snn_svg_end(file);
}

static void put_error_plot(FILE *file, const snn_report_run *run, double *x)
{
    static const snn_svg_style styles[] = {{"mean of the layers", "#1f77b4", 2.0}, {"worst layer", "#d62728", 2.0}};
    double highest = 0.0;
    for (int32_t j = 0; j < run->steps; j++) {
        x[j] = j + 1.0;
        highest = fmax(highest, run->worst_error[j]);
    }
    const snn_svg_panel panel = panel_of("Tracking error", run->windows ? "step of the neuron's window" : "timestep",
                                         "mean |y - f(x)|, in units of a scale", 1.0, run->steps, highest);
    snn_svg_begin(file, WIDTH, HEIGHT, "Tracking error");
    snn_svg_axes(file, &panel);
    snn_svg_curve(file, &panel, &styles[0], run->steps, x, run->mean_error);
    snn_svg_curve(file, &panel, &styles[1], run->steps, x, run->worst_error);
    snn_svg_legend(file, 75.0, HEIGHT - 22.0, styles, 2);
    snn_svg_end(file);
}

static void put_timer_table(FILE *file, const snn_report_run *run)
{
    fputs("<table>\n<tr><th>seconds</th><th>min</th><th>mean</th><th>max</th><th>imbalance</th></tr>\n", file);
    for (int32_t timer = 0; timer < SNN_TIMER_COUNT; timer++) {
        double least = run->seconds[timer], most = least, sum = 0.0;
        for (int32_t rank = 0; rank < run->ranks; rank++) {
            const double value = run->seconds[rank * SNN_TIMER_COUNT + timer];
            least = fmin(least, value);
            most = fmax(most, value);
            sum += value;
        }
        const double mean = sum / run->ranks;
        fprintf(file, "<tr><td>%s</td><td>%.3f</td><td>%.3f</td><td>%.3f</td>", snn_timer_name((snn_timer)timer), least,
                mean, most);
        if (mean > 0.0) {
            fprintf(file, "<td>%.2f</td></tr>\n", most / mean);
        } else {
            fputs("<td>-</td></tr>\n", file);
        }
    }
    fputs(
        "</table>\n<p>Over the ranks; imbalance is max / mean. \"wait\" is for packets, \"slowest\" for ranks that are "
        "behind.</p>\n",
        file);
}

/* One bar a rank, its timers side by side. */
static void put_timer_bars(FILE *file, const snn_report_run *run)
{
    const int32_t shown = run->ranks < BARS_SHOWN ? run->ranks : BARS_SHOWN;
    const double row = shown <= 16 ? 18.0 : 8.0;
    const int32_t height = (int32_t)(row * shown) + 50;
    double longest = 0.0;
    snn_svg_style styles[SNN_TIMER_COUNT];
    for (int32_t rank = 0; rank < shown; rank++) {
        double sum = 0.0;
        for (int32_t timer = 0; timer < SNN_TIMER_COUNT; timer++) {
            styles[timer] = (snn_svg_style){snn_timer_name((snn_timer)timer), colours[timer % COLOURS], 6.0};
            sum += run->seconds[rank * SNN_TIMER_COUNT + timer];
        }
        longest = fmax(longest, sum);
    }
    snn_svg_begin(file, WIDTH, height, "Where the ranks' time goes");
    for (int32_t rank = 0; rank < shown && longest > 0.0; rank++) {
        char name[32];
        double left = 75.0;
        (void)snprintf(name, sizeof name, "rank %d", rank);
        if (row > 10.0 || rank % 8 == 0) {
            snn_svg_text(file, 68.0, 20.0 + row * rank, 10.0, SNN_SVG_END, name);
        }
        for (int32_t timer = 0; timer < SNN_TIMER_COUNT; timer++) {
            const double width = (WIDTH - 95) * run->seconds[rank * SNN_TIMER_COUNT + timer] / longest;
            fprintf(file, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\" fill=\"%s\"/>\n", left,
                    11.0 + row * rank, width, row - 2.0, colours[timer % COLOURS]);
            left += width;
        }
    }
    snn_svg_legend(file, 75.0, height - 18.0, styles, SNN_TIMER_COUNT);
    snn_svg_end(file);
    if (shown < run->ranks) {
        fprintf(file, "<p>The first %d of %d ranks.</p>\n", shown, run->ranks);
    }
}

static void put_layers(FILE *file, const snn_report_run *run)
{
    const int32_t shown = run->layer_count < ROWS_SHOWN ? run->layer_count : ROWS_SHOWN;
    fputs("<table>\n<tr><th>layer</th><th>neuron</th><th>neurons</th><th>fires in timesteps</th><th>firing rate</th>"
          "<th>flip rate</th>",
          file);
    fputs(run->tracking ? "<th>tracking error</th></tr>\n" : "</tr>\n", file);
    for (int32_t i = 0; i < shown; i++) {
        const snn_report_layer *layer = &run->layers[i];
        fputs("<tr>", file);
        put_cell(file, "td", layer->name);
        put_cell(file, "td", layer->neuron);
        fprintf(file, "<td>%" PRId64 "</td><td>%d to %d</td><td>%.4f</td><td>%.4f</td>", layer->neurons,
                layer->first_step + 1, layer->first_step + run->steps, layer->firing_rate, layer->flip_rate);
        if (run->tracking) {
            fprintf(file, "<td>%.5f</td>", layer->tracking_error);
        }
        fputs("</tr>\n", file);
    }
    fputs("</table>\n", file);
    if (shown < run->layer_count) {
        fprintf(file, "<p>The first %d of %d layers.</p>\n", shown, run->layer_count);
    }
}

void snn_report_page(FILE *file, const snn_report_run *runs, int32_t count, double *x, double *y)
{
    fputs(PAGE_BEGIN, file);
    put_runs(file, runs, count);
    put_accuracy(file, runs, count, x, y);
    for (int32_t i = 0; i < count; i++) {
        fputs("<h2>", file);
        snn_svg_put_escaped(file, runs[i].path);
        fputs("</h2>\n<p>Started ", file);
        snn_svg_put_escaped(file, runs[i].started);
        fprintf(file, ", %.2f s of evaluation on %d ranks, %" PRId64 " packets.</p>\n", runs[i].evaluation,
                runs[i].ranks, runs[i].packets);
        snn_report_put_cost(file, &runs[i]);
        put_timer_table(file, &runs[i]);
        put_timer_bars(file, &runs[i]);
        if (runs[i].tracking) {
            put_error_plot(file, &runs[i], x);
        }
        put_layer_plot(file, &runs[i], x, y);
        put_layers(file, &runs[i]);
    }
    fputs("</body>\n</html>\n", file);
}
