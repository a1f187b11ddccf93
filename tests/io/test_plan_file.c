/* Plan files: what is written is read back, what people write by hand is taken, what makes no sense is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "io/config/plan_file.h"
#include "partition/fingerprint.h"
#include "small_network.h"
#include "tests/io/scratch.h"

static snn_network *network; /* 4 populations */

static int set_up(void **state)
{
    network = small_network_create(SNN_WEIGHTS_INT16);
    return network != NULL ? scratch_enter(state) : -1;
}

static int tear_down(void **state)
{
    snn_network_destroy(network);
    return scratch_leave(state);
}

static void assert_same_plan(const snn_plan *a, const snn_plan *b)
{
    assert_int_equal(a->replicas, b->replicas);
    assert_int_equal(a->stages, b->stages);
    assert_memory_equal(a->stage_begin, b->stage_begin, ((size_t)a->stages + 1) * sizeof *a->stage_begin);
    assert_memory_equal(a->shards, b->shards, (size_t)a->stages * sizeof *a->shards);
}

static void assert_round_trip(const snn_plan *plan)
{
    snn_plan *read = NULL;
    snn_status status = snn_plan_file_write("plan.toml", plan, network, "a comment\n\nof [three] = \"lines\"");
    assert_string_equal(status.message, "");
    status = snn_plan_file_read("plan.toml", network, snn_plan_ranks(plan), &read);
    assert_string_equal(status.message, "");
    assert_same_plan(plan, read);
    snn_plan_destroy(read);
}

static void plans_survive_the_file(void **unused)
{
    (void)unused;
    const int32_t begins[][4] = {{0, 4, 4, 4}, {0, 1, 3, 4}, {0, 0, 2, 4}, {0, 1, 4, 4}};
    const int32_t shards[][3] = {{1, 1, 1}, {1, 2, 3}, {5, 1, 70}, {20, 3, 1}};
    for (int32_t i = 0; i < 4; i++) {
        for (int32_t stages = i == 0 ? 1 : 3; stages <= 3; stages++) {
            snn_plan *plan;
            assert_false(snn_failed(snn_plan_create(1 + 7 * i, stages, begins[i], shards[i], 4, &plan)));
            assert_round_trip(plan);
            snn_plan_destroy(plan);
        }
    }
}

static void many_stages_survive_the_file(void **unused)
{
    (void)unused;
    enum { STAGES = 1000 };
    static int32_t begin[STAGES + 1], shards[STAGES];
    for (int32_t i = 0; i < STAGES; i++) {
        begin[i + 1] = 4;
        shards[i] = 1 + i % 13;
    }
    snn_plan *plan;
    assert_false(snn_failed(snn_plan_create(3, STAGES, begin, shards, 4, &plan)));
    assert_round_trip(plan);
    snn_plan_destroy(plan);
}

static snn_status read_text(const char *text, const snn_network *of, int32_t ranks, snn_plan **plan)
{
    scratch_write("hand.toml", text, strlen(text));
    return snn_plan_file_read("hand.toml", of, ranks, plan);
}

static void plans_by_hand(void **unused)
{
    (void)unused;
    snn_plan *read = NULL, *expected;
    const int32_t begin[] = {0, 2, 4}, shards[] = {3, 3};
    assert_false(snn_failed(snn_plan_create(2, 2, begin, shards, 4, &expected)));
    const snn_status status =
        read_text("plan.version = 1\nplan.ranks = 12\nplan.replicas = 2\nplan.stage_begin = [0, 2]\nplan.shards = [3]",
                  network, 0, &read);
    assert_string_equal(status.message, "");
    assert_same_plan(expected, read);
    snn_plan_destroy(read);
    snn_plan_destroy(expected);
}

static void assert_refused(const char *text, int32_t ranks, const char *message)
{
    snn_plan *plan = NULL;
    const snn_status status = read_text(text, network, ranks, &plan);
    assert_string_equal(status.message, message);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    assert_null(plan);
}

static void what_makes_no_sense_is_refused(void **unused)
{
    (void)unused;
    assert_refused("[plan]\nversion = 1\nranks = 2\nreplicas = 2\nstage_begin = [0]", 2,
                   "hand.toml: missing key plan.shards");
    assert_refused(
        "[plan]\nversion = 1\nranks = 2\nreplicas = 2\nstage_begin = [0]\nshards = [1]", 4,
        "hand.toml: the plan is for 2 ranks, there are 4; start 2, or let snn_dist plan --ranks 4 -o make another");
    assert_refused("[plan]\nversion = 1\nranks = 3\nreplicas = 2\nstage_begin = [0]\nshards = [1]", 3,
                   "hand.toml: plan.ranks is 3, but replicas and shards make 2");
    assert_refused("[plan]\nversion = 2\nranks = 2\nreplicas = 2\nstage_begin = [0]\nshards = [1]", 2,
                   "hand.toml: plan.version is 2, this program reads version 1; make it again with snn_dist plan -o");
    assert_refused("[plan]\nversion = 1\nranks = 2\nreplicas = 1\nstage_begin = [0, 9]\nshards = [1]", 2,
                   "hand.toml: plan: stage 1 begins at population 9, the next one at 4");
    assert_refused("[plan]\nversion = 1\nranks = 2\nreplicas = 1\nstage_begin = [1, 2]\nshards = [1]", 2,
                   "hand.toml: plan: stages cover populations [1, 4), the network has [0, 4)");
    assert_refused("[plan]\nversion = 1\nranks = 2\nreplicas = 1\nstage_begin = [0, 2]\nshards = [1, 2, 3]", 2,
                   "hand.toml: plan.shards: expected 1 or 2 numbers, as there are stages, found 3");
    assert_refused("[plan]\nversion = 1\nranks = 0\n", 2,
                   "hand.toml:3:1: plan.ranks: expected an integer from 1 to "
                   "1048576, found 0");
    assert_refused("[plan]\nversion = 1\nranks = 2.5\n", 2,
                   "hand.toml:3:1: plan.ranks: expected an integer, found a "
                   "float");
    assert_refused("[plan]\nversion = 1\nshards = [1, 1.5]\n", 2,
                   "hand.toml:3:1: plan.shards: expected integers, "
                   "found 1.5");
    assert_refused("[plan]\nversion = 1\nshards = \"1\"\n", 2,
                   "hand.toml:3:1: plan.shards: expected an array of "
                   "integers, found a string");
    assert_refused("[plan]\nshard = [1]\n", 2,
                   "hand.toml:2:1: unknown key plan.shard; there are plan.version, plan.network, plan.fingerprint, "
                   "plan.ranks, plan.replicas, plan.stage_begin, plan.shards");
    assert_refused("[plan\n", 2, "hand.toml:1:6: Error while parsing table header: expected ']', saw '\\n'");
    snn_plan *plan = NULL;
    const snn_status status = snn_plan_file_read("none.toml", network, 2, &plan);
    assert_string_equal(status.message, "cannot open plan file 'none.toml': No such file or directory");
    assert_int_equal(status.code, SNN_INPUT_ERROR);
}

/* No beginning of a file is taken for the whole of it. */
static void shortened_files_are_refused(void **unused)
{
    (void)unused;
    char text[2048];
    const int32_t begin[] = {0, 1, 3, 4}, shards[] = {1, 2, 3};
    snn_plan *plan;
    assert_false(snn_failed(snn_plan_create(2, 3, begin, shards, 4, &plan)));
    assert_false(snn_failed(snn_plan_file_write("plan.toml", plan, network, NULL)));
    snn_plan_destroy(plan);
    FILE *file = fopen("plan.toml", "rb");
    assert_non_null(file);
    const size_t length = fread(text, 1, sizeof text, file);
    assert_int_equal(fclose(file), 0);
    assert_true(length > 100 && length < sizeof text && text[length - 1] == '\n');
    for (size_t kept = 0; kept < length - 1; kept++) {
        scratch_write("short.toml", text, kept);
        const snn_status status = snn_plan_file_read("short.toml", network, 12, &plan);
        assert_int_equal(status.code, SNN_INPUT_ERROR);
        assert_int_equal(strncmp(status.message, "short.toml:", 11), 0);
    }
}

static void plans_of_other_networks_are_refused(void **unused)
{
    (void)unused;
    const int32_t begin[] = {0, 4}, shards[] = {1};
    snn_plan *plan;
    assert_false(snn_failed(snn_plan_create(1, 1, begin, shards, 4, &plan)));
    assert_false(snn_failed(snn_plan_file_write("plan.toml", plan, network, NULL)));
    snn_plan_destroy(plan);
    const uint64_t before = snn_network_fingerprint(network);
    network->projections[0].op.groups = 1;
    const snn_status status = snn_plan_file_read("plan.toml", network, 1, &plan);
    assert_int_not_equal(before, snn_network_fingerprint(network));
    network->projections[0].op.groups = 2;
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    assert_non_null(strstr(status.message, "plan.toml: the plan is for another network (\"small\", fingerprint "));
    assert_int_equal(before, snn_network_fingerprint(network));
}

static void folders_that_cannot_be_written_to(void **unused)
{
    (void)unused;
    const int32_t begin[] = {0, 4}, shards[] = {1};
    snn_plan *plan;
    assert_false(snn_failed(snn_plan_create(1, 1, begin, shards, 4, &plan)));
    const snn_status status = snn_plan_file_write("none/plan.toml", plan, network, NULL);
    assert_int_equal(status.code, SNN_FILE_ERROR);
    assert_string_equal(status.message, "cannot write plan file 'none/plan.toml': No such file or directory");
    snn_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_survive_the_file),
        cmocka_unit_test(many_stages_survive_the_file),
        cmocka_unit_test(plans_by_hand),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(shortened_files_are_refused),
        cmocka_unit_test(plans_of_other_networks_are_refused),
        cmocka_unit_test(folders_that_cannot_be_written_to),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
