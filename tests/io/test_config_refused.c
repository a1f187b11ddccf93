/* What configurations are refused, and with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "io/config/config.h"
#include "scratch.h"

#define MODEL    "[model]\nonnx = \"m.onnx\"\n"
#define COMPLETE MODEL "[data]\ntest = \"t.h5\"\ncalibration = \"c.h5\"\n"

static snn_status read_toml(const char *toml, const char *override, snn_config_use use, snn_config **config)
{
    scratch_write("x.toml", toml, strlen(toml));
    return snn_config_read("x.toml", &override, override != NULL ? 1 : 0, use, config);
}

/* ---- what is missing depends on the verb ---- */

static void required_keys_depend_on_the_use(void **state)
{
    static const struct {
        const char *toml;
        snn_config_use use;
        const char *message; /* "" : accepted */
    } cases[] = {
        {"", SNN_CONFIG_RUN, "x.toml: missing key model.onnx or model.network (the network to evaluate)"},
        {"", SNN_CONFIG_PLAN, "x.toml: missing key model.onnx or model.network (the network to evaluate)"},
        {"", SNN_CONFIG_CONVERT, "x.toml: missing key model.onnx (the trained network to convert)"},
        {"[model]\nnetwork=\"n\"", SNN_CONFIG_CONVERT,
         "x.toml: missing key model.onnx (the trained network to convert)"},
        {MODEL, SNN_CONFIG_RUN, "x.toml: missing key data.test (the data set to evaluate)"},
        {MODEL "[data]\ntest=\"t\"", SNN_CONFIG_RUN,
         "x.toml: missing key data.calibration (the data set for the conversion)"},
        {MODEL, SNN_CONFIG_CONVERT, "x.toml: missing key data.calibration (the data set for the conversion)"},
        {MODEL, SNN_CONFIG_PLAN, ""},
        {"[model]\nnetwork=\"n\"\n[data]\ntest=\"t\"", SNN_CONFIG_RUN, ""},
        {MODEL "[data]\ncalibration=\"t\"", SNN_CONFIG_CONVERT, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snn_config *config;
        snn_status status = read_toml(cases[i].toml, NULL, cases[i].use, &config);
        assert_string_equal(status.message, cases[i].message);
        assert_int_equal(status.code, cases[i].message[0] == '\0' ? SNN_OK : SNN_INPUT_ERROR);
        assert_true((config != NULL) == (cases[i].message[0] == '\0'));
        snn_config_destroy(config);
    }
}

/* ---- messages ---- */

static const struct {
    const char *toml, *message;
} bad_files[] = {
    /* unknown keys and sections */
    {"[simulation]\ntimestep = 1\n", "x.toml:2:1: unknown key simulation.timestep; did you mean 'timesteps'?"},
    {"[simulation]\n  tiemsteps = 1\n", "x.toml:2:3: unknown key simulation.tiemsteps; did you mean 'timesteps'?"},
    {"[output]\nbatch = 1\n", "x.toml:2:1: unknown key output.batch; did you mean 'simulation.batch'?"},
    {"[neuron]\nqqqqqqqq = 0.9\n",
     "x.toml:2:1: unknown key neuron.qqqqqqqq; [neuron] has dynamics, schedule, eta0, gamma, power, momentum, table, "
     "steps, delay, ratio, margin, scale, maxpool, layernorm, softmax, attention, streams, ranges"},
    {"[comm]\ncodec = 'raw'\nqqqqqq = 1\n", "x.toml:3:1: unknown key comm.qqqqqq; [comm] has codec, patience_minutes"},
    {"timesteps = 4\n", "x.toml:1:1: unknown key timesteps; did you mean 'simulation.timesteps'?"},
    {"zzzzzzzz = 4\n",
     "x.toml:1:1: unknown key zzzzzzzz outside of any section; snn_dist config prints all sections and keys"},
    {"[simulaton]\ntimesteps = 4\n", "x.toml:2:1: unknown section 'simulaton'; did you mean 'simulation'?"},
    {"[zzzzzzzz]\ntimesteps = 4\n", "x.toml:2:1: unknown key zzzzzzzz.timesteps; did you mean 'simulation.timesteps'?"},
    {"[zzzzzzzz]\nyyyyyyyy = 4\n", "x.toml:2:1: unknown section 'zzzzzzzz'; there are model, data, neuron, simulation, "
                                   "parallel, comm, output, checkpoint"},
    {"[zzzzzzzz]\n", "x.toml:1:2: unknown section 'zzzzzzzz'; there are model, data, neuron, simulation, parallel, "
                     "comm, output, checkpoint"},
    {"\"model.onnx\" = 'm'\n",
     "x.toml:1:1: unknown key \"model.onnx\" outside of any section; snn_dist config prints all sections and keys"},
    {"[model]\n\"\" = 1\n", "x.toml:2:1: unknown key model.\"\"; [model] has onnx, network"},
    {"[data.test]\nfile = 'x'\n", "x.toml:2:1: data.test: expected a string, found a table"},
    {"[data.test]\n", "x.toml:1:7: data.test: expected a string, found a table"},
    {"model = 'm.onnx'\n", "x.toml:1:1: model: expected a section ([model]), found a string"},
    {"[[model]]\nonnx = 'm.onnx'\n", "x.toml:1:3: model: expected a section ([model]), found an array with a table"},
    /* the first in the file, whatever its name */
    {"[simulation]\nzzzzzzzz = 1\naaaaaaaa = 1\n",
     "x.toml:2:1: unknown key simulation.zzzzzzzz; [simulation] has timesteps, encoding, batch, block, weights, seed"},
    /* types */
    {"[simulation]\ntimesteps = \"4\"\n", "x.toml:2:1: simulation.timesteps: expected an integer, found a string"},
    {"[simulation]\ntimesteps = 4.0\n", "x.toml:2:1: simulation.timesteps: expected an integer, found a float"},
    {"[simulation]\nseed = true\n", "x.toml:2:1: simulation.seed: expected an integer, found a boolean"},
    {"[neuron]\neta0 = [1]\n", "x.toml:2:1: neuron.eta0: expected a number, found an array"},
    {"[neuron]\neta0 = 1979-05-27\n", "x.toml:2:1: neuron.eta0: expected a number, found a date"},
    {"[neuron]\nschedule = 1\n", "x.toml:2:1: neuron.schedule: expected a string, found an integer"},
    {"[model]\nonnx = 1\n", "x.toml:2:1: model.onnx: expected a string, found an integer"},
    {"[model]\nonnx = \"a\\u0000b\"\n",
     "x.toml:2:1: model.onnx: expected a string, found a string with a NUL character"},
    {"[data]\nmean = 0.5\n", "x.toml:2:1: data.mean: expected an array of numbers, found a float"},
    {"[data]\nmean = [1, 'a']\n", "x.toml:2:1: data.mean: expected an array of numbers, found an array with a string"},
    {"[data]\nmean = [[1]]\n", "x.toml:2:1: data.mean: expected an array of numbers, found an array with an array"},
    /* values */
    {"[neuron]\nschedule = 'expo'\n", "x.toml:2:1: neuron.schedule: expected one of \"exponential\", \"inverse\", "
                                      "\"polynomial\", \"constant\", \"table\", found \"expo\""},
    {"[comm]\ncodec = 'ZSTD'\n",
     "x.toml:2:1: comm.codec: expected one of \"auto\", \"raw\", \"zstd\", \"xor\", \"context\", found "
     "\"ZSTD\""},
    {"[output]\nstatistics = 'some'\n",
     "x.toml:2:1: output.statistics: expected one of \"full\", \"spikes\", \"none\", found \"some\""},
    {"[data]\nlayout = 'HWC'\n",
     "x.toml:2:1: data.layout: expected one of \"auto\", \"NHWC\", \"NCHW\", \"NHW\", found \"HWC\""},
    {"[neuron]\nmaxpool = ''\n", "x.toml:2:1: neuron.maxpool: expected one of \"fused\", \"decomposed\", found \"\""},
    {"[simulation]\ntimesteps = -1\n",
     "x.toml:2:1: simulation.timesteps: expected an integer from 0 to 65535, found -1"},
    {"[simulation]\ntimesteps = 65536\n",
     "x.toml:2:1: simulation.timesteps: expected an integer from 0 to 65535, found 65536"},
    {"[simulation]\ntimesteps = 4294967297\n",
     "x.toml:2:1: simulation.timesteps: expected an integer from 0 to 65535, found 4294967297"},
    {"[simulation]\nbatch = 0\n", "x.toml:2:1: simulation.batch: expected an integer from 1 to 65535, found 0"},
    {"[simulation]\nblock = -1\n", "x.toml:2:1: simulation.block: expected an integer from 0 to 65535, found -1"},
    {"[simulation]\nseed = -1\n", "x.toml:2:1: simulation.seed: expected an integer of at least 0, found -1"},
    {"[data]\nimages = -1\n", "x.toml:2:1: data.images: expected an integer of at least 0, found -1"},
    {"[parallel]\nstages = -1\n", "x.toml:2:1: parallel.stages: expected an integer from 0 to 2147483647, found -1"},
    {"[parallel]\nstages = 2147483648\n",
     "x.toml:2:1: parallel.stages: expected an integer from 0 to 2147483647, found 2147483648"},
    {"[checkpoint]\nkeep = 0\n", "x.toml:2:1: checkpoint.keep: expected an integer from 1 to 2147483647, found 0"},
    {"[checkpoint]\nevery_minutes = -0.5\n",
     "x.toml:2:1: checkpoint.every_minutes: expected a number of at least 0, found -0.5"},
    {"[neuron]\neta0 = 0\n", "x.toml:2:1: neuron.eta0: expected a number above 0, found 0"},
    {"[neuron]\neta0 = inf\n", "x.toml:2:1: neuron.eta0: expected a number above 0, found inf"},
    {"[neuron]\neta0 = nan\n", "x.toml:2:1: neuron.eta0: expected a number above 0, found nan"},
    {"[neuron]\ngamma = 1.5\n", "x.toml:2:1: neuron.gamma: expected a number above 0 and at most 1, found 1.5"},
    {"[neuron]\ngamma = 0.0\n", "x.toml:2:1: neuron.gamma: expected a number above 0 and at most 1, found 0"},
    {"[data]\nnormalisation = 'imagnet'\n",
     "x.toml:2:1: data.normalisation: expected one of \"given\", \"none\", \"imagenet\", \"inception\", \"clip\", "
     "\"cifar10\", \"cifar100\", \"mnist\", found \"imagnet\""},
    {"[data]\nnormalisation = 'imagenet'\nmean = [0.5]\n",
     "x.toml:3:1: data.mean: differs from what data.normalisation stands for (0.485, ...); give one of the two"},
    {"[data]\nstd = [0.3, 0.3]\nnormalisation = 'mnist'\n",
     "x.toml:2:1: data.std: differs from what data.normalisation stands for (0.3081); give one of the two"},
    {"[data]\nmean = []\n", "x.toml:2:1: data.mean: expected 1 to 64 numbers, found 0"},
    {"[data]\nmean = [nan]\n", "x.toml:2:1: data.mean: expected 1 to 64 numbers, found nan (the number at index 0)"},
    {"[data]\nstd = [1, 0]\n",
     "x.toml:2:1: data.std: expected 1 to 64 numbers, each above 0, found 0 (the number at index 1)"},
    {"[neuron]\ntable = [1, -1]\n",
     "x.toml:2:1: neuron.table: expected 1 to 65535 numbers, each above 0, found -1 (the number at index 1)"},
    {"[model]\nonnx = ''\n", "x.toml:2:1: model.onnx: expected a path, found an empty string"},
    {"[output]\nfile = ''\n", "x.toml:2:1: output.file: expected a path, found an empty string"},
    /* keys that do not fit each other */
    {"[neuron]\nschedule = 'table'\n", "x.toml:2:1: neuron.schedule: schedule = \"table\" needs a number in "
                                       "neuron.table for each of the 64 timesteps, found 0"},
    {"[simulation]\ntimesteps = 3\n[neuron]\nschedule = 'table'\ntable = [1, 1]\n",
     "x.toml:5:1: neuron.table: schedule = \"table\" needs a number in neuron.table for each of the 3 timesteps, "
     "found 2"},
    {"[neuron]\nsteps = 65\n", "x.toml:2:1: neuron.steps: expected an integer from 0 to 64, found 65"},
    {"[neuron]\nsteps = 8\ndynamics = 'subgradient'\n",
     "x.toml:2:1: neuron.steps: dynamics = \"subgradient\" has no windows; leave it out"},
    {"[neuron]\nsteps = 8\n[simulation]\nencoding = 'stochastic'\n",
     "x.toml:4:1: simulation.encoding: with windows (neuron.steps = 8) pixels enter directly, expected \"direct\" or "
     "nothing"},
    {"[neuron]\nratio = 0\n", "x.toml:2:1: neuron.ratio: expected a number above 0 and at most 1, found 0"},
    {"[neuron]\nmomentum = 0.9\n", "x.toml:2:1: neuron.momentum: only dynamics = \"subgradient\" takes a momentum"},
    {"[neuron]\ndynamics = 'subgradient'\nmomentum = 1\n",
     "x.toml:3:1: neuron.momentum: expected a number from 0 to below 1, found 1"},
    {"[neuron]\ndynamics = 'subgradient'\nschedule = 'exponential'\n",
     "x.toml:3:1: neuron.schedule: dynamics = \"subgradient\" takes \"inverse\" or \"constant\""},
    {"[neuron]\ndynamics = 'subgradient'\neta0 = 0.15\n",
     "x.toml:3:1: neuron.eta0: dynamics = \"subgradient\" with schedule = \"inverse\" takes 1, found 0.15"},
    {"[neuron]\ndynamics = 'subgradient'\nschedule = 'constant'\neta0 = 1.5\n",
     "x.toml:4:1: neuron.eta0: dynamics = \"subgradient\" with schedule = \"constant\" takes at most 1, found 1.5"},
    {"[neuron]\ndynamics = 'subgradient'\n[simulation]\nencoding = 'stochastic'\n",
     "x.toml:4:1: simulation.encoding: dynamics = \"subgradient\" takes \"float\" or \"direct\": its spikes cannot "
     "stand "
     "for negative pixels"},
};

static void bad_files_are_refused_with_their_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_files / sizeof bad_files[0]; i++) {
        snn_config *config;
        snn_status status = read_toml(bad_files[i].toml, NULL, SNN_CONFIG_PLAN, &config);
        assert_string_equal(status.message, bad_files[i].message);
        assert_int_equal(status.code, SNN_INPUT_ERROR);
        assert_null(config);
    }
}

/* The rest of these messages is toml++'s own. */
static void syntax_errors_have_their_place(void **state)
{
    static const struct {
        const char *toml, *beginning;
    } cases[] = {
        {"[model\n", "x.toml:1:7: "},
        {"[model]\nonnx = \n", "x.toml:2:8: "},
        {"[model]\nonnx = bare\n", "x.toml:2:8: "},
        {"[model]\nonnx = 'a'\nonnx = 'b'\n", "x.toml:3:"},
        {"[model]\n[model]\n", "x.toml:2:"},
        {"[simulation]\nseed = 9223372036854775808\n", "x.toml:2:"},
        {"[model]\nonnx = \"\xff\"\n", "x.toml:2:"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snn_config *config;
        snn_status status = read_toml(cases[i].toml, NULL, SNN_CONFIG_PLAN, &config);
        assert_int_equal(status.code, SNN_INPUT_ERROR);
        assert_memory_equal(status.message, cases[i].beginning, strlen(cases[i].beginning));
        assert_true(strlen(status.message) > strlen(cases[i].beginning) + 10);
        assert_null(config);
    }
}

static const struct {
    const char *override, *message;
} bad_overrides[] = {
    {"simulation.timesteps", "--set simulation.timesteps: expected section.key=value"},
    {"=4", "--set =4: expected section.key=value"},
    {"simulation.timestep=4",
     "--set simulation.timestep=4: unknown key simulation.timestep; did you mean 'timesteps'?"},
    {"timesteps=4", "--set timesteps=4: unknown key timesteps; did you mean 'simulation.timesteps'?"},
    {"simulation=4", "--set simulation=4: simulation: expected a section ([simulation]), found a value"},
    {"simulation.timesteps=four",
     "--set simulation.timesteps=four: simulation.timesteps: expected an integer, found a string"},
    {"simulation.timesteps=-1",
     "--set simulation.timesteps=-1: simulation.timesteps: expected an integer from 0 to 65535, found -1"},
    {"simulation.timesteps=",
     "--set simulation.timesteps=: simulation.timesteps: expected an integer from 0 to 65535, found no TOML value"},
    {"simulation.timesteps=1\nsimulation.batch=2",
     "--set simulation.timesteps=1\nsimulation.batch=2: simulation.timesteps: expected an integer from 0 to 65535, "
     "found no TOML value"},
    {"data.mean=[1", "--set data.mean=[1: data.mean: expected 1 to 64 numbers, found no TOML value"},
    {"comm.codec=zip", "--set comm.codec=zip: comm.codec: expected one of \"auto\", \"raw\", \"zstd\", \"xor\", "
                       "\"context\", found \"zip\""},
    {"data.test=", "--set data.test=: data.test: expected a path, found an empty string"},
    {"neuron.schedule=table", "--set neuron.schedule=table: neuron.schedule: schedule = \"table\" needs a number in "
                              "neuron.table for each of the 64 timesteps, found 0"},
};

static void bad_overrides_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_overrides / sizeof bad_overrides[0]; i++) {
        snn_config *config;
        snn_status status = read_toml(COMPLETE, bad_overrides[i].override, SNN_CONFIG_RUN, &config);
        assert_string_equal(status.message, bad_overrides[i].message);
        assert_int_equal(status.code, SNN_INPUT_ERROR);
        assert_null(config);
    }
}

static void assert_unreadable(const char *path, const char *message)
{
    snn_config *config;
    snn_status status = snn_config_read(path, NULL, 0, SNN_CONFIG_RUN, &config);
    assert_string_equal(status.message, message);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    assert_null(config);
}

static void unreadable_files_are_refused(void **state)
{
    (void)state;
    assert_unreadable("no.toml", "cannot open config file 'no.toml': No such file or directory");
    assert_unreadable(".", "cannot read config file '.': Is a directory");
    assert_unreadable("/dev/zero", "config file '/dev/zero' is larger than 4194304 bytes");
    scratch_write("nul.toml", "a = 1\0", 6);
    assert_unreadable("nul.toml", "config file 'nul.toml' is not a text: NUL byte at offset 5");

    char path[SNN_PATH_BYTES + 100];
    memset(path, 'a', SNN_PATH_BYTES);
    (void)snprintf(path + SNN_PATH_BYTES, 100, "/x.toml");
    assert_unreadable(path, "path of the config file is longer than 4095 bytes");
}

static void long_paths_are_refused(void **state)
{
    (void)state;
    char toml[SNN_PATH_BYTES + 100] = "[model]\nonnx = '";
    size_t length = strlen(toml);
    memset(toml + length, 'a', SNN_PATH_BYTES);
    (void)snprintf(toml + length + SNN_PATH_BYTES, 10, "'\n");
    snn_config *config;
    snn_status status = read_toml(toml, NULL, SNN_CONFIG_PLAN, &config);
    assert_string_equal(status.message, "x.toml:2:1: model.onnx: expected a path of at most 4095 bytes, found 4096");
}

/* Deeply nested input must not exhaust the stack. */
static void deep_nesting_is_survived(void **state)
{
    (void)state;
    enum { DEPTH = 500000 };
    char *toml = snn_allocate(2 * DEPTH + 10, 1);
    assert_non_null(toml);
    for (size_t i = 0; i < DEPTH; i++) {
        memcpy(toml + 2 * i, "a.", 2);
    }
    memcpy(toml + 2 * (size_t)DEPTH, "a = 1", 6);
    snn_config *config;
    assert_string_equal(read_toml(toml, NULL, SNN_CONFIG_PLAN, &config).message,
                        "x.toml:1:1: a key has more than 16 dots");
    memset(toml, '[', 2 * DEPTH);
    memcpy(toml, "a=", 2);
    assert_int_equal(read_toml(toml, NULL, SNN_CONFIG_PLAN, &config).code, SNN_INPUT_ERROR);
    snn_release(toml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(required_keys_depend_on_the_use), cmocka_unit_test(bad_files_are_refused_with_their_place),
        cmocka_unit_test(syntax_errors_have_their_place),  cmocka_unit_test(bad_overrides_are_refused_by_name),
        cmocka_unit_test(unreadable_files_are_refused),    cmocka_unit_test(long_paths_are_refused),
        cmocka_unit_test(deep_nesting_is_survived),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
