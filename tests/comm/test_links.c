/* What a byte costs to other ranks: which links are measured, between whom, and what is made of the times. Hosts and
 * the clock are made up here (the linker puts this file's in the place of the real ones), so that every figure is
 * known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <mpi.h>

#include "comm/links.h"

enum {
    MOST_RANKS = 8,
    PROBE_BYTES = 512 * 1024, /* to all together */
    PROBES_LOCAL = 2,         /* at most */
    PROBES_REMOTE = 5
};

static const double UNMEASURED = 0.25e-9; /* seconds a byte */

static snn_world *world; /* made by main, for all tests */
static int hosts;        /* rank r is on host r % hosts; 0: where it is */
static bool crowded, made_up;
static double durations[2 * PROBES_REMOTE + 8]; /* of exchanges, in order */
static int duration_count, readings;

double __real_snn_seconds(void);
double __wrap_snn_seconds(void);
bool __wrap_snn_world_crowded(const snn_world *of);
bool __wrap_snn_world_same_host(const snn_world *of, int32_t rank);

/* Every exchange reads the clock before and after. */
double __wrap_snn_seconds(void)
{
    if (!made_up) {
        return __real_snn_seconds();
    }
    const int exchange = readings / 2, after = readings % 2;
    assert_true(exchange < duration_count);
    readings++;
    return after ? durations[exchange] : 0.0;
}

bool __wrap_snn_world_crowded(const snn_world *of)
{
    (void)of;
    return crowded;
}

bool __wrap_snn_world_same_host(const snn_world *of, int32_t rank)
{
    return hosts == 0 || rank % hosts == snn_world_rank(of) % hosts;
}

static void begin(int host_count, bool are_crowded)
{
    hosts = host_count;
    crowded = are_crowded;
    made_up = true;
    duration_count = readings = 0;
}

static void add_durations(const double *seconds, int count)
{
    for (int i = 0; i < count; i++) {
        durations[duration_count++] = seconds[i];
    }
}

static bool is_local(int32_t one, int32_t other)
{
    return hosts == 0 || one % hosts == other % hosts;
}

/* Ranks that `rank` sends to, on its host or elsewhere. Equal edges stand beside each other. */
static int partners_of(const snn_edges *edges, int32_t rank, bool local)
{
    int count = 0;
    for (int32_t i = 0; i < edges->count; i++) {
        const snn_edge *edge = &edges->edges[i];
        const bool again = i > 0 && edge[-1].from == edge->from && edge[-1].to == edge->to;
        count += edge->from == rank && is_local(rank, edge->to) == local && !again;
    }
    return count;
}

/* Seconds a byte, when an exchange with all partners takes so long. */
static double expected(const snn_edges *edges, bool local, double seconds)
{
    int most = 1;
    for (int32_t rank = 0; rank < snn_world_size(world); rank++) {
        const int count = partners_of(edges, rank, local);
        most = count > most ? count : most;
    }
    const int own = partners_of(edges, snn_world_rank(world), local);
    return own == 0 ? UNMEASURED : seconds / ((double)(PROBE_BYTES / most) * own);
}

static void close_to(double value, double wanted)
{
    if (!(value >= wanted * (1.0 - 1e-9) && value <= wanted * (1.0 + 1e-9))) {
        fail_msg("%g seconds a byte, expected %g", value, wanted);
    }
}

/* The measurement, where whole durations are used up; the figures must be these. */
static void check(const snn_edges *edges, double local_byte, double remote_byte)
{
    snn_links links;
    const int32_t rank = snn_world_rank(world);
    const snn_status status = snn_links_measure(world, *(const MPI_Comm *)snn_world_communicator(world), edges, &links);
    made_up = false;
    assert_string_equal(status.message, "");
    assert_int_equal(readings, 2 * duration_count);
    close_to(links.local_byte, local_byte);
    close_to(links.remote_byte, remote_byte);
    for (int32_t other = 0; snn_world_size(world) > 1 && other < snn_world_size(world); other++) {
        assert_true(snn_links_byte_seconds(&links, other) ==
                    (is_local(rank, other) ? links.local_byte : links.remote_byte));
    }
}

/* Each rank to the next, by two edges. */
static snn_edges ring(void)
{
    static snn_edge list[2 * MOST_RANKS];
    const int32_t ranks = snn_world_size(world);
    snn_edges edges = {.edges = list};
    for (int32_t rank = 0; ranks > 1 && rank < ranks; rank++) {
        for (int twice = 0; twice < 2; twice++) {
            list[edges.count++] = (snn_edge){.source = twice, .from = rank, .to = (rank + 1) % ranks};
        }
    }
    return edges;
}

/* Rank 0 to all others, which send nothing. */
static snn_edges fan(void)
{
    static snn_edge list[MOST_RANKS];
    snn_edges edges = {.edges = list};
    for (int32_t rank = 1; rank < snn_world_size(world); rank++) {
        list[edges.count++] = (snn_edge){.to = rank};
    }
    return edges;
}

static void without_edges_nothing_is_measured(void **unused)
{
    const snn_edges edges = {0};
    (void)unused;
    begin(0, false);
    check(&edges, UNMEASURED, UNMEASURED);
    begin(2, false);
    check(&edges, UNMEASURED, UNMEASURED);
}

/* The first exchange opens connections, the second is the latency, the fastest of the others counts. */
static const double NEAR[] = {9.0, 0.001, 0.004, 0.003};
static const double FAR[] = {9.0, 0.002, 0.015, 0.011, 0.010, 0.012, 0.019};
enum { NEAR_COUNT = 2 + PROBES_LOCAL, FAR_COUNT = 2 + PROBES_REMOTE };

static void on_one_host(void **unused)
{
    const snn_edges lists[] = {ring(), fan()};
    (void)unused;
    for (int i = 0; i < 2; i++) {
        begin(0, false);
        add_durations(NEAR, lists[i].count > 0 ? NEAR_COUNT : 0);
        check(&lists[i], expected(&lists[i], true, 0.003 - 0.001), UNMEASURED);
        begin(0, true); /* crowded: not measured */
        check(&lists[i], UNMEASURED, UNMEASURED);
    }
}

static void on_hosts_of_their_own(void **unused)
{
    const snn_edges lists[] = {ring(), fan()};
    (void)unused;
    for (int i = 0; i < 2; i++) {
        begin(MOST_RANKS, i == 1); /* crowded or not */
        add_durations(FAR, lists[i].count > 0 ? FAR_COUNT : 0);
        check(&lists[i], UNMEASURED, expected(&lists[i], false, 0.010 - 0.002));
    }
}

static void on_two_hosts(void **unused)
{
    const snn_edges edges = ring();
    bool any_local = false;
    (void)unused;
    begin(2, false);
    for (int32_t rank = 0; rank < snn_world_size(world); rank++) {
        any_local = any_local || partners_of(&edges, rank, true) > 0;
    }
    add_durations(NEAR, any_local ? NEAR_COUNT : 0);
    add_durations(FAR, edges.count > 0 ? FAR_COUNT : 0);
    check(&edges, expected(&edges, true, 0.003 - 0.001), expected(&edges, false, 0.010 - 0.002));
}

/* Where one rank takes long, nobody goes on. */
static void a_slow_link_is_probed_once(void **unused)
{
    const double slow[] = {9.0, 0.002, snn_world_rank(world) == 0 ? 3.0 : 0.007};
    const snn_edges edges = ring();
    (void)unused;
    begin(MOST_RANKS, false);
    add_durations(slow, edges.count > 0 ? 3 : 0);
    check(&edges, UNMEASURED, expected(&edges, false, slow[2] - slow[1]));
}

/* Not faster than no time: such a measurement says nothing. */
static void faster_than_a_single_byte(void **unused)
{
    const double odd[FAR_COUNT] = {9.0, 0.02, 0.01, 0.01, 0.01, 0.01, 0.01};
    const snn_edges edges = ring();
    (void)unused;
    begin(MOST_RANKS, false);
    add_durations(odd, edges.count > 0 ? FAR_COUNT : 0);
    check(&edges, UNMEASURED, UNMEASURED);
}

/* With the real clock: a figure that can be. */
static void measured_for_real(void **unused)
{
    const snn_edges edges = ring();
    snn_links links;
    (void)unused;
    hosts = MOST_RANKS;
    made_up = false;
    const snn_status status =
        snn_links_measure(world, *(const MPI_Comm *)snn_world_communicator(world), &edges, &links);
    assert_string_equal(status.message, "");
    assert_true(links.remote_byte > 0.0 && links.remote_byte < 1.0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_edges_nothing_is_measured),
        cmocka_unit_test(on_one_host),
        cmocka_unit_test(on_hosts_of_their_own),
        cmocka_unit_test(on_two_hosts),
        cmocka_unit_test(a_slow_link_is_probed_once),
        cmocka_unit_test(faster_than_a_single_byte),
        cmocka_unit_test(measured_for_real),
    };
    /* A failed assertion ends the process and with it the job; the other ranks would wait for it. */
    if (setenv("CMOCKA_TEST_ABORT", "1", 1) != 0 || snn_failed(snn_world_create(&argc, &argv, &world))) {
        return 1;
    }
    const int failed = snn_world_size(world) > MOST_RANKS ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
    hosts = 0;
    made_up = false;
    snn_world_destroy(world);
    return failed;
}
