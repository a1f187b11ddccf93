#include "io/config/normalisation.h"

snn_normalisation_values snn_normalisation_find(snn_normalisation normalisation)
{
    static const snn_normalisation_values table[] = {
        [SNN_NORMALISATION_GIVEN] = {0, {0.0}, {0.0}},
        [SNN_NORMALISATION_NONE] = {1, {0.0}, {1.0}},
        [SNN_NORMALISATION_IMAGENET] = {3, {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}},
        [SNN_NORMALISATION_INCEPTION] = {1, {0.5}, {0.5}},
        [SNN_NORMALISATION_CLIP] = {3, {0.48145466, 0.4578275, 0.40821073}, {0.26862954, 0.26130258, 0.27577711}},
        [SNN_NORMALISATION_CIFAR10] = {3, {0.4914, 0.4822, 0.4465}, {0.2470, 0.2435, 0.2616}},
        [SNN_NORMALISATION_CIFAR100] = {3, {0.5071, 0.4865, 0.4409}, {0.2673, 0.2564, 0.2762}},
        [SNN_NORMALISATION_MNIST] = {1, {0.1307}, {0.3081}},
    };
    return table[normalisation];
}
