/* Data sets of strangers: tried by a child process, whatever becomes of that, and then opened, checked, first and last
 * images and all labels read. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "fuzz.h"
#include "io/hdf5/dataset.h"
#include "io/hdf5/trial.h"

enum { MOST_PIXELS = 1 << 20 };

static void read_all(const snn_dataset *dataset)
{
    const int64_t images = snn_dataset_images(dataset), pixels = snn_shape_size(snn_dataset_shape(dataset));
    float *image = pixels <= MOST_PIXELS ? snn_allocate((size_t)pixels, sizeof *image) : NULL;
    if (image != NULL && images > 0) {
        (void)snn_dataset_read(dataset, 0, 1, true, image);
        (void)snn_dataset_read(dataset, images - 1, 1, false, image);
    }
    snn_release(image);
    if (images <= MOST_PIXELS) {
        (void)snn_dataset_check(dataset, snn_dataset_shape(dataset), 10, images);
    }
}

/* What the sanitizers call before a process ends, where there are any. */
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

/* What ends a child is no finding of libFuzzer's. */
static void die_quietly(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGXCPU};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        (void)signal(signals[i], SIG_DFL);
    }
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(NULL);
    }
}

/* As the program does, but a copy of this process is enough here, and a second: the limits of the trial leave lower
 * ones as they are. */
static bool is_tried(const char *path)
{
    int end;
    const pid_t child = fork();
    if (child == 0) {
        const struct rlimit second = {1, 2};
        (void)setrlimit(RLIMIT_CPU, &second);
        die_quietly();
        snn_trial_limit();
        _exit(snn_failed(snn_dataset_try(path, SNN_LAYOUT_AUTO, true)) ? 1 : 0);
    }
    pid_t ended;
    do { /* libFuzzer's clock interrupts */
        ended = waitpid(child, &end, 0);
    } while (ended < 0 && errno == EINTR);
    if (child < 0 || ended != child) {
        fuzz_fault("no child");
    }
    return WIFEXITED(end) && WEXITSTATUS(end) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    snn_dataset *dataset = NULL;
    const double half = 0.5;
    const char *path = fuzz_file("data.h5", data, size);
    if (is_tried(path) && !snn_failed(snn_dataset_open(path, SNN_LAYOUT_AUTO, &half, 1, &half, 1, true, &dataset))) {
        read_all(dataset);
    }
    snn_dataset_close(dataset);
    return 0;
}
