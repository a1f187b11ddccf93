/* Checkpoints, written by all ranks and read by one: nothing is lost, damage is passed over, old ones go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/config/config.h"
#include "io/hdf5/checkpoint.h"
#include "parallel_scratch.h"
#include "small_network.h"

/* More rows than are read at once. */
enum { IMAGES = 9001, DONE = 8999, TIMESTEPS = 3, CLASSES = 3 };

static const uint64_t FINGERPRINT = 0x8000000000000001u;

/* FINGERPRINT as file names have it. */
#define PRINT "8000000000000001"

static void succeeds(snn_status status)
{
    if (snn_failed(status)) {
        fail_msg("%s", status.message);
    }
}

static void fails(snn_status status, snn_code code, const char *part)
{
    assert_int_equal(status.code, code);
    if (strstr(status.message, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", status.message, part);
    }
}

static int32_t prediction_of(int64_t image, int64_t step)
{
    return (int32_t)((image * 5 + step) % CLASSES);
}

static float logit_of(int64_t image, int64_t class)
{
    return 0.5f * (float)image - (float)class;
}

typedef struct fixture {
    snn_world *world;
    snn_network *network;
    snn_checkpoint_state state;
} fixture;

/* Images 0 .. DONE - 1, dealt to the ranks in turn; nothing yet if `empty`. */
static void set_up(snn_world *world, bool empty, fixture *all)
{
    const int32_t rank = snn_world_rank(world);
    const int32_t size = snn_world_size(world);
    all->world = world;
    all->network = small_network_create(SNN_WEIGHTS_INT16);
    assert_non_null(all->network);
    all->state = (snn_checkpoint_state){.fingerprint = FINGERPRINT,
                                        .images = IMAGES,
                                        .timesteps = TIMESTEPS,
                                        .classes = CLASSES,
                                        .sequence = 1,
                                        .seconds = 12.25};
    succeeds(snn_statistics_create(all->network, TIMESTEPS, &all->state.statistics));
    succeeds(snn_results_create(TIMESTEPS, CLASSES, &all->state.results));
    for (int64_t image = rank; image < DONE && !empty; image += size) {
        int32_t predictions[TIMESTEPS];
        float logits[CLASSES];
        for (int t = 0; t < TIMESTEPS; t++) {
            predictions[t] = prediction_of(image, t);
        }
        for (int c = 0; c < CLASSES; c++) {
            logits[c] = logit_of(image, c);
        }
        succeeds(snn_results_append(all->state.results, &image, 1, predictions, logits));
    }
    for (size_t i = 0; i < all->state.statistics->length && !empty; i++) {
        all->state.statistics->counts[i] = (int64_t)i * 1000000007;
    }
}

static void tear_down(fixture *all)
{
    snn_results_destroy(all->state.results);
    snn_statistics_destroy(all->state.statistics);
    snn_network_destroy(all->network);
}

static void check_results(const snn_results *results)
{
    bool seen[IMAGES] = {false};
    assert_int_equal(results->count, DONE);
    for (int64_t i = 0; i < DONE; i++) {
        int64_t image = results->image[i];
        assert_true(image >= 0 && image < DONE && !seen[image]);
        seen[image] = true;
        for (int t = 0; t < TIMESTEPS; t++) {
            assert_int_equal(results->predictions[i * TIMESTEPS + t], prediction_of(image, t));
        }
        for (int c = 0; c < CLASSES; c++) {
            assert_true(results->logits[i * CLASSES + c] == logit_of(image, c));
        }
    }
}

static bool first_of(snn_world *world)
{
    return snn_world_rank(world) == 0;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void test_round_trip(void **state)
{
    fixture written;
    fixture read;
    set_up(*state, false, &written);
    set_up(*state, true, &read);
    succeeds(snn_checkpoint_write(written.world, ".", "run", 2, &written.state));
    if (first_of(written.world)) {
        char path[SNN_PATH_BYTES];
        char note[256];
        succeeds(snn_checkpoint_find(".", "run", FINGERPRINT, path, sizeof path, note, sizeof note));
        assert_string_equal(path, "./run." PRINT ".000001.ckpt.h5");
        assert_string_equal(note, "");
        read.state.seconds = 0.0;
        read.state.sequence = 0;
        succeeds(snn_checkpoint_read(path, &read.state));
        assert_int_equal(read.state.sequence, 1);
        assert_int_equal(read.state.images, IMAGES);
        assert_true(read.state.seconds == 12.25);
        check_results(read.state.results);
        for (size_t i = 0; i < read.state.statistics->length; i++) {
            assert_int_equal(read.state.statistics->counts[i], (int64_t)i * 1000000007);
        }
        succeeds(snn_checkpoint_remove(".", "run", FINGERPRINT));
        assert_int_equal(access(path, F_OK), -1);
    }
    succeeds(snn_world_barrier(written.world));
    tear_down(&written);
    tear_down(&read);
}

/* Nothing done yet is a checkpoint, too; so is one of which a rank has no rows. */
static void test_without_rows(void **state)
{
    fixture written;
    fixture read;
    set_up(*state, true, &written);
    set_up(*state, true, &read);
    succeeds(snn_checkpoint_write(written.world, ".", "empty", 2, &written.state));
    if (first_of(written.world)) {
        succeeds(snn_checkpoint_read("empty." PRINT ".000001.ckpt.h5", &read.state));
        assert_int_equal(read.state.results->count, 0);
    }
    succeeds(snn_world_barrier(written.world));
    tear_down(&written);
    tear_down(&read);
}

static void damage(const char *path)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 3000, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, 3000, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 4, file), byte ^ 4);
    assert_int_equal(fclose(file), 0);
}

static void test_damage_is_passed_over(void **state)
{
    fixture all;
    fixture read;
    set_up(*state, false, &all);
    set_up(*state, true, &read);
    for (int64_t sequence = 8; sequence <= 10; sequence++) {
        all.state.sequence = sequence;
        succeeds(snn_checkpoint_write(all.world, ".", "d", 3, &all.state));
    }
    if (first_of(all.world)) {
        char path[SNN_PATH_BYTES];
        char note[1024];
        damage("d." PRINT ".000010.ckpt.h5");
        succeeds(snn_checkpoint_find(".", "d", FINGERPRINT, path, sizeof path, note, sizeof note));
        assert_string_equal(path, "./d." PRINT ".000009.ckpt.h5");
        assert_string_equal(note, "./d." PRINT ".000010.ckpt.h5: damaged: checksum differs; trying ./d." PRINT
                                  ".000009.ckpt.h5\n");
        fails(snn_checkpoint_read("d." PRINT ".000010.ckpt.h5", &read.state), SNN_INPUT_ERROR, "checksum differs");
        assert_int_equal(read.state.results->count, 0);
        assert_int_equal(truncate("d." PRINT ".000009.ckpt.h5", 1000), 0);
        succeeds(snn_checkpoint_find(".", "d", FINGERPRINT, path, sizeof path, note, sizeof note));
        assert_string_equal(path, "./d." PRINT ".000008.ckpt.h5");
        assert_non_null(strstr(note, "d." PRINT ".000009.ckpt.h5: damaged: truncated"));
        assert_int_equal(truncate("d." PRINT ".000008.ckpt.h5", 0), 0);
        succeeds(snn_checkpoint_find(".", "d", FINGERPRINT, path, sizeof path, note, sizeof note));
        assert_string_equal(path, "");
        assert_non_null(strstr(note, "d." PRINT ".000008.ckpt.h5: no seal"));
        assert_non_null(strstr(note, "no older one"));
        /* A note that does not fit is cut, not overflowed. */
        succeeds(snn_checkpoint_find(".", "d", FINGERPRINT, path, sizeof path, note, 10));
        assert_int_equal(strlen(note), 9);
    }
    succeeds(snn_world_barrier(all.world));
    tear_down(&all);
    tear_down(&read);
}

static void test_other_runs(void **state)
{
    fixture all;
    fixture read;
    set_up(*state, false, &all);
    set_up(*state, true, &read);
    succeeds(snn_checkpoint_write(all.world, ".", "other", 2, &all.state));
    if (first_of(all.world)) {
        char path[SNN_PATH_BYTES];
        char note[1024];
        succeeds(snn_checkpoint_find(".", "other", FINGERPRINT + 1, path, sizeof path, note, sizeof note));
        assert_string_equal(path, "");
        assert_string_equal(note,
                            "./other." PRINT ".000001.ckpt.h5: belongs to another run (other settings); not used\n");
        /* A file that was given another run's name. */
        assert_int_equal(link("other." PRINT ".000001.ckpt.h5", "other.8000000000000002.000002.ckpt.h5"), 0);
        succeeds(snn_checkpoint_find(".", "other", FINGERPRINT + 1, path, sizeof path, note, sizeof note));
        assert_string_equal(path, "");
        assert_non_null(strstr(note, "other.8000000000000002.000002.ckpt.h5: belongs to another run, whatever its"));
        /* One's own is found beside others. */
        succeeds(snn_checkpoint_find(".", "other", FINGERPRINT, path, sizeof path, note, sizeof note));
        assert_string_equal(path, "./other." PRINT ".000001.ckpt.h5");
        assert_string_equal(note, "./other.8000000000000002.000002.ckpt.h5: belongs to another run (other settings); "
                                  "not used\n");
        scratch_write("other.0000000000000003.000001.ckpt.h5", "a third run's", 13);
        succeeds(snn_checkpoint_find(".", "other", FINGERPRINT, path, sizeof path, note, sizeof note));
        assert_string_equal(note, "./other.0000000000000003.000001.ckpt.h5 and 1 more: belong to another run (other "
                                  "settings); not used\n");
        succeeds(snn_checkpoint_find(".", "othe", FINGERPRINT, path, sizeof path, note, sizeof note));
        assert_string_equal(path, "");
        assert_string_equal(note, "");
        succeeds(snn_checkpoint_find("no/folder", "other", FINGERPRINT, path, sizeof path, note, sizeof note));
        assert_string_equal(path, "");
        read.state.fingerprint++;
        fails(snn_checkpoint_read("other." PRINT ".000001.ckpt.h5", &read.state), SNN_INPUT_ERROR,
              "belongs to another run");
        read.state.fingerprint--;
        read.state.results->timesteps++;
        fails(snn_checkpoint_read("other." PRINT ".000001.ckpt.h5", &read.state), SNN_INPUT_ERROR,
              "3 timesteps, expected 4");
        read.state.results->timesteps--;
        read.state.statistics->length--;
        fails(snn_checkpoint_read("other." PRINT ".000001.ckpt.h5", &read.state), SNN_INPUT_ERROR,
              "/statistics: expected");
        read.state.statistics->length++;
        fails(snn_checkpoint_read("nowhere.ckpt.h5", &read.state), SNN_INPUT_ERROR, "nowhere.ckpt.h5");
    }
    succeeds(snn_world_barrier(all.world));
    tear_down(&all);
    tear_down(&read);
}

/* Runs of the same name in the same folder: neither writing nor finishing one touches the other. */
static void test_runs_of_one_name(void **state)
{
    fixture all;
    set_up(*state, true, &all);
    succeeds(snn_checkpoint_write(all.world, ".", "same", 2, &all.state));
    all.state.fingerprint = 0xabcu;
    for (all.state.sequence = 1; all.state.sequence <= 3; all.state.sequence++) {
        succeeds(snn_checkpoint_write(all.world, ".", "same", 1, &all.state));
    }
    if (first_of(all.world)) {
        char path[SNN_PATH_BYTES];
        char note[1024];
        assert_true(exists("same." PRINT ".000001.ckpt.h5"));
        assert_true(exists("same.0000000000000abc.000003.ckpt.h5"));
        assert_false(exists("same.0000000000000abc.000002.ckpt.h5"));
        scratch_write("same." PRINT ".000001.ckpt.h5.part", "being written", 13);
        succeeds(snn_checkpoint_remove(".", "same", 0xabcu));
        assert_false(exists("same.0000000000000abc.000003.ckpt.h5"));
        assert_true(exists("same." PRINT ".000001.ckpt.h5.part"));
        succeeds(snn_checkpoint_find(".", "same", FINGERPRINT, path, sizeof path, note, sizeof note));
        assert_string_equal(path, "./same." PRINT ".000001.ckpt.h5");
        assert_string_equal(note, "");
    }
    succeeds(snn_world_barrier(all.world));
    tear_down(&all);
}

static void test_pruning(void **state)
{
    fixture all;
    set_up(*state, true, &all);
    if (first_of(all.world)) {
        scratch_write("p." PRINT ".000007.ckpt.h5", "a longer job's", 14);
        scratch_write("p." PRINT ".000002.ckpt.h5.part", "killed", 6);
        scratch_write("pp.000001.ckpt.h5", "other name", 10);
        scratch_write("p." PRINT ".1.ckpt.h5", "other form", 10);
    }
    for (int64_t sequence = 1; sequence <= 4; sequence++) {
        all.state.sequence = sequence;
        succeeds(snn_checkpoint_write(all.world, ".", "p", 2, &all.state));
    }
    if (first_of(all.world)) {
        assert_false(exists("p." PRINT ".000001.ckpt.h5"));
        assert_false(exists("p." PRINT ".000002.ckpt.h5"));
        assert_true(exists("p." PRINT ".000003.ckpt.h5"));
        assert_true(exists("p." PRINT ".000004.ckpt.h5"));
        assert_true(exists("p." PRINT ".000007.ckpt.h5"));
        assert_false(exists("p." PRINT ".000002.ckpt.h5.part"));
    }
    succeeds(snn_world_barrier(all.world));
    all.state.sequence = 5;
    succeeds(snn_checkpoint_write(all.world, ".", "p", 0, &all.state)); /* the one just written always stays */
    if (first_of(all.world)) {
        assert_false(exists("p." PRINT ".000004.ckpt.h5"));
        assert_true(exists("p." PRINT ".000005.ckpt.h5"));
        succeeds(snn_checkpoint_remove(".", "p", FINGERPRINT));
        assert_false(exists("p." PRINT ".000005.ckpt.h5"));
        assert_false(exists("p." PRINT ".000007.ckpt.h5"));
        assert_true(exists("pp.000001.ckpt.h5"));
        assert_true(exists("p." PRINT ".1.ckpt.h5"));
        succeeds(snn_checkpoint_remove("no/folder", "p", FINGERPRINT));
    }
    succeeds(snn_world_barrier(all.world));
    tear_down(&all);
}

static void test_folders(void **state)
{
    fixture all;
    set_up(*state, true, &all);
    succeeds(snn_checkpoint_write(all.world, "deep/er/", "f", 1, &all.state));
    if (first_of(all.world)) {
        assert_true(exists("deep/er/f." PRINT ".000001.ckpt.h5"));
        assert_int_equal(remove("deep/er/f." PRINT ".000001.ckpt.h5"), 0);
        assert_int_equal(rmdir("deep/er"), 0);
        assert_int_equal(rmdir("deep"), 0);
        scratch_write("file", "x", 1);
        succeeds(snn_checkpoint_probe("new/probed"));
        assert_int_equal(rmdir("new/probed"), 0); /* nothing stays in it */
        assert_int_equal(rmdir("new"), 0);
        fails(snn_checkpoint_probe("file/below"), SNN_FILE_ERROR, "file");
        fails(snn_checkpoint_probe("/proc"), SNN_FILE_ERROR, "/proc: cannot create a checkpoint in this folder: ");
    }
    succeeds(snn_world_barrier(all.world));
    fails(snn_checkpoint_write(all.world, "file", "f", 1, &all.state), SNN_FILE_ERROR, "file: cannot create folder");
    fails(snn_checkpoint_write(all.world, "file/below", "f", 1, &all.state), SNN_FILE_ERROR, "file");
    tear_down(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_without_rows),
        cmocka_unit_test(test_damage_is_passed_over),
        cmocka_unit_test(test_other_runs),
        cmocka_unit_test(test_runs_of_one_name),
        cmocka_unit_test(test_pruning),
        cmocka_unit_test(test_folders),
    };
    return cmocka_run_group_tests(tests, parallel_enter, parallel_leave);
}
