#include "io/hdf5/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "core/base/memory.h"
#include "io/config/config.h"
#include "io/file_bytes.h"
#include "io/hdf5/hdf5_helpers.h"

enum { PIECE_BYTES = 1 << 20, DIGEST_TEXT_BYTES = 2 * sizeof(XXH128_canonical_t) + 1, KIND_COUNT = 3 };

/* The user block is three lines of text and zeros, so `head -n 3 FILE` shows it:
 *     snn_dist sealed output
 *     bytes 123456                   (behind the block)
 *     xxh3-128 0123456789abcdef0123456789abcdef
 * All of it follows from the kind and the bytes behind it, so a block with any other byte in it is damaged. */
static const char SEAL_MAGIC[] = "snn_dist sealed ";
static const char SEAL_LENGTH[] = "bytes ";
static const unsigned char HDF5_SIGNATURE[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};

struct seal {
    int64_t bytes; /* behind the block */
    char digest[DIGEST_TEXT_BYTES];
};

const char *snn_file_kind_name(snn_file_kind kind)
{
    switch (kind) {
    case SNN_FILE_OUTPUT:
        return "output";
    case SNN_FILE_CHECKPOINT:
        return "checkpoint";
    case SNN_FILE_NETWORK:
        return "network";
    }
    return "unknown";
}

static snn_status fail_with_errno(snn_code code, const char *path, const char *what)
{
    return snn_fail(code, "%s: %s: %s", path, what, strerror(errno));
}

/* File-creation property list with the user block. The caller closes it. */
static snn_status creation_properties(hid_t *properties)
{
    snn_hdf5_silence();
    hid_t list = H5Pcreate(H5P_FILE_CREATE);
    if (list < 0 || H5Pset_userblock(list, SNN_SEAL_BYTES) < 0) {
        snn_hdf5_close(list);
        return snn_fail(SNN_INTERNAL_ERROR, "HDF5: cannot make a file creation list");
    }
    *properties = list;
    return snn_ok();
}

snn_status snn_sealed_create(const char *path, hid_t *file)
{
    hid_t creation = H5I_INVALID_HID, access = H5I_INVALID_HID;
    snn_status status;
    *file = H5I_INVALID_HID;
    SNN_GOTO_DONE(status, creation_properties(&creation));
    SNN_GOTO_DONE(status, snn_hdf5_access_properties(&access));
    /* What lies there is of a job that ended, or a link that someone else put there to have its target overwritten. */
    if (unlink(path) != 0 && errno != ENOENT) {
        status = fail_with_errno(SNN_FILE_ERROR, path, "cannot replace");
        goto done;
    }
    *file = H5Fcreate(path, H5F_ACC_EXCL, creation, access);
    if (*file < 0) {
        status = snn_hdf5_file_failure(SNN_FILE_ERROR, path, "cannot create");
    }
done:
    snn_hdf5_close(access);
    snn_hdf5_close(creation);
    return status;
}

snn_status snn_sealed_temporary(const char *path, char *temporary)
{
    int length = snprintf(temporary, SNN_PATH_BYTES, "%s.part", path);
    if (length < 0 || length >= SNN_PATH_BYTES) {
        return snn_fail(SNN_INPUT_ERROR, "%.200s...: file name longer than %d bytes", path, SNN_PATH_BYTES - 6);
    }
    return snn_ok();
}

/* Length and checksum of everything behind the block, a piece at a time. */
static snn_status measure(int descriptor, const char *path, struct seal *found)
{
    snn_status status = snn_ok();
    unsigned char *piece = snn_allocate(PIECE_BYTES, 1);
    XXH3_state_t *state = XXH3_createState();
    if (piece == NULL || state == NULL || XXH3_128bits_reset(state) != XXH_OK) {
        status = snn_out_of_memory("checksum");
        goto done;
    }
    found->bytes = 0;
    for (;;) {
        ssize_t got = snn_file_bytes_read(descriptor, piece, PIECE_BYTES, SNN_SEAL_BYTES + found->bytes);
        if (got < 0) {
            status = fail_with_errno(SNN_FILE_ERROR, path, "cannot read");
            goto done;
        }
        if (got == 0) {
            break;
        }
        if (XXH3_128bits_update(state, piece, (size_t)got) != XXH_OK) {
            status = snn_fail(SNN_INTERNAL_ERROR, "%s: checksum failed", path);
            goto done;
        }
        found->bytes += got;
    }
    XXH128_canonical_t digest;
    XXH128_canonicalFromHash(&digest, XXH3_128bits_digest(state));
    for (size_t i = 0; i < sizeof digest.digest; i++) {
        (void)snprintf(found->digest + 2 * i, 3, "%02x", digest.digest[i]);
    }
done:
    (void)XXH3_freeState(state);
    snn_release(piece);
    return status;
}

static void compose_block(snn_file_kind kind, const struct seal *seal, char *block)
{
    memset(block, 0, SNN_SEAL_BYTES);
    (void)snprintf(block, SNN_SEAL_BYTES, "%s%s\n%s%" PRId64 "\nxxh3-128 %s\n", SEAL_MAGIC, snn_file_kind_name(kind),
                   SEAL_LENGTH, seal->bytes, seal->digest);
}

/* A rename is on disk only when its folder is. Some file systems cannot sync folders and say EINVAL. */
static snn_status sync_folder(const char *path)
{
    char folder[SNN_PATH_BYTES];
    (void)snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL) {
        (void)snprintf(folder, sizeof folder, ".");
    } else {
        slash[slash == folder ? 1 : 0] = '\0';
    }
    int descriptor = open(folder, O_RDONLY);
    if (descriptor < 0) {
        return fail_with_errno(SNN_FILE_ERROR, folder, "cannot open folder");
    }
    snn_status status = snn_ok();
    if (fsync(descriptor) != 0 && errno != EINVAL) {
        status = fail_with_errno(SNN_FILE_ERROR, folder, "cannot sync folder");
    }
    (void)close(descriptor);
    return status;
}

static snn_status write_seal(const char *path, snn_file_kind kind)
{
    int descriptor = open(path, O_RDWR | O_NOFOLLOW);
    if (descriptor < 0) {
        return fail_with_errno(SNN_FILE_ERROR, path, "cannot open");
    }
    snn_status status = snn_ok();
    unsigned char signature[sizeof HDF5_SIGNATURE] = {0};
    if (snn_file_bytes_read(descriptor, signature, sizeof signature, SNN_SEAL_BYTES) != (ssize_t)sizeof signature ||
        memcmp(signature, HDF5_SIGNATURE, sizeof signature) != 0) {
        status = snn_fail(SNN_INTERNAL_ERROR, "%s: not an HDF5 file with a user block", path);
        goto done;
    }
    struct seal found;
    char block[SNN_SEAL_BYTES];
    SNN_GOTO_DONE(status, measure(descriptor, path, &found));
    compose_block(kind, &found, block);
    if (snn_file_bytes_write(descriptor, block, sizeof block, 0) != 0 || fsync(descriptor) != 0) {
        status = fail_with_errno(SNN_FILE_ERROR, path, "cannot write");
    }
done:
    if (close(descriptor) != 0 && !snn_failed(status)) {
        status = fail_with_errno(SNN_FILE_ERROR, path, "cannot write");
    }
    return status;
}

snn_status snn_sealed_finish(const char *temporary, const char *path, snn_file_kind kind, const char *rotate)
{
    snn_file_kind found;
    SNN_TRY(write_seal(temporary, kind));
    snn_status status = snn_sealed_verify(temporary, &found);
    if (snn_failed(status)) {
        status.code = SNN_FILE_ERROR; /* what was just written does not read back */
        return status;
    }
    if (rotate != NULL && rename(path, rotate) != 0 && errno != ENOENT) {
        return fail_with_errno(SNN_FILE_ERROR, path, "cannot rename");
    }
    if (rename(temporary, path) != 0) {
        return fail_with_errno(SNN_FILE_ERROR, path, "cannot rename into place");
    }
    return sync_folder(path);
}

/* ---- verification ---- */

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Which kind the block names: its first line must be the magic word and a kind. On success *rest is the second line. */
static snn_status read_kind(const char *path, const char *block, snn_file_kind *kind, const char **rest)
{
    if (!starts_with(block, SEAL_MAGIC)) {
        return snn_fail(SNN_CHECK_FAILED, "%s: no seal: not a file of snn_dist, or it was never finished", path);
    }
    const char *word = block + strlen(SEAL_MAGIC);
    for (int i = 0; i < KIND_COUNT; i++) {
        const char *name = snn_file_kind_name((snn_file_kind)i);
        if (starts_with(word, name) && word[strlen(name)] == '\n') {
            *kind = (snn_file_kind)i;
            *rest = word + strlen(name) + 1;
            return snn_ok();
        }
    }
    return snn_fail(SNN_CHECK_FAILED, "%s: damaged: the seal names no known kind of file", path);
}

static snn_status check_length(const char *path, const char *line, int64_t actual)
{
    if (!starts_with(line, SEAL_LENGTH)) {
        return snn_fail(SNN_CHECK_FAILED, "%s: damaged: the seal has no length", path);
    }
    int64_t sealed = strtoll(line + strlen(SEAL_LENGTH), NULL, 10);
    if (sealed != actual) {
        return snn_fail(SNN_CHECK_FAILED, "%s: damaged: %s: %" PRId64 " bytes behind the seal, which says %" PRId64,
                        path, actual < sealed ? "truncated" : "too long", actual, sealed);
    }
    return snn_ok();
}

/* Checks seal and length, and the checksum too if `whole`. */
static snn_status inspect(int descriptor, const char *path, bool whole, snn_file_kind *kind)
{
    char block[SNN_SEAL_BYTES + 1] = {0}; /* always ends as text */
    const char *rest = NULL;
    struct stat information;
    if (fstat(descriptor, &information) != 0) {
        return fail_with_errno(SNN_INPUT_ERROR, path, "cannot read");
    }
    if (!S_ISREG(information.st_mode)) {
        return snn_fail(SNN_INPUT_ERROR, "%s: not a regular file", path);
    }
    ssize_t got = snn_file_bytes_read(descriptor, block, SNN_SEAL_BYTES, 0);
    if (got < 0) {
        return fail_with_errno(SNN_INPUT_ERROR, path, "cannot read");
    }
    SNN_TRY(read_kind(path, block, kind, &rest));
    if (got < SNN_SEAL_BYTES) {
        return snn_fail(SNN_CHECK_FAILED, "%s: damaged: truncated within the seal", path);
    }
    SNN_TRY(check_length(path, rest, (int64_t)information.st_size - SNN_SEAL_BYTES));
    if (!whole) {
        return snn_ok();
    }
    struct seal found;
    char expected[SNN_SEAL_BYTES];
    SNN_TRY(measure(descriptor, path, &found));
    compose_block(*kind, &found, expected);
    if (memcmp(block, expected, SNN_SEAL_BYTES) != 0) {
        return snn_fail(SNN_CHECK_FAILED, "%s: damaged: checksum differs", path);
    }
    return snn_ok();
}

static snn_status inspect_path(const char *path, bool whole, snn_file_kind *kind)
{
    int descriptor = open(path, O_RDONLY | O_NONBLOCK); /* a pipe must not make it wait */
    if (descriptor < 0) {
        return fail_with_errno(SNN_INPUT_ERROR, path, "cannot open");
    }
    snn_status status = inspect(descriptor, path, whole, kind);
    (void)close(descriptor);
    return status;
}

snn_status snn_sealed_verify(const char *path, snn_file_kind *kind)
{
    return inspect_path(path, true, kind);
}

snn_status snn_sealed_open(const char *path, snn_file_kind kind, bool verify, hid_t *file)
{
    snn_file_kind found = kind;
    *file = H5I_INVALID_HID;
    snn_status status = inspect_path(path, verify, &found);
    if (status.code == SNN_CHECK_FAILED) {
        status.code = SNN_INPUT_ERROR;     /* to verify, damage is the answer; to whoever needs the file, bad input */
        if (kind != SNN_FILE_CHECKPOINT) { /* of which there may be another */
            status = snn_advise(status, "copy it again, or run again what writes it");
        }
    }
    SNN_TRY(status);
    if (found != kind) {
        return snn_advise(snn_fail(SNN_INPUT_ERROR, "%s: expected a file of kind %s, found %s", path,
                                   snn_file_kind_name(kind), snn_file_kind_name(found)),
                          "snn_dist %s writes the former", kind == SNN_FILE_NETWORK ? "convert" : "run");
    }
    return snn_hdf5_open_file(path, H5F_ACC_RDONLY, file);
}
