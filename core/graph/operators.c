#include "core/graph/operators.h"

#include <string.h>

#include "core/graph/operators_internal.h"

const snn_graph_operator *snn_graph_operator_find(const char *name)
{
    static const snn_graph_operator *const families[] = {
        snn_operators_linear,      snn_operators_pool,   snn_operators_reduce,   snn_operators_normalize,
        snn_operators_elementwise, snn_operators_binary, snn_operators_logic,    snn_operators_constant,
        snn_operators_shape,       snn_operators_index,  snn_operators_resample, snn_operators_scatter,
        snn_operators_quantise,
    };
    for (size_t family = 0; family < sizeof families / sizeof families[0]; family++) {
        for (const snn_graph_operator *entry = families[family]; entry->name != NULL; entry++) {
            if (strcmp(entry->name, name) == 0) {
                return entry;
            }
        }
    }
    return NULL;
}
