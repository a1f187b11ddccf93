/* Manual pages and completions, written from the tables of the help and of the configuration, so that they say what the
 * program does. The build runs `snn_dist pages NAME` for each; errors of `out` are the caller's to see. */
#ifndef SNN_CLI_PAGES_H
#define SNN_CLI_PAGES_H

#include <stdio.h>

/* snn_dist(1) and snn_dist-config(5), in man(7)'s macros. */
void snn_pages_command(FILE *out);
void snn_pages_config(FILE *out);

/* Completions for shells. */
void snn_pages_bash(FILE *out);
void snn_pages_zsh(FILE *out);
void snn_pages_fish(FILE *out);

#endif
