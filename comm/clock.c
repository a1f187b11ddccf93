#include "comm/clock.h"

enum { TRIALS = 8 };

/* Rank 0 answers each trial of `rank` with its time. */
static snn_status answer(snn_world *world, int32_t rank)
{
    for (int trial = 0; trial < TRIALS; trial++) {
        char request = 0;
        SNN_TRY(snn_world_receive(world, rank, &request, sizeof request));
        double now = snn_seconds();
        SNN_TRY(snn_world_send(world, rank, &now, sizeof now));
    }
    return snn_ok();
}

/* The quickest trial has the least room for error: rank 0's time is taken to be that of its middle. */
static snn_status ask(snn_world *world, double *seconds)
{
    double quickest = -1.0;
    for (int trial = 0; trial < TRIALS; trial++) {
        char request = 0;
        double theirs = 0.0;
        double sent = snn_seconds();
        SNN_TRY(snn_world_send(world, 0, &request, sizeof request));
        SNN_TRY(snn_world_receive(world, 0, &theirs, sizeof theirs));
        double received = snn_seconds();
        if (quickest < 0.0 || received - sent < quickest) {
            quickest = received - sent;
            *seconds = theirs - 0.5 * (sent + received);
        }
    }
    return snn_ok();
}

snn_status snn_clock_offset(snn_world *world, double *seconds)
{
    *seconds = 0.0;
    if (snn_world_one_host(world)) {
        return snn_ok();
    }
    if (snn_world_rank(world) != 0) {
        return ask(world, seconds);
    }
    for (int32_t rank = 1; rank < snn_world_size(world); rank++) {
        SNN_TRY(answer(world, rank));
    }
    return snn_ok();
}
