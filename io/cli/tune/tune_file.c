#include "io/cli/tune/tune_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "io/whole_file.h"

/* One line of text for each entry, and one before them; reals as hexadecimal, so that they are read as they were. */
#define HEADER "snn_dist tune 2 %016" PRIx64 "\n"

enum { VALUES = 18 }; /* of a line */

snn_status snn_tune_file_read(const char *path, uint64_t fingerprint, snn_tune_list *list)
{
    FILE *file = fopen(path, "r");
    uint64_t found = 0;
    snn_status status = snn_ok();
    if (file == NULL) {
        return snn_ok();
    }
    if (fscanf(file, HEADER, &found) != 1 || found != fingerprint) {
        (void)fclose(file);
        return snn_ok();
    }
    for (;;) {
        snn_tune_entry entry = {.images = 0};
        snn_tune_choice *choice = &entry.choice;
        snn_tune_result *result = &entry.result;
        int format = 0;
        const int read =
            fscanf(file, "%d %d %la %la %d %la %la %la %d %d %d %d %d %la %la %la %la %la\n", &choice->steps,
                   &choice->delay, &choice->ratio, &choice->margin, &choice->timesteps, &choice->eta0, &choice->gamma,
                   &choice->quantile, &format, &entry.images, &result->images, &result->latency, &result->spikes,
                   &result->error, &result->agreement, &result->agreed, &result->operations, &result->seconds);
        if (read != VALUES || format < 0 || format > SNN_WEIGHTS_FLOAT32) {
            break; /* the end, or damage: what follows is measured again */
        }
        choice->format = (snn_weight_format)format;
        SNN_GOTO_DONE(status, snn_tune_list_add(list, &entry));
    }
done:
    (void)fclose(file);
    return status;
}

static snn_status write_entries(FILE *file, uint64_t fingerprint, const snn_tune_list *list)
{
    int written = fprintf(file, HEADER, fingerprint);
    for (int32_t i = 0; i < list->count && written > 0; i++) {
        const snn_tune_choice *choice = &list->entries[i].choice;
        const snn_tune_result *result = &list->entries[i].result;
        written =
            fprintf(file, "%d %d %a %a %d %a %a %a %d %d %d %d %d %a %a %a %a %a\n", choice->steps, choice->delay,
                    choice->ratio, choice->margin, choice->timesteps, choice->eta0, choice->gamma, choice->quantile,
                    (int)choice->format, list->entries[i].images, result->images, result->latency, result->spikes,
                    result->error, result->agreement, result->agreed, result->operations, result->seconds);
    }
    return written > 0 ? snn_ok() : snn_fail(SNN_FILE_ERROR, "cannot write: %s", strerror(errno));
}

snn_status snn_tune_file_write(const char *path, uint64_t fingerprint, const snn_tune_list *list)
{
    snn_whole_file file;
    SNN_TRY(snn_whole_file_create(path, &file));
    return snn_whole_file_finish(&file, write_entries(file.stream, fingerprint, list));
}
