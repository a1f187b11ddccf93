/* The timestep loop over ranks: items (image group, block of timesteps) stream through the stages.
 *
 * Every rank walks the same order: group by group, block by block, population by population. Before a population it
 * waits for the packets of sources that others own, after it it sends its own spikes to whoever needs them. Populations
 * with neither in between are run as one stretch, through which threads go without waiting for each other. Ranks
 * of one host read each other's spikes where they are. Sends do not block and receives are posted ahead, so stage k
 * works on an item while stage k+1 works on the one before. The order in which packets arrive does not matter; results
 * are those of one rank doing everything.
 */
#ifndef SNN_COMM_WAVEFRONT_H
#define SNN_COMM_WAVEFRONT_H

#include "comm/packet.h"
#include "comm/world.h"
#include "core/base/trace.h"
#include "core/shard/shard.h"
#include "partition/plan.h"

/* What packets carry, and between whom. */
typedef enum snn_edge_kind {
    SNN_EDGE_SPIKES_STAGES, /* spikes to another stage */
    SNN_EDGE_SPIKES_SHARDS, /* spikes between channel shards of a stage */
    SNN_EDGE_SUMS_STAGES,   /* a stream's integers, likewise */
    SNN_EDGE_SUMS_SHARDS,
    SNN_EDGE_KIND_COUNT
} snn_edge_kind;

/* "spikes between stages", ... */
const char *snn_edge_kind_name(snn_edge_kind kind);

/* Doubles, because these are added up over ranks and written out with times. */
typedef struct snn_traffic_line {
    double packets, raw_bytes, sent_bytes; /* sent by this rank; a packet to several ranks counts for each */
    double encode_seconds;                 /* of packets sent */
    double decode_seconds;                 /* of packets received */
    double saved_seconds; /* what the bytes not sent would have taken, by the measured speed of the links */
} snn_traffic_line;

enum { SNN_TRAFFIC_COLUMNS = sizeof(snn_traffic_line) / sizeof(double) };

typedef struct snn_wavefront_traffic {
    int64_t packets, raw_bytes, sent_bytes; /* sent by this rank; sent_bytes includes headers */
    int64_t shared_blocks, shared_bytes;    /* written, or placed, by this rank where others of its host read them */
    bool refused;                           /* this rank's host has no memory for that */
    snn_traffic_line lines[SNN_EDGE_KIND_COUNT][SNN_CODEC_AUTO]; /* by the codec of the edge at that time */
} snn_wavefront_traffic;

/* Where images come from and where results go. Called on the ranks concerned, on the main thread. */
typedef struct snn_wavefront_hooks {
    void *context;
    /* Number of images of a group (0 <= group < groups); the same on every rank. */
    int32_t (*images)(void *context, int64_t group);
    /* Fills normalised pixels [images][height][width][channels]. Only on ranks that read the input. */
    snn_status (*load)(void *context, int64_t group, float *pixels);
    /* A group is done: predictions [images][timesteps], logits [images][classes]. Only on the rank with the readout. */
    snn_status (*done)(void *context, int64_t group, const int32_t *predictions, const float *logits);
    /* An item is done on this rank (progress, trace). May be NULL. */
    void (*item)(void *context, int64_t group, int32_t first_step, int32_t steps);
    /* Fills the numbers in the data set of the group's images. Only on ranks that read the input; may be NULL unless
     * the encoding is stochastic. */
    void (*numbers)(void *context, int64_t group, int64_t *numbers);
} snn_wavefront_hooks;

typedef struct snn_wavefront_options {
    snn_codec codec; /* AUTO: for each edge by measured speeds */
    int32_t timesteps, block, images;
    snn_trace *trace; /* told what the main thread does, or NULL; outlives the wavefront */
    const float *eta; /* [timesteps], the same on every rank; read at creation only */
} snn_wavefront_options;

typedef struct snn_wavefront snn_wavefront;

/* Collective. `shard` may be one that owns nothing. World, network, plan and shard must outlive the wavefront. */
snn_status snn_wavefront_create(snn_world *world, const snn_network *network, const snn_plan *plan, snn_shard *shard,
                                const snn_wavefront_options *options, const snn_wavefront_hooks *hooks,
                                snn_wavefront **wavefront);

/* Runs groups [first, last); replica r takes those with (group % replicas) == r. Not a barrier: returns when this
 * rank's part is done, while its packets may still be under way and other ranks may be behind. So calls one after the
 * other stream like one. A rank that fails here fails alone; the caller aborts the world. */
snn_status snn_wavefront_run(snn_wavefront *wavefront, int64_t first, int64_t last);

/* After the last run, and before ranks that are behind are waited for: waits until this rank's packets have left. */
snn_status snn_wavefront_finish(snn_wavefront *wavefront);

/* As asked for; what AUTO became for each edge is in the traffic's lines. */
snn_codec snn_wavefront_codec(const snn_wavefront *wavefront);

/* Accumulated since creation; the caller adds what it does between runs. */
snn_timers *snn_wavefront_timers(snn_wavefront *wavefront);
/* Accumulated since creation. */
const snn_wavefront_traffic *snn_wavefront_traffic_of(const snn_wavefront *wavefront);

/* Collective, unless a run failed; accepts NULL. */
void snn_wavefront_destroy(snn_wavefront *wavefront);

#endif
