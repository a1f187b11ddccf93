/* Configurations, as each of the verbs reads them, and the flat bytes that go to other ranks. */
#include <string.h>

#include "core/base/memory.h"
#include "fuzz.h"
#include "io/config/config.h"

static void pack_and_unpack(const snn_config *config)
{
    void *bytes = NULL;
    size_t count = 0;
    snn_config *copy = NULL;
    if (snn_failed(snn_config_pack(config, &bytes, &count)) || snn_failed(snn_config_unpack(bytes, count, &copy)) ||
        strcmp(copy->text, config->text) != 0) {
        fuzz_fault("a configuration did not survive its broadcast");
    }
    snn_config_destroy(copy);
    snn_release(bytes);
}

/* The effective text must say the same as the file it came from. */
static void read_again(const snn_config *config, snn_config_use use)
{
    snn_config *again = NULL;
    const char *path = fuzz_file("effective.toml", (const uint8_t *)config->text, strlen(config->text));
    const snn_status status = snn_config_read(path, NULL, 0, use, &again);
    if (snn_failed(status)) {
        fuzz_fault(status.message);
    }
    if (strcmp(again->text, config->text) != 0) {
        fuzz_fault("the effective configuration reads otherwise");
    }
    snn_config_destroy(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file("config.toml", data, size);
    for (int use = SNN_CONFIG_RUN; use <= SNN_CONFIG_PLAN; use++) {
        snn_config *config = NULL;
        if (!snn_failed(snn_config_read(path, NULL, 0, (snn_config_use)use, &config))) {
            pack_and_unpack(config);
            read_again(config, (snn_config_use)use);
        }
        snn_config_destroy(config);
    }
    return 0;
}
