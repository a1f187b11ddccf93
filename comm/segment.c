#define _GNU_SOURCE /* memfd_create */
#include "comm/segment.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/base/memory.h"

/* The first rank makes a file without a name and tells the others where in /proc it is. So nothing stays behind when a
 * rank is killed, and it does not matter how large /dev/shm is, which in containers is small. */

enum { PATH_BYTES = 64, TOKEN_BYTES = 64 };

struct snn_segment {
    uint8_t *mapped; /* a token, then the memory */
    size_t bytes;    /* of both */
};

/* What the first rank tells the others. */
typedef struct invitation {
    char path[PATH_BYTES];      /* empty: nothing was made */
    uint8_t token[TOKEN_BYTES]; /* that the file begins with: elsewhere the path may lead to another one */
} invitation;

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static bool map(snn_segment *segment, int file)
{
    void *mapped = mmap(NULL, segment->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    segment->mapped = mapped != MAP_FAILED ? mapped : NULL;
    return segment->mapped != NULL;
}

static void unmap(snn_segment *segment)
{
    if (segment->mapped != NULL) {
        (void)munmap(segment->mapped, segment->bytes);
        segment->mapped = NULL;
    }
}

/* Makes the file and maps it; the file stays open for the others. -1: it cannot be had. */
static int make(snn_segment *segment, invitation *sent)
{
    const int file = memfd_create("snn_dist", MFD_CLOEXEC);
    if (file < 0) {
        return -1;
    }
    if (ftruncate(file, (off_t)segment->bytes) != 0 || !map(segment, file)) {
        (void)close(file);
        return -1;
    }
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)snprintf(sent->path, sizeof sent->path, "/proc/%ld/fd/%d", (long)getpid(), file);
    (void)snprintf((char *)sent->token, sizeof sent->token, "%ld.%09ld %ld %p", (long)now.tv_sec, now.tv_nsec,
                   (long)getpid(), (void *)segment->mapped);
    memcpy(segment->mapped, sent->token, TOKEN_BYTES);
    return file;
}

static bool join(snn_segment *segment, const invitation *got)
{
    if (got->path[0] == '\0') {
        return false;
    }
    const int file = open(got->path, O_RDWR | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    uint8_t token[TOKEN_BYTES];
    const bool same = pread(file, token, sizeof token, 0) == (ssize_t)sizeof token &&
                      memcmp(token, got->token, sizeof token) == 0 && map(segment, file);
    (void)close(file);
    return same;
}

/* The first rank: *all becomes whether everybody has it. */
static snn_status lead(snn_world *world, const int32_t *ranks, int32_t count, snn_segment *segment, uint8_t *all)
{
    invitation sent = {0};
    const int file = make(segment, &sent);
    snn_status status = snn_ok();
    *all = file >= 0;
    for (int32_t i = 1; i < count && !snn_failed(status); i++) {
        status = snn_world_send(world, ranks[i], &sent, sizeof sent);
    }
    for (int32_t i = 1; i < count && !snn_failed(status); i++) {
        uint8_t has = 0;
        status = snn_world_receive(world, ranks[i], &has, 1);
        *all = *all && has;
    }
    for (int32_t i = 1; i < count && !snn_failed(status); i++) {
        status = snn_world_send(world, ranks[i], all, 1);
    }
    if (file >= 0) {
        (void)close(file);
    }
    return status;
}

static snn_status follow(snn_world *world, int32_t leader, snn_segment *segment, uint8_t *all)
{
    invitation got = {0};
    SNN_TRY(snn_world_receive(world, leader, &got, sizeof got));
    const uint8_t has = join(segment, &got);
    SNN_TRY(snn_world_send(world, leader, &has, 1));
    return snn_world_receive(world, leader, all, 1);
}

snn_status snn_segment_create(snn_world *world, const int32_t *ranks, int32_t count, size_t bytes,
                              snn_segment **segment)
{
    *segment = NULL;
    snn_segment made = {.bytes = page_bytes() + bytes};
    uint8_t all = 0;
    const snn_status status = ranks[0] == snn_world_rank(world) ? lead(world, ranks, count, &made, &all)
                                                                : follow(world, ranks[0], &made, &all);
    snn_segment *kept = all ? snn_allocate(1, sizeof *kept) : NULL;
    if (snn_failed(status) || kept == NULL) {
        unmap(&made);
        return snn_failed(status) || !all ? status : snn_out_of_memory("memory in common");
    }
    *kept = made;
    *segment = kept;
    return snn_ok();
}

void *snn_segment_memory(const snn_segment *segment)
{
    return segment->mapped + page_bytes();
}

void snn_segment_touch(const snn_segment *segment, size_t begin, size_t bytes)
{
    const volatile uint8_t *memory = snn_segment_memory(segment);
    for (size_t at = begin; at < begin + bytes; at += page_bytes()) {
        (void)memory[at];
    }
}

void snn_segment_destroy(snn_segment *segment)
{
    if (segment != NULL) {
        unmap(segment);
        snn_release(segment);
    }
}
