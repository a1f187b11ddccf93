/* What the fuzzers share. Each has one function that takes bytes and must come back, whatever they are: libFuzzer calls
 * it (preset `fuzz`), or replay.c with the files of a corpus. */
#ifndef SNN_TESTS_FUZZ_FUZZ_H
#define SNN_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Path of the file `name` in a folder of this process, in memory where there is such a file system, and removed at the
 * end. Valid until the next call with another name, of which there are few. */
const char *fuzz_path(const char *name);

/* Makes `name` hold these bytes; its path. */
const char *fuzz_file(const char *name, const uint8_t *data, size_t size);

/* Ends the process with a message: what was found is a fault of ours. */
_Noreturn void fuzz_fault(const char *what);

#endif
