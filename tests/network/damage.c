/* Loaded before MPI (LD_PRELOAD): a network that damages one spike packet of rank 0, the one of number
 * SNN_TEST_DAMAGE_PACKET (1, 2, ...), in the way that SNN_TEST_DAMAGE says: "flip BYTE", "cut" or "repeat" (the packet
 * before it again). Everything else passes. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int packets;
static char *before; /* the last packet, for "repeat" */
static int before_bytes;

static int damaged_send(const char *packet, int bytes, int to, int tag, MPI_Comm communicator, MPI_Request *request)
{
    const char *how = getenv("SNN_TEST_DAMAGE");
    int place = 0;
    char *copy = malloc((size_t)bytes); /* MPI may read it until the process ends */
    if (copy == NULL || how == NULL) {
        abort();
    }
    memcpy(copy, packet, (size_t)bytes);
    if (sscanf(how, "flip %d", &place) == 1) {
        copy[place < bytes ? place : bytes - 1] ^= 0x10;
    } else if (strcmp(how, "cut") == 0) {
        bytes--;
    } else if (before != NULL) {
        copy = before;
        bytes = before_bytes;
    }
    return PMPI_Isend(copy, bytes, MPI_BYTE, to, tag, communicator, request);
}

int MPI_Isend(const void *data, int count, MPI_Datatype type, int to, int tag, MPI_Comm communicator,
              MPI_Request *request)
{
    int rank = 0;
    const char *wanted = getenv("SNN_TEST_DAMAGE_PACKET");
    if (wanted == NULL || count < 40 || memcmp(data, "SPK1", 4) != 0 ||
        PMPI_Comm_rank(MPI_COMM_WORLD, &rank) != MPI_SUCCESS || rank != 0) {
        return PMPI_Isend(data, count, type, to, tag, communicator, request);
    }
    packets++;
    if (packets == (int)strtol(wanted, NULL, 10)) {
        return damaged_send(data, count, to, tag, communicator, request);
    }
    if (packets + 1 == (int)strtol(wanted, NULL, 10)) {
        before = malloc((size_t)count);
        if (before != NULL) {
            memcpy(before, data, (size_t)count);
            before_bytes = count;
        }
    }
    return PMPI_Isend(data, count, type, to, tag, communicator, request);
}
