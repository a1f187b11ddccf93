#include "io/config/config_keys.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const snn_config_word layouts[] = {{"auto", SNN_LAYOUT_AUTO},
                                          {"NHWC", SNN_LAYOUT_NHWC},
                                          {"NCHW", SNN_LAYOUT_NCHW},
                                          {"NHW", SNN_LAYOUT_NHW},
                                          {NULL, 0}};
static const snn_config_word normalisations[] = {{"given", SNN_NORMALISATION_GIVEN},
                                                 {"none", SNN_NORMALISATION_NONE},
                                                 {"imagenet", SNN_NORMALISATION_IMAGENET},
                                                 {"inception", SNN_NORMALISATION_INCEPTION},
                                                 {"clip", SNN_NORMALISATION_CLIP},
                                                 {"cifar10", SNN_NORMALISATION_CIFAR10},
                                                 {"cifar100", SNN_NORMALISATION_CIFAR100},
                                                 {"mnist", SNN_NORMALISATION_MNIST},
                                                 {NULL, 0}};
static const snn_config_word dynamics[] = {
    {"signgd", SNN_DYNAMICS_SIGNGD}, {"subgradient", SNN_DYNAMICS_SUBGRADIENT}, {NULL, 0}};
static const snn_config_word schedules[] = {{"exponential", SNN_SCHEDULE_EXPONENTIAL},
                                            {"inverse", SNN_SCHEDULE_INVERSE},
                                            {"polynomial", SNN_SCHEDULE_POLYNOMIAL},
                                            {"constant", SNN_SCHEDULE_CONSTANT},
                                            {"table", SNN_SCHEDULE_TABLE},
                                            {NULL, 0}};
static const snn_config_word scales[] = {{"channel", SNN_SCALE_CHANNEL}, {"layer", SNN_SCALE_LAYER}, {NULL, 0}};
static const snn_config_word forms[] = {{"fused", SNN_FORM_FUSED}, {"decomposed", SNN_FORM_DECOMPOSED}, {NULL, 0}};
static const snn_config_word readings[] = {
    {"integers", SNN_STREAMS_INTEGERS}, {"spikes", SNN_STREAMS_SPIKES}, {NULL, 0}};
static const snn_config_word ranges[] = {
    {"calibrated", SNN_RANGES_CALIBRATED}, {"quantised", SNN_RANGES_QUANTISED}, {NULL, 0}};
static const snn_config_word encodings[] = {{"float", SNN_ENCODING_FLOAT},
                                            {"deterministic", SNN_ENCODING_DETERMINISTIC},
                                            {"direct", SNN_ENCODING_DIRECT},
                                            {"stochastic", SNN_ENCODING_STOCHASTIC},
                                            {NULL, 0}};
static const snn_config_word weights[] = {
    {"int16", SNN_WEIGHTS_INT16}, {"int8", SNN_WEIGHTS_INT8}, {"float32", SNN_WEIGHTS_FLOAT32}, {NULL, 0}};
static const snn_config_word codecs[] = {{"auto", SNN_CODEC_AUTO},       {"raw", SNN_CODEC_RAW},
                                         {"zstd", SNN_CODEC_ZSTD},       {"xor", SNN_CODEC_XOR},
                                         {"context", SNN_CODEC_CONTEXT}, {NULL, 0}};

static const snn_config_word details[] = {
    {"full", SNN_STATISTICS_FULL}, {"spikes", SNN_STATISTICS_SPIKES}, {"none", SNN_STATISTICS_NONE}, {NULL, 0}};

static const snn_config_word objectives[] = {
    {"throughput", SNN_OBJECTIVE_THROUGHPUT}, {"latency", SNN_OBJECTIVE_LATENCY}, {NULL, 0}};
static const snn_config_word calibrations[] = {
    {"cached", SNN_CALIBRATION_CACHED}, {"fresh", SNN_CALIBRATION_FRESH}, {"off", SNN_CALIBRATION_OFF}, {NULL, 0}};

const snn_config_section snn_config_sections[SNN_CONFIG_SECTIONS] = {
    {"model", "the network; one of the two keys is needed, and a run takes the converted one if there are both"},
    {"data", "images, and how they are normalised: (pixel / 255 - mean) / std of 8-bit images, (pixel - mean) / std of "
             "others"},
    {"neuron", "dynamics of the neurons, and what operators become"},
    {"simulation", "the run; of all these keys only timesteps, encoding, weights and seed change results"},
    {"parallel", "ranks = replicas x stages x channels; results do not depend on it"},
    {"comm", "packets between ranks; results do not depend on it"},
    {"output", "where results go"},
    {"checkpoint", "a run that was stopped goes on from its newest checkpoint"},
};

#define AT(member) offsetof(snn_config, member)

const snn_config_key snn_config_keys[SNN_CONFIG_KEYS] = {
    {"model", "onnx", SNN_CONFIG_PATH, AT(model.onnx), .example = "\"model.onnx\"", .needed = true,
     .meaning = "trained network (ONNX), to be converted"},
    {"model", "network", SNN_CONFIG_PATH, AT(model.network), .example = "\"model.snn.h5\"",
     .meaning = "converted network, as `convert` writes it"},

    {"data", "test", SNN_CONFIG_PATH, AT(data.test), .example = "\"test.h5\"", .needed = true,
     .meaning = "data set to evaluate (HDF5)"},
    {"data", "calibration", SNN_CONFIG_PATH, AT(data.calibration), .example = "\"calibration.h5\"", .needed = true,
     .meaning = "data set that sets the scales of a conversion (HDF5)"},
    {"data", "images", SNN_CONFIG_INT64, AT(data.images), .minimum = 0, .maximum = INFINITY, .fallback = "0",
     .meaning = "images of the test set to evaluate, 0 = all"},
    {"data", "calibration_images", SNN_CONFIG_INT64, AT(data.calibration_images), .minimum = 0, .maximum = INFINITY,
     .fallback = "0", .meaning = "images of the calibration set to use, 0 = all"},
    {"data", "calibration_quantile", SNN_CONFIG_REAL, AT(data.calibration_quantile), .minimum = 0, .maximum = 1,
     .above_minimum = true, .fallback = "1.0",
     .meaning = "a channel's scale is this quantile of its magnitudes; 1 = the maximum"},
    {"data", "layout", SNN_CONFIG_WORD, AT(data.layout), .words = layouts, .fallback = "\"auto\"",
     .meaning = "order of the axes of the images; auto = the data set's own attribute"},
    {"data", "normalisation", SNN_CONFIG_WORD, AT(data.normalisation), .words = normalisations, .fallback = "\"given\"",
     .meaning = "mean and std by name; given = data.mean and data.std"},
    {"data", "mean", SNN_CONFIG_NUMBERS, AT(data.mean), .count_offset = AT(data.mean_count), .minimum = -INFINITY,
     .maximum = INFINITY, .example = "[0.5]",
     .meaning = "subtracted from pixel / 255, one for all channels or one per channel"},
    {"data", "std", SNN_CONFIG_NUMBERS, AT(data.std), .count_offset = AT(data.std_count), .minimum = 0,
     .maximum = INFINITY, .above_minimum = true, .example = "[0.5]", .meaning = "divides the result, likewise"},

    {"neuron", "dynamics", SNN_CONFIG_WORD, AT(neuron.dynamics), .words = dynamics, .fallback = "\"signgd\"",
     .meaning = "signgd, or the baseline subgradient: integrate-and-fire, for ReLU networks"},
    {"neuron", "schedule", SNN_CONFIG_WORD, AT(neuron.schedule), .words = schedules, .fallback = "\"exponential\"",
     .meaning = "step sizes eta(t): eta0 gamma^t, eta0 / (t + 1), eta0 / (t + 1)^power, eta0, or neuron.table"},
    {"neuron", "eta0", SNN_CONFIG_REAL, AT(neuron.eta0), .minimum = 0, .maximum = INFINITY, .above_minimum = true,
     .fallback = "0.15", .meaning = "first step size"},
    {"neuron", "gamma", SNN_CONFIG_REAL, AT(neuron.gamma), .minimum = 0, .maximum = 1, .above_minimum = true,
     .fallback = "0.95", .meaning = "decay per timestep of the exponential schedule"},
    {"neuron", "power", SNN_CONFIG_REAL, AT(neuron.power), .minimum = 0, .maximum = INFINITY, .above_minimum = true,
     .fallback = "0.5", .meaning = "exponent of the polynomial schedule"},
    {"neuron", "momentum", SNN_CONFIG_REAL, AT(neuron.momentum), .minimum = 0, .maximum = 1, .fallback = "0.0",
     .meaning = "of the subgradient dynamics, below 1"},
    {"neuron", "table", SNN_CONFIG_TABLE, AT(table), .count_offset = AT(table_length), .minimum = 0,
     .maximum = INFINITY, .above_minimum = true, .example = "[1.0, 0.5, 0.25]",
     .meaning = "step size of every timestep, for schedule = \"table\""},
    {"neuron", "steps", SNN_CONFIG_INT32, AT(neuron.steps), .minimum = 0, .maximum = SNN_WINDOW_STEPS, .fallback = "0",
     .meaning = "spikes of each neuron, its window; 0 = at all timesteps (the paper's synchronous dynamics)"},
    {"neuron", "delay", SNN_CONFIG_INT32, AT(neuron.delay), .minimum = -1, .maximum = SNN_MAX_TIMESTEPS,
     .fallback = "-1",
     .meaning = "timesteps by which a neuron starts after its sources; -1 = steps (inputs stand still)"},
    {"neuron", "ratio", SNN_CONFIG_REAL, AT(neuron.ratio), .minimum = 0, .maximum = 1, .above_minimum = true,
     .fallback = "0.5", .meaning = "of one step of a window to the one before"},
    {"neuron", "margin", SNN_CONFIG_REAL, AT(neuron.margin), .minimum = 0, .maximum = 16, .fallback = "0.25",
     .meaning = "by which the steps of a window reach beyond the calibrated range"},
    {"neuron", "scale", SNN_CONFIG_WORD, AT(neuron.scale), .words = scales, .fallback = "\"channel\"",
     .meaning = "one scale per channel or per layer"},
    {"neuron", "maxpool", SNN_CONFIG_WORD, AT(neuron.maxpool), .words = forms, .fallback = "\"fused\"",
     .meaning = "one neuron per window, or rows and then columns"},
    {"neuron", "layernorm", SNN_CONFIG_WORD, AT(neuron.layernorm), .words = forms, .fallback = "\"fused\"",
     .meaning = "one n-ary neuron per channel, or squares and quotients by the root of their mean"},
    {"neuron", "softmax", SNN_CONFIG_WORD, AT(neuron.softmax), .words = forms, .fallback = "\"fused\"",
     .meaning = "one n-ary neuron per channel, or exponentials and quotients by their sum"},
    {"neuron", "attention", SNN_CONFIG_WORD, AT(neuron.attention), .words = forms, .fallback = "\"fused\"",
     .meaning = "one n-ary neuron per channel of a token, or scores, softmax (in its own form) and mix"},
    {"neuron", "streams", SNN_CONFIG_WORD, AT(neuron.streams), .words = readings, .fallback = "\"integers\"",
     .meaning = "how products read a residual stream: its integers, or spikes of relay neurons (faster)"},
    {"neuron", "ranges", SNN_CONFIG_WORD, AT(neuron.ranges), .words = ranges, .fallback = "\"calibrated\"",
     .meaning = "of activations that the model quantises: calibrated as all others, or its own scales and zero points"},

    {"simulation", "timesteps", SNN_CONFIG_INT32, AT(simulation.timesteps), .minimum = 0, .maximum = SNN_MAX_TIMESTEPS,
     .fallback = "0", .meaning = "timesteps per image; 0 = until the last window ends, or 64 without windows"},
    {"simulation", "encoding", SNN_CONFIG_WORD, AT(simulation.encoding), .words = encodings, .fallback = "\"float\"",
     .meaning = "how pixels enter the network; with windows always direct"},
    {"simulation", "batch", SNN_CONFIG_INT32, AT(simulation.batch), .minimum = 1, .maximum = SNN_MAX_BATCH,
     .fallback = "16", .meaning = "images per group; fewer where ranks would have none otherwise"},
    {"simulation", "block", SNN_CONFIG_INT32, AT(simulation.block), .minimum = 0, .maximum = SNN_MAX_TIMESTEPS,
     .fallback = "0",
     .meaning = "timesteps exchanged at once, 0 = as caches and memory suggest; results do not depend on it"},
    {"simulation", "weights", SNN_CONFIG_WORD, AT(simulation.weights), .words = weights, .fallback = "\"int16\"",
     .meaning = "format of the weights; float32 is for validation"},
    {"simulation", "seed", SNN_CONFIG_INT64, AT(simulation.seed), .minimum = 0, .maximum = INFINITY, .fallback = "1",
     .meaning = "seed of random numbers"},

    {"parallel", "replicas", SNN_CONFIG_INT32, AT(parallel.replicas), .minimum = 0, .maximum = INT32_MAX,
     .fallback = "0", .meaning = "copies of the network, each with its own images; 0 = the planner decides"},
    {"parallel", "stages", SNN_CONFIG_INT32, AT(parallel.stages), .minimum = 0, .maximum = INT32_MAX, .fallback = "0",
     .meaning = "groups of consecutive layers; 0 = the planner decides"},
    {"parallel", "channels", SNN_CONFIG_INT32, AT(parallel.channels), .minimum = 0, .maximum = INT32_MAX,
     .fallback = "0", .meaning = "shards of the channels of every layer; 0 = the planner decides"},
    {"parallel", "objective", SNN_CONFIG_WORD, AT(parallel.objective), .words = objectives,
     .fallback = "\"throughput\"", .meaning = "what the planner makes small: the time of all images, or of one group"},
    {"parallel", "memory_gb", SNN_CONFIG_REAL, AT(parallel.memory_gb), .minimum = 0, .maximum = INFINITY,
     .fallback = "0.0", .meaning = "gigabytes that a rank may use, 0 = no limit"},
    {"parallel", "machine", SNN_CONFIG_PATH, AT(parallel.machine), .may_be_empty = true, .fallback = "\"\"",
     .meaning = "machine file for the planner: cores, memory, links, ranks of a host; \"\" = what is measured here"},
    {"parallel", "calibration", SNN_CONFIG_WORD, AT(parallel.calibration), .words = calibrations,
     .fallback = "\"cached\"",
     .meaning = "speeds of the kernels: measured until two runs agree, measured anew, or off (assumed)"},

    {"comm", "codec", SNN_CONFIG_WORD, AT(codec), .words = codecs, .fallback = "\"auto\"",
     .meaning = "compression of spike packets; auto = only where it saves time"},
    {"comm", "patience_minutes", SNN_CONFIG_REAL, AT(patience_minutes), .minimum = 0, .maximum = INFINITY,
     .fallback = "30.0", .meaning = "how long a rank waits for another before the job ends, 0 = without end"},

    {"output", "file", SNN_CONFIG_PATH, AT(output), .example = "\"model.out.h5\"",
     .meaning = "results (HDF5); default: the name of the config file with .out.h5"},
    {"output", "statistics", SNN_CONFIG_WORD, AT(statistics), .words = details, .fallback = "\"full\"",
     .meaning =
         "of the layers: full, spikes = without tracking errors (faster), none = nor spikes; results are the same"},

    {"checkpoint", "directory", SNN_CONFIG_PATH, AT(checkpoint.directory), .may_be_empty = true,
     .fallback = "\"checkpoints\"", .meaning = "folder of the checkpoints, \"\" = none are written"},
    {"checkpoint", "every_minutes", SNN_CONFIG_REAL, AT(checkpoint.every_minutes), .minimum = 0, .maximum = INFINITY,
     .fallback = "15",
     .meaning =
         "minutes between checkpoints, 0 = after every group of images, or as many as fill the stages of all replicas"},
    {"checkpoint", "keep", SNN_CONFIG_INT32, AT(checkpoint.keep), .minimum = 1, .maximum = INT32_MAX, .fallback = "2",
     .meaning = "newest checkpoints to keep"},
};

enum { NAME_BYTES = 64 }; /* longer names resemble no key */

const snn_config_key *snn_config_find(const char *name)
{
    for (int i = 0; i < SNN_CONFIG_KEYS; i++) {
        const snn_config_key *key = &snn_config_keys[i];
        size_t length = strlen(key->section);
        if (strncmp(name, key->section, length) == 0 && name[length] == '.' &&
            strcmp(name + length + 1, key->name) == 0) {
            return key;
        }
    }
    return NULL;
}

const snn_config_section *snn_config_find_section(const char *name)
{
    for (int i = 0; i < SNN_CONFIG_SECTIONS; i++) {
        if (strcmp(name, snn_config_sections[i].name) == 0) {
            return &snn_config_sections[i];
        }
    }
    return NULL;
}

const char *snn_config_article(const char *noun)
{
    return strchr("aeiou", noun[0]) != NULL ? "an" : "a";
}

const char *snn_config_type_name(snn_config_type type)
{
    switch (type) {
    case SNN_CONFIG_PATH:
    case SNN_CONFIG_WORD:
        return "a string";
    case SNN_CONFIG_INT32:
    case SNN_CONFIG_INT64:
        return "an integer";
    case SNN_CONFIG_REAL:
        return "a number";
    case SNN_CONFIG_NUMBERS:
    case SNN_CONFIG_TABLE:
        return "an array of numbers";
    }
    return "a value";
}

/* Levenshtein: insertions, deletions and replacements that turn `a` into `b`. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t width = strlen(b);
    size_t row[NAME_BYTES];
    if (strlen(a) >= NAME_BYTES || width >= NAME_BYTES) {
        return NAME_BYTES;
    }
    for (size_t j = 0; j <= width; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < width; j++) {
            size_t best = diagonal + (a[i] == b[j] ? 0 : 1);
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j + 1] + 1 < best ? row[j + 1] + 1 : best;
            diagonal = row[j + 1];
            row[j + 1] = best;
        }
    }
    return row[width];
}

/* How many edits may still be a slip of the fingers. */
static size_t plausible_distance(const char *name)
{
    size_t length = strlen(name);
    return length < 4 ? 1 : length < 8 ? 2 : 3;
}

/* The key whose name is nearest to `name`, of `section` or of any (NULL); NULL if none is near. */
static const snn_config_key *nearest_key(const char *section, const char *name)
{
    const snn_config_key *nearest = NULL;
    size_t best = plausible_distance(name) + 1;
    for (int i = 0; i < SNN_CONFIG_KEYS; i++) {
        const snn_config_key *key = &snn_config_keys[i];
        size_t distance = edit_distance(name, key->name);
        if ((section == NULL || strcmp(section, key->section) == 0) && distance < best) {
            best = distance;
            nearest = key;
        }
    }
    return nearest;
}

static const char *nearest_section(const char *name)
{
    const char *nearest = NULL;
    size_t best = plausible_distance(name) + 1;
    for (int i = 0; i < SNN_CONFIG_SECTIONS; i++) {
        size_t distance = edit_distance(name, snn_config_sections[i].name);
        if (distance < best) {
            best = distance;
            nearest = snn_config_sections[i].name;
        }
    }
    return nearest;
}

static void append(char *text, size_t bytes, const char *more)
{
    size_t length = strlen(text);
    (void)snprintf(text + length, bytes - length, "%s", more);
}

/* "onnx, network": keys of a section. */
static void list_keys(const char *section, char *text, size_t bytes)
{
    text[0] = '\0';
    for (int i = 0; i < SNN_CONFIG_KEYS; i++) {
        const snn_config_key *key = &snn_config_keys[i];
        if (strcmp(section, key->section) == 0) {
            append(text, bytes, text[0] == '\0' ? "" : ", ");
            append(text, bytes, key->name);
        }
    }
}

static void list_sections(char *text, size_t bytes)
{
    text[0] = '\0';
    for (int i = 0; i < SNN_CONFIG_SECTIONS; i++) {
        append(text, bytes, i == 0 ? "" : ", ");
        append(text, bytes, snn_config_sections[i].name);
    }
}

static snn_status unknown_in_section(const char *name, const char *section, const char *rest)
{
    const snn_config_key *nearest = nearest_key(section, rest);
    if (nearest != NULL) {
        return snn_fail(SNN_INPUT_ERROR, "unknown key %s; did you mean '%s'?", name, nearest->name);
    }
    nearest = nearest_key(NULL, rest);
    if (nearest != NULL) {
        return snn_fail(SNN_INPUT_ERROR, "unknown key %s; did you mean '%s.%s'?", name, nearest->section,
                        nearest->name);
    }
    char names[200];
    list_keys(section, names, sizeof names);
    return snn_fail(SNN_INPUT_ERROR, "unknown key %s; [%s] has %s", name, section, names);
}

static snn_status unknown_section(const char *name, const char *section, const char *rest)
{
    const char *near_section = nearest_section(section);
    if (near_section != NULL) {
        return snn_fail(SNN_INPUT_ERROR, "unknown section '%s'; did you mean '%s'?", section, near_section);
    }
    const snn_config_key *nearest = nearest_key(NULL, rest);
    if (nearest != NULL) {
        return snn_fail(SNN_INPUT_ERROR, "unknown key %s; did you mean '%s.%s'?", name, nearest->section,
                        nearest->name);
    }
    char names[200];
    list_sections(names, sizeof names);
    return snn_fail(SNN_INPUT_ERROR, "unknown section '%s'; there are %s", section, names);
}

snn_status snn_config_unknown(const snn_toml_entry *entry)
{
    char section[NAME_BYTES];
    const char *name = entry->key;
    const char *dot = name[0] == '"' ? NULL : strchr(name, '.'); /* a dot inside of quotes separates nothing */
    if (dot == NULL && snn_config_find_section(name) != NULL) {
        return snn_fail(SNN_INPUT_ERROR, "%s: expected a section ([%s]), found %s %s", name, name,
                        snn_config_article(entry->type_name), entry->type_name);
    }
    if (dot == NULL && strcmp(entry->type_name, "table") == 0) {
        return unknown_section(name, name, name);
    }
    if (dot == NULL) {
        const snn_config_key *nearest = nearest_key(NULL, name);
        return nearest == NULL
                   ? snn_fail(SNN_INPUT_ERROR,
                              "unknown key %s outside of any section; snn_dist config prints all sections and keys",
                              name)
                   : snn_fail(SNN_INPUT_ERROR, "unknown key %s; did you mean '%s.%s'?", name, nearest->section,
                              nearest->name);
    }
    (void)snprintf(section, sizeof section, "%.*s", (int)(dot - name < NAME_BYTES ? dot - name : NAME_BYTES), name);
    if (snn_config_find_section(section) == NULL) {
        return unknown_section(name, section, dot + 1);
    }
    for (int i = 0; i < SNN_CONFIG_KEYS; i++) {
        const snn_config_key *key = &snn_config_keys[i];
        size_t length = strlen(key->name);
        if (strcmp(section, key->section) == 0 && strncmp(dot + 1, key->name, length) == 0 && dot[1 + length] == '.') {
            return snn_fail(SNN_INPUT_ERROR, "%s.%s: expected %s, found a table", section, key->name,
                            snn_config_type_name(key->type));
        }
    }
    return unknown_in_section(name, section, dot + 1);
}
