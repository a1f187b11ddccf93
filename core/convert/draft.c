#include "core/convert/draft.h"

#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"

enum { NAME_BYTES = 256 };

static bool name_is_used(const snn_draft *draft, const char *name)
{
    for (int32_t i = 0; i < draft->population_count; i++) {
        if (strcmp(draft->populations[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static snn_status unique_name(const snn_draft *draft, const char *name, char **unique)
{
    char text[256];
    (void)snprintf(text, sizeof text, "%s", name);
    for (int32_t n = 2; name_is_used(draft, text); n++) {
        (void)snprintf(text, sizeof text, "%.200s_%d", name, n);
    }
    *unique = snn_duplicate_text(text);
    return *unique == NULL ? snn_out_of_memory("name") : snn_ok();
}

snn_status snn_draft_add_population(snn_draft *draft, const char *name, snn_neuron_kind kind, snn_affine *input,
                                    snn_shape shape, int32_t value, snn_draft_population **population)
{
    if (input->term_count == 0) {
        return snn_fail(SNN_INPUT_ERROR, "its input does not depend on the image");
    }
    char *own_name = NULL;
    SNN_TRY(unique_name(draft, name, &own_name));
    if (!snn_grow(&draft->populations, (size_t)draft->population_count, &draft->population_capacity,
                  sizeof *draft->populations)) {
        snn_release(own_name);
        return snn_out_of_memory("populations");
    }
    snn_draft_population *added = &draft->populations[draft->population_count++];
    memset(added, 0, sizeof *added);
    added->name = own_name;
    added->kind = kind;
    added->mean_of = -1;
    added->shape = shape;
    added->value = value;
    added->value_layout.shape = shape;
    added->value_layout.order = input->order;
    added->input = *input;
    memset(input, 0, sizeof *input);
    added->maxima = draft->maxima_length;
    draft->maxima_length += shape.channels;
    if (population != NULL) {
        *population = added;
    }
    return snn_ok();
}

/* The name of a population that the conversion adds behind a value: "conv1/relay". */
static void name_after(const snn_draft *draft, int32_t value, const char *what, char name[NAME_BYTES])
{
    const int32_t producer = draft->graph->values[value].producer;
    (void)snprintf(name, NAME_BYTES, "%.200s/%s", producer >= 0 ? draft->graph->nodes[producer].name : "input", what);
}

bool snn_draft_reads_stream(const snn_draft *draft, const snn_affine *affine)
{
    for (int32_t t = 0; t < affine->term_count; t++) {
        int32_t source = affine->terms[t].source;
        if (source != SNN_SOURCE_INPUT && draft->populations[source].kind == SNN_NEURON_STREAM) {
            return true;
        }
    }
    return false;
}

static bool is_identity_of_population(const snn_draft *draft, const snn_affine *affine)
{
    if (snn_draft_reads_stream(draft, affine) || affine->term_count != 1 || affine->offset != NULL ||
        !snn_affine_is_plain(affine, true)) {
        return false;
    }
    const snn_term *term = &affine->terms[0];
    if (term->op.target_channels != affine->shape.channels || term->op.source_channels != term->op.source.channels) {
        return false;
    }
    for (int32_t c = 0; c < affine->shape.channels; c++) {
        if (term->weights[c] != 1.0f) {
            return false;
        }
    }
    return true;
}

snn_status snn_draft_relay_affine(snn_draft *draft, snn_affine *affine, int32_t value)
{
    if (is_identity_of_population(draft, affine)) {
        return snn_ok();
    }
    char name[NAME_BYTES];
    name_after(draft, value, "relay", name);
    snn_shape shape = affine->shape;
    snn_order order = affine->order;
    SNN_TRY(snn_draft_add_population(draft, name, SNN_NEURON_LINEAR, affine, shape, value, NULL));
    return snn_affine_identity(affine, draft->population_count - 1, shape, order);
}

snn_status snn_draft_add_stream(snn_draft *draft, const char *name, snn_affine *affine, int32_t value)
{
    snn_shape shape = affine->shape;
    snn_order order = affine->order;
    float *offset = affine->offset;
    int32_t offset_positions = affine->offset_positions;
    affine->offset = NULL;
    snn_status status = snn_draft_add_population(draft, name, SNN_NEURON_STREAM, affine, shape, value, NULL);
    if (!snn_failed(status)) {
        status = snn_affine_identity(affine, draft->population_count - 1, shape, order);
    }
    affine->offset = offset;
    affine->offset_positions = offset_positions;
    return status;
}

snn_status snn_draft_stream_affine(snn_draft *draft, snn_affine *affine, int32_t value)
{
    if (snn_affine_is_plain(affine, false)) {
        return snn_ok();
    }
    char name[NAME_BYTES];
    name_after(draft, value, "stream", name);
    return snn_draft_add_stream(draft, name, affine, value);
}

snn_status snn_draft_relay_cut_streams(snn_draft *draft, snn_affine *affine, int32_t value)
{
    for (int32_t t = 0; t < affine->term_count; t++) {
        const snn_term *term = &affine->terms[t];
        bool stream = term->source != SNN_SOURCE_INPUT && draft->populations[term->source].kind == SNN_NEURON_STREAM;
        if (stream && term->op.kind == SNN_OPERATOR_DIAGONAL && !snn_term_is_unchanged(term)) {
            return snn_draft_relay_affine(draft, affine, value);
        }
    }
    return snn_ok();
}

void snn_draft_destroy(snn_draft *draft)
{
    if (draft == NULL) {
        return;
    }
    for (int32_t v = 0; v < draft->graph->value_count && draft->affines != NULL; v++) {
        snn_affine_clear(&draft->affines[v]);
    }
    for (int32_t p = 0; p < draft->population_count; p++) {
        snn_affine_clear(&draft->populations[p].input);
        snn_release(draft->populations[p].name);
        snn_release(draft->populations[p].own_constants);
        snn_release(draft->populations[p].value_map);
    }
    snn_release(draft->affines);
    snn_release(draft->uses);
    snn_release(draft->matches);
    snn_release(draft->populations);
    snn_release(draft);
}
