/* A temporary folder that the test works in and removes. Include after cmocka.h. */
#ifndef SNN_TESTS_IO_SCRATCH_H
#define SNN_TESTS_IO_SCRATCH_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch_folder[512];

/* Makes the folder and the working directory. A cmocka group set-up. */
static int scratch_enter(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    (void)snprintf(scratch_folder, sizeof scratch_folder, "%s/snn_dist_test_XXXXXX", base != NULL ? base : "/tmp");
    return mkdtemp(scratch_folder) != NULL && chdir(scratch_folder) == 0 ? 0 : -1;
}

/* Removes the folder with its files (it holds no folders). A cmocka group tear-down. */
static int scratch_leave(void **state)
{
    (void)state;
    DIR *folder = opendir(scratch_folder);
    if (folder == NULL) {
        return -1;
    }
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            (void)remove(entry->d_name);
        }
    }
    (void)closedir(folder);
    return chdir("/") == 0 && rmdir(scratch_folder) == 0 ? 0 : -1;
}

static inline void scratch_write(const char *path, const void *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

#endif
