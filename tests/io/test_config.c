#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "io/config/config.h"
#include "io/config/toml.h"
#include "scratch.h"

#define MODEL    "[model]\nonnx = \"m.onnx\"\n"
#define COMPLETE MODEL "[data]\ntest = \"t.h5\"\ncalibration = \"c.h5\"\n"

static snn_status read_toml(const char *toml, const char *override, snn_config_use use, snn_config **config)
{
    scratch_write("x.toml", toml, strlen(toml));
    return snn_config_read("x.toml", &override, override != NULL ? 1 : 0, use, config);
}

static snn_config *read_good(const char *toml, const char *override)
{
    snn_config *config;
    snn_status status = read_toml(toml, override, SNN_CONFIG_RUN, &config);
    assert_string_equal(status.message, "");
    assert_int_equal(status.code, SNN_OK);
    return config;
}

/* ---- values ---- */

static void defaults_are_those_of_the_interface(void **state)
{
    (void)state;
    snn_config *config = read_good(COMPLETE, NULL);
    assert_string_equal(config->model.onnx, "m.onnx");
    assert_string_equal(config->model.network, "");
    assert_int_equal(config->data.images, 0);
    assert_int_equal(config->data.calibration_images, 0);
    assert_int_equal(config->data.layout, SNN_LAYOUT_AUTO);
    assert_int_equal(config->data.mean_count, 0);
    assert_int_equal(config->data.std_count, 0);
    assert_int_equal(config->neuron.dynamics, SNN_DYNAMICS_SIGNGD);
    assert_int_equal(config->neuron.schedule, SNN_SCHEDULE_EXPONENTIAL);
    assert_true(config->neuron.eta0 == 0.15);
    assert_true(config->neuron.gamma == 0.95);
    assert_true(config->neuron.momentum == 0.0);
    assert_int_equal(config->neuron.scale, SNN_SCALE_CHANNEL);
    assert_int_equal(config->neuron.maxpool, SNN_FORM_FUSED);
    assert_int_equal(config->neuron.layernorm, SNN_FORM_FUSED);
    assert_int_equal(config->neuron.softmax, SNN_FORM_FUSED);
    assert_int_equal(config->neuron.attention, SNN_FORM_FUSED);
    assert_int_equal(config->neuron.streams, SNN_STREAMS_INTEGERS);
    assert_int_equal(config->neuron.ranges, SNN_RANGES_CALIBRATED);
    assert_int_equal(config->neuron.layernorm, SNN_FORM_FUSED);
    assert_int_equal(config->neuron.attention, SNN_FORM_FUSED);
    assert_int_equal(config->table_length, 0);
    assert_int_equal(config->simulation.timesteps, 64);
    assert_int_equal(config->simulation.batch, 16);
    assert_int_equal(config->simulation.block, 0);
    assert_int_equal(config->simulation.encoding, SNN_ENCODING_FLOAT);
    assert_int_equal(config->simulation.weights, SNN_WEIGHTS_INT16);
    assert_int_equal(config->simulation.seed, 1);
    assert_int_equal(config->parallel.replicas, 0);
    assert_int_equal(config->parallel.stages, 0);
    assert_int_equal(config->parallel.channels, 0);
    assert_int_equal(config->codec, SNN_CODEC_AUTO);
    assert_true(config->patience_minutes == 30.0);
    assert_string_equal(config->output, "x.out.h5");
    assert_int_equal(config->statistics, SNN_STATISTICS_FULL);
    assert_string_equal(config->checkpoint.directory, "checkpoints");
    assert_true(config->checkpoint.every_minutes == 15.0);
    assert_int_equal(config->checkpoint.keep, 2);
    snn_config_destroy(config);
}

/* No value but the momentum, which signGD has none of, is its default: so a key that is dropped on the way is seen. */
static const char every_key[] =
    "model = {onnx = 'm.onnx', network = \"n \\\"1\\\"\\t\\\\.h5\"}\n"
    "[data]\ntest = \"/data/t.h5\"\ncalibration = \"c.h5\"\nimages = 7\n"
    "calibration_images = 9\ncalibration_quantile = 0.99\nlayout = \"NCHW\"\nnormalisation = \"given\"\nmean = [0.485, "
    "1, -2e-3]\nstd = [0.1]\n"
    "[neuron]\ndynamics = \"signgd\"\nschedule = \"table\"\neta0 = 1\ngamma = 1\n"
    "power = 0.75\nmomentum = 0\ntable = [1, 0.5, 0.1, 1e-7]\nsteps = 6\ndelay = 3\nratio = 0.6\nmargin = 0.1\nscale = "
    "\"layer\"\n"
    "maxpool = \"decomposed\"\nlayernorm = \"decomposed\"\nsoftmax = \"decomposed\"\nattention = "
    "\"decomposed\"\nstreams = \"spikes\"\nranges = \"quantised\"\n"
    "[simulation]\ntimesteps = 3\nencoding = \"direct\"\nbatch = 65535\nblock = 2\n"
    "weights = \"float32\"\nseed = 9223372036854775807\n"
    "[parallel]\nreplicas = 2\nstages = 3\nchannels = 4\n"
    "objective = \"latency\"\nmemory_gb = 1.5\nmachine = \"m.toml\"\n"
    "calibration = \"off\"\n"
    "[comm]\ncodec = \"xor\"\npatience_minutes = 0.25\n[output]\nfile = \"o.h5\"\nstatistics = \"spikes\"\n"
    "[checkpoint]\ndirectory = \"\"\nevery_minutes = 0.5\nkeep = 1\n";

static void normalisations_have_names(void **state)
{
    (void)state;
    snn_config *config = read_good("[model]\nonnx = \"m.onnx\"\n[data]\ntest = \"t.h5\"\ncalibration = \"c.h5\"\n"
                                   "normalisation = \"imagenet\"\nstd = [0.229, 0.224, 0.225]\n",
                                   NULL);
    assert_int_equal(config->data.mean_count, 3);
    assert_true(config->data.mean[0] == 0.485 && config->data.mean[1] == 0.456 && config->data.mean[2] == 0.406);
    assert_int_equal(config->data.std_count, 3);
    assert_true(config->data.std[0] == 0.229 && config->data.std[1] == 0.224 && config->data.std[2] == 0.225);
    /* The effective configuration gives both, and can be read. */
    char *text = snn_duplicate_text(config->text);
    snn_config_destroy(config);
    assert_non_null(strstr(text, "normalisation = \"imagenet\"\nmean = [0.485, 0.456, 0.406]\n"));
    snn_config_destroy(read_good(text, NULL));
    snn_release(text);

    config = read_good(COMPLETE "mean = [0.5, 0.5, 0.5]\n", "data.normalisation=inception"); /* one number for all */
    assert_int_equal(config->data.mean_count, 1);
    assert_true(config->data.mean[0] == 0.5 && config->data.std[0] == 0.5);
    snn_config_destroy(config);
    config = read_good(COMPLETE, "data.normalisation=none");
    assert_int_equal(config->data.std_count, 1);
    assert_true(config->data.mean[0] == 0.0 && config->data.std[0] == 1.0);
    snn_config_destroy(config);
}

static void assert_every_key(const snn_config *config)
{
    assert_int_equal(config->parallel.objective, SNN_OBJECTIVE_LATENCY);
    assert_true(config->parallel.memory_gb == 1.5);
    assert_int_equal(config->parallel.calibration, SNN_CALIBRATION_OFF);
    assert_non_null(strstr(config->parallel.machine, "m.toml"));
    assert_int_equal(config->data.images, 7);
    assert_int_equal(config->data.calibration_images, 9);
    assert_true(config->data.calibration_quantile == 0.99);
    assert_int_equal(config->data.layout, SNN_LAYOUT_NCHW);
    assert_int_equal(config->data.mean_count, 3);
    assert_true(config->data.mean[0] == 0.485 && config->data.mean[1] == 1.0 && config->data.mean[2] == -2e-3);
    assert_int_equal(config->data.std_count, 1);
    assert_true(config->data.std[0] == 0.1);
    assert_int_equal(config->neuron.schedule, SNN_SCHEDULE_TABLE);
    assert_true(config->neuron.eta0 == 1.0 && config->neuron.gamma == 1.0 && config->neuron.power == 0.75);
    assert_int_equal(config->table_length, 4);
    assert_true(config->table[0] == 1.0 && config->table[1] == 0.5 && config->table[2] == 0.1);
    assert_true(config->table[3] == 1e-7);
    assert_int_equal(config->neuron.steps, 6);
    assert_int_equal(config->neuron.delay, 3);
    assert_true(config->neuron.ratio == 0.6 && config->neuron.margin == 0.1);
    assert_int_equal(config->neuron.scale, SNN_SCALE_LAYER);
    assert_int_equal(config->neuron.maxpool, SNN_FORM_DECOMPOSED);
    assert_int_equal(config->neuron.layernorm, SNN_FORM_DECOMPOSED);
    assert_int_equal(config->neuron.softmax, SNN_FORM_DECOMPOSED);
    assert_int_equal(config->neuron.attention, SNN_FORM_DECOMPOSED);
    assert_int_equal(config->neuron.streams, SNN_STREAMS_SPIKES);
    assert_int_equal(config->neuron.ranges, SNN_RANGES_QUANTISED);
    assert_int_equal(config->simulation.timesteps, 3);
    assert_int_equal(config->simulation.encoding, SNN_ENCODING_DIRECT);
    assert_int_equal(config->simulation.batch, 65535);
    assert_int_equal(config->simulation.block, 2);
    assert_int_equal(config->simulation.weights, SNN_WEIGHTS_FLOAT32);
    assert_true(config->simulation.seed == INT64_MAX);
    assert_int_equal(config->parallel.replicas, 2);
    assert_int_equal(config->parallel.stages, 3);
    assert_int_equal(config->parallel.channels, 4);
    assert_int_equal(config->codec, SNN_CODEC_XOR);
    assert_true(config->patience_minutes == 0.25);
    assert_int_equal(config->statistics, SNN_STATISTICS_SPIKES);
    assert_string_equal(config->checkpoint.directory, "");
    assert_true(config->checkpoint.every_minutes == 0.5);
    assert_int_equal(config->checkpoint.keep, 1);
}

static void every_key_is_read(void **state)
{
    (void)state;
    snn_config *config = read_good(every_key, NULL);
    assert_every_key(config);
    assert_string_equal(config->model.onnx, "m.onnx");
    assert_string_equal(config->model.network, "n \"1\"\t\\.h5");
    assert_string_equal(config->data.test, "/data/t.h5");
    assert_string_equal(config->data.calibration, "c.h5");
    assert_string_equal(config->output, "o.h5");
    snn_config_destroy(config);
}

static void every_word_is_read(void **state)
{
    static const struct {
        const char *override;
        int layout, schedule, encoding, weights, codec;
    } cases[] = {
        {"data.layout=NHWC", SNN_LAYOUT_NHWC, -1, -1, -1, -1},
        {"data.layout=NHW", SNN_LAYOUT_NHW, -1, -1, -1, -1},
        {"neuron.schedule=inverse", -1, SNN_SCHEDULE_INVERSE, -1, -1, -1},
        {"neuron.schedule=polynomial", -1, SNN_SCHEDULE_POLYNOMIAL, -1, -1, -1},
        {"neuron.schedule=constant", -1, SNN_SCHEDULE_CONSTANT, -1, -1, -1},
        {"simulation.encoding=deterministic", -1, -1, SNN_ENCODING_DETERMINISTIC, -1, -1},
        {"simulation.encoding=stochastic", -1, -1, SNN_ENCODING_STOCHASTIC, -1, -1},
        {"simulation.weights=int8", -1, -1, -1, SNN_WEIGHTS_INT8, -1},
        {"comm.codec=raw", -1, -1, -1, -1, SNN_CODEC_RAW},
        {"comm.codec=zstd", -1, -1, -1, -1, SNN_CODEC_ZSTD},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snn_config *config = read_good(COMPLETE, cases[i].override);
        assert_true(cases[i].layout < 0 || (int)config->data.layout == cases[i].layout);
        assert_true(cases[i].schedule < 0 || (int)config->neuron.schedule == cases[i].schedule);
        assert_true(cases[i].encoding < 0 || (int)config->simulation.encoding == cases[i].encoding);
        assert_true(cases[i].weights < 0 || (int)config->simulation.weights == cases[i].weights);
        assert_true(cases[i].codec < 0 || (int)config->codec == cases[i].codec);
        snn_config_destroy(config);
    }
}

/* The baseline's own defaults, and that they come back from the effective configuration. */
static void subgradient_is_a_rate_code_by_default(void **state)
{
    static const struct {
        const char *neuron;
        snn_schedule_kind schedule;
        double eta0, momentum;
    } cases[] = {
        {"", SNN_SCHEDULE_INVERSE, 1.0, 0.0},
        {"schedule = 'inverse'\nmomentum = 0.5\n", SNN_SCHEDULE_INVERSE, 1.0, 0.5},
        {"eta0 = 1\n", SNN_SCHEDULE_INVERSE, 1.0, 0.0},
        {"schedule = 'constant'\n", SNN_SCHEDULE_CONSTANT, 0.15, 0.0},
        {"schedule = 'constant'\neta0 = 0.25\n", SNN_SCHEDULE_CONSTANT, 0.25, 0.0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char toml[400];
        (void)snprintf(toml, sizeof toml, COMPLETE "[neuron]\ndynamics = 'subgradient'\n%s", cases[i].neuron);
        snn_config *config = read_good(toml, NULL);
        snn_config *again = read_good(config->text, NULL);
        assert_string_equal(again->text, config->text);
        const snn_config *both[] = {config, again};
        for (int j = 0; j < 2; j++) {
            assert_int_equal(both[j]->neuron.dynamics, SNN_DYNAMICS_SUBGRADIENT);
            assert_int_equal(both[j]->neuron.schedule, cases[i].schedule);
            assert_true(both[j]->neuron.eta0 == cases[i].eta0);
            assert_true(both[j]->neuron.momentum == cases[i].momentum);
        }
        snn_config_destroy(again);
        snn_config_destroy(config);
    }
}

static void block_lies_in_the_timesteps(void **state)
{
    static const struct {
        const char *override;
        int32_t block;
    } cases[] = {{"simulation.block=0", 0},   {"simulation.block=1", 1},      {"simulation.block=64", 64},
                 {"simulation.block=65", 64}, {"simulation.block=65535", 64}, {"simulation.timesteps=5", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snn_config *config = read_good(COMPLETE, cases[i].override);
        assert_int_equal(config->simulation.block, cases[i].block);
        snn_config_destroy(config);
    }
}

static void paths_are_relative_to_the_file_and_overrides_to_the_working_directory(void **state)
{
    (void)state;
    const char *const overrides[] = {"data.calibration=../c2.h5", "output.file='o 2.h5'"};
    char path[1024];
    char expected[1100];
    snn_config *config;
    scratch_write("x.toml", COMPLETE, sizeof COMPLETE - 1);
    (void)snprintf(path, sizeof path, "%s/./x.toml", scratch_folder);
    assert_int_equal(snn_config_read(path, overrides, 2, SNN_CONFIG_RUN, &config).code, SNN_OK);
    (void)snprintf(expected, sizeof expected, "%s/./m.onnx", scratch_folder);
    assert_string_equal(config->model.onnx, expected);
    (void)snprintf(expected, sizeof expected, "%s/./checkpoints", scratch_folder);
    assert_string_equal(config->checkpoint.directory, expected);
    assert_string_equal(config->data.calibration, "../c2.h5");
    assert_string_equal(config->output, "o 2.h5");
    snn_config_destroy(config);

    assert_int_equal(snn_config_read(path, NULL, 0, SNN_CONFIG_RUN, &config).code, SNN_OK);
    (void)snprintf(expected, sizeof expected, "%s/./x.out.h5", scratch_folder);
    assert_string_equal(config->output, expected);
    snn_config_destroy(config);

    scratch_write("a.b", COMPLETE, sizeof COMPLETE - 1);
    assert_int_equal(snn_config_read("a.b", NULL, 0, SNN_CONFIG_RUN, &config).code, SNN_OK);
    assert_string_equal(config->output, "a.b.out.h5");
    snn_config_destroy(config);
}

static void overrides_are_toml_or_bare_words(void **state)
{
    (void)state;
    const char *const overrides[] = {
        "simulation.timesteps=8", "simulation.timesteps=4", "data.mean=[0.25, 1]", "comm.codec=\"raw\"",
        "data.test=2024",         "neuron.eta0=2",          "data.images=1_000",   "neuron.table=[1,2,3,4]",
        "output.file=a=b c.h5",   "checkpoint.directory=",
    };
    snn_config *config;
    scratch_write("x.toml", COMPLETE, sizeof COMPLETE - 1);
    snn_status status =
        snn_config_read("x.toml", overrides, sizeof overrides / sizeof overrides[0], SNN_CONFIG_RUN, &config);
    assert_string_equal(status.message, "");
    assert_int_equal(config->simulation.timesteps, 4); /* the last one counts */
    assert_int_equal(config->data.mean_count, 2);
    assert_true(config->data.mean[0] == 0.25 && config->data.mean[1] == 1.0);
    assert_int_equal(config->codec, SNN_CODEC_RAW);
    assert_string_equal(config->data.test, "2024");
    assert_true(config->neuron.eta0 == 2.0);
    assert_int_equal(config->data.images, 1000);
    assert_int_equal(config->table_length, 4);
    assert_string_equal(config->output, "a=b c.h5");
    assert_string_equal(config->checkpoint.directory, "");
    snn_config_destroy(config);
}

/* ---- text, pack, help ---- */

static void the_text_reads_back_as_the_same_configuration(void **state)
{
    static const char *const files[] = {COMPLETE, every_key};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        snn_config *config = read_good(files[i], NULL);
        snn_config *again = read_good(config->text, NULL);
        assert_string_equal(again->text, config->text);
        char expected[600];
        (void)snprintf(expected, sizeof expected, "%s/m.onnx", scratch_folder);
        assert_string_equal(again->model.onnx, expected);
        if (i == 1) {
            assert_every_key(again);
            (void)snprintf(expected, sizeof expected, "%s/n \"1\"\t\\.h5", scratch_folder);
            assert_string_equal(again->model.network, expected);
            assert_string_equal(again->data.test, "/data/t.h5");
        }
        snn_config_destroy(again);
        snn_config_destroy(config);
    }
}

static void the_text_has_every_key(void **state)
{
    (void)state;
    snn_config *config = read_good(every_key, NULL);
    snn_toml *given = snn_toml_parse(every_key);
    snn_toml *text = snn_toml_parse(config->text);
    assert_string_equal(text->error, "");
    assert_int_equal(text->count, given->count);
    assert_int_equal(text->count, 49);
    for (size_t i = 0; i < text->count; i++) {
        assert_string_equal(text->entries[i].key, given->entries[i].key);
    }
    snn_toml_destroy(text);
    snn_toml_destroy(given);
    snn_config_destroy(config);
}

static void dots_in_comments_strings_and_numbers_are_no_depth(void **state)
{
    (void)state;
    snn_config *config =
        read_good("# ..................................\n"
                  "[model] # ..................................\n"
                  "onnx = \"..\\\"................................\"\n"
                  "[data]\ntest = '..................................'\ncalibration = 'c'\n"
                  "mean = [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]\n",
                  NULL);
    snn_config_destroy(config);
}

/* The longest table there may be, one line of text. */
static void a_long_table_reads_back(void **state)
{
    (void)state;
    char *toml = snn_allocate(64 * SNN_MAX_TIMESTEPS, 1);
    assert_non_null(toml);
    size_t length = (size_t)sprintf(
        toml, COMPLETE "[simulation]\ntimesteps = %d\n[neuron]\nschedule = 'table'\ntable = [", SNN_MAX_TIMESTEPS);
    for (int i = 0; i < SNN_MAX_TIMESTEPS; i++) {
        length += (size_t)sprintf(toml + length, "%.17g,", 1.0 / (i + 3));
    }
    (void)sprintf(toml + length, "]\n");
    snn_config *config = read_good(toml, NULL);
    snn_config *again = read_good(config->text, NULL);
    assert_int_equal(again->table_length, SNN_MAX_TIMESTEPS);
    for (int i = 0; i < SNN_MAX_TIMESTEPS; i++) {
        assert_true(again->table[i] == 1.0 / (i + 3));
    }
    snn_config_destroy(again);
    snn_config_destroy(config);
    snn_release(toml);
}

static void reals_keep_every_bit(void **state)
{
    (void)state;
    const char *const values[] = {"0.1", "0.30000000000000004", "5e-324", "1.7976931348623157e308",
                                  "123456789012345678"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char override[64];
        (void)snprintf(override, sizeof override, "neuron.eta0=%s", values[i]);
        snn_config *config = read_good(COMPLETE, override);
        snn_config *again = read_good(config->text, NULL);
        assert_true(config->neuron.eta0 == strtod(values[i], NULL));
        assert_true(again->neuron.eta0 == config->neuron.eta0);
        snn_config_destroy(again);
        snn_config_destroy(config);
    }
}

static void a_packed_configuration_is_the_same(void **state)
{
    static const char *const files[] = {COMPLETE, every_key};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        snn_config *config = read_good(files[i], NULL);
        void *bytes;
        size_t count;
        assert_int_equal(snn_config_pack(config, &bytes, &count).code, SNN_OK);
        snn_config *copy;
        assert_int_equal(snn_config_unpack(bytes, count, &copy).code, SNN_OK);
        assert_string_equal(copy->text, config->text);
        assert_string_equal(copy->model.onnx, "m.onnx");
        if (i == 1) {
            assert_every_key(copy);
            assert_ptr_not_equal(copy->table, config->table);
        }
        snn_config_destroy(copy);
        snn_config_destroy(config);
        snn_release(bytes);
    }
}

static void damaged_packs_are_refused(void **state)
{
    (void)state;
    snn_config *config = read_good(every_key, NULL);
    snn_config *copy;
    void *bytes;
    size_t count;
    assert_int_equal(snn_config_pack(config, &bytes, &count).code, SNN_OK);
    assert_int_equal(snn_config_unpack(bytes, 10, &copy).code, SNN_INTERNAL_ERROR);
    assert_int_equal(snn_config_unpack(bytes, sizeof(snn_config), &copy).code, SNN_INTERNAL_ERROR);
    assert_int_equal(snn_config_unpack(bytes, count - 1, &copy).code, SNN_INTERNAL_ERROR);
    ((snn_config *)bytes)->table_length = SIZE_MAX / 4;
    assert_int_equal(snn_config_unpack(bytes, count, &copy).code, SNN_INTERNAL_ERROR);
    assert_null(copy);
    snn_config_destroy(NULL);
    snn_release(bytes);
    snn_config_destroy(config);
}

typedef struct seen_keys {
    int keys, needed;
    bool batch, encoding;
} seen_keys;

static void see_key(void *context, const snn_config_description *key)
{
    seen_keys *seen = context;
    seen->keys++;
    seen->needed += key->needed;
    assert_true(key->meaning[0] != '\0' && key->section_meaning[0] != '\0');
    assert_true((key->fallback == NULL) == (key->example != NULL)); /* something to show for each */
    if (strcmp(key->name, "batch") == 0) {
        assert_string_equal(key->takes, "an integer from 1 to 65535");
        assert_string_equal(key->fallback, "16");
        assert_string_equal(key->words, "");
        seen->batch = true;
    }
    if (strcmp(key->name, "encoding") == 0) {
        assert_string_equal(key->section, "simulation");
        assert_string_equal(key->words, "float deterministic direct stochastic");
        seen->encoding = true;
    }
}

static void the_description_has_every_key(void **state)
{
    (void)state;
    seen_keys seen = {0};
    snn_config_describe(see_key, &seen);
    assert_int_equal(seen.keys, 49);
    assert_int_equal(seen.needed, 3);
    assert_true(seen.batch && seen.encoding);
}

/* Without its comments the template says three keys, and nothing but the defaults; with all of them it is read, too. */
static void the_template_is_a_configuration_of_defaults(void **state)
{
    (void)state;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    snn_config_write_template(out);
    assert_int_equal(fclose(out), 0);
    snn_config *config = read_good(text, NULL);
    snn_config *plain = read_good("[model]\nonnx = \"model.onnx\"\n[data]\ntest = \"test.h5\"\n"
                                  "calibration = \"calibration.h5\"\n",
                                  NULL);
    assert_string_equal(config->text, plain->text);
    snn_config_destroy(plain);
    snn_config_destroy(config);

    int uncommented = 0;
    for (char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (line[0] == '#' && line[1] != ' ' && line[1] != '\0') {
            line[0] = ' ';
            uncommented++;
        }
    }
    assert_int_equal(uncommented, 49 - 3);
    config = read_good(text, NULL);
    assert_int_equal(config->table_length, 3);
    assert_int_equal(config->data.mean_count, 1);
    snn_config_destroy(config);
    free(text);
}

static void toml_documents_are_flat_and_in_file_order(void **state)
{
    (void)state;
    snn_toml *document =
        snn_toml_parse("[b]\nz = 1\na = -2.5\n[a]\nn = [1, 2.5]\nt = \"\xc3\xa9\"\n  y = true\nd = {}\n");
    assert_string_equal(document->error, "");
    assert_int_equal(document->count, 6);
    const snn_toml_entry *entries = document->entries;
    assert_string_equal(entries[0].key, "b.z");
    assert_int_equal(entries[0].type, SNN_TOML_INTEGER);
    assert_int_equal(entries[0].integer, 1);
    assert_true(entries[0].real == 1.0);
    assert_int_equal(entries[0].line, 2);
    assert_int_equal(entries[0].column, 1);
    assert_string_equal(entries[1].key, "b.a");
    assert_int_equal(entries[1].type, SNN_TOML_REAL);
    assert_true(entries[1].real == -2.5);
    assert_string_equal(entries[2].key, "a.n");
    assert_int_equal(entries[2].type, SNN_TOML_NUMBERS);
    assert_int_equal(entries[2].count, 2);
    assert_true(entries[2].numbers[0] == 1.0 && entries[2].numbers[1] == 2.5);
    assert_int_equal(entries[3].type, SNN_TOML_TEXT);
    assert_string_equal(entries[3].text, "\xc3\xa9");
    assert_int_equal(entries[4].type, SNN_TOML_BOOLEAN);
    assert_int_equal(entries[4].integer, 1);
    assert_int_equal(entries[4].line, 7);
    assert_int_equal(entries[4].column, 3);
    assert_string_equal(entries[5].key, "a.d");
    assert_int_equal(entries[5].type, SNN_TOML_OTHER);
    assert_string_equal(entries[5].type_name, "table");
    snn_toml_destroy(document);
    snn_toml_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalisations_have_names),
        cmocka_unit_test(defaults_are_those_of_the_interface),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(every_word_is_read),
        cmocka_unit_test(subgradient_is_a_rate_code_by_default),
        cmocka_unit_test(block_lies_in_the_timesteps),
        cmocka_unit_test(paths_are_relative_to_the_file_and_overrides_to_the_working_directory),
        cmocka_unit_test(overrides_are_toml_or_bare_words),
        cmocka_unit_test(the_text_reads_back_as_the_same_configuration),
        cmocka_unit_test(the_text_has_every_key),
        cmocka_unit_test(dots_in_comments_strings_and_numbers_are_no_depth),
        cmocka_unit_test(a_long_table_reads_back),
        cmocka_unit_test(reals_keep_every_bit),
        cmocka_unit_test(a_packed_configuration_is_the_same),
        cmocka_unit_test(damaged_packs_are_refused),
        cmocka_unit_test(the_description_has_every_key),
        cmocka_unit_test(the_template_is_a_configuration_of_defaults),
        cmocka_unit_test(toml_documents_are_flat_and_in_file_order),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
