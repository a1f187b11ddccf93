/* What of a network decides which plans fit it, as one number: the structure, without weights, scales and names. So a
 * plan made from an ONNX file before its conversion fits the network converted from it. */
#ifndef SNN_PARTITION_FINGERPRINT_H
#define SNN_PARTITION_FINGERPRINT_H

#include <stddef.h>

#include "core/network/network.h"

/* FNV-1a, 64 bits: begin with SNN_FINGERPRINT_SEED, add what counts piece by piece. */
#define SNN_FINGERPRINT_SEED UINT64_C(0xcbf29ce484222325)

uint64_t snn_fingerprint_add(uint64_t fingerprint, const void *bytes, size_t count);
uint64_t snn_fingerprint_add_number(uint64_t fingerprint, int64_t number);

/* A population's kind and shapes (parameters of f cost the same whatever they are). */
uint64_t snn_fingerprint_add_population(uint64_t fingerprint, const snn_population *population);
uint64_t snn_fingerprint_add_operator(uint64_t fingerprint, const snn_operator *op);

uint64_t snn_network_fingerprint(const snn_network *network);

#endif
