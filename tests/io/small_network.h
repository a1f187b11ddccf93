/* A network with one of everything that network files hold: all kinds of neurons but one, all kinds of operators. */
#ifndef SNN_TESTS_IO_SMALL_NETWORK_H
#define SNN_TESTS_IO_SMALL_NETWORK_H

#include "core/network/network.h"

/* image 6x6x2 -> convolution -> relu 6x6x4 ("conv/1") -> diagonal -> maximum 3x3x4 -> gather -> leaky_relu 3x3x4
 *             -> pooled dense -> readout of 3 classes. Weights, scales and biases all differ. NULL on failure. */
snn_network *small_network_create(snn_weight_format format);

#endif
