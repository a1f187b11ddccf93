#include "io/cli/inputs.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static snn_status check(const char *path, const char *key, const char *file)
{
    if (file[0] == '\0' || access(file, R_OK) == 0) {
        return snn_ok();
    }
    return snn_fail(SNN_INPUT_ERROR, "%s: %s: cannot read %s: %s", path, key, file, strerror(errno));
}

snn_status snn_inputs_check(const char *path, const snn_config *config, snn_config_use use)
{
    /* With a converted network there is nothing to calibrate; a conversion is always from the trained one. */
    const bool converted = use != SNN_CONFIG_CONVERT && config->model.network[0] != '\0';
    SNN_TRY(check(path, "model.network", converted ? config->model.network : ""));
    SNN_TRY(check(path, "model.onnx", use != SNN_CONFIG_PLAN || !converted ? config->model.onnx : ""));
    SNN_TRY(check(path, "data.calibration", use != SNN_CONFIG_PLAN && !converted ? config->data.calibration : ""));
    SNN_TRY(check(path, "data.test", use == SNN_CONFIG_RUN ? config->data.test : ""));
    return check(path, "parallel.machine", config->parallel.machine);
}
