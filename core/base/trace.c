#include "core/base/trace.h"

#include "core/base/memory.h"

enum { CHUNK_EVENTS = 4096, MOST_CHUNKS = 256 };

/* Lists of chunks, so that recording never copies what is there. */
typedef struct thread_events {
    snn_trace_event *chunks[MOST_CHUNKS];
    int64_t length, lost;
} thread_events;

struct snn_trace {
    snn_trace_work work;
    thread_events **threads; /* [thread_count]; apart from each other, so that threads do not share cache lines */
    int32_t thread_count;
};

snn_status snn_trace_create(int32_t threads, snn_trace **trace)
{
    snn_trace *made = snn_allocate(1, sizeof *made);
    snn_status status = snn_ok();
    *trace = NULL;
    if (made == NULL) {
        return snn_out_of_memory("trace");
    }
    made->work = (snn_trace_work){-1, -1, -1};
    made->thread_count = threads;
    made->threads = snn_allocate((size_t)threads, sizeof(thread_events *));
    if (made->threads == NULL) {
        status = snn_out_of_memory("trace");
    }
    for (int32_t thread = 0; thread < threads && !snn_failed(status); thread++) {
        made->threads[thread] = snn_allocate(1, sizeof(thread_events));
        if (made->threads[thread] == NULL) {
            status = snn_out_of_memory("trace");
        }
    }
    if (snn_failed(status)) {
        snn_trace_destroy(made);
        return status;
    }
    *trace = made;
    return status;
}

void snn_trace_set_work(snn_trace *trace, int64_t group, int32_t first_step, int32_t population)
{
    if (trace != NULL) {
        trace->work = (snn_trace_work){group, first_step, population};
    }
}

void snn_trace_set_population(snn_trace *trace, int32_t population)
{
    if (trace != NULL) {
        trace->work.population = population;
    }
}

static snn_trace_event *next_event(thread_events *events)
{
    int64_t chunk = events->length / CHUNK_EVENTS;
    if (chunk >= MOST_CHUNKS) {
        return NULL;
    }
    if (events->chunks[chunk] == NULL) {
        events->chunks[chunk] = snn_allocate(CHUNK_EVENTS, sizeof(snn_trace_event));
    }
    return events->chunks[chunk] == NULL ? NULL : &events->chunks[chunk][events->length % CHUNK_EVENTS];
}

void snn_trace_record(snn_trace *trace, int32_t thread, int32_t kind, double begin, double end)
{
    if (trace != NULL) {
        snn_trace_record_population(trace, thread, kind, trace->work.population, begin, end);
    }
}

void snn_trace_record_population(snn_trace *trace, int32_t thread, int32_t kind, int32_t population, double begin,
                                 double end)
{
    if (trace == NULL || thread >= trace->thread_count) {
        return;
    }
    thread_events *events = trace->threads[thread];
    snn_trace_event *event = next_event(events);
    if (event == NULL) {
        events->lost++;
        return;
    }
    *event = (snn_trace_event){begin, end, {trace->work.group, trace->work.first_step, population}, kind};
    events->length++;
}

int32_t snn_trace_threads(const snn_trace *trace)
{
    return trace->thread_count;
}

int64_t snn_trace_length(const snn_trace *trace, int32_t thread)
{
    return trace->threads[thread]->length;
}

int64_t snn_trace_lost(const snn_trace *trace, int32_t thread)
{
    return trace->threads[thread]->lost;
}

void snn_trace_copy(const snn_trace *trace, int32_t thread, int64_t first, int64_t count, snn_trace_event *events)
{
    const thread_events *from = trace->threads[thread];
    for (int64_t i = 0; i < count; i++) {
        events[i] = from->chunks[(first + i) / CHUNK_EVENTS][(first + i) % CHUNK_EVENTS];
    }
}

void snn_trace_destroy(snn_trace *trace)
{
    if (trace == NULL) {
        return;
    }
    for (int32_t thread = 0; trace->threads != NULL && thread < trace->thread_count; thread++) {
        thread_events *events = trace->threads[thread];
        for (int32_t chunk = 0; events != NULL && chunk < MOST_CHUNKS; chunk++) {
            snn_release(events->chunks[chunk]);
        }
        snn_release(events);
    }
    snn_release(trace->threads);
    snn_release(trace);
}
