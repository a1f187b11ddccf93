/* Internal to the pattern search: patterns that have files of their own. */
#ifndef SNN_CONVERT_PATTERNS_INTERNAL_H
#define SNN_CONVERT_PATTERNS_INTERNAL_H

#include "core/convert/search.h"

/* Layer and root mean square normalisation, from the last quotient or product (patterns_normalise.c). */
bool snn_match_normalization(snn_search *search, const snn_node *root, snn_pattern_match *match);

/* Attention, from the Reshape that joins the heads (patterns_attention.c). */
bool snn_match_attention(snn_search *search, const snn_node *root, snn_pattern_match *match);
/* The same with one head, which is neither split nor joined, or with heads that go on apart: from the product with the
 * values. */
bool snn_match_plain_attention(snn_search *search, const snn_node *root, snn_pattern_match *match);

#endif
