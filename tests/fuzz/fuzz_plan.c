/* Plans for a small network, and descriptions of machines. The first byte says which. */
#include "fuzz.h"
#include "io/config/machine_file.h"
#include "io/config/plan_file.h"
#include "small_network.h"

static void read_plan(const uint8_t *data, size_t size)
{
    static snn_network *network;
    snn_plan *plan = NULL, *again = NULL;
    if (network == NULL && (network = small_network_create(SNN_WEIGHTS_INT16)) == NULL) {
        fuzz_fault("no network");
    }
    if (snn_failed(snn_plan_file_read(fuzz_file("plan.toml", data, size), network, 0, &plan))) {
        return;
    }
    const char *path = fuzz_path("again.toml");
    if (snn_failed(snn_plan_file_write(path, plan, network, NULL)) ||
        snn_failed(snn_plan_file_read(path, network, 0, &again)) || again->stages != plan->stages) {
        fuzz_fault("a plan did not survive its file");
    }
    snn_plan_destroy(again);
    snn_plan_destroy(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if (data[0] == 'p') {
        read_plan(data + 1, size - 1);
    } else {
        snn_machine machine = snn_machine_assumed();
        (void)snn_machine_file_read(fuzz_file("machine.toml", data + 1, size - 1), 2, &machine);
    }
    return 0;
}
