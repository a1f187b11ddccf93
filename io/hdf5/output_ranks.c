#include <omp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/memory.h"
#include "io/hdf5/hdf5_helpers.h"
#include "io/hdf5/output_sections.h"

/* ---- what the ranks tell rank 0 ---- */

static void fill_numbers(const snn_output *output, double *numbers)
{
    for (int i = 0; i < SNN_TIMER_COUNT; i++) {
        numbers[SNN_RANK_TIMERS + i] = output->timers.seconds[i];
    }
    numbers[SNN_RANK_PACKETS] = (double)output->traffic.packets;
    numbers[SNN_RANK_RAW_BYTES] = (double)output->traffic.raw_bytes;
    numbers[SNN_RANK_SENT_BYTES] = (double)output->traffic.sent_bytes;
    numbers[SNN_RANK_SHARED_BLOCKS] = (double)output->traffic.shared_blocks;
    numbers[SNN_RANK_SHARED_BYTES] = (double)output->traffic.shared_bytes;
    for (int i = 0; i < 3; i++) {
        numbers[SNN_RANK_MEMORY + i] = (double)output->memory[i];
    }
    numbers[SNN_RANK_THREADS] = (double)omp_get_max_threads();
    memcpy(numbers + SNN_RANK_LINES, output->traffic.lines, sizeof output->traffic.lines);
}

static snn_status allocate_ranks(snn_output_ranks *ranks)
{
    const size_t count = (size_t)ranks->count;
    ranks->numbers = snn_allocate(count * SNN_RANK_NUMBERS, sizeof *ranks->numbers);
    ranks->hosts = snn_allocate(count, SNN_RANK_TEXT_BYTES);
    ranks->kernels = snn_allocate(count, SNN_RANK_TEXT_BYTES);
    bool complete = ranks->numbers != NULL && ranks->hosts != NULL && ranks->kernels != NULL;
    return complete ? snn_ok() : snn_out_of_memory("reports of the ranks");
}

snn_status snn_output_gather_ranks(snn_world *world, const snn_output *output, snn_output_ranks *ranks)
{
    double numbers[SNN_RANK_NUMBERS];
    char host[SNN_RANK_TEXT_BYTES] = "";
    char kernels[SNN_RANK_TEXT_BYTES] = "";
    *ranks = (snn_output_ranks){.count = snn_world_size(world)};
    snn_status status = snn_world_rank(world) == 0 ? allocate_ranks(ranks) : snn_ok();
    SNN_TRY(snn_world_agree(world, status));
    fill_numbers(output, numbers);
    (void)snprintf(host, sizeof host, "%s", snn_world_host(world));
    (void)snprintf(kernels, sizeof kernels, "%s", output->kernels);
    SNN_TRY(snn_world_gather_doubles(world, numbers, SNN_RANK_NUMBERS, ranks->numbers));
    SNN_TRY(snn_world_gather_text(world, host, sizeof host, ranks->hosts));
    return snn_world_gather_text(world, kernels, sizeof kernels, ranks->kernels);
}

void snn_output_ranks_clear(snn_output_ranks *ranks)
{
    snn_release(ranks->numbers);
    snn_release(ranks->hosts);
    snn_release(ranks->kernels);
    *ranks = (snn_output_ranks){0};
}

static double number_of(const snn_output_ranks *ranks, int32_t rank, int which)
{
    return ranks->numbers[(size_t)rank * SNN_RANK_NUMBERS + (size_t)which];
}

/* Writes `columns` of the ranks' numbers from `which` on, as counts: [ranks] or [ranks][columns]. */
static snn_status write_counts(hid_t group, const char *name, const snn_output_ranks *ranks, int which, int columns)
{
    const int64_t dims[] = {ranks->count, columns};
    int64_t *counts = snn_allocate((size_t)ranks->count * (size_t)columns, sizeof *counts);
    if (counts == NULL) {
        return snn_out_of_memory(name);
    }
    for (int32_t rank = 0; rank < ranks->count; rank++) {
        for (int i = 0; i < columns; i++) {
            counts[(int64_t)rank * columns + i] = (int64_t)number_of(ranks, rank, which + i);
        }
    }
    snn_status status = snn_hdf5_write_array(group, name, H5T_NATIVE_INT64, columns > 1 ? 2 : 1, dims, counts);
    snn_release(counts);
    return status;
}

/* Writes texts that lie side by side, SNN_RANK_TEXT_BYTES each. */
static snn_status write_rank_texts(hid_t group, const char *name, const snn_output_ranks *ranks, const char *texts)
{
    const char **pointers = snn_allocate((size_t)ranks->count, sizeof *pointers);
    if (pointers == NULL) {
        return snn_out_of_memory(name);
    }
    for (int32_t rank = 0; rank < ranks->count; rank++) {
        pointers[rank] = texts + (size_t)rank * SNN_RANK_TEXT_BYTES;
    }
    snn_status status = snn_hdf5_write_texts(group, name, pointers, ranks->count);
    snn_release(pointers);
    return status;
}

/* ---- /communication ---- */

static double total_of(const snn_output_ranks *ranks, int which)
{
    double total = 0.0;
    for (int32_t rank = 0; rank < ranks->count; rank++) {
        total += number_of(ranks, rank, which);
    }
    return total;
}

/* Checkpoints keep results, not costs. */
static snn_status note_span(hid_t group)
{
    return snn_hdf5_write_text_attribute(group, "note", "of the last job: a restart begins to count anew");
}

/* Packets by kind of edge and codec, summed over ranks: [kinds][codecs][columns], and what these are. */
static snn_status write_lines(hid_t group, const snn_output_ranks *ranks)
{
    static const char *const columns[SNN_TRAFFIC_COLUMNS] = {"packets",        "raw_bytes",      "sent_bytes",
                                                             "encode_seconds", "decode_seconds", "saved_seconds"};
    const char *kinds[SNN_EDGE_KIND_COUNT], *codecs[SNN_CODEC_AUTO];
    double lines[SNN_EDGE_KIND_COUNT * SNN_CODEC_AUTO * SNN_TRAFFIC_COLUMNS];
    const int64_t dims[] = {SNN_EDGE_KIND_COUNT, SNN_CODEC_AUTO, SNN_TRAFFIC_COLUMNS};
    for (int i = 0; i < SNN_EDGE_KIND_COUNT * SNN_CODEC_AUTO * SNN_TRAFFIC_COLUMNS; i++) {
        lines[i] = total_of(ranks, SNN_RANK_LINES + i);
    }
    for (int kind = 0; kind < SNN_EDGE_KIND_COUNT; kind++) {
        kinds[kind] = snn_edge_kind_name((snn_edge_kind)kind);
    }
    for (int codec = 0; codec < SNN_CODEC_AUTO; codec++) {
        codecs[codec] = snn_codec_name((snn_codec)codec);
    }
    SNN_TRY(snn_hdf5_write_texts(group, "kinds", kinds, SNN_EDGE_KIND_COUNT));
    SNN_TRY(snn_hdf5_write_texts(group, "codecs", codecs, SNN_CODEC_AUTO));
    SNN_TRY(snn_hdf5_write_texts(group, "columns", columns, SNN_TRAFFIC_COLUMNS));
    return snn_hdf5_write_array(group, "by_kind_and_codec", H5T_NATIVE_DOUBLE, 3, dims, lines);
}

static snn_status fill_communication(hid_t group, const snn_output *output, const snn_output_ranks *ranks)
{
    double raw = total_of(ranks, SNN_RANK_RAW_BYTES);
    double sent = total_of(ranks, SNN_RANK_SENT_BYTES);
    double ratio = sent > 0.0 ? raw / sent : 1.0;
    SNN_TRY(note_span(group));
    SNN_TRY(write_counts(group, "packets", ranks, SNN_RANK_PACKETS, 1));
    SNN_TRY(write_counts(group, "raw_bytes", ranks, SNN_RANK_RAW_BYTES, 1));
    SNN_TRY(write_counts(group, "sent_bytes", ranks, SNN_RANK_SENT_BYTES, 1));
    SNN_TRY(write_counts(group, "shared_blocks", ranks, SNN_RANK_SHARED_BLOCKS, 1));
    SNN_TRY(write_counts(group, "shared_bytes", ranks, SNN_RANK_SHARED_BYTES, 1));
    SNN_TRY(snn_hdf5_write_scalar(group, "ratio", H5T_NATIVE_DOUBLE, &ratio));
    SNN_TRY(write_lines(group, ranks));
    return snn_hdf5_write_text(group, "codec", snn_codec_name(output->codec));
}

/* ---- /timers ---- */

typedef struct timer_table {
    double *seconds; /* [ranks][timers] */
    double minimum[SNN_TIMER_COUNT], mean[SNN_TIMER_COUNT], maximum[SNN_TIMER_COUNT];
    double imbalance[SNN_TIMER_COUNT]; /* maximum / mean; 1 where there is nothing */
} timer_table;

static void summarise(const snn_output_ranks *ranks, timer_table *table)
{
    for (int timer = 0; timer < SNN_TIMER_COUNT; timer++) {
        double sum = 0.0;
        double least = number_of(ranks, 0, SNN_RANK_TIMERS + timer);
        double most = least;
        for (int32_t rank = 0; rank < ranks->count; rank++) {
            double seconds = number_of(ranks, rank, SNN_RANK_TIMERS + timer);
            table->seconds[(int64_t)rank * SNN_TIMER_COUNT + timer] = seconds;
            sum += seconds;
            least = seconds < least ? seconds : least;
            most = seconds > most ? seconds : most;
        }
        table->minimum[timer] = least;
        table->mean[timer] = sum / ranks->count;
        table->maximum[timer] = most;
        table->imbalance[timer] = sum > 0.0 ? most / table->mean[timer] : 1.0;
    }
}

static snn_status write_timer_table(hid_t group, const snn_output_ranks *ranks, const timer_table *table)
{
    const int64_t dims[] = {ranks->count, SNN_TIMER_COUNT};
    const char *names[SNN_TIMER_COUNT];
    for (int timer = 0; timer < SNN_TIMER_COUNT; timer++) {
        names[timer] = snn_timer_name((snn_timer)timer);
    }
    SNN_TRY(snn_hdf5_write_texts(group, "names", names, SNN_TIMER_COUNT));
    SNN_TRY(snn_hdf5_write_array(group, "seconds", H5T_NATIVE_DOUBLE, 2, dims, table->seconds));
    SNN_TRY(snn_hdf5_write_vector(group, "min", H5T_NATIVE_DOUBLE, SNN_TIMER_COUNT, table->minimum));
    SNN_TRY(snn_hdf5_write_vector(group, "mean", H5T_NATIVE_DOUBLE, SNN_TIMER_COUNT, table->mean));
    SNN_TRY(snn_hdf5_write_vector(group, "max", H5T_NATIVE_DOUBLE, SNN_TIMER_COUNT, table->maximum));
    return snn_hdf5_write_vector(group, "imbalance", H5T_NATIVE_DOUBLE, SNN_TIMER_COUNT, table->imbalance);
}

static snn_status fill_timers(hid_t group, const snn_output *output, const snn_output_ranks *ranks)
{
    timer_table table;
    table.seconds = snn_allocate((size_t)ranks->count * SNN_TIMER_COUNT, sizeof *table.seconds);
    if (table.seconds == NULL) {
        return snn_out_of_memory("timers");
    }
    summarise(ranks, &table);
    snn_status status = write_timer_table(group, ranks, &table);
    snn_release(table.seconds);
    SNN_TRY(status);
    SNN_TRY(note_span(group));
    SNN_TRY(snn_hdf5_write_scalar(group, "setup", H5T_NATIVE_DOUBLE, &output->setup));
    /* The one time that all jobs add up to. */
    return snn_hdf5_write_scalar(group, "evaluation", H5T_NATIVE_DOUBLE, &output->seconds);
}

/* ---- /provenance ---- */

static snn_status write_time(hid_t group, const char *name, time_t when)
{
    struct tm parts;
    char text[32] = "";
    if (gmtime_r(&when, &parts) != NULL) {
        (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    }
    return snn_hdf5_write_text(group, name, text);
}

static snn_status write_times(hid_t group, const snn_output *output)
{
    time_t finished = time(NULL);
    time_t started = output->started != 0 ? (time_t)output->started : finished - (time_t)output->seconds;
    SNN_TRY(write_time(group, "started", started));
    return write_time(group, "finished", finished);
}

static snn_status write_build(hid_t group)
{
    unsigned major = 0;
    unsigned minor = 0;
    unsigned release = 0;
    char hdf5[48];
    (void)H5get_libversion(&major, &minor, &release);
    (void)snprintf(hdf5, sizeof hdf5, "HDF5 %u.%u.%u", major, minor, release);
    SNN_TRY(snn_hdf5_write_text(group, "version", "snn_dist " SNN_DIST_VERSION));
#if defined(__clang__)
    SNN_TRY(snn_hdf5_write_text(group, "compiler", __VERSION__)); /* names itself */
#else
    SNN_TRY(snn_hdf5_write_text(group, "compiler", "gcc " __VERSION__));
#endif
    SNN_TRY(snn_hdf5_write_text(group, "mpi", snn_world_library()));
    return snn_hdf5_write_text(group, "hdf5", hdf5);
}

static snn_status write_origin(hid_t group, const snn_output *output)
{
    const snn_network_origin *origin = output->origin;
    SNN_TRY(snn_hdf5_write_text(group, "model", origin->model));
    SNN_TRY(snn_hdf5_write_scalar(group, "model_hash", H5T_NATIVE_UINT64, &origin->model_hash));
    SNN_TRY(snn_hdf5_write_scalar(group, "calibration_hash", H5T_NATIVE_UINT64, &origin->calibration_hash));
    SNN_TRY(snn_hdf5_write_scalar(group, "calibration_images", H5T_NATIVE_INT64, &origin->calibration_images));
    SNN_TRY(snn_hdf5_write_text(group, "conversion", origin->settings));
    SNN_TRY(snn_hdf5_write_scalar(group, "network_hash", H5T_NATIVE_UINT64, &origin->content_hash));
    return snn_hdf5_write_scalar(group, "data_hash", H5T_NATIVE_UINT64, &output->data_hash);
}

/* Replica, stage and shard of every rank; -1 for ranks beyond the plan. */
static snn_status write_rank_map(hid_t group, const snn_plan *plan, int32_t ranks)
{
    enum { PARTS = 3 };
    const int64_t dims[] = {ranks, PARTS};
    const int32_t planned = snn_plan_ranks(plan);
    int32_t *map = snn_allocate((size_t)ranks * PARTS, sizeof *map);
    if (map == NULL) {
        return snn_out_of_memory("rank map");
    }
    for (int32_t rank = 0; rank < ranks; rank++) {
        snn_place place = rank < planned ? snn_plan_place(plan, rank) : (snn_place){-1, -1, -1};
        int32_t *row = map + (size_t)rank * PARTS;
        row[0] = place.replica;
        row[1] = place.stage;
        row[2] = place.shard;
    }
    snn_status status = snn_hdf5_write_array(group, "rank_map", H5T_NATIVE_INT32, 2, dims, map);
    snn_release(map);
    return status;
}

static snn_status fill_provenance(hid_t group, const snn_output *output, const snn_output_ranks *ranks)
{
    char layout[256];
    SNN_TRY(write_build(group));
    SNN_TRY(snn_hdf5_write_attribute(group, "idle_ranks", H5T_NATIVE_INT32, 0, &output->idle_ranks));
    SNN_TRY(write_times(group, output));
    SNN_TRY(write_origin(group, output));
    SNN_TRY(snn_hdf5_write_text(group, "layout", snn_plan_describe(output->plan, layout, sizeof layout)));
    SNN_TRY(write_rank_map(group, output->plan, ranks->count));
    SNN_TRY(write_rank_texts(group, "hosts", ranks, ranks->hosts));
    SNN_TRY(write_rank_texts(group, "kernels", ranks, ranks->kernels));
    SNN_TRY(write_counts(group, "threads", ranks, SNN_RANK_THREADS, 1));
    return write_counts(group, "memory", ranks, SNN_RANK_MEMORY, 3);
}

/* ---- all three ---- */

typedef snn_status (*section_writer)(hid_t group, const snn_output *output, const snn_output_ranks *ranks);

snn_status snn_output_write_ranks(hid_t file, const snn_output *output, const snn_output_ranks *ranks)
{
    static const struct {
        const char *name;
        section_writer fill;
    } sections[] = {
        {"communication", fill_communication},
        {"timers", fill_timers},
        {"provenance", fill_provenance},
    };
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        hid_t group;
        SNN_TRY(snn_hdf5_create_group(file, sections[i].name, &group));
        snn_status status = sections[i].fill(group, output, ranks);
        snn_hdf5_close(group);
        SNN_TRY(status);
    }
    return snn_ok();
}
