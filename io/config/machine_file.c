#include "io/config/machine_file.h"

#include "io/config/toml_fields.h"

/* Of the time that more threads could save, as much as static shares of a layer are known to. */
static const double THREAD_EFFICIENCY = 0.9;

/* How much faster `cores` threads are than `threads`. */
static double speed_of_threads(double cores, double threads)
{
    const double wanted = cores > 1 ? 1 + THREAD_EFFICIENCY * (cores - 1) : 1;
    const double measured = threads > 1 ? 1 + THREAD_EFFICIENCY * (threads - 1) : 1;
    return wanted / measured;
}

snn_status snn_machine_file_read(const char *path, int32_t threads, snn_machine *machine)
{
    int64_t cores = threads, together = 1;
    double speed = 1.0, memory = machine->memory_bytes / 1e9;
    double latency = machine->link.latency_seconds * 1e6, message = machine->link.message_seconds * 1e6;
    double bandwidth = 1e-9 / machine->link.byte_seconds;
    snn_toml_field fields[] = {
        {"rank.cores", SNN_FIELD_INTEGER, &cores, .minimum = 1, .maximum = 4096},
        {"rank.speed", SNN_FIELD_REAL, &speed, .minimum = 1e-3, .maximum = 1e3},
        {"rank.memory_gb", SNN_FIELD_REAL, &memory, .minimum = 0, .maximum = 1e6},
        {"host.ranks", SNN_FIELD_INTEGER, &together, .minimum = 1, .maximum = 4096},
        {"link.latency_us", SNN_FIELD_REAL, &latency, .minimum = 0, .maximum = 1e6},
        {"link.bandwidth_gbs", SNN_FIELD_REAL, &bandwidth, .minimum = 1e-6, .maximum = 1e6},
        {"link.message_us", SNN_FIELD_REAL, &message, .minimum = 0, .maximum = 1e6},
    };
    SNN_TRY(snn_toml_fields_read(path, "machine file", fields, sizeof fields / sizeof fields[0]));
    machine->speed *= speed * speed_of_threads((double)cores, threads);
    machine->core_speed *= speed;
    machine->threads = (int32_t)cores;
    machine->processors = 0.0; /* a rank has its cores */
    machine->host_ranks = (int32_t)together;
    machine->memory_bytes = memory * 1e9;
    machine->link.latency_seconds = latency * 1e-6;
    machine->link.message_seconds = message * 1e-6;
    machine->link.byte_seconds = 1e-9 / bandwidth;
    return snn_ok();
}
