#include "io/hdf5/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { PROCESSOR_SECONDS = 20, SECONDS = 180, NOT_STARTED = 127 };
static const rlim_t MOST_BYTES = (rlim_t)2 << 30;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = true }; /* their shadows are as large as the address space */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { SANITIZED = true };
#else
enum { SANITIZED = false };
#endif
#else
enum { SANITIZED = false };
#endif

/* Pages that the process has now; 0 where the system does not say. */
static rlim_t bytes_in_use(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL) {
        return 0;
    }
    if (fscanf(file, "%lu", &pages) != 1) {
        pages = 0;
    }
    (void)fclose(file);
    const long bytes = sysconf(_SC_PAGESIZE);
    return bytes > 0 ? (rlim_t)pages * (rlim_t)bytes : 0;
}

/* A limit that is lower already stays. */
static void limit(int resource, rlim_t most)
{
    struct rlimit now;
    if (getrlimit(resource, &now) == 0 && (now.rlim_cur == RLIM_INFINITY || now.rlim_cur > most)) {
        now.rlim_cur = most;
        (void)setrlimit(resource, &now);
    }
}

void snn_trial_limit(void)
{
    const rlim_t in_use = bytes_in_use();
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, PROCESSOR_SECONDS);
    if (!SANITIZED && in_use > 0) {
        limit(RLIMIT_AS, in_use + MOST_BYTES);
    }
    (void)alarm(SECONDS);
}

void snn_trial_answer(snn_status status)
{
    _exit(write(STDOUT_FILENO, &status, sizeof status) == (ssize_t)sizeof status ? 0 : 1);
}

static bool read_answer(int descriptor, snn_status *status)
{
    size_t have = 0;
    while (have < sizeof *status) {
        const ssize_t got = read(descriptor, (char *)status + have, sizeof *status - have);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return false;
        }
        have += got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* Why there is no answer. A program that cannot be started says nothing of the file. */
static snn_status explain(const char *path, int end)
{
    const int number = WIFSIGNALED(end) ? WTERMSIG(end) : 0;
    if (number == SIGXCPU || number == SIGKILL || number == SIGALRM) {
        return snn_fail(
            SNN_INPUT_ERROR,
            "%s: damaged: HDF5 did not come to an end in %d s of processor time or %d s; copy or make it again", path,
            PROCESSOR_SECONDS, SECONDS);
    }
    if (WIFEXITED(end) && WEXITSTATUS(end) == NOT_STARTED) {
        return snn_ok();
    }
    return snn_fail(SNN_INPUT_ERROR,
                    "%s: damaged: a process that tried to read it with HDF5 ended with %s %d; copy or make it again",
                    path, number != 0 ? "signal" : "exit code", number != 0 ? number : WEXITSTATUS(end));
}

/* Starts the process with its output into `answers`. */
static bool start(const char *const *arguments, int answers, pid_t *child)
{
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) != 0) {
        return false;
    }
    const bool started = posix_spawn_file_actions_adddup2(&actions, answers, STDOUT_FILENO) == 0 &&
                         posix_spawn(child, "/proc/self/exe", &actions, NULL, (char *const *)arguments, environ) == 0;
    (void)posix_spawn_file_actions_destroy(&actions);
    return started;
}

snn_status snn_trial_run(const char *path, const char *const *arguments)
{
    int ends[2], end = 0;
    pid_t child;
    snn_status status = snn_ok();
    if (pipe(ends) != 0) {
        return snn_ok();
    }
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    const bool started = start(arguments, ends[1], &child);
    (void)close(ends[1]);
    if (started) {
        const bool answered = read_answer(ends[0], &status);
        while (waitpid(child, &end, 0) < 0 && errno == EINTR) {
        }
        status = answered ? status : explain(path, end);
    }
    (void)close(ends[0]);
    return status;
}
