#include "io/cli/report/report_summary.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "io/cli/report/report_cost.h"
#include "io/cli/report/report_parts.h"
#include "io/cli/report/report_ranks.h"

static const double NORMAL_95 = 1.959964; /* of the normal distribution 95 % are within so many deviations */

typedef struct interval {
    double value, low, high; /* per cent, or points */
} interval;

/* Wilson's score interval of a share. */
static interval share_of(int64_t correct, int64_t images)
{
    const double z = NORMAL_95, n = (double)images, p = (double)correct / n;
    const double middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    const double half = z / (1.0 + z * z / n) * sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n));
    return (interval){100.0 * p, 100.0 * fmax(middle - half, 0.0), 100.0 * fmin(middle + half, 1.0)};
}

static interval accuracy_of(const snn_report_run *run)
{
    return share_of(run->correct[run->timesteps - 1], run->images);
}

/* Spiking minus trained. Both answered the same images, so that only those tell which one of them got right: the
 * interval of Agresti and Min (2005) for pairs, Wald's with half an image more in each of the four fields. */
static interval difference_of(const snn_report_run *run, const snn_report_classes *classes)
{
    const double lost = (double)classes->lost + 0.5, won = (double)classes->won + 0.5;
    const double n = (double)run->images + 2.0, middle = (won - lost) / n;
    const double half = NORMAL_95 * sqrt(won + lost - (won - lost) * (won - lost) / n) / n;
    return (interval){100.0 * (double)(classes->won - classes->lost) / (double)run->images, 100.0 * (middle - half),
                      100.0 * (middle + half)};
}

static double speed_of(const snn_report_run *run)
{
    return run->evaluation > 0.0 ? (double)run->images / run->evaluation : 0.0;
}

/* "+0.40", "-0.40" with a true minus, "0.00". */
static void put_signed(FILE *file, double value)
{
    const bool none = fabs(value) < 0.005;
    fprintf(file, "%s%.2f", none ? "" : value < 0.0 ? "&minus;" : "+", none ? 0.0 : fabs(value));
}

static void put_signed_interval(FILE *file, const interval *of)
{
    put_signed(file, of->low);
    fputs(" to ", file);
    put_signed(file, of->high);
}

/* ---- one output ---- */

static void put_energy_figure(FILE *file, const snn_report_run *run)
{
    const double events = snn_report_energy_ratio(run, SNN_COST_EVENTS, SNN_PRICES_FLOAT);
    const double signs = snn_report_energy_ratio(run, SNN_COST_SIGNED, SNN_PRICES_FLOAT);
    const bool both = events > 0.0 && signs > 0.0;
    if (events <= 0.0 && signs <= 0.0) {
        return;
    }
    fputs("<div><dt>Energy, estimated</dt><dd class=\"big\">", file);
    if (both) {
        fprintf(file, "%.2g to %.2g <small>times</small></dd>", fmin(events, signs), fmax(events, signs));
    } else {
        fprintf(file, "%.2g <small>times</small></dd>", fmax(events, signs));
    }
    fprintf(file, "<dd>that of the trained network, by float prices with memory traffic%s</dd></div>\n",
            both           ? ": as 0/1 events and as &plusmn;1 spikes"
            : events > 0.0 ? ", as 0/1 events"
                           : ", as &plusmn;1 spikes");
}

void snn_report_put_figures(FILE *file, const snn_report_run *run, const snn_report_classes *classes)
{
    const interval accuracy = accuracy_of(run);
    const int64_t correct = run->correct[run->timesteps - 1];
    fprintf(file,
            "<dl class=\"tiles\">\n<div><dt>Accuracy</dt><dd class=\"big\">%.2f <small>%%</small></dd><dd>95 %% "
            "interval %.1f to %.1f, "
            "%" PRId64 " images</dd></div>\n",
            accuracy.value, accuracy.low, accuracy.high, run->images);
    if (classes->trained) {
        const interval difference = difference_of(run, classes);
        fputs("<div><dt>Against the trained network</dt><dd class=\"big\">", file);
        put_signed(file, difference.value);
        fprintf(file, " <small>points</small></dd><dd>95 %% interval ");
        put_signed_interval(file, &difference);
        fprintf(file, "; it has %.2f %%</dd></div>\n", 100.0 * (double)run->ann_correct / (double)run->images);
    }
    fprintf(file,
            "<div><dt>Latency</dt><dd class=\"big\">%" PRId64
            " <small>timesteps</small></dd><dd>the next image after %d</dd></div>\n"
            "<div><dt>Spikes</dt><dd class=\"big\">%g <small>per neuron</small></dd><dd>for each image",
            run->latency, run->steps, run->spikes_per_neuron);
    if (run->neurons > 0) {
        fprintf(file, ", of %" PRId64 " neurons", run->neurons);
    }
    fputs("</dd></div>\n", file);
    put_energy_figure(file, run);
    fprintf(file,
            "<div><dt>Speed of the simulation</dt><dd class=\"big\">%.*f <small>images/s</small></dd><dd>on %d "
            "rank%s</dd></div>\n"
            "</dl>\n",
            speed_of(run) < 100.0 ? 1 : 0, speed_of(run), run->ranks, run->ranks == 1 ? "" : "s");
    fprintf(file, "<p>The spiking network is right on %" PRId64 " of %" PRId64 " images", correct, run->images);
    if (classes->trained) {
        fprintf(file,
                ", the network that it was converted from on %" PRId64 ". They answer %" PRId64
                " images alike. Right only in the trained network: %" PRId64 "; only in the spiking one: %" PRId64
                "; wrong in two ways: %" PRId64 ".</p>\n",
                run->ann_correct, classes->same, classes->lost, classes->won, classes->astray);
    } else {
        fputs(". The network that it was converted from was not asked: the run had a converted network only.</p>\n",
              file);
    }
}

/* ---- side by side ---- */

enum run_row {
    ROW_MODEL,
    ROW_IMAGES,
    ROW_ACCURACY,
    ROW_TRAINED,
    ROW_DIFFERENCE,
    ROW_SAME,
    ROW_LATENCY,
    ROW_INTERVAL,
    ROW_SPIKES,
    ROW_ENERGY_SIGNED,
    ROW_ENERGY_EVENTS,
    ROW_ENERGY_SIGNED_INTEGER,
    ROW_ENERGY_EVENTS_INTEGER,
    ROW_RANKS,
    ROW_LAYOUT,
    ROW_SPEED,
    ROW_SPEED_UP,
    ROW_MEMORY,
    ROW_SHARED,
    ROW_SENT,
    ROW_CODEC,
    ROW_RATIO,
    RUN_ROWS
};

static const struct {
    const char *name, *meaning;
} run_rows[RUN_ROWS] = {
    [ROW_MODEL] = {"model", NULL},
    [ROW_IMAGES] = {"images", NULL},
    [ROW_ACCURACY] = {"accuracy", "per cent, 95 % interval"},
    [ROW_TRAINED] = {"trained", "per cent"},
    [ROW_DIFFERENCE] = {"difference", "points, 95 % interval"},
    [ROW_SAME] = {"same answer", "per cent of images"},
    [ROW_LATENCY] = {"latency", "timesteps"},
    [ROW_INTERVAL] = {"interval", "timesteps"},
    [ROW_SPIKES] = {"spikes per neuron", NULL},
    [ROW_ENERGY_SIGNED] = {"energy / trained", "±1 spikes, float prices"},
    [ROW_ENERGY_EVENTS] = {"energy / trained", "0/1 events, float prices"},
    [ROW_ENERGY_SIGNED_INTEGER] = {"energy / quantised", "±1 spikes, integer prices"},
    [ROW_ENERGY_EVENTS_INTEGER] = {"energy / quantised", "0/1 events, integer prices"},
    [ROW_RANKS] = {"ranks", NULL},
    [ROW_LAYOUT] = {"layout", "replicas x stages x shards"},
    [ROW_SPEED] = {"images/s", NULL},
    [ROW_SPEED_UP] = {"speed-up", "against the first, if of one model"},
    [ROW_MEMORY] = {"MB/rank", "of the fullest"},
    [ROW_SHARED] = {"shared MB", "of spikes, in a host's memory"},
    [ROW_SENT] = {"sent MB", "in packets"},
    [ROW_CODEC] = {"codec", NULL},
    [ROW_RATIO] = {"ratio", "of spikes to what was sent"},
};

static void put_ratio(FILE *file, double ratio)
{
    if (ratio > 0.0) {
        fprintf(file, "<td>%.2f</td>", ratio);
    } else {
        fputs("<td>-</td>", file);
    }
}

static bool same_model(const snn_report_run *a, const snn_report_run *b)
{
    return strcmp(snn_report_base_name(a->model), snn_report_base_name(b->model)) == 0;
}

static void put_compared(FILE *file, const snn_report_run *run, const snn_report_classes *classes, enum run_row row)
{
    if (!classes->trained) {
        fputs("<td>-</td>", file);
    } else if (row == ROW_SAME) {
        fprintf(file, "<td>%.2f</td>", 100.0 * (double)classes->same / (double)run->images);
    } else {
        const interval difference = difference_of(run, classes);
        fputs("<td>", file);
        put_signed(file, difference.value);
        fputs("<br>", file);
        put_signed_interval(file, &difference);
        fputs("</td>", file);
    }
}

static void put_accuracy_cell(FILE *file, const snn_report_run *run)
{
    const interval accuracy = accuracy_of(run);
    fprintf(file, "<td>%.2f<br>%.1f to %.1f</td>", accuracy.value, accuracy.low, accuracy.high);
}

static void put_run_value(FILE *file, const snn_report_run *run, const snn_report_classes *classes,
                          const snn_report_run *first, enum run_row row)
{
    switch (row) {
    case ROW_MODEL:
        snn_report_put(file, "td class=\"name\"", snn_report_base_name(run->model));
        break;
    case ROW_IMAGES:
        fprintf(file, "<td>%" PRId64 "</td>", run->images);
        break;
    case ROW_ACCURACY:
        put_accuracy_cell(file, run);
        break;
    case ROW_TRAINED:
        put_ratio(file, 100.0 * (double)run->ann_correct / (double)run->images);
        break;
    case ROW_DIFFERENCE:
    case ROW_SAME:
        put_compared(file, run, classes, row);
        break;
    case ROW_LATENCY:
        fprintf(file, "<td>%" PRId64 "</td>", run->latency);
        break;
    case ROW_INTERVAL:
        fprintf(file, "<td>%d</td>", run->steps);
        break;
    case ROW_SPIKES:
        fprintf(file, "<td>%g</td>", run->spikes_per_neuron);
        break;
    case ROW_ENERGY_SIGNED:
    case ROW_ENERGY_SIGNED_INTEGER:
        put_ratio(file, snn_report_energy_ratio(run, SNN_COST_SIGNED,
                                                row == ROW_ENERGY_SIGNED ? SNN_PRICES_FLOAT : SNN_PRICES_INTEGER));
        break;
    case ROW_ENERGY_EVENTS:
    case ROW_ENERGY_EVENTS_INTEGER:
        put_ratio(file, snn_report_energy_ratio(run, SNN_COST_EVENTS,
                                                row == ROW_ENERGY_EVENTS ? SNN_PRICES_FLOAT : SNN_PRICES_INTEGER));
        break;
    case ROW_RANKS:
        fprintf(file, "<td>%d</td>", run->ranks);
        break;
    case ROW_LAYOUT:
        snn_report_put(file, "td class=\"name\"", run->layout);
        break;
    case ROW_SPEED:
        fprintf(file, "<td>%.1f</td>", speed_of(run));
        break;
    case ROW_SPEED_UP:
        put_ratio(file, same_model(run, first) && speed_of(first) > 0.0 ? speed_of(run) / speed_of(first) : 0.0);
        break;
    case ROW_MEMORY:
        fprintf(file, "<td>%.1f</td>", (double)snn_report_fullest_rank(run) * 1e-6);
        break;
    case ROW_SHARED:
        fprintf(file, "<td>%.1f</td>", (double)run->shared_bytes * 1e-6);
        break;
    case ROW_SENT:
        fprintf(file, "<td>%.1f</td>", (double)run->sent_bytes * 1e-6);
        break;
    case ROW_CODEC:
        snn_report_put(file, "td class=\"name\"", run->packets > 0 ? run->codec : "-");
        break;
    case ROW_RATIO:
        put_ratio(file, run->sent_bytes > 0 ? (double)run->raw_bytes / (double)run->sent_bytes : 0.0);
        break;
    case RUN_ROWS:
        break;
    }
}

void snn_report_put_outputs(FILE *file, const snn_report_run *runs, const snn_report_classes *classes, int32_t count)
{
    snn_report_table_begin(file, "outputs", 0, "The outputs side by side");
    fputs("<thead><tr><th scope=\"col\">output</th>", file);
    for (int32_t i = 0; i < count; i++) {
        snn_report_put(file, "th scope=\"col\" class=\"name\"", snn_report_base_name(runs[i].path));
    }
    fputs("</tr></thead>\n<tbody>\n", file);
    for (int row = 0; row < RUN_ROWS; row++) {
        fprintf(file, "<tr><th scope=\"row\">%s", run_rows[row].name);
        if (run_rows[row].meaning != NULL) {
            snn_report_put(file, "small", run_rows[row].meaning);
        }
        fputs("</th>", file);
        for (int32_t i = 0; i < count; i++) {
            put_run_value(file, &runs[i], &classes[i], &runs[0], (enum run_row)row);
        }
        fputs("</tr>\n", file);
    }
    fputs("</tbody>\n", file);
    snn_report_table_end(file);
    fputs("<p class=\"note\">Accuracy is that of the last timestep, with Wilson's score interval; the interval of the "
          "difference is that of Agresti and Min for pairs, because both networks answer the same images. Latency: "
          "timesteps until the last neuron is done; interval: timesteps from one image to the next in a "
          "pipeline.</p>\n",
          file);
}
