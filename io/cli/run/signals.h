/* Asking a run to stop: signals set a flag that the run looks at between rounds of image groups. */
#ifndef SNN_CLI_SIGNALS_H
#define SNN_CLI_SIGNALS_H

/* Catches SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2. A second SIGINT ends the process at once. */
void snn_signals_catch(void);

/* The signal that arrived, or 0. */
int snn_signals_received(void);

#endif
