/* What each thread of a rank did, and when: intervals for a timeline. Kept in memory until the run is over.
 *
 * Thread 0 is the rank's main thread, the others are OpenMP threads. Each thread records into its own list. What the
 * rank is working on (group, timestep, population) is set by the main thread, outside of parallel regions, and noted
 * with every interval.
 */
#ifndef SNN_BASE_TRACE_H
#define SNN_BASE_TRACE_H

#include <stdint.h>

#include "core/base/status.h"
#include "core/base/timers.h"

typedef enum snn_trace_kind {
    /* snn_timer values come first */
    SNN_TRACE_CHECKPOINT = SNN_TIMER_COUNT,
    SNN_TRACE_KIND_COUNT
} snn_trace_kind;

/* What a rank is working on; -1 where it does not apply. */
typedef struct snn_trace_work {
    int64_t group;
    int32_t first_step, population;
} snn_trace_work;

typedef struct snn_trace_event {
    double begin, end; /* snn_seconds() */
    snn_trace_work work;
    int32_t kind; /* an snn_timer or snn_trace_kind */
} snn_trace_event;

typedef struct snn_trace snn_trace;

snn_status snn_trace_create(int32_t threads, snn_trace **trace);

/* Main thread only. NULL: there is no trace, and nothing is done; likewise below. */
void snn_trace_set_work(snn_trace *trace, int64_t group, int32_t first_step, int32_t population);

/* Likewise, but also while other threads record, and of the population only. */
void snn_trace_set_population(snn_trace *trace, int32_t population);

/* `thread` records for itself. Memory being bounded, a thread's intervals beyond a million are only counted. */
void snn_trace_record(snn_trace *trace, int32_t thread, int32_t kind, double begin, double end);

/* The same where threads are not all at the population that was set. */
void snn_trace_record_population(snn_trace *trace, int32_t thread, int32_t kind, int32_t population, double begin,
                                 double end);

/* Number of threads, of a thread's intervals, and of those that were not kept. */
int32_t snn_trace_threads(const snn_trace *trace);
int64_t snn_trace_length(const snn_trace *trace, int32_t thread);
int64_t snn_trace_lost(const snn_trace *trace, int32_t thread);

/* Copies intervals [first, first + count) of a thread. */
void snn_trace_copy(const snn_trace *trace, int32_t thread, int64_t first, int64_t count, snn_trace_event *events);

/* Accepts NULL. */
void snn_trace_destroy(snn_trace *trace);

#endif
