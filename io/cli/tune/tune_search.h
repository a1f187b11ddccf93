/* Which dynamics `tune` tries, and which it recommends. */
#ifndef SNN_CLI_TUNE_SEARCH_H
#define SNN_CLI_TUNE_SEARCH_H

#include "io/cli/tune/tune_measure.h"

typedef struct snn_tune_bounds {
    int32_t steps;    /* most spikes of a neuron; 0: no bound */
    int32_t latency;  /* timesteps; 0: no bound */
    double agreement; /* least; 0: no bound */
} snn_tune_bounds;

typedef struct snn_tune_entry {
    snn_tune_choice choice;
    int32_t images; /* asked for */
    snn_tune_result result;
} snn_tune_entry;

typedef struct snn_tune_list {
    snn_tune_entry *entries; /* [count], in the order in which they were measured */
    int32_t count;
    size_t capacity;
} snn_tune_list;

/* Called when an entry has been measured, the same on every rank; a failure ends the search. */
typedef snn_status (*snn_tune_observer)(void *context, const snn_tune_list *list);

/* Collective: the same choices on every rank, because they follow from measurements that all ranks share. Entries that
 * are in the list already are not measured again. *total: how many there may be in all, for the progress. */
snn_status snn_tune_search(snn_tune_data *data, const snn_tune_bounds *bounds, snn_tune_list *list,
                           snn_tune_observer observer, void *context, int32_t *total);

/* Whether no other entry is at least as good in latency, spikes and agreement, and better in one. Among entries of one
 * choice only the one with most images counts. */
bool snn_tune_on_front(const snn_tune_list *list, int32_t number);

/* The entry to run with: within the bounds, the fewest spikes that lose nothing; -1 if there is none within them. */
int32_t snn_tune_default(const snn_tune_list *list, const snn_tune_bounds *bounds);

/* The entry of least latency that loses nothing, or -1. */
int32_t snn_tune_quickest(const snn_tune_list *list, const snn_tune_bounds *bounds);

snn_status snn_tune_list_add(snn_tune_list *list, const snn_tune_entry *entry);
void snn_tune_list_clear(snn_tune_list *list);

#endif
