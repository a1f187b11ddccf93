/* What two outputs differ in, as sentences: what was set otherwise, and where results part. */
#ifndef SNN_IO_DIFF_WORDS_H
#define SNN_IO_DIFF_WORDS_H

#include "core/base/status.h"

/* Calls `say` with a sentence for each setting that may change results and is another, for another model, network or
 * data set, for the first layer whose neurons fired otherwise, and for the first image with another answer. Parts that
 * a file lacks or that do not fit together are passed over. SNN_INPUT_ERROR if a file is no output; their checksums are
 * not looked at. */
snn_status snn_output_explain(const char *a, const char *b, void (*say)(void *context, const char *sentence),
                              void *context);

#endif
