/* ONNX files into graphs (protobuf-c code generated from onnx.proto at build time). */
#ifndef SNN_IO_ONNX_H
#define SNN_IO_ONNX_H

#include "core/graph/graph.h"

/* Reads a model with one image input and one output, opset 7 to 24, with its weights inside or in data files beside it,
 * of which the graph keeps large ones mapped (onnx_external.h). The batch dimension is bound to 1; nodes are put into
 * topological order and given unique names; float64, float16 and bfloat16 become float32, int32 becomes int64. The
 * graph is not inferred yet. SNN_INPUT_ERROR: missing file, not an ONNX file, truncated, data files missing, too short
 * or outside of its folder, opset out of range, several inputs (naming them), symbolic dimensions other than the batch.
 */
snn_status snn_onnx_read(const char *path, snn_graph **graph);

/* Such a graph ready for conversion: inferred (`stop_at_first` as for snn_graph_infer), without what its ends do not
 * need (snn_graph_drop_ends). */
snn_status snn_onnx_open(const char *path, bool stop_at_first, snn_graph **graph);

/* The refusal of a node by inference or conversion, with what to do about it. */
snn_status snn_onnx_advise(snn_status status, const char *path);

/* XXH3 of the file's bytes, for provenance. */
snn_status snn_file_hash(const char *path, uint64_t *hash, int64_t *bytes);

/* The same of a model and, if there are any, of its data files; *bytes counts all. */
snn_status snn_onnx_hash(const char *path, uint64_t *hash, int64_t *bytes);

#endif
