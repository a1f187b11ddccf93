/* Internal to core/convert: the step delta of every channel of every population. */
#ifndef SNN_CONVERT_STEPS_H
#define SNN_CONVERT_STEPS_H

#include "core/convert/draft.h"

/* Fills `step` of all populations of `network`, whose scales are known, and `shift` of its projections-to-be, one for
 * each term in order. */
snn_status snn_steps_choose(const snn_draft *draft, snn_network *network);

#endif
