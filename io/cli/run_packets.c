/* What packets cost and what their codecs saved, by kind of edge. */
#include "core/base/memory.h"
#include "io/cli/run_state.h"

enum { LINES = (int)SNN_EDGE_KIND_COUNT * (int)SNN_CODEC_AUTO };

/* Over all ranks, on rank 0. */
static snn_status add_up_lines(snn_run *run, snn_traffic_line *sums)
{
    enum { NUMBERS = LINES * SNN_TRAFFIC_COLUMNS };
    const size_t ranks = (size_t)snn_world_size(run->world);
    const snn_wavefront_traffic *traffic = snn_wavefront_traffic_of(run->wavefront);
    const double *own = &traffic->lines[0][0].packets;
    const bool root = snn_world_rank(run->world) == 0;
    double *all = snn_allocate(root ? ranks * NUMBERS : 0, sizeof *all);
    snn_status status = snn_world_agree(run->world, all == NULL ? snn_out_of_memory("packets") : snn_ok());
    if (status.code == SNN_OK) {
        status = snn_world_gather_doubles(run->world, own, NUMBERS, all);
    }
    if (status.code == SNN_OK && root) {
        double *sum = &sums[0].packets;
        for (size_t i = 0; i < ranks * NUMBERS; i++) {
            sum[i % NUMBERS] += all[i];
        }
    }
    snn_release(all);
    return status;
}

snn_status snn_run_say_packets(snn_run *run)
{
    snn_traffic_line sums[LINES] = {{0}};
    SNN_TRY(add_up_lines(run, sums));
    bool first = true;
    for (int i = 0; i < LINES; i++) {
        const snn_traffic_line *line = &sums[i];
        if (line->packets == 0.0) {
            continue;
        }
        if (first) {
            snn_run_say(run, "\n  packets                 codec      ratio   seconds spent   seconds saved");
            first = false;
        }
        snn_run_say(run, "  %-22s  %-7s  %7.2f   %13.2f   %13.2f",
                    snn_edge_kind_name((snn_edge_kind)(i / SNN_CODEC_AUTO)),
                    snn_codec_name((snn_codec)(i % SNN_CODEC_AUTO)), line->raw_bytes / line->sent_bytes,
                    line->encode_seconds + line->decode_seconds, line->saved_seconds);
    }
    return snn_ok();
}
