#include "io/config/config.h"

#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/config/config_keys.h"
#include "io/config/text_file.h"

/* Far above any table of step sizes; below it the parser's recursion is safe, and /dev/zero is no trap. */
enum { MAX_FILE_BYTES = 4 << 20 };

/* Where a value was set, for messages about keys that do not fit each other. */
typedef struct value_place {
    const char *override; /* NULL: in the file */
    int line, column;     /* 0: by default */
} value_place;

typedef struct config_reader {
    const char *path;
    char folder[SNN_PATH_BYTES]; /* of the file, with its slash; "" for the working directory */
    value_place places[SNN_CONFIG_KEYS];
    snn_config *config;
} config_reader;

static snn_status at_place(const config_reader *reader, const value_place *place, snn_status status)
{
    if (place->override != NULL) {
        return snn_context(status, "--set %s", place->override);
    }
    return snn_context(status, "%s:%d:%d", reader->path, place->line, place->column);
}

/* ---- layers: defaults, file, overrides ---- */

static snn_status apply_entry(config_reader *reader, const snn_toml_entry *entry, const char *folder, value_place place)
{
    const snn_config_key *key = snn_config_find(entry->key);
    if (key == NULL && snn_config_find_section(entry->key) != NULL && strcmp(entry->type_name, "table") == 0) {
        return snn_ok(); /* a section without keys */
    }
    snn_status status = key != NULL ? snn_config_store(key, entry, folder, reader->config) : snn_config_unknown(entry);
    if (snn_failed(status)) {
        return at_place(reader, &place, status);
    }
    reader->places[key - snn_config_keys] = place;
    return snn_ok();
}

static snn_status apply_document(config_reader *reader, const snn_toml *document)
{
    if (document == NULL) {
        return snn_out_of_memory("TOML document");
    }
    if (document->error[0] != '\0') {
        return snn_fail(SNN_INPUT_ERROR, "%s:%d:%d: %s", reader->path, document->error_line, document->error_column,
                        document->error);
    }
    for (size_t i = 0; i < document->count; i++) {
        const snn_toml_entry *entry = &document->entries[i];
        value_place place = {.line = entry->line, .column = entry->column};
        SNN_TRY(apply_entry(reader, entry, reader->folder, place));
    }
    return snn_ok();
}

static snn_status apply_text(config_reader *reader, const char *text)
{
    snn_toml *document = snn_toml_parse(text);
    snn_status status = apply_document(reader, document);
    snn_toml_destroy(document);
    return status;
}

/* Defaults are TOML values and go the way of the user's. */
static snn_status apply_defaults(config_reader *reader)
{
    char text[128 * SNN_CONFIG_KEYS];
    size_t length = 0;
    for (int i = 0; i < SNN_CONFIG_KEYS && length < sizeof text; i++) {
        const snn_config_key *key = &snn_config_keys[i];
        if (key->fallback != NULL) {
            length += (size_t)snprintf(text + length, sizeof text - length, "%s.%s = %s\n", key->section, key->name,
                                       key->fallback);
        }
    }
    if (length >= sizeof text) {
        return snn_fail(SNN_INTERNAL_ERROR, "text of the default configuration is too long");
    }
    return apply_text(reader, text);
}

static bool begins_bare_word(const char *value)
{
    char c = value[0];
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '/' || c == '.';
}

/* A value that is no TOML is taken as a string; so is whatever stands for a path or a word without quotes, which may
 * well look like a number. */
static snn_status apply_override_value(config_reader *reader, const snn_config_key *key, char *name, const char *value,
                                       value_place place)
{
    snn_toml_entry string = {.key = name, .type_name = (char[]){"string"}, .type = SNN_TOML_TEXT};
    bool wants_string = key->type == SNN_CONFIG_PATH || key->type == SNN_CONFIG_WORD;
    size_t bytes = strlen(value) + sizeof "value = ";
    char *text = snn_allocate(bytes, 1);
    char *copy = snn_duplicate_text(value);
    snn_toml *document = NULL;
    snn_status status = snn_ok();
    if (text == NULL || copy == NULL) {
        status = snn_out_of_memory("override");
        goto done;
    }
    string.text = copy;
    if (wants_string && value[0] != '"' && value[0] != '\'') {
        status = apply_entry(reader, &string, "", place);
        goto done;
    }
    (void)snprintf(text, bytes, "value = %s", value);
    document = snn_toml_parse(text);
    if (document == NULL) {
        status = snn_out_of_memory("TOML document");
    } else if (document->error[0] == '\0' && document->count == 1) {
        snn_toml_entry entry = document->entries[0];
        entry.key = name;
        status = apply_entry(reader, &entry, "", place);
    } else if (begins_bare_word(value)) {
        status = apply_entry(reader, &string, "", place);
    } else {
        char expectation[SNN_CONFIG_EXPECTATION_BYTES];
        snn_config_expectation(key, expectation);
        status = at_place(reader, &place,
                          snn_fail(SNN_INPUT_ERROR, "%s: expected %s, found no TOML value", name, expectation));
    }
done:
    snn_toml_destroy(document);
    snn_release(copy);
    snn_release(text);
    return status;
}

static snn_status apply_override(config_reader *reader, const char *override)
{
    value_place place = {.override = override};
    const char *equals = strchr(override, '=');
    if (equals == NULL || equals == override) {
        return at_place(reader, &place, snn_fail(SNN_INPUT_ERROR, "expected section.key=value"));
    }
    char *name = snn_duplicate_text(override);
    if (name == NULL) {
        return snn_out_of_memory("override");
    }
    name[equals - override] = '\0';
    const snn_config_key *key = snn_config_find(name);
    snn_status status;
    if (key != NULL) {
        status = apply_override_value(reader, key, name, equals + 1, place);
    } else {
        const snn_toml_entry unknown = {.key = name, .type_name = (char[]){"value"}};
        status = at_place(reader, &place, snn_config_unknown(&unknown));
    }
    snn_release(name);
    return status;
}

/* ---- what depends on several keys ---- */

/* "digits.out.h5" beside "digits.toml". */
static snn_status default_output(const config_reader *reader)
{
    const char *path = reader->path;
    size_t length = strlen(path);
    if (length > 5 && strcmp(path + length - 5, ".toml") == 0 && path[length - 6] != '/') {
        length -= 5;
    }
    int written = snprintf(reader->config->output, SNN_PATH_BYTES, "%.*s.out.h5", (int)length, path);
    if (written < 0 || written >= SNN_PATH_BYTES) {
        return snn_fail(SNN_INPUT_ERROR, "%s: output.file: the default path is longer than %d bytes; set output.file",
                        path, SNN_PATH_BYTES - 1);
    }
    return snn_ok();
}

static snn_status settle(const config_reader *reader)
{
    snn_config *config = reader->config;
    if (config->simulation.timesteps == 0 && config->neuron.steps == 0 && config->model.network[0] == '\0') {
        config->simulation.timesteps = SNN_DEFAULT_TIMESTEPS;
    }
    if (config->simulation.block > config->simulation.timesteps && config->simulation.timesteps > 0) {
        config->simulation.block = config->simulation.timesteps;
    }
    return config->output[0] == '\0' ? default_output(reader) : snn_ok();
}

static const value_place *place_of(const config_reader *reader, const char *key)
{
    return &reader->places[snn_config_find(key) - snn_config_keys];
}

static snn_status check_table(const config_reader *reader)
{
    const snn_config *config = reader->config;
    const int32_t timesteps = config->simulation.timesteps > 0 ? config->simulation.timesteps : SNN_DEFAULT_TIMESTEPS;
    if (config->neuron.schedule != SNN_SCHEDULE_TABLE || config->neuron.steps > 0 ||
        config->table_length >= (size_t)timesteps) {
        return snn_ok();
    }
    const char *culprit = config->table_length > 0 ? "neuron.table" : "neuron.schedule";
    return at_place(
        reader, place_of(reader, culprit),
        snn_fail(SNN_INPUT_ERROR,
                 "%s: schedule = \"table\" needs a number in neuron.table for each of the %d timesteps, found %zu",
                 culprit, timesteps, config->table_length));
}

static bool is_given(const config_reader *reader, const char *key)
{
    const value_place *place = place_of(reader, key);
    return place->override != NULL || place->line > 0;
}

/* The baseline is a rate code, unless a schedule is asked for. */
static void settle_dynamics(const config_reader *reader)
{
    snn_config *config = reader->config;
    if (config->neuron.dynamics != SNN_DYNAMICS_SUBGRADIENT) {
        return;
    }
    if (!is_given(reader, "neuron.schedule")) {
        config->neuron.schedule = SNN_SCHEDULE_INVERSE;
    }
    if (!is_given(reader, "neuron.eta0") && config->neuron.schedule == SNN_SCHEDULE_INVERSE) {
        config->neuron.eta0 = 1.0;
    }
}

/* Whether an array that was given says what `named` does, one number standing for all channels. */
static bool agrees(const double *given, int32_t count, const double *named, int32_t named_count)
{
    const int32_t most = count > named_count ? count : named_count;
    bool same = count == 1 || named_count == 1 || count == named_count;
    for (int32_t i = 0; same && i < most; i++) {
        same = given[count == 1 ? 0 : i] == named[named_count == 1 ? 0 : i];
    }
    return same;
}

/* Numbers of data.normalisation into one array, which may have been given as well. */
static snn_status settle_numbers(const config_reader *reader, const char *key, const double *named, int32_t named_count,
                                 double *numbers, int32_t *count)
{
    if (*count > 0 && !agrees(numbers, *count, named, named_count)) {
        return at_place(reader, place_of(reader, key),
                        snn_fail(SNN_INPUT_ERROR,
                                 "%s: differs from what data.normalisation stands for (%g%s); give one "
                                 "of the two",
                                 key, named[0], named_count > 1 ? ", ..." : ""));
    }
    memcpy(numbers, named, (size_t)named_count * sizeof *named);
    *count = named_count;
    return snn_ok();
}

static snn_status settle_normalisation(const config_reader *reader)
{
    snn_config *config = reader->config;
    const snn_normalisation_values named = snn_normalisation_find(config->data.normalisation);
    if (named.count == 0) {
        return snn_ok();
    }
    SNN_TRY(settle_numbers(reader, "data.mean", named.mean, named.count, config->data.mean, &config->data.mean_count));
    return settle_numbers(reader, "data.std", named.std, named.count, config->data.std, &config->data.std_count);
}

/* Windows take pixels directly, and signs of gradients. */
static snn_status settle_windows(const config_reader *reader)
{
    snn_config *config = reader->config;
    if (config->neuron.delay < 0) {
        config->neuron.delay = config->neuron.steps;
    }
    if (config->neuron.steps == 0) {
        return snn_ok();
    }
    if (config->neuron.dynamics != SNN_DYNAMICS_SIGNGD) {
        return at_place(
            reader, place_of(reader, "neuron.steps"),
            snn_fail(SNN_INPUT_ERROR, "neuron.steps: dynamics = \"subgradient\" has no windows; leave it out"));
    }
    if (!snn_encoding_is_graded(config->simulation.encoding)) {
        return at_place(reader, place_of(reader, "simulation.encoding"),
                        snn_fail(SNN_INPUT_ERROR,
                                 "simulation.encoding: with windows (neuron.steps = %d) pixels enter "
                                 "directly, expected \"direct\" or nothing",
                                 config->neuron.steps));
    }
    config->simulation.encoding = SNN_ENCODING_DIRECT;
    snn_windows windows;
    return snn_windows_init(config->neuron.steps, config->neuron.delay, config->neuron.ratio, config->neuron.margin,
                            &windows);
}

/* What the dynamics can do. A value that does not fit was given: the defaults fit. */
static snn_status check_dynamics(const config_reader *reader)
{
    const snn_config *config = reader->config;
    const double eta0 = config->neuron.eta0, momentum = config->neuron.momentum;
    const bool inverse = config->neuron.schedule == SNN_SCHEDULE_INVERSE;
    if (momentum >= 1.0) {
        return at_place(
            reader, place_of(reader, "neuron.momentum"),
            snn_fail(SNN_INPUT_ERROR, "neuron.momentum: expected a number from 0 to below 1, found %g", momentum));
    }
    if (config->neuron.dynamics != SNN_DYNAMICS_SUBGRADIENT) {
        return momentum == 0.0
                   ? snn_ok()
                   : at_place(reader, place_of(reader, "neuron.momentum"),
                              snn_fail(SNN_INPUT_ERROR,
                                       "neuron.momentum: only dynamics = \"subgradient\" takes a momentum"));
    }
    if (!inverse && config->neuron.schedule != SNN_SCHEDULE_CONSTANT) {
        return at_place(reader, place_of(reader, "neuron.schedule"),
                        snn_fail(SNN_INPUT_ERROR, "neuron.schedule: dynamics = \"subgradient\" takes \"inverse\" or "
                                                  "\"constant\""));
    }
    if (inverse ? eta0 != 1.0 : eta0 > 1.0) {
        return at_place(reader, place_of(reader, "neuron.eta0"),
                        snn_fail(SNN_INPUT_ERROR,
                                 "neuron.eta0: dynamics = \"subgradient\" with schedule = \"%s\" takes %s, found %g",
                                 inverse ? "inverse" : "constant", inverse ? "1" : "at most 1", eta0));
    }
    if (!snn_encoding_is_graded(config->simulation.encoding)) {
        return at_place(reader, place_of(reader, "simulation.encoding"),
                        snn_fail(SNN_INPUT_ERROR,
                                 "simulation.encoding: dynamics = \"subgradient\" takes \"float\" or \"direct\": its "
                                 "spikes cannot stand for negative pixels"));
    }
    return snn_ok();
}

static snn_status require(const config_reader *reader, const char *value, const char *key, const char *reason)
{
    return value[0] != '\0' ? snn_ok()
                            : snn_fail(SNN_INPUT_ERROR, "%s: missing key %s (%s)", reader->path, key, reason);
}

static snn_status check_required(const config_reader *reader, snn_config_use use)
{
    const snn_config *config = reader->config;
    bool convert = use == SNN_CONFIG_CONVERT;
    bool network = config->model.network[0] != '\0';
    if (convert) {
        SNN_TRY(require(reader, config->model.onnx, "model.onnx", "the trained network to convert"));
    } else if (!network) {
        SNN_TRY(require(reader, config->model.onnx, "model.onnx or model.network", "the network to evaluate"));
    }
    if (use == SNN_CONFIG_RUN) {
        SNN_TRY(require(reader, config->data.test, "data.test", "the data set to evaluate"));
    }
    if (convert || (use == SNN_CONFIG_RUN && !network)) {
        SNN_TRY(require(reader, config->data.calibration, "data.calibration", "the data set for the conversion"));
    }
    return snn_ok();
}

/* ---- public ---- */

static snn_status read_all(config_reader *reader, const char *const *overrides, size_t override_count,
                           snn_config_use use)
{
    char *text;
    SNN_TRY(apply_defaults(reader));
    memset(reader->places, 0, sizeof reader->places); /* places in the text of the defaults are none of the user's */
    if (reader->path[0] != '\0') {
        snn_status status = snn_text_file_read(reader->path, "config file", MAX_FILE_BYTES, &text);
        if (!snn_failed(status)) {
            status = apply_text(reader, text);
        }
        snn_release(text);
        SNN_TRY(status);
    }
    for (size_t i = 0; i < override_count; i++) {
        SNN_TRY(apply_override(reader, overrides[i]));
    }
    settle_dynamics(reader);
    SNN_TRY(settle_normalisation(reader));
    SNN_TRY(settle_windows(reader));
    SNN_TRY(check_table(reader));
    SNN_TRY(check_dynamics(reader));
    SNN_TRY(check_required(reader, use));
    SNN_TRY(settle(reader));
    return snn_config_write_text(reader->config, &reader->config->text);
}

snn_status snn_config_read(const char *path, const char *const *overrides, size_t override_count, snn_config_use use,
                           snn_config **config)
{
    config_reader reader = {.path = path};
    *config = NULL;
    const char *slash = strrchr(path, '/');
    size_t folder = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    if (folder >= sizeof reader.folder) {
        return snn_fail(SNN_INPUT_ERROR, "path of the config file is longer than %d bytes", SNN_PATH_BYTES - 1);
    }
    memcpy(reader.folder, path, folder);
    reader.config = snn_allocate(1, sizeof *reader.config);
    if (reader.config == NULL) {
        return snn_out_of_memory("configuration");
    }
    snn_status status = read_all(&reader, overrides, override_count, use);
    if (snn_failed(status)) {
        snn_config_destroy(reader.config);
        return status;
    }
    *config = reader.config;
    return status;
}

/* [snn_config with its pointers NULL][table][text with its NUL] */
snn_status snn_config_pack(const snn_config *config, void **bytes, size_t *count)
{
    size_t table_bytes = config->table_length * sizeof(double);
    size_t text_bytes = strlen(config->text) + 1;
    *count = 0;
    *bytes = snn_allocate(sizeof *config + table_bytes + text_bytes, 1);
    if (*bytes == NULL) {
        return snn_out_of_memory("packed configuration");
    }
    char *end = *bytes;
    memcpy(end, config, sizeof *config);
    ((snn_config *)*bytes)->table = NULL;
    ((snn_config *)*bytes)->text = NULL;
    end += sizeof *config;
    if (table_bytes > 0) {
        memcpy(end, config->table, table_bytes);
    }
    memcpy(end + table_bytes, config->text, text_bytes);
    *count = sizeof *config + table_bytes + text_bytes;
    return snn_ok();
}

snn_status snn_config_unpack(const void *bytes, size_t count, snn_config **config)
{
    const char *rest = (const char *)bytes + sizeof(snn_config);
    *config = NULL;
    if (count <= sizeof(snn_config) || ((const char *)bytes)[count - 1] != '\0') {
        return snn_fail(SNN_INTERNAL_ERROR, "packed configuration: %zu bytes do not hold one", count);
    }
    snn_config *copy = snn_allocate(1, sizeof *copy);
    if (copy == NULL) {
        return snn_out_of_memory("configuration");
    }
    memcpy(copy, bytes, sizeof *copy);
    copy->table = NULL;
    copy->text = NULL;
    if (copy->table_length > (count - sizeof *copy - 1) / sizeof(double)) {
        snn_config_destroy(copy);
        return snn_fail(SNN_INTERNAL_ERROR, "packed configuration: %zu bytes do not hold one", count);
    }
    if (copy->table_length > 0) {
        copy->table = snn_allocate(copy->table_length, sizeof(double));
    }
    copy->text = snn_duplicate_text(rest + copy->table_length * sizeof(double));
    if (copy->text == NULL || (copy->table_length > 0 && copy->table == NULL)) {
        snn_config_destroy(copy);
        return snn_out_of_memory("configuration");
    }
    if (copy->table_length > 0) {
        memcpy(copy->table, rest, copy->table_length * sizeof(double));
    }
    *config = copy;
    return snn_ok();
}

void snn_config_destroy(snn_config *config)
{
    if (config == NULL) {
        return;
    }
    snn_release(config->table);
    snn_release(config->text);
    snn_release(config);
}
