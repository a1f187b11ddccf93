/* Measures speeds: runs the populations of a network, with made-up weights and spikes, as shards run them.
 *
 * Populations of the same key are measured once, each at the widths that a plan for up to `most_shards` shards could
 * give it. They take turns, so that a population finds the caches as the ones before it leave them, and the fastest of
 * several turns counts, because what else the machine does only ever adds. Turns go on until the two fastest agree;
 * what has not come to that after a few times the time is marked as unsteady. A disturbance may last longer than that,
 * so speeds that only one planning has measured are measured again by the next. Large groups and blocks are cut down to
 * what the time and memory allow; that changes an estimate, never a result.
 */
#ifndef SNN_PARTITION_CALIBRATE_H
#define SNN_PARTITION_CALIBRATE_H

#include "core/kernels/kernels.h"
#include "partition/speeds.h"

/* Adds to `book` the speeds it lacks. `seconds`: about how long it may take for every width, and at most a few times as
 * long on a busy machine; what a speed needs at the least is measured, whatever it takes. Only the structure of
 * `network` is looked at. */
snn_status snn_calibrate(const snn_network *network, const snn_kernels *kernels, const snn_work *work,
                         int32_t most_shards, double seconds, snn_speed_book *book);

#endif
