#include "io/cli/run/signals.h"

#include <signal.h>
#include <stddef.h>

/* The one writable global: a signal handler has nowhere else to put its news. */
static volatile sig_atomic_t received = 0;

static void on_signal(int number)
{
    if (number == SIGINT && received == SIGINT) {
        (void)signal(SIGINT, SIG_DFL);
        (void)raise(SIGINT);
    }
    received = number;
}

void snn_signals_catch(void)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        (void)sigaction(numbers[i], &action, NULL);
    }
}

int snn_signals_received(void)
{
    return received;
}
