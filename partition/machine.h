/* The machine that a plan is made for: what one rank has, and the links between ranks. */
#ifndef SNN_PARTITION_MACHINE_H
#define SNN_PARTITION_MACHINE_H

#include <stdint.h>

/* A message of b bytes costs its receiver message_seconds of work and arrives latency_seconds + b * byte_seconds after
 * it was sent. */
typedef struct snn_link {
    double latency_seconds, message_seconds, byte_seconds;
} snn_link;

enum { SNN_PAYLOADS = 2 }; /* what an edge carries: spikes, or the integers of a stream */

/* Packing, coding and checking of spike packets. */
typedef struct snn_packet_speed {
    double packet_seconds;                                                       /* whatever its size, at either end */
    double encode_byte_seconds[SNN_PAYLOADS], decode_byte_seconds[SNN_PAYLOADS]; /* of the planes, before coding */
    double ratio[SNN_PAYLOADS];                                                  /* planes over what is sent */
} snn_packet_speed;

/* Ranks of one host read each other's spikes in memory: what it takes a rank to notice that they are there, and more
 * than spikes of its own take to read. */
typedef struct snn_share_speed {
    double notice_seconds, byte_seconds;
} snn_share_speed;

typedef struct snn_machine {
    double speed;          /* of a rank with all its threads, relative to where speeds were measured */
    double core_speed;     /* of one thread, which packs and codes; likewise */
    double memory_bytes;   /* of a rank; 0: no limit */
    double processors;     /* that all ranks share; 0: each rank has its own */
    int32_t threads;       /* of a rank: processors that it keeps busy */
    double switch_seconds; /* where ranks outnumber processors: of a processor, until who waits for a message has it */
    snn_link link;
    snn_packet_speed packets;
    int32_t host_ranks; /* ranks, one after the other, that share memory; 0 or 1: none do */
    snn_share_speed share;
} snn_machine;

/* Ranks that share the memory of an x86 server of 2023, no limit. */
snn_machine snn_machine_assumed(void);

#endif
