/* What the ranks of a host have in common, as all of them find it from network, plan and where ranks are.
 *
 * A population lies in memory of the host if at least two of its ranks own or need some of it, somebody needs what
 * others have, and no byte of its spikes has bits of two owners. Owners of the host write their channels there. What
 * owners elsewhere have of it comes in one packet for the host and not one for each of its ranks: that of its readers
 * which is the first to need any of it, the porter, gets and places it. */
#ifndef SNN_COMM_SURVEY_H
#define SNN_COMM_SURVEY_H

#include "comm/edges.h"
#include "comm/world.h"

typedef struct snn_survey {
    snn_world *world;
    const snn_network *network;
    const snn_plan *plan;
    bool porters;              /* whether packets may be for a whole host */
    int32_t replica;           /* this rank's */
    int32_t *stage_rank;       /* [stages]: of the replica, ranks of their first shards */
    int32_t *members;          /* [member_count]: ranks of the replica on this host, ascending */
    int32_t member_count, own; /* member that this rank is */
    int32_t *slots;            /* [populations]: blocks of those that lie in memory here, 0 of others */
    bool *common;              /* [populations]: whether one packet serves all of a host that need any of it */
    int32_t needed_of;         /* population that `needed` [member_count] is of: what members need of it */
    snn_channel_range *needed;
} snn_survey;

snn_status snn_survey_make(snn_world *world, const snn_network *network, const snn_plan *plan, bool porters,
                           snn_survey *survey);
void snn_survey_clear(snn_survey *survey);

/* Whether the edge needs no packet: both ends are on this host, which has the population in memory. */
bool snn_survey_shares(const snn_survey *survey, const snn_edge *edge);

/* The packet from one rank to all of another host that need any of what it has of a population. */
typedef struct snn_parcel {
    snn_edge edge;  /* to the porter; channels that anybody there needs, in whole bytes */
    int32_t first;  /* population of the porter that is the first to need any of it */
    int32_t *ranks; /* [count]: for whom it is, ascending; of the caller, room for the members of a host */
    int32_t count;
} snn_parcel;

/* Of which edge number `number` of this rank's `edges`, of a common population and to or from another host, is part. */
void snn_survey_parcel(snn_survey *survey, const snn_edges *edges, int32_t number, snn_parcel *parcel);

#endif
