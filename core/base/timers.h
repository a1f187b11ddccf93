/* Where a rank's time goes: one enum, one array of seconds. */
#ifndef SNN_BASE_TIMERS_H
#define SNN_BASE_TIMERS_H

typedef enum snn_timer {
    SNN_TIMER_COMPUTE,     /* products and neuron updates */
    SNN_TIMER_ENCODE,      /* packing and compressing spike packets */
    SNN_TIMER_WAIT,        /* blocked on a packet that another rank has not sent yet */
    SNN_TIMER_COMMUNICATE, /* inside MPI calls that do not block on a peer */
    SNN_TIMER_DECODE,      /* checking, decompressing and placing spike packets */
    SNN_TIMER_IO,          /* reading data, writing output and checkpoints */
    SNN_TIMER_SLOWEST, /* own part done, waiting for the slowest rank: when all agree how to go on, and at the end */
    SNN_TIMER_COUNT
} snn_timer;

typedef struct snn_timers {
    double seconds[SNN_TIMER_COUNT];
    struct snn_trace *trace; /* that intervals are recorded in, or NULL */
} snn_timers;

/* "compute", "encode", ...: as it stands in the output file. */
const char *snn_timer_name(snn_timer timer);

/* Adds the seconds since `since` to a timer, and to the main thread's trace; returns now. */
double snn_timers_charge(snn_timers *timers, snn_timer timer, double since);

/* Monotonic seconds from an arbitrary origin. */
double snn_seconds(void);

/* Seconds that the calling thread has had a processor. */
double snn_thread_seconds(void);

#endif
