/* The run's configuration: TOML file, overrides, defaults. One plain struct; every key of the interface is here. */
#ifndef SNN_IO_CONFIG_H
#define SNN_IO_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "comm/packet.h"
#include "core/convert/convert.h"
#include "core/dynamics/schedule.h"
#include "core/shard/statistics.h"
#include "io/config/normalisation.h"
#include "partition/planner.h"

enum { SNN_PATH_BYTES = 4096, SNN_MAX_IMAGE_CHANNELS = 64 };

enum { SNN_DEFAULT_TIMESTEPS = 64 }; /* without windows */

enum { SNN_MAX_BATCH = 65535 }; /* images per group: a packet counts them in 16 bits */

typedef enum snn_layout { SNN_LAYOUT_AUTO, SNN_LAYOUT_NHWC, SNN_LAYOUT_NCHW, SNN_LAYOUT_NHW } snn_layout;

/* Where the planner gets the speeds of the kernels from. */
typedef enum snn_calibration {
    SNN_CALIBRATION_CACHED, /* measured, until two plannings agree */
    SNN_CALIBRATION_FRESH,  /* measured, whatever was before */
    SNN_CALIBRATION_OFF     /* assumed */
} snn_calibration;

/* Plain data: no pointers but `table` and `text`, so that it can be broadcast (snn_config_pack). */
typedef struct snn_config {
    struct {
        char onnx[SNN_PATH_BYTES];    /* absolute or relative to the working directory; "" if not given */
        char network[SNN_PATH_BYTES]; /* a run takes this one where both are given */
    } model;
    struct {
        char test[SNN_PATH_BYTES], calibration[SNN_PATH_BYTES];
        int64_t images;              /* of the test set; 0 = all */
        int64_t calibration_images;  /* 0 = all */
        double calibration_quantile; /* 1 = maximum */
        snn_layout layout;
        snn_normalisation normalisation; /* a name's numbers are in mean and std, too */
        int32_t mean_count, std_count;
        double mean[SNN_MAX_IMAGE_CHANNELS], std[SNN_MAX_IMAGE_CHANNELS];
    } data;
    struct {
        snn_dynamics dynamics;
        snn_schedule_kind schedule;
        double eta0, gamma, power;
        double momentum; /* in [0, 1); 0 but for the subgradient dynamics */
        snn_scale_mode scale;
        snn_form maxpool, layernorm, softmax, attention;
        snn_stream_reading streams;
        snn_range_source ranges;
        int32_t steps; /* of a window; 0: the network's own windows, or none */
        int32_t delay; /* read as given, -1 replaced by `steps` */
        double ratio, margin;
    } neuron;
    double *table; /* [table_length] neuron.table, owned */
    size_t table_length;
    struct {
        int32_t timesteps; /* 0: chosen once the network is known (io/cli/plan/planning.h), likewise */
        int32_t batch;
        int32_t block; /* in [0, timesteps]; 0: chosen once the network is known (io/cli/plan/planning.h) */
        snn_encoding encoding;
        snn_weight_format weights;
        int64_t seed;
    } simulation;
    struct {
        int32_t replicas, stages, channels; /* 0: the planner decides */
        snn_objective objective;
        double memory_gb;             /* a rank may use; 0: no limit */
        char machine[SNN_PATH_BYTES]; /* machine file; "": the machine at hand */
        snn_calibration calibration;
    } parallel;
    snn_codec codec;         /* [comm] */
    double patience_minutes; /* [comm]; 0: without end */
    char output[SNN_PATH_BYTES];
    snn_statistics_detail statistics; /* [output] */
    struct {
        char directory[SNN_PATH_BYTES]; /* "" : no checkpoints */
        double every_minutes;
        int32_t keep;
    } checkpoint;
    char *text; /* the effective configuration as TOML, with absolute paths, as it goes into the output; owned */
} snn_config;

/* What a verb needs, so that a missing key is reported: `convert` needs no test set and no network, `run` no
 * calibration when it names a network, `plan` only a model. */
typedef enum snn_config_use { SNN_CONFIG_RUN, SNN_CONFIG_CONVERT, SNN_CONFIG_PLAN } snn_config_use;

/* Reads `path` ("": there is no file), applies `overrides` ("section.key=value", TOML values; a bare word is taken as a
 * string), checks keys, types and ranges. Paths in the file are relative to the file's folder; those in overrides to
 * the working directory. Every error is SNN_INPUT_ERROR as "file:line:column: ..." ("--set section.key=value: ..." for
 * overrides; "file: ..." for a key that is missing). */
snn_status snn_config_read(const char *path, const char *const *overrides, size_t override_count, snn_config_use use,
                           snn_config **config);

/* Flat bytes for a broadcast and back. snn_release the buffer. */
snn_status snn_config_pack(const snn_config *config, void **bytes, size_t *count);
snn_status snn_config_unpack(const void *bytes, size_t count, snn_config **config);

void snn_config_destroy(snn_config *config); /* accepts NULL */

/* One key, for help, manual pages and completions. */
typedef struct snn_config_description {
    const char *section, *section_meaning;
    const char *name;
    const char *fallback; /* default as a TOML value; NULL: none, or made from other keys */
    const char *example;  /* a value as TOML, where there is no fallback */
    bool needed;          /* a run that converts a model cannot do without */
    const char *takes;    /* "an integer from 1 to 65536" */
    const char *words;    /* names that are allowed, separated by blanks; "" where it is no name */
    bool path;
    const char *meaning;
} snn_config_description;

/* Every key in the order of the sections. The texts last until `see` returns. */
void snn_config_describe(void (*see)(void *context, const snn_config_description *key), void *context);

/* A config file with every key, its meaning and its default. Keys that a run needs have example values; the others are
 * comments, so that the file says what it says without them. Errors of `out` are the caller's to see. */
void snn_config_write_template(FILE *out);

#endif
