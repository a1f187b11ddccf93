/* A world and a temporary folder that all its ranks work in. Include after cmocka.h. */
#ifndef SNN_TESTS_IO_PARALLEL_SCRATCH_H
#define SNN_TESTS_IO_PARALLEL_SCRATCH_H

#include "comm/world.h"
#include "scratch.h"

/* A cmocka group set-up: *state is the world. */
static int parallel_enter(void **state)
{
    snn_world *world = NULL;
    if (snn_failed(snn_world_create(NULL, NULL, &world))) {
        return -1;
    }
    *state = world;
    if (snn_world_rank(world) == 0 && scratch_enter(NULL) != 0) {
        return -1;
    }
    if (snn_failed(snn_world_broadcast(world, 0, scratch_folder, sizeof scratch_folder))) {
        return -1;
    }
    return chdir(scratch_folder);
}

/* A cmocka group tear-down. */
static int parallel_leave(void **state)
{
    snn_world *world = *state;
    int result = 0;
    (void)snn_world_barrier(world);
    if (snn_world_rank(world) == 0) {
        result = scratch_leave(NULL);
    }
    snn_world_destroy(world);
    return result;
}

#endif
