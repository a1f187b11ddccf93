/* Instead of libFuzzer: every file of the folders named, once. Small files that take much memory fail, too. */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "fuzz.h"

enum { MOST_BYTES = 1 << 20, MOST_KILOBYTES = 1 << 20 };

static bool took_too_much(const char *path)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0 || usage.ru_maxrss <= MOST_KILOBYTES) {
        return false;
    }
    fprintf(stderr, "%s: this process took %ld kB\n", path, usage.ru_maxrss);
    return true;
}

static int replay(const char *folder, const char *name, uint8_t *bytes)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return -1;
    }
    const size_t size = fread(bytes, 1, MOST_BYTES, file);
    (void)fclose(file);
    fprintf(stderr, "%s\n", path); /* the last line names what ended the process */
    (void)LLVMFuzzerTestOneInput(bytes, size);
    return took_too_much(path) ? -1 : 0;
}

int main(int argc, char **argv)
{
    int count = 0, failures = 0;
    uint8_t *bytes = malloc(MOST_BYTES);
    for (int i = 1; i < argc && bytes != NULL; i++) {
        DIR *folder = opendir(argv[i]);
        if (folder == NULL) {
            perror(argv[i]);
            failures++;
            continue;
        }
        for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
            if (entry->d_name[0] != '.') {
                failures += replay(argv[i], entry->d_name, bytes) != 0;
                count++;
            }
        }
        (void)closedir(folder);
    }
    free(bytes);
    printf("%d inputs\n", count);
    return count > 0 && failures == 0 ? 0 : 1;
}
