#include "io/trace_file.h"

#include <inttypes.h>

#include "comm/clock.h"
#include "core/base/memory.h"
#include "io/whole_file.h"

enum { PIECE_EVENTS = 4096 };

static const double MICROSECONDS = 1e6;

/* What rank 0 needs to write the events of all ranks. */
typedef struct writer {
    snn_world *world;
    const snn_network *network;
    const snn_plan *plan;
    snn_trace_event *events; /* [PIECE_EVENTS] */
    snn_whole_file file;
    double begun;
    int64_t lost;
} writer;

/* A rank's announcement of a thread's events. */
typedef struct announcement {
    int64_t length, lost;
    int32_t threads;
    int32_t unused;
    double offset; /* to rank 0's clock */
} announcement;

static void put_text(FILE *stream, const char *text)
{
    (void)fputc('"', stream);
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\') {
            (void)fputc('\\', stream);
        }
        if (byte < ' ' || byte > '~') {
            fprintf(stream, "\\u%04x", byte);
        } else {
            (void)fputc(byte, stream);
        }
    }
    (void)fputc('"', stream);
}

static const char *kind_name(int32_t kind)
{
    return kind == SNN_TRACE_CHECKPOINT ? "checkpoint" : snn_timer_name((snn_timer)kind);
}

static void put_event(const writer *to, int32_t rank, int32_t thread, double offset, const snn_trace_event *event)
{
    FILE *stream = to->file.stream;
    const snn_trace_work *work = &event->work;
    fprintf(stream, ",\n{\"name\":\"%s\",\"ph\":\"X\",\"pid\":%d,\"tid\":%d,\"ts\":%.3f,\"dur\":%.3f",
            kind_name(event->kind), (int)rank, (int)thread, (event->begin + offset - to->begun) * MICROSECONDS,
            (event->end - event->begin) * MICROSECONDS);
    if (work->group >= 0) {
        fprintf(stream, ",\"args\":{\"group\":%" PRId64, work->group);
        if (work->first_step >= 0) {
            fprintf(stream, ",\"step\":%d", (int)work->first_step);
        }
        if (work->population >= 0) {
            (void)fputs(",\"population\":", stream);
            put_text(stream, to->network->populations[work->population].name);
        }
        (void)fputc('}', stream);
    }
    (void)fputc('}', stream);
}

static void put_names(const writer *to, int32_t rank, int32_t threads)
{
    FILE *stream = to->file.stream;
    const snn_place place = snn_plan_place(to->plan, rank);
    fprintf(stream, "%s{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":%d,\"args\":{\"name\":", rank > 0 ? ",\n" : "",
            (int)rank);
    fprintf(stream, "\"rank %d: replica %d, stage %d, channel shard %d\"}}", (int)rank, (int)place.replica,
            (int)place.stage, (int)place.shard);
    fprintf(stream, ",\n{\"name\":\"process_sort_index\",\"ph\":\"M\",\"pid\":%d,\"args\":{\"sort_index\":%d}}",
            (int)rank, (int)rank);
    for (int32_t thread = 0; thread < threads; thread++) {
        fprintf(stream,
                ",\n{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":%d,\"tid\":%d,\"args\":{\"name\":", (int)rank,
                (int)thread);
        fprintf(stream, "\"thread %d%s\"}}", (int)thread, thread == 0 ? " (main)" : "");
    }
}

/* Rank 0: a thread's events, its own or another rank's. */
static snn_status put_thread(writer *to, int32_t rank, int32_t thread, const announcement *news, const snn_trace *own)
{
    for (int64_t first = 0; first < news->length; first += PIECE_EVENTS) {
        int64_t left = news->length - first;
        size_t count = left < PIECE_EVENTS ? (size_t)left : PIECE_EVENTS;
        if (own != NULL) {
            snn_trace_copy(own, thread, first, (int64_t)count, to->events);
        } else {
            SNN_TRY(snn_world_receive(to->world, rank, to->events, count * sizeof *to->events));
        }
        for (size_t i = 0; i < count; i++) {
            put_event(to, rank, thread, news->offset, &to->events[i]);
        }
    }
    return snn_ok();
}

static announcement announce(const snn_trace *trace, int32_t thread, double offset)
{
    return (announcement){.length = snn_trace_length(trace, thread),
                          .lost = snn_trace_lost(trace, thread),
                          .threads = snn_trace_threads(trace),
                          .offset = offset};
}

static snn_status put_rank(writer *to, int32_t rank, const snn_trace *own)
{
    int32_t threads = 1;
    for (int32_t thread = 0; thread < threads; thread++) {
        announcement news = {0};
        if (own != NULL) {
            news = announce(own, thread, 0.0);
        } else {
            SNN_TRY(snn_world_receive(to->world, rank, &news, sizeof news));
        }
        if (thread == 0) {
            threads = news.threads;
            put_names(to, rank, threads);
        }
        to->lost += news.lost;
        SNN_TRY(put_thread(to, rank, thread, &news, own));
    }
    return snn_ok();
}

static snn_status put_all(writer *to, const snn_trace *trace)
{
    (void)fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n", to->file.stream);
    for (int32_t rank = 0; rank < snn_world_size(to->world); rank++) {
        SNN_TRY(put_rank(to, rank, rank == 0 ? trace : NULL));
    }
    fprintf(to->file.stream, "\n],\"otherData\":{\"program\":\"snn_dist\",\"lost_intervals\":%" PRId64 "}}\n",
            to->lost);
    return snn_ok();
}

static snn_status send_all(snn_world *world, const snn_trace *trace, double offset, snn_trace_event *events)
{
    for (int32_t thread = 0; thread < snn_trace_threads(trace); thread++) {
        const announcement news = announce(trace, thread, offset);
        SNN_TRY(snn_world_send(world, 0, &news, sizeof news));
        for (int64_t first = 0; first < news.length; first += PIECE_EVENTS) {
            int64_t left = news.length - first;
            size_t count = left < PIECE_EVENTS ? (size_t)left : PIECE_EVENTS;
            snn_trace_copy(trace, thread, first, (int64_t)count, events);
            SNN_TRY(snn_world_send(world, 0, events, count * sizeof *events));
        }
    }
    return snn_ok();
}

snn_status snn_trace_write(snn_world *world, const char *path, const snn_trace *trace, const snn_network *network,
                           const snn_plan *plan, double begun, int64_t *lost)
{
    const bool root = snn_world_rank(world) == 0;
    double offset = 0.0;
    writer to = {.world = world, .network = network, .plan = plan, .begun = begun};
    to.events = snn_allocate(PIECE_EVENTS, sizeof *to.events);
    snn_status status = to.events == NULL ? snn_out_of_memory("trace") : snn_ok();
    if (root && !snn_failed(status)) {
        status = snn_whole_file_create(path, &to.file);
    }
    status = snn_world_agree(world, status);
    if (!snn_failed(status)) {
        status = snn_clock_offset(world, &offset);
        if (!snn_failed(status)) {
            status = root ? put_all(&to, trace) : send_all(world, trace, offset, to.events);
        }
        status = snn_world_agree(world, status);
    }
    if (to.file.stream != NULL) {
        status = snn_whole_file_finish(&to.file, status);
    }
    status = snn_world_agree(world, status);
    *lost = to.lost;
    if (!snn_failed(status)) {
        status = snn_world_broadcast(world, 0, lost, sizeof *lost);
    }
    snn_release(to.events);
    return status;
}
