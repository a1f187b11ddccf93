/* What the work of a population costs: measured speeds, and the prices of a network's populations made from them.
 *
 * A *speed* belongs to one kind of work: a population of a certain shape and its projections, of which a rank owns so
 * many channels. Networks repeat their layers, so many populations share one. With windows it is a whole window's work
 * at so many moments, given as seconds for each of its steps. Speeds are kept in a book, which can be
 * written to a file (io/config/speed_file.h) and holds for one processor, instruction set and program. *Prices* are
 * what the planner reads: for each population and each of some widths, seconds and bytes.
 */
#ifndef SNN_PARTITION_SPEEDS_H
#define SNN_PARTITION_SPEEDS_H

#include <stdbool.h>

#include "core/network/network.h"
#include "core/network/timing.h"
#include "core/shard/shard.h"

/* The work that speeds hold for; what else it depends on is in the network. */
typedef struct snn_work {
    int32_t images, block; /* of an item; with windows the block is their steps */
    int32_t threads;       /* of a rank */
    snn_encoding encoding;
    snn_dynamics dynamics;
    float momentum;
    snn_statistics_detail statistics;
} snn_work;

typedef struct snn_speed {
    uint64_t key;
    double step_seconds;  /* for one image and timestep, or step of a window */
    double group_seconds; /* for one image, once: state, and the product of a graded image */
    double packed_bytes;  /* of weights, as the kernels keep them */
    bool confirmed;       /* two plannings agree */
    bool fresh;           /* measured by this one */
    bool unsteady;        /* and nothing agrees: neither its turns nor two plannings */
} snn_speed;

typedef struct snn_speed_book {
    snn_speed *speeds;
    int32_t count, room;
    bool changed; /* since it was read: worth writing */
} snn_speed_book;

void snn_speed_book_clear(snn_speed_book *book);
const snn_speed *snn_speed_book_find(const snn_speed_book *book, uint64_t key);
/* Adds or replaces. */
snn_status snn_speed_book_add(snn_speed_book *book, snn_speed speed);
/* Adds a measured speed. What else a machine does makes it slower, maybe for as long as a planning takes, and nothing
 * makes it much faster: the faster one counts of what is known and what is measured, and is confirmed if they agree. */
snn_status snn_speed_book_measured(snn_speed_book *book, snn_speed speed);
/* Whether this planning has to measure it: it is unknown, or no two plannings agree on it and this one has not yet
 * tried.
 */
bool snn_speed_book_lacks(const snn_speed_book *book, uint64_t key);

/* Key of owning channels `owned` of a population under that work. `timings`: of a network with windows, else NULL. */
uint64_t snn_speed_key(const snn_network *network, const snn_timing *timings, const snn_work *work, int32_t population,
                       snn_channel_range owned);

/* The widths that are priced: the network divided into 1, 2, 4, ... shards. */
enum { SNN_PRICE_POINTS = 18 };

/* What the widest shard owns when channels are divided into `shards`; of the readout, the shard that has it. */
snn_channel_range snn_price_range(const snn_population *population, int32_t shards);

typedef struct snn_price {
    double step_seconds, group_seconds, packed_bytes;
} snn_price;

typedef struct snn_prices {
    int32_t populations, points;
    int32_t *channels; /* [populations][points]: owned, descending */
    snn_price *prices; /* [populations][points] */
    bool measured;     /* false: assumed */
} snn_prices;

/* Prices from a book that has a speed for each width; what it lacks is assumed (`measured` is false then). Up to
 * `most_shards` shards. */
snn_status snn_prices_create(const snn_network *network, const snn_work *work, int32_t most_shards,
                             const snn_speed_book *book, snn_prices **prices);
void snn_prices_destroy(snn_prices *prices); /* accepts NULL */

/* The price of owning so many channels (> 0), between the widths that are known. */
snn_price snn_prices_of(const snn_prices *prices, int32_t population, int32_t channels);

/* Without measurement: what one core of an x86 server of 2023 was seen to take, as a function of operations alone.
 * `timings`: as above. */
snn_price snn_price_assumed(const snn_network *network, const snn_timing *timings, const snn_work *work,
                            int32_t population, int32_t channels);

#endif
