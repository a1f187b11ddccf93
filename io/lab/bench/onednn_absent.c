/* For builds without oneDNN: nothing has a counterpart. */
#include "io/lab/bench/onednn.h"

#include <stddef.h>

const char *snn_onednn_version(void)
{
    return NULL;
}

snn_status snn_onednn_create(const snn_operator *op, snn_neuron_kind neuron, int32_t images,
                             snn_onednn_precision precision, snn_onednn **layer)
{
    (void)op;
    (void)neuron;
    (void)images;
    (void)precision;
    *layer = NULL;
    return snn_ok();
}

snn_status snn_onednn_run(void *layer, double *seconds)
{
    (void)layer;
    (void)seconds;
    return snn_fail(SNN_INTERNAL_ERROR, "built without oneDNN");
}

void snn_onednn_destroy(snn_onednn *layer)
{
    (void)layer;
}
