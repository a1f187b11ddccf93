#include "io/cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "core/base/timers.h"

static const double TERMINAL_SECONDS = 0.2; /* between two updates of the line */
static const double PLAIN_SECONDS = 10.0;   /* between two plain lines */
static const double JSON_SECONDS = 0.5;     /* between two objects */

static void put_json(const snn_progress *progress, int64_t done, double elapsed)
{
    const int64_t here = done - progress->resumed; /* in this process */
    fprintf(stderr, "{\"stage\": \"%s\", \"done\": %lld, \"of\": %lld, \"unit\": \"%s\", \"seconds\": %.3f, \"left\": ",
            progress->what, (long long)done, (long long)progress->total, progress->unit, elapsed);
    if (here > 0) {
        fprintf(stderr, "%.3f}\n", elapsed * (double)(progress->total - done) / (double)here);
    } else {
        fputs(done == progress->total ? "0}\n" : "null}\n", stderr);
    }
}

snn_progress snn_progress_begin(const char *what, int64_t total, int64_t resumed, bool enabled, snn_progress_mode mode)
{
    snn_progress progress = {
        .what = what, .unit = "images", .total = total, .resumed = resumed, .begun = snn_seconds()};
    progress.json = mode == SNN_PROGRESS_JSON;
    progress.told = -1;
    progress.terminal = !progress.json && isatty(STDERR_FILENO) == 1;
    progress.enabled = enabled && mode != SNN_PROGRESS_NEVER;
    progress.last = mode == SNN_PROGRESS_ALWAYS ? 0.0 : progress.begun;
    return progress;
}

static void format_time(double seconds, char *text, size_t bytes)
{
    int64_t whole = seconds < 359999.0 ? (int64_t)(seconds + 0.5) : 359999;
    (void)snprintf(text, bytes, "%d:%02d:%02d", (int)(whole / 3600), (int)(whole / 60 % 60), (int)(whole % 60));
}

static void put_line(const snn_progress *progress, int64_t done, double elapsed)
{
    const int64_t here = done - progress->resumed; /* in this process */
    fprintf(stderr, "%s%s: %lld of %lld %s", progress->terminal ? "\r" : "", progress->what, (long long)done,
            (long long)progress->total, progress->unit);
    if (here > 0 && elapsed > 0.0) {
        char left[32];
        const double rate = (double)here / elapsed;
        format_time((double)(progress->total - done) / rate, left, sizeof left);
        fprintf(stderr, ", %.1f %s/s, %s left", rate, progress->unit, left);
    }
    fputs(progress->terminal ? "\033[K" : "\n", stderr);
}

/* Whether `done` is to be told now. */
static bool is_due(const snn_progress *progress, int64_t done, double now)
{
    const double interval = progress->json ? JSON_SECONDS : progress->terminal ? TERMINAL_SECONDS : PLAIN_SECONDS;
    if (!progress->enabled || done == progress->told) {
        return false;
    }
    if (progress->told < 0 && (progress->json || progress->terminal)) {
        return true; /* what begins is said at once */
    }
    if (progress->told == progress->resumed) {
        return true; /* and then, how fast it goes */
    }
    if (!progress->json && !progress->terminal && done == progress->total && progress->last == progress->begun) {
        return false; /* over before the first plain line was due */
    }
    return now - progress->last >= interval || done >= progress->total;
}

void snn_progress_update(snn_progress *progress, int64_t done)
{
    const double now = snn_seconds(), elapsed = now - progress->begun;
    if (!is_due(progress, done, now)) {
        return;
    }
    progress->last = now;
    progress->told = done;
    if (progress->json) {
        put_json(progress, done, elapsed);
    } else {
        put_line(progress, done, elapsed);
    }
    (void)fflush(stderr);
}

void snn_progress_hide(const snn_progress *progress)
{
    if (progress->enabled && progress->terminal) {
        fprintf(stderr, "\r\033[K");
        (void)fflush(stderr);
    }
}

void snn_progress_end(snn_progress *progress)
{
    snn_progress_hide(progress);
    progress->enabled = false;
}
