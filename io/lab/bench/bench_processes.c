#include "io/lab/bench/bench_processes.h"

#include <errno.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "core/base/timers.h"

typedef struct process {
    pid_t id;
    int orders, answers; /* descriptors: one byte asks for a block, one says that it is done */
} process;

struct snn_processes {
    process *members; /* [count] */
    int32_t count;
};

static bool read_byte(int descriptor)
{
    char byte;
    ssize_t got;
    do {
        got = read(descriptor, &byte, 1);
    } while (got < 0 && errno == EINTR);
    return got == 1;
}

static bool write_byte(int descriptor)
{
    const char byte = 'g';
    ssize_t put;
    do {
        put = write(descriptor, &byte, 1);
    } while (put < 0 && errno == EINTR);
    return put == 1;
}

/* The life of a process: until its orders end. What goes wrong shows as answers that do not come. */
static void work(const snn_network *network, const snn_workload_options *options, int orders, int answers)
{
    snn_workload *workload = NULL;
    snn_status status = snn_workload_create(network, options, &workload);
    double seconds;
    while (status.code == SNN_OK && write_byte(answers) && read_byte(orders)) {
        status = snn_workload_run_block(workload, &seconds);
    }
    snn_workload_destroy(workload);
}

/* In the new process: nobody else's descriptors, so that orders end when the parent closes them. */
static void begin_work(const snn_processes *processes, const snn_network *network, const snn_workload_options *options,
                       const int to_child[2], const int from_child[2])
{
    for (int32_t i = 0; i < processes->count; i++) {
        (void)close(processes->members[i].orders);
        (void)close(processes->members[i].answers);
    }
    (void)close(to_child[1]);
    (void)close(from_child[0]);
    work(network, options, to_child[0], from_child[1]);
    _exit(0);
}

static snn_status start(snn_processes *processes, const snn_network *network, const snn_workload_options *options)
{
    int to_child[2], from_child[2];
    if (pipe(to_child) != 0) {
        return snn_fail(SNN_INTERNAL_ERROR, "cannot make a pipe: %s", strerror(errno));
    }
    if (pipe(from_child) != 0) {
        (void)close(to_child[0]);
        (void)close(to_child[1]);
        return snn_fail(SNN_INTERNAL_ERROR, "cannot make a pipe: %s", strerror(errno));
    }
    const pid_t id = fork();
    if (id == 0) {
        begin_work(processes, network, options, to_child, from_child);
    }
    (void)close(to_child[0]);
    (void)close(from_child[1]);
    if (id < 0) {
        (void)close(to_child[1]);
        (void)close(from_child[0]);
        return snn_fail(SNN_INTERNAL_ERROR, "cannot start a process: %s", strerror(errno));
    }
    processes->members[processes->count++] = (process){id, to_child[1], from_child[0]};
    return read_byte(from_child[0]) ? snn_ok() : snn_fail(SNN_INTERNAL_ERROR, "a process ended before its work");
}

snn_status snn_processes_create(const snn_network *network, const snn_workload_options *options, int32_t count,
                                snn_processes **processes)
{
    *processes = NULL;
    snn_processes *made = snn_allocate(1, sizeof *made);
    snn_status status = snn_ok();
    if (made != NULL) {
        made->members = snn_allocate((size_t)count, sizeof *made->members);
    }
    if (made == NULL || made->members == NULL) {
        status = snn_out_of_memory("processes");
    }
    for (int32_t i = 0; i < count && status.code == SNN_OK; i++) {
        status = start(made, network, options);
    }
    if (status.code != SNN_OK) {
        snn_processes_destroy(made);
        return status;
    }
    *processes = made;
    return snn_ok();
}

snn_status snn_processes_run(void *processes, double *seconds)
{
    const snn_processes *at = processes;
    bool well = true;
    const double begun = snn_seconds();
    for (int32_t i = 0; i < at->count; i++) {
        well = write_byte(at->members[i].orders) && well;
    }
    for (int32_t i = 0; i < at->count && well; i++) {
        well = read_byte(at->members[i].answers);
    }
    *seconds = snn_seconds() - begun;
    return well ? snn_ok() : snn_fail(SNN_INTERNAL_ERROR, "a process ended in the middle of its work");
}

void snn_processes_destroy(snn_processes *processes)
{
    if (processes == NULL) {
        return;
    }
    for (int32_t i = 0; i < processes->count; i++) {
        (void)close(processes->members[i].orders);
        (void)close(processes->members[i].answers);
    }
    for (int32_t i = 0; i < processes->count; i++) {
        (void)waitpid(processes->members[i].id, NULL, 0);
    }
    snn_release(processes->members);
    snn_release(processes);
}
