#include "io/cli/plan/plan_table.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/base/memory.h"
#include "core/network/timing.h"

enum { ROWS_SHOWN = 64, LAYOUT_BYTES = 64, TABLE_BYTES = 32768 };

typedef struct table {
    char *text;
    size_t length;
} table;

static void add(table *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(table *to, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(to->text + to->length, TABLE_BYTES - to->length, format, arguments);
    va_end(arguments);
    to->length += length > 0 ? (size_t)length : 0;
    to->length = to->length < TABLE_BYTES ? to->length : TABLE_BYTES - 1;
}

static void format_bytes(double bytes, char text[32])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    int unit = 0;
    while (bytes >= 1000.0 && unit < 5) {
        bytes /= 1000.0;
        unit++;
    }
    (void)snprintf(text, 32, "%.*f %s", unit == 0 ? 0 : 1, bytes, units[unit]);
}

static double images_of(const snn_planner_request *request)
{
    return (double)request->groups * request->images;
}

/* "64 timesteps each", or "windows of 8 steps" */
static void format_steps(const snn_network *network, const snn_planner_request *request, char text[48])
{
    const char *format = network->windows.steps > 0 ? "windows of %d steps" : "%d timesteps each";
    (void)snprintf(text, 48, format, request->timesteps);
}

/* What an image takes in timesteps: never one of the three without the others. */
static void format_windows(const snn_network *network, char text[128])
{
    const snn_windows *windows = &network->windows;
    (void)snprintf(text, 128, "latency %d timesteps, interval %d timesteps, %d spikes per neuron (delay %d)",
                   snn_network_latency(network), windows->steps, windows->steps, windows->delay);
}

static void add_prediction(table *to, const snn_network *network, const snn_prediction *predicted,
                           const snn_planner_request *request)
{
    char sent[32], bytes[32], shared[80] = "", memory[32], steps[48], windows[128];
    format_bytes(predicted->bytes_sent, sent);
    if (predicted->bytes_shared > 0.0) {
        format_bytes(predicted->bytes_shared, bytes);
        (void)snprintf(shared, sizeof shared, ", %s shared in the memory of their hosts", bytes);
    }
    format_bytes(predicted->memory_bytes, memory);
    format_steps(network, request, steps);
    add(to, "  time        %.4g s for %lld groups of %d images, %s (%.4g images/s)\n", predicted->seconds,
        (long long)request->groups, request->images, steps,
        predicted->seconds > 0 ? images_of(request) / predicted->seconds : 0.0);
    if (network->windows.steps > 0) {
        format_windows(network, windows);
        add(to, "  windows     %s\n", windows);
    }
    add(to, "  latency     %.4g s for one group alone\n", predicted->group_seconds);
    add(to, "  efficiency  %.1f %% of ideal speed-up over one rank (%.4g s)\n", 100 * predicted->efficiency,
        predicted->one_rank_seconds);
    add(to,
        "  ranks       compute %.1f %%, communicate %.1f %%, wait: imbalance %.1f %%, pipeline bubble %.1f %%, "
        "processors %.1f %%\n",
        100 * predicted->compute, 100 * predicted->communicate, 100 * predicted->imbalance, 100 * predicted->bubble,
        100 * predicted->crowding);
    add(to, "  sent        %s by all ranks%s\n", sent, shared);
    add(to, "  memory      %s on the rank that needs most\n", memory);
}

/* Replicas are alike, so those of the first are shown. */
static void add_ranks(table *to, const snn_network *network, const snn_plan *plan, snn_cost_model *model,
                      const snn_planner_request *request)
{
    const double item_milliseconds = 1e3;
    const int32_t ranks = snn_plan_ranks_per_replica(plan);
    add(to, "%6s %6s %6s %12s %13s %10s %10s %10s %10s %10s %10s\n", "rank", "stage", "shard", "populations",
        "operations", "weights B", "state B", "spikes B", "memory B", "sent bits", "ms / item");
    for (int32_t rank = 0; rank < ranks && rank < ROWS_SHOWN; rank++) {
        const snn_place place = snn_plan_place(plan, rank);
        const int32_t first = plan->stage_begin[place.stage], last = plan->stage_begin[place.stage + 1];
        const snn_rank_cost cost = snn_plan_cost(model, plan, rank);
        char range[32] = "-";
        if (first < last) {
            (void)snprintf(range, sizeof range, "%d..%d", first, last - 1);
        }
        add(to, "%6d %6d %6d %12s %13lld %10lld %10lld %10lld %10.0f %10lld %10.4f\n", rank, place.stage, place.shard,
            range, (long long)cost.operations, (long long)cost.packed_bytes, (long long)cost.state_bytes,
            (long long)cost.spike_bytes, snn_rank_memory(&cost, request, plan->replicas), (long long)cost.bits_sent,
            item_milliseconds * snn_rank_seconds(&cost, request));
    }
    if (ranks > ROWS_SHOWN) {
        add(to, "... %d more ranks of the first replica\n", ranks - ROWS_SHOWN);
    }
    if (plan->replicas > 1) {
        add(to, "... and %d more replicas like this one\n", plan->replicas - 1);
    }
    if (network->windows.steps > 0) {
        add(to, "(operations and bits per image; an item is a group's windows of %d steps)\n", request->block);
    } else {
        add(to, "(operations and bits per image and timestep; an item is a group's block of %d timesteps)\n",
            request->block);
    }
}

/* "4 a rank on 2 processors that 16 ranks share" */
static void format_threads(const snn_planning *planning, char text[96])
{
    const snn_machine *machine = &planning->machine;
    const int32_t ranks = planning->request.ranks;
    if (machine->processors == 0.0) {
        (void)snprintf(text, 96, "%d a rank, on processors of its own", machine->threads);
    } else {
        (void)snprintf(text, 96, "%d a rank, on %g processors for %d rank%s", machine->threads, machine->processors,
                       ranks, ranks == 1 ? "" : "s");
    }
}

static void format_link(const snn_planning *planning, char text[96])
{
    static const char *const origins[] = {"assumed (ranks of one host)", "measured", "of the machine file"};
    const snn_link *link = &planning->machine.link;
    (void)snprintf(text, 96, "%s: %.3g us, %.3g GB/s", origins[planning->link], 1e6 * link->latency_seconds,
                   1e-9 / link->byte_seconds);
}

snn_status snn_plan_table(const snn_network *network, const snn_plan *plan, snn_cost_model *model,
                          const snn_planning *planning, char **text)
{
    const snn_planner_request *request = &planning->request;
    char threads[96], link[96];
    char layout[LAYOUT_BYTES];
    table to = {.text = snn_allocate(TABLE_BYTES, 1)};
    *text = to.text;
    if (to.text == NULL) {
        return snn_out_of_memory("table of the plan");
    }
    const snn_prediction predicted = snn_plan_predict(model, plan);
    add(&to, "%s: %d ranks as %s (replicas x stages x channel shards)\n", network->name, snn_plan_ranks(plan),
        snn_plan_describe(plan, layout, sizeof layout));
    format_threads(planning, threads);
    format_link(planning, link);
    add(&to, "predicted from %s:\n", planning->speeds);
    add(&to, "  threads     %s\n  link        %s\n", threads, link);
    add_prediction(&to, network, &predicted, request);
    const snn_inflation inflation = snn_plan_inflation(model, plan);
    add(&to, "  arithmetic  of all ranks, over one rank's: products %.3f, values read %.3f, inputs of neurons %.3f\n",
        inflation.products, inflation.values, inflation.inputs);
    const int32_t idle = snn_plan_idle_ranks(plan, network, request->groups);
    if (idle > 0) {
        add(&to, "  idle        %d of %d ranks have no work\n", idle, snn_plan_ranks(plan));
    }
    add(&to, "\n");
    add_ranks(&to, network, plan, model, request);
    return snn_ok();
}

void snn_scaling_head(const snn_network *network, const snn_planning *planning)
{
    const snn_planner_request *request = &planning->request;
    char link[96], steps[48], windows[128];
    format_link(planning, link);
    format_steps(network, request, steps);
    printf("%s: %lld images, %s; predicted from %s, link %s\n", network->name, (long long)planning->images, steps,
           planning->speeds, link);
    if (network->windows.steps > 0) {
        format_windows(network, windows);
        printf("Windows: %s.\n", windows);
    }
    if (planning->machine.processors > 0.0) {
        printf("All ranks share the %g processors of this host; --machine describes other machines.\n",
               planning->machine.processors);
    }
    printf("\n%7s %-24s %7s %7s %10s %10s %9s %6s %8s %6s %6s %6s %6s %10s %10s %10s\n", "ranks", "layout", "threads",
           "group", "seconds", "images/s", "speed-up", "eff %", "compute%", "comm%", "imbal%", "bubble%", "procs%",
           "latency s", "sent", "memory");
}

void snn_scaling_line(const snn_plan *plan, snn_cost_model *model, const snn_planning *planning)
{
    const snn_planner_request *request = &planning->request;
    char layout[LAYOUT_BYTES], sent[32], memory[32];
    const snn_prediction predicted = snn_plan_predict(model, plan);
    format_bytes(predicted.bytes_sent, sent);
    format_bytes(predicted.memory_bytes, memory);
    printf("%7d %-24s %7d %7d %10.4g %10.4g %9.1f %6.1f %8.1f %6.1f %6.1f %6.1f %6.1f %10.4g %10s %10s\n",
           snn_plan_ranks(plan), snn_plan_describe(plan, layout, 25), planning->machine.threads, request->images,
           predicted.seconds, images_of(request) / predicted.seconds, predicted.one_rank_seconds / predicted.seconds,
           100 * predicted.efficiency, 100 * predicted.compute, 100 * predicted.communicate, 100 * predicted.imbalance,
           100 * predicted.bubble, 100 * predicted.crowding, predicted.group_seconds, sent, memory);
}
