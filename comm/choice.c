#include "comm/choice.h"

#include <string.h>
#include <time.h>

#include "core/base/memory.h"
#include "core/base/timers.h"

enum {
    SAMPLE_BYTES = 4096, /* of a frame that are measured, at least, */
    SAMPLE_SHARE = 8,    /* and this fraction of it */
    /* Of windows, which bring tables along that weigh more with a part than with the whole. */
    WINDOW_SAMPLE_BYTES = 16384,
    WINDOW_SAMPLE_SHARE = 2,
    PERIOD = 64 /* groups from one measurement to the next */
};

typedef struct candidate {
    snn_codec_state *sender, *receiver; /* NULL: not one */
    double raw_bytes, coded_bytes, seconds;
} candidate;

struct snn_codec_choice {
    snn_payload payload_kind;
    bool windows;
    double byte_seconds;
    size_t sample_bytes; /* of a frame, at most */
    uint8_t *sample;     /* [steps][sample_bytes] */
    uint8_t *payload;    /* likewise */
    candidate candidates[SNN_CODEC_AUTO];
    int64_t groups; /* begun */
    bool measuring; /* this group */
};

bool snn_codec_suits(snn_codec codec, snn_payload payload, bool windows)
{
    return codec == SNN_CODEC_RAW || codec == SNN_CODEC_ZSTD ||
           (payload == SNN_PAYLOAD_BITS && (codec == SNN_CODEC_CONTEXT || (codec == SNN_CODEC_XOR && !windows)));
}

double snn_codec_usual_ratio(snn_codec codec, snn_payload payload, bool windows)
{
    static const double of_windows[SNN_CODEC_AUTO] = {1.0, 1.5, 1.5, 1.8};
    static const double ratios[SNN_CODEC_AUTO][SNN_PAYLOAD_INTEGERS + 1] = {
        [SNN_CODEC_RAW] = {1.0, 1.0},
        [SNN_CODEC_ZSTD] = {1.2, 1.6},
        [SNN_CODEC_XOR] = {1.38, 1.6},
        [SNN_CODEC_CONTEXT] = {1.65, 1.6},
    };
    return windows && payload == SNN_PAYLOAD_BITS ? of_windows[codec] : ratios[codec][payload];
}

static size_t sample_of(const snn_codec_shape *shape)
{
    const size_t share = shape->frame_bytes / (shape->windows ? WINDOW_SAMPLE_SHARE : SAMPLE_SHARE);
    const size_t least = shape->windows ? WINDOW_SAMPLE_BYTES : SAMPLE_BYTES;
    const size_t wanted = share > least ? share : least;
    return wanted < shape->frame_bytes ? wanted : shape->frame_bytes;
}

snn_status snn_codec_choice_create(const snn_codec_choice_options *options, snn_codec_workspace *workspace,
                                   snn_codec_choice **choice)
{
    *choice = NULL;
    snn_status status = snn_ok();
    snn_codec_choice *created = snn_allocate(1, sizeof *created);
    if (created == NULL) {
        return snn_out_of_memory("choice of a codec");
    }
    created->payload_kind = options->payload;
    created->byte_seconds = options->byte_seconds;
    created->windows = options->shape.windows;
    created->sample_bytes = sample_of(&options->shape);
    created->sample = snn_allocate((size_t)options->shape.steps, created->sample_bytes);
    created->payload = snn_allocate((size_t)options->shape.steps, created->sample_bytes);
    if (created->sample == NULL || created->payload == NULL) {
        SNN_GOTO_DONE(status, snn_out_of_memory("choice of a codec"));
    }
    snn_codec_shape sampled = options->shape;
    sampled.frame_bytes = created->sample_bytes;
    for (int i = SNN_CODEC_RAW + 1; i < SNN_CODEC_AUTO; i++) {
        if (snn_codec_suits((snn_codec)i, options->payload, sampled.windows)) {
            candidate *made = &created->candidates[i];
            SNN_GOTO_DONE(status, snn_codec_state_create((snn_codec)i, &sampled, workspace, &made->sender));
            SNN_GOTO_DONE(status, snn_codec_state_create((snn_codec)i, &sampled, workspace, &made->receiver));
        }
    }
    *choice = created;
    created = NULL;
done:
    snn_codec_choice_destroy(created);
    return status;
}

void snn_codec_choice_destroy(snn_codec_choice *choice)
{
    if (choice == NULL) {
        return;
    }
    for (int i = 0; i < SNN_CODEC_AUTO; i++) {
        snn_codec_state_destroy(choice->candidates[i].sender);
        snn_codec_state_destroy(choice->candidates[i].receiver);
    }
    snn_release(choice->sample);
    snn_release(choice->payload);
    snn_release(choice);
}

/* Of the processor, because who shares it with other ranks is not slower at coding than at anything else. */
static double seconds_of_thread(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) {
        return snn_seconds();
    }
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static snn_status measure(snn_codec_choice *choice, candidate *tried, const snn_codec_block *block)
{
    const size_t raw_bytes = (size_t)block->steps * block->frame_bytes;
    size_t bytes = 0;
    snn_codec used = SNN_CODEC_RAW;
    const uint8_t *planes = NULL;
    if (block->first_step == 0) {
        snn_codec_begin_group(tried->sender);
        snn_codec_begin_group(tried->receiver);
    }
    memcpy(choice->payload, choice->sample, raw_bytes);
    const double start = seconds_of_thread();
    SNN_TRY(snn_codec_encode(tried->sender, block, choice->payload, &bytes, &used));
    SNN_TRY(snn_codec_decode(tried->receiver, used, block, choice->payload, bytes, &planes));
    tried->seconds += seconds_of_thread() - start;
    tried->raw_bytes += (double)raw_bytes;
    tried->coded_bytes += (double)bytes;
    return snn_ok();
}

static snn_status measure_all(snn_codec_choice *choice, const snn_codec_block *block, const uint8_t *planes)
{
    const size_t bytes = block->frame_bytes < choice->sample_bytes ? block->frame_bytes : choice->sample_bytes;
    const snn_codec_block sampled = {block->first_step, block->steps, bytes};
    for (int32_t step = 0; step < block->steps; step++) {
        memcpy(choice->sample + (size_t)step * bytes, planes + (size_t)step * block->frame_bytes, bytes);
    }
    for (int i = 0; i < SNN_CODEC_AUTO; i++) {
        if (choice->candidates[i].sender != NULL) {
            SNN_TRY(measure(choice, &choice->candidates[i], &sampled));
        }
    }
    return snn_ok();
}

static void forget(snn_codec_choice *choice)
{
    for (int i = 0; i < SNN_CODEC_AUTO; i++) {
        candidate *tried = &choice->candidates[i];
        tried->raw_bytes = tried->coded_bytes = tried->seconds = 0.0;
    }
}

/* `early`: from the first block alone, in which codecs have nothing yet to go by that they learn from blocks before. So
 * they are taken to save at least what they usually do. */
static snn_codec best_of(const snn_codec_choice *choice, bool early)
{
    snn_codec best = SNN_CODEC_RAW;
    double least = choice->byte_seconds; /* of a byte of planes, sent as it is */
    for (int i = 0; i < SNN_CODEC_AUTO; i++) {
        const candidate *tried = &choice->candidates[i];
        if (tried->raw_bytes > 0.0) {
            const double usual =
                tried->raw_bytes / snn_codec_usual_ratio((snn_codec)i, choice->payload_kind, choice->windows);
            const double coded = early && usual < tried->coded_bytes ? usual : tried->coded_bytes;
            const double seconds = tried->seconds + coded * choice->byte_seconds;
            if (seconds / tried->raw_bytes < least) {
                least = seconds / tried->raw_bytes;
                best = (snn_codec)i;
            }
        }
    }
    return best;
}

snn_status snn_codec_choice_begin(snn_codec_choice *choice, const snn_codec_block *block, const uint8_t *planes,
                                  snn_codec *codec)
{
    choice->measuring = choice->groups % PERIOD == 0;
    /* A choice from one block must do for the first group; later ones choose from whole groups. */
    if (choice->groups == 0) {
        /* Twice, because what is done for the first time is slower than it ever will be again. */
        SNN_TRY(measure_all(choice, block, planes));
        forget(choice);
        SNN_TRY(measure_all(choice, block, planes));
        *codec = best_of(choice, true);
    } else {
        *codec = best_of(choice, false);
        if (choice->measuring) {
            forget(choice);
            SNN_TRY(measure_all(choice, block, planes));
        }
    }
    choice->groups++;
    return snn_ok();
}

snn_status snn_codec_choice_follow(snn_codec_choice *choice, const snn_codec_block *block, const uint8_t *planes)
{
    return choice->measuring ? measure_all(choice, block, planes) : snn_ok();
}
