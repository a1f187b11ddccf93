/* What a report shows of an output class by class: last answers of the spiking network beside the trained one's. */
#ifndef SNN_IO_REPORT_CLASSES_H
#define SNN_IO_REPORT_CLASSES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

typedef struct snn_report_class {
    char *name; /* NULL: the test set has no names, or none for this class */
    int64_t images, correct, trained_correct;
} snn_report_class;

/* Images of class `label` that were answered with another one. */
typedef struct snn_report_confusion {
    int32_t label, answer;
    int64_t spiking, trained;
} snn_report_confusion;

typedef struct snn_report_classes {
    int32_t count;
    snn_report_class *classes;        /* [count] */
    bool trained;                     /* whether the trained network was asked; all below is 0 if not */
    int64_t same;                     /* images that both answer alike; the others: */
    int64_t lost, won, astray;        /* right only when trained, right only when spiking, wrong in two ways */
    snn_report_confusion *confusions; /* [confusion_count]: those whose two counts differ, largest difference first */
    int64_t confusion_count;
} snn_report_classes;

/* Reads a sealed output, without its checksum. SNN_INPUT_ERROR if it is none. Clear it afterwards whatever comes of
 * it. */
snn_status snn_report_classes_read(const char *path, snn_report_classes *classes);
void snn_report_classes_clear(snn_report_classes *classes);

#endif
