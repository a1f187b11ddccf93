/* Small text files: read whole, written complete or not at all. */
#ifndef SNN_IO_TEXT_FILE_H
#define SNN_IO_TEXT_FILE_H

#include <stddef.h>

#include "core/base/status.h"

/* The text of a file of at most `most_bytes`. `what` names it in messages ("config file"). Everything that is wrong
 * with the file is SNN_INPUT_ERROR. snn_release the text. */
snn_status snn_text_file_read(const char *path, const char *what, size_t most_bytes, char **text);

/* Replaces `path`: written beside it, synced, renamed. SNN_FILE_ERROR if that fails; then nothing is left behind. */
snn_status snn_text_file_write(const char *path, const char *what, const char *text);

#endif
