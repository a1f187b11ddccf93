#include "io/cli/report/report_ranks.h"

#include <inttypes.h>
#include <math.h>

#include "io/cli/report/report_parts.h"

enum { BARS_SHOWN = 48 };

int64_t snn_report_fullest_rank(const snn_report_run *run)
{
    int64_t most = 0;
    for (int32_t rank = 0; rank < run->ranks; rank++) {
        most = run->memory[rank] > most ? run->memory[rank] : most;
    }
    return most;
}

/* ---- packets ---- */

static void put_line(FILE *file, const snn_traffic_line *line, snn_edge_kind kind, snn_codec codec)
{
    fputs("<tr><th scope=\"row\">", file);
    snn_svg_put_escaped(file, snn_edge_kind_name(kind));
    fprintf(file, "</th><td>%s</td><td>%.0f</td><td>%.2f</td><td>%.2f</td><td>%.3f</td><td>%.3f</td></tr>\n",
            snn_codec_name(codec), line->packets, line->sent_bytes * 1e-6, line->raw_bytes / line->sent_bytes,
            line->encode_seconds + line->decode_seconds, line->saved_seconds);
}

void snn_report_put_traffic(FILE *file, const snn_report_run *run, int32_t number, int level)
{
    snn_report_heading(file, level, "Communication");
    if (run->shared_bytes > 0) {
        fprintf(file, "<p>Ranks of one host read %.2f MB of spikes in each other's memory%s.</p>\n",
                (double)run->shared_bytes * 1e-6, run->packets == 0 ? ", and no packets were sent" : "");
    } else if (run->packets == 0) {
        fprintf(file, "<p>Nothing was sent: no spikes cross ranks in the layout %s.</p>\n", run->layout);
    }
    if (run->packets == 0) {
        return;
    }
    fprintf(file,
            "<p>%" PRId64
            " packets with %.2f MB for %.2f MB of spikes: %.0f bytes an image, codec %s, ratio %.2f.</p>\n",
            run->packets, (double)run->sent_bytes * 1e-6, (double)run->raw_bytes * 1e-6,
            (double)run->sent_bytes / (double)run->images, run->codec,
            run->sent_bytes > 0 ? (double)run->raw_bytes / (double)run->sent_bytes : 0.0);
    snn_report_table_begin(file, "traffic", number, "Packets by what they carry");
    fputs("<thead><tr><th scope=\"col\">packets</th><th scope=\"col\">codec</th><th scope=\"col\">number</th><th "
          "scope=\"col\">sent MB</th><th scope=\"col\">ratio</th><th scope=\"col\">s spent</th><th scope=\"col\">s "
          "saved</th></tr></thead>\n<tbody>\n",
          file);
    for (int i = 0; i < (int)SNN_EDGE_KIND_COUNT * (int)SNN_CODEC_AUTO; i++) {
        const int kind = i / (int)SNN_CODEC_AUTO, codec = i % (int)SNN_CODEC_AUTO;
        if (run->lines[kind][codec].packets > 0.0) {
            put_line(file, &run->lines[kind][codec], (snn_edge_kind)kind, (snn_codec)codec);
        }
    }
    fputs("</tbody>\n", file);
    snn_report_table_end(file);
    fputs("<p class=\"note\">Spent: encoding and decoding. Saved: what the bytes not sent would have taken, by the "
          "measured speed of the links.</p>\n",
          file);
}

/* ---- time ---- */

static double seconds_of(const snn_report_run *run, int32_t rank, int timer)
{
    return run->seconds[rank * SNN_TIMER_COUNT + timer];
}

static double sum_of(const snn_report_run *run, int32_t rank)
{
    double sum = 0.0;
    for (int timer = 0; timer < SNN_TIMER_COUNT; timer++) {
        sum += seconds_of(run, rank, timer);
    }
    return sum;
}

/* The ranks that are shown are spread over all of them. */
static void put_bars(FILE *file, const snn_report_run *run)
{
    const int32_t shown = run->ranks < BARS_SHOWN ? run->ranks : BARS_SHOWN;
    snn_svg_style styles[SNN_TIMER_COUNT];
    double longest = 0.0, computing = 0.0, sum = 0.0;
    char told[160], note[400];
    for (int timer = 0; timer < SNN_TIMER_COUNT; timer++) {
        styles[timer] = snn_report_style_of(timer, snn_timer_name((snn_timer)timer));
        styles[timer].width = 9.0;
        styles[timer].dash = NULL;
    }
    for (int32_t rank = 0; rank < run->ranks; rank++) {
        longest = fmax(longest, sum_of(run, rank));
        computing += seconds_of(run, rank, SNN_TIMER_COMPUTE);
        sum += sum_of(run, rank);
    }
    (void)snprintf(told, sizeof told, "Time of %d ranks by what they do; %.0f per cent of it is compute", run->ranks,
                   sum > 0.0 ? 100.0 * computing / sum : 0.0);
    snn_report_plot_begin(file, "Where each rank's time went", told, snn_report_bars_height(shown), NULL);
    for (int32_t row = 0; row < shown; row++) {
        const int32_t rank = (int32_t)((int64_t)row * run->ranks / shown);
        char name[32], end[32];
        (void)snprintf(name, sizeof name, "rank %d", rank);
        snn_report_format_seconds(sum_of(run, rank), end, sizeof end);
        snn_report_bar(file, row, name, &run->seconds[(size_t)rank * SNN_TIMER_COUNT], SNN_TIMER_COUNT, longest, styles,
                       end);
    }
    (void)snprintf(
        note, sizeof note,
        "%.0f %% of the ranks' time is compute; the fullest rank holds %.1f MB of weights, state and spikes. "
        "The bars are sums, not a history: `snn_dist run --trace "
        "trace.json` records when each rank did what, for Perfetto (ui.perfetto.dev).",
        sum > 0.0 ? 100.0 * computing / sum : 0.0, (double)snn_report_fullest_rank(run) * 1e-6);
    snn_report_plot_end(file, styles, SNN_TIMER_COUNT, note);
    if (shown < run->ranks) {
        fprintf(file, "<p class=\"note\">%d of %d ranks, evenly spread.</p>\n", shown, run->ranks);
    }
}

static void put_table(FILE *file, const snn_report_run *run, int32_t number)
{
    snn_report_table_begin(file, "timers", number, "Seconds, over the ranks");
    fputs("<thead><tr><th scope=\"col\">seconds</th><th scope=\"col\">min</th><th scope=\"col\">mean</th><th "
          "scope=\"col\">max</th><th scope=\"col\">imbalance</th></tr></thead>\n<tbody>\n",
          file);
    for (int timer = 0; timer < SNN_TIMER_COUNT; timer++) {
        double least = seconds_of(run, 0, timer), most = least, sum = 0.0;
        for (int32_t rank = 0; rank < run->ranks; rank++) {
            const double value = seconds_of(run, rank, timer);
            least = fmin(least, value);
            most = fmax(most, value);
            sum += value;
        }
        const double mean = sum / run->ranks;
        fprintf(file, "<tr><th scope=\"row\">%s</th><td>%.3f</td><td>%.3f</td><td>%.3f</td>",
                snn_timer_name((snn_timer)timer), least, mean, most);
        if (mean > 0.0) {
            fprintf(file, "<td>%.2f</td></tr>\n", most / mean);
        } else {
            fputs("<td>-</td></tr>\n", file);
        }
    }
    fputs("</tbody>\n", file);
    snn_report_table_end(file);
    fputs("<p class=\"note\">Imbalance is max / mean. \"wait\" is for packets, \"slowest\" for ranks that are "
          "behind. After a restart these are times of the last job.</p>\n",
          file);
}

void snn_report_put_times(FILE *file, const snn_report_run *run, int32_t number, int level)
{
    snn_report_heading(file, level, "Time of the ranks");
    fputs("<div class=\"plots\">\n<div>\n", file);
    put_bars(file, run);
    fputs("</div>\n<div>\n", file);
    put_table(file, run, number);
    fputs("</div>\n</div>\n", file);
}
