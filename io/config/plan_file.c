#include "io/config/plan_file.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/config/text_file.h"
#include "io/config/toml_fields.h"
#include "partition/fingerprint.h"

enum { PLAN_VERSION = 1, NUMBER_BYTES = 16, NAME_BYTES = 256, FINGERPRINT_BYTES = 17 };

/* ---- writing ---- */

typedef struct text {
    char *bytes;
    size_t length, room;
} text;

static void add(text *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(text *to, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(to->bytes + to->length, to->room - to->length, format, arguments);
    va_end(arguments);
    to->length += length > 0 ? (size_t)length : 0;
    to->length = to->length < to->room ? to->length : to->room - 1;
}

static void add_comment(text *to, const char *comment)
{
    while (comment != NULL && *comment != '\0') {
        const size_t length = strcspn(comment, "\n");
        add(to, "#%s%.*s\n", length > 0 ? " " : "", (int)length, comment);
        comment += length + (comment[length] == '\n' ? 1 : 0);
    }
}

/* A name as a TOML string: what is not plain becomes a question mark. */
static void add_name(text *to, const char *name)
{
    add(to, "network = \"");
    for (const char *c = name; *c != '\0' && c - name < NAME_BYTES - 1; c++) {
        const bool plain = *c >= ' ' && *c < 127 && *c != '"' && *c != '\\';
        add(to, "%c", plain ? *c : '?');
    }
    add(to, "\"\n");
}

static void add_numbers(text *to, const char *key, const int32_t *numbers, int32_t count)
{
    add(to, "%s = [", key);
    for (int32_t i = 0; i < count; i++) {
        add(to, "%s%s%" PRId32, i == 0 ? "" : ",", i > 0 && i % 16 == 0 ? "\n    " : i > 0 ? " " : "", numbers[i]);
    }
    add(to, "]\n");
}

snn_status snn_plan_file_write(const char *path, const snn_plan *plan, const snn_network *network, const char *comment)
{
    const size_t comment_bytes = comment != NULL ? 4 * strlen(comment) : 0;
    text to = {.room = 1024 + comment_bytes + strlen(network->name) + (size_t)plan->stages * 2 * NUMBER_BYTES};
    to.bytes = snn_allocate(to.room, 1);
    if (to.bytes == NULL) {
        return snn_out_of_memory("text of the plan");
    }
    add_comment(&to, comment);
    add(&to, "[plan]\nversion = %d\n", PLAN_VERSION);
    add_name(&to, network->name);
    add(&to, "fingerprint = \"%016" PRIx64 "\" # of the network's structure: the plan is for no other\n",
        snn_network_fingerprint(network));
    add(&to, "ranks = %" PRId32 " # replicas x the sum of shards\n", snn_plan_ranks(plan));
    add(&to, "replicas = %" PRId32 " # copies of the network, each with its own images\n", plan->replicas);
    add(&to, "# First population of every stage, and into how many ranks its channels are divided:\n");
    add_numbers(&to, "stage_begin", plan->stage_begin, plan->stages);
    add_numbers(&to, "shards", plan->shards, plan->stages);
    const snn_status status = snn_text_file_write(path, "plan file", to.bytes);
    snn_release(to.bytes);
    return status;
}

/* ---- reading ---- */

typedef struct plan_text {
    int64_t version, ranks, replicas;
    char network[NAME_BYTES], fingerprint[FINGERPRINT_BYTES];
    int32_t *stage_begin, *shards;
    int32_t stages, shard_numbers;
} plan_text;

static snn_status check_network(const plan_text *read, const snn_network *network)
{
    char expected[FINGERPRINT_BYTES];
    (void)snprintf(expected, sizeof expected, "%016" PRIx64, snn_network_fingerprint(network));
    if (read->fingerprint[0] != '\0' && strcmp(read->fingerprint, expected) != 0) {
        return snn_fail(SNN_INPUT_ERROR,
                        "the plan is for another network (\"%.60s\", fingerprint %s; this one is \"%.60s\", %s); make "
                        "one for this with snn_dist plan -o",
                        read->network, read->fingerprint, network->name, expected);
    }
    return snn_ok();
}

static snn_status check_counts(const plan_text *read, int32_t ranks)
{
    if (read->version != PLAN_VERSION) {
        return snn_fail(SNN_INPUT_ERROR,
                        "plan.version is %lld, this program reads version %d; make it again with snn_dist plan -o",
                        (long long)read->version, PLAN_VERSION);
    }
    if (read->stages < 1) {
        return snn_fail(SNN_INPUT_ERROR, "plan.stage_begin: expected at least one stage");
    }
    if (read->shard_numbers != 1 && read->shard_numbers != read->stages) {
        return snn_fail(SNN_INPUT_ERROR, "plan.shards: expected 1 or %d numbers, as there are stages, found %d",
                        read->stages, read->shard_numbers);
    }
    if (ranks > 0 && read->ranks != ranks) {
        return snn_fail(SNN_INPUT_ERROR,
                        "the plan is for %lld ranks, there are %d; start %lld, or let snn_dist plan --ranks %d -o make "
                        "another",
                        (long long)read->ranks, ranks, (long long)read->ranks, ranks);
    }
    return snn_ok();
}

/* Stages end where the next begins, the last one with the network. */
static snn_status build(const plan_text *read, const snn_network *network, snn_plan **plan)
{
    const size_t stages = (size_t)read->stages;
    int32_t *begin = snn_allocate(stages + 1, sizeof *begin);
    int32_t *shards = snn_allocate(stages, sizeof *shards);
    snn_status status = begin != NULL && shards != NULL ? snn_ok() : snn_out_of_memory("stages of the plan");
    if (!snn_failed(status)) {
        memcpy(begin, read->stage_begin, stages * sizeof *begin);
        begin[stages] = network->population_count;
        for (size_t i = 0; i < stages; i++) {
            shards[i] = read->shards[read->shard_numbers == 1 ? 0 : i];
        }
        status = snn_plan_create((int32_t)read->replicas, read->stages, begin, shards, network->population_count, plan);
    }
    snn_release(begin);
    snn_release(shards);
    return status;
}

static snn_status make_plan(const plan_text *read, const snn_network *network, int32_t ranks, snn_plan **plan)
{
    SNN_TRY(check_counts(read, ranks));
    SNN_TRY(check_network(read, network));
    SNN_TRY(build(read, network, plan));
    if (snn_plan_ranks(*plan) != read->ranks) {
        const int32_t found = snn_plan_ranks(*plan);
        snn_plan_destroy(*plan);
        *plan = NULL;
        return snn_fail(SNN_INPUT_ERROR, "plan.ranks is %lld, but replicas and shards make %d", (long long)read->ranks,
                        found);
    }
    return snn_ok();
}

/* Without a network: its counts only. */
static snn_status read_file(const char *path, const snn_network *network, int32_t ranks, snn_plan **plan)
{
    plan_text read = {0};
    const double most = SNN_PLAN_MAX_RANKS;
    snn_toml_field fields[] = {
        {"plan.version", SNN_FIELD_INTEGER, &read.version, .minimum = 0, .maximum = INT32_MAX, .required = true},
        {"plan.network", SNN_FIELD_TEXT, read.network, .bytes = sizeof read.network},
        {"plan.fingerprint", SNN_FIELD_TEXT, read.fingerprint, .bytes = sizeof read.fingerprint},
        {"plan.ranks", SNN_FIELD_INTEGER, &read.ranks, .minimum = 1, .maximum = most, .required = true},
        {"plan.replicas", SNN_FIELD_INTEGER, &read.replicas, .minimum = 1, .maximum = most, .required = true},
        {"plan.stage_begin", SNN_FIELD_INTEGERS, &read.stage_begin, .minimum = 0, .maximum = INT32_MAX,
         .count = &read.stages, .required = true},
        {"plan.shards", SNN_FIELD_INTEGERS, &read.shards, .minimum = 1, .maximum = most, .count = &read.shard_numbers,
         .required = true},
    };
    snn_status status = snn_toml_fields_read(path, "plan file", fields, sizeof fields / sizeof fields[0]);
    if (!snn_failed(status)) {
        status = network == NULL ? check_counts(&read, ranks) : make_plan(&read, network, ranks, plan);
        status = snn_context(status, "%s", path);
    }
    snn_release(read.stage_begin);
    snn_release(read.shards);
    return status;
}

snn_status snn_plan_file_read(const char *path, const snn_network *network, int32_t ranks, snn_plan **plan)
{
    *plan = NULL;
    return read_file(path, network, ranks, plan);
}

snn_status snn_plan_file_check(const char *path, int32_t ranks)
{
    return read_file(path, NULL, ranks, NULL);
}
