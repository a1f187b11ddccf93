/* Internal to core/convert: x minus its mean over channels, which is linear, as cheaply as can be had exactly.
 *
 * A product of spikes is centred by subtracting the mean of its rows, at no cost. A stream that others have begun to
 * read is left as it is at first: a stream of one channel keeps its mean, and who wants it centred reads both. When
 * the whole draft is known, streams that nobody reads otherwise have the centring folded into the products that make
 * them, and their means go away. */
#ifndef SNN_CONVERT_CENTRING_H
#define SNN_CONVERT_CENTRING_H

#include "core/convert/draft.h"

/* x <- x - its mean over channels; all terms plain afterwards but the means that are subtracted. `name` is of the node
 * that wants it, `value` the graph value that x stands for. */
snn_status snn_draft_centre(snn_draft *draft, const char *name, snn_affine *x, int32_t value);

/* Folds the centring of streams into the products that make them, where everybody who reads them wants it. */
snn_status snn_draft_fold_means(snn_draft *draft);

#endif
