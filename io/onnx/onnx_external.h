/* Tensors' data in files beside an ONNX model, as exporters write them for all but small models. */
#ifndef SNN_IO_ONNX_EXTERNAL_H
#define SNN_IO_ONNX_EXTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/mapping.h"
#include "onnx.pb-c.h"

/* The data files of one model, each mapped once. */
typedef struct snn_onnx_files {
    char *folder;          /* the model's, without symbolic links; NULL: tensors must be inside the model */
    char **locations;      /* [count] as the model names them */
    snn_mapping *mappings; /* [count] */
    int32_t count;
    size_t location_room, mapping_room;
} snn_onnx_files;

snn_status snn_onnx_files_init(const char *model_path, snn_onnx_files *files);
/* Unmaps what the graph did not take (snn_onnx_files_take). */
void snn_onnx_files_clear(snn_onnx_files *files);
/* Hands the mappings over: as many as *count, for snn_mapping_close and snn_release of the array. */
snn_mapping *snn_onnx_files_take(snn_onnx_files *files, int32_t *count);

/* Whether the tensor's data lies in another file. */
bool snn_onnx_is_external(const Onnx__TensorProto *tensor);

/* The `bytes` bytes of such a tensor, which stay where they are; *room: as many may be read from there on without
 * leaving the file's pages. The file must lie below the model's folder, also once symbolic links are followed, and hold
 * all of them. SNN_INPUT_ERROR otherwise. */
snn_status snn_onnx_external_data(snn_onnx_files *files, const Onnx__TensorProto *tensor, size_t bytes,
                                  const uint8_t **data, size_t *room);

#endif
