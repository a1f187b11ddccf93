#include "partition/machine.h"

snn_machine snn_machine_assumed(void)
{
    return (snn_machine){.speed = 1.0,
                         .core_speed = 1.0,
                         .threads = 1,
                         .switch_seconds = 1e-4, /* 4 to 16 ranks on 2 processors, with pauses (comm/mpi_wait.c) */
                         .link = {.latency_seconds = 1e-6, .message_seconds = 5e-7, .byte_seconds = 3e-10},
                         .packets = {.packet_seconds = 1e-6,
                                     .encode_byte_seconds = {6e-10, 4e-10},
                                     .decode_byte_seconds = {6e-10, 4e-10},
                                     .ratio = {1.0, 1.0}},
                         .share = {.notice_seconds = 1e-6, .byte_seconds = 4e-10}};
}
