#include "io/cli/overwrite.h"

#include <sys/stat.h>

snn_status snn_overwrite_check(const char *output, const char *input, const char *what)
{
    struct stat written, read;
    if (input == NULL || input[0] == '\0' || stat(output, &written) != 0 || stat(input, &read) != 0 ||
        written.st_dev != read.st_dev || written.st_ino != read.st_ino) {
        return snn_ok();
    }
    return snn_fail(SNN_INPUT_ERROR, "%s: would be overwritten, but it is read as %s: give the output another name",
                    output, what);
}

snn_status snn_overwrite_check_all(const char *output, const snn_options *options, const snn_config *config)
{
    SNN_TRY(snn_overwrite_check(output, options->config, "the configuration"));
    SNN_TRY(snn_overwrite_check(output, options->plan, "--plan"));
    SNN_TRY(snn_overwrite_check(output, options->restart, "--restart"));
    SNN_TRY(snn_overwrite_check(output, config->model.onnx, "model.onnx"));
    SNN_TRY(snn_overwrite_check(output, config->model.network, "model.network"));
    SNN_TRY(snn_overwrite_check(output, config->data.test, "data.test"));
    SNN_TRY(snn_overwrite_check(output, config->data.calibration, "data.calibration"));
    return snn_overwrite_check(output, config->parallel.machine, "parallel.machine");
}
