#include "io/hdf5/cost_model.h"

enum { BYTE = 8, FLOAT_BITS = 32, STATE_BITS = 4 * 32, SUM_BITS = 2 * 32 };

const char *snn_cost_case_name(snn_cost_case which)
{
    static const char *const names[SNN_COST_CASES] = {"signed", "events", "trained", "quantised"};
    return names[which];
}

const char *snn_price_list_name(snn_price_list list)
{
    static const char *const names[SNN_PRICE_LISTS] = {"float", "integer"};
    return names[list];
}

static bool is_product(const snn_operator *op)
{
    return op->kind == SNN_OPERATOR_CONVOLUTION || op->kind == SNN_OPERATOR_DENSE || op->kind == SNN_OPERATOR_TOKENS;
}

static double weight_bits(const snn_network *network)
{
    return network->format == SNN_WEIGHTS_FLOAT32 ? 32.0 : network->format == SNN_WEIGHTS_INT8 ? 8.0 : 16.0;
}

/* ---- parameters ---- */

static double population_bytes(const snn_population *population)
{
    const double floats = (double)population->shape.channels + population->input.channels +
                          (double)population->bias_positions * population->input.channels;
    return 4.0 * (floats + (population->rest != NULL ? population->shape.channels : 0));
}

/* Integer weights of products take as many bits as the format says, others 32, mixing 16. */
static void count_parameters(const snn_output *output, snn_cost costs[SNN_COST_CASES])
{
    const snn_network *network = output->network;
    const bool real = network->format == SNN_WEIGHTS_FLOAT32;
    double spiking = 0.0, trained = 0.0, quantised = 0.0, weights = 0.0, zeros = 0.0, products = 0.0,
           product_zeros = 0.0;
    for (int32_t i = 0; i < network->population_count; i++) {
        spiking += population_bytes(&network->populations[i]);
    }
    for (int32_t i = 0; i < network->projection_count; i++) {
        const snn_operator *op = &network->projections[i].op;
        const snn_connection_counts *counts = &output->connections->projections[i];
        const bool tokens = op->kind == SNN_OPERATOR_TOKENS, gathers = op->kind == SNN_OPERATOR_GATHER;
        const double rows = tokens ? op->target_channels : 0.0, matrix = (double)*counts->weights - rows;
        const double bits = real || !is_product(op) ? 32.0 : tokens ? 16.0 : weight_bits(network);
        spiking += matrix * bits / BYTE + 4.0 * rows + (gathers ? 4.0 * matrix : 0.0);
        weights += (double)*counts->weights;
        zeros += (double)*counts->zeros;
        if (is_product(op)) {
            products += (double)*counts->weights;
            product_zeros += (double)*counts->zeros;
            trained += 4.0 * (matrix + op->target_channels);
            quantised += matrix * weight_bits(network) / BYTE + 4.0 * op->target_channels;
        }
    }
    costs[SNN_COST_SIGNED].footprint = costs[SNN_COST_EVENTS].footprint = spiking;
    costs[SNN_COST_SIGNED].connection_sparsity = costs[SNN_COST_EVENTS].connection_sparsity =
        weights > 0.0 ? zeros / weights : 0.0;
    costs[SNN_COST_TRAINED].footprint = trained;
    costs[SNN_COST_QUANTISED].footprint = quantised;
    costs[SNN_COST_QUANTISED].connection_sparsity = products > 0.0 ? product_zeros / products : 0.0;
}

/* ---- operations ---- */

static double add_up(const int64_t *values, int64_t count)
{
    double sum = 0.0;
    for (int64_t i = 0; i < count; i++) {
        sum += (double)values[i];
    }
    return sum;
}

/* Integrate-and-fire neurons emit 0 or 1, not a sign: they have nothing to fold. */
static bool has_signs(const snn_output *output)
{
    return output->config->neuron.dynamics == SNN_DYNAMICS_SIGNGD;
}

/* Which of the two values of s a layer sends as events is free where constants are folded: the one rarer in it. */
static bool ones_are_events(const snn_output *output, int32_t number)
{
    if (!has_signs(output)) {
        return true;
    }
    const snn_population *population = &output->network->populations[number];
    const snn_population_counts counts = snn_statistics_population(output->statistics, output->network, number);
    const double outputs =
        (double)snn_shape_size(population->shape) * output->statistics->timesteps * (double)output->images;
    return 2.0 * add_up(counts.channel_spikes, population->shape.channels) <= outputs;
}

/* Events of a channel in an image, on average over its neurons; `ones`: ones_are_events of the population. */
static double events_of(const snn_output *output, int32_t number, int32_t channel, bool ones)
{
    const snn_population_counts counts = snn_statistics_population(output->statistics, output->network, number);
    const double neurons = (double)snn_shape_positions(output->network->populations[number].shape);
    const double spikes = (double)counts.channel_spikes[channel] / (neurons * (double)output->images);
    return ones ? spikes : output->statistics->timesteps - spikes;
}

/* Sum over the operator's source channels of uses, each as often as a neuron of the channel has an event: they are
 * taken to be spread evenly over its positions. `uses` NULL: `each` for every channel. */
static double count_events(const snn_output *output, const snn_projection *projection, const int64_t *uses, double each)
{
    const snn_operator *op = &projection->op;
    const bool ones = ones_are_events(output, projection->source);
    double sum = 0.0;
    for (int32_t c = 0; c < op->source_channels; c++) {
        sum += events_of(output, projection->source, op->source_channel + c, ones) *
               (uses != NULL ? (double)uses[c] : each);
    }
    return sum;
}

/* What reads spikes: a pool adds them up; what follows adds a weight for each, or, behind a pool of more than one,
 * multiplies it by a small integer. Spikes of an encoded image are not counted in a run: each is an event. */
static void count_spikes(const snn_output *output, int32_t number, double steps, snn_cost *whole, snn_cost *events)
{
    const snn_projection *projection = &output->network->projections[number];
    const snn_operator *op = &projection->op;
    const snn_connection_counts *counts = &output->connections->projections[number];
    const double uses = add_up(counts->uses, op->source_channels);
    const double effective = add_up(counts->effective, op->source_channels);
    const double pool = op->pooled ? (double)snn_operator_operations(op) - uses : 0.0;
    const bool neurons = projection->source != SNN_SOURCE_INPUT;
    whole->pool_additions += pool * steps;
    whole->effective_acs += pool * steps;
    events->pool_additions +=
        neurons ? count_events(output, projection, NULL, pool / op->source_channels) : pool * steps;
    events->effective_acs +=
        neurons ? count_events(output, projection, NULL, pool / op->source_channels) : pool * steps;
    if (snn_operator_pool_area(op) > 1) {
        whole->products += uses * steps;
        whole->effective_macs += effective * steps;
        events->products += uses * steps;
        events->effective_macs += effective * steps;
        return;
    }
    whole->additions += uses * steps;
    whole->effective_acs += effective * steps;
    events->additions += neurons ? count_events(output, projection, counts->uses, 0.0) : uses * steps;
    events->effective_acs += neurons ? count_events(output, projection, counts->effective, 0.0) : effective * steps;
}

/* An image that is no spikes, once; or the sum of a stream, at each step of its reader. */
static void count_products(const snn_output *output, int32_t number, double steps, snn_cost *cost)
{
    const snn_projection *projection = &output->network->projections[number];
    const snn_connection_counts *counts = &output->connections->projections[number];
    const int32_t channels = projection->op.source_channels;
    const double uses = add_up(counts->uses, channels);
    const double pool = projection->op.pooled ? (double)snn_operator_operations(&projection->op) - uses : 0.0;
    *(projection->source == SNN_SOURCE_INPUT ? &cost->image_products : &cost->products) += (uses + pool) * steps;
    cost->effective_macs += (add_up(counts->effective, channels) + pool) * steps;
}

static void count_spiking(const snn_output *output, snn_cost *whole, snn_cost *events)
{
    const snn_network *network = output->network;
    const double steps = output->statistics->timesteps; /* of a window, or all timesteps */
    const bool graded = snn_encoding_is_graded(output->config->simulation.encoding);
    double sent = 0.0;
    const double neurons = (double)snn_network_neurons(network);
    for (int32_t i = 0; i < network->projection_count; i++) {
        const int32_t source = network->projections[i].source;
        if (source == SNN_SOURCE_INPUT ? graded : network->populations[source].kind == SNN_NEURON_STREAM) {
            const double times = source == SNN_SOURCE_INPUT ? 1.0 : steps;
            count_products(output, i, times, whole);
            count_products(output, i, times, events);
        } else {
            count_spikes(output, i, steps, whole, events);
        }
    }
    for (int32_t i = 0; i < network->population_count; i++) {
        if (snn_neuron_spikes(network->populations[i].kind)) {
            const snn_shape shape = network->populations[i].shape;
            const bool ones = ones_are_events(output, i);
            for (int32_t c = 0; c < shape.channels; c++) {
                sent += events_of(output, i, c, ones) * (double)snn_shape_positions(shape);
            }
        }
    }
    whole->membrane_updates = events->membrane_updates = neurons * steps;
    events->activation_sparsity = 1.0 - sent / (neurons * steps);
    whole->dense = whole->additions + whole->pool_additions + whole->image_products + whole->products;
    events->dense = whole->dense;
}

/* Its activations are not looked at: none is taken to be 0. */
static void count_trained(const snn_output *output, snn_cost *trained, snn_cost *quantised)
{
    for (int32_t i = 0; i < output->network->projection_count; i++) {
        const snn_operator *op = &output->network->projections[i].op;
        const snn_connection_counts *counts = &output->connections->projections[i];
        if (is_product(op)) {
            const double operations = (double)snn_operator_operations(op);
            trained->products += operations;
            quantised->effective_macs +=
                operations - add_up(counts->uses, op->source_channels) + add_up(counts->effective, op->source_channels);
        }
    }
    trained->dense = trained->effective_macs = trained->products;
    quantised->dense = quantised->products = trained->products;
}

/* ---- energy ---- */

/* Every use of a weight reads it from the large memory; a sum to which something is added in any order is read and
 * written in the small one, one of products stays in a register and reads its activation there; x and y of a neuron are
 * read and written there for each update. */
static double traffic(const snn_cost *cost, double bits, double activation_bits)
{
    const double additions = cost->additions + cost->pool_additions, products = cost->image_products + cost->products;
    const double large = (cost->additions + products) * bits;
    const double small = additions * SUM_BITS + products * activation_bits + cost->membrane_updates * STATE_BITS;
    return large * SNN_LARGE_MEMORY_PJ + small * SNN_SMALL_MEMORY_PJ;
}

static snn_energy in_joules(double compute, double memory)
{
    return (snn_energy){.known = true, .compute = compute * 1e-12, .memory = memory * 1e-12};
}

static double float_product(void)
{
    return SNN_FLOAT32_MULTIPLY_PJ + SNN_FLOAT32_ADD_PJ;
}

/* `constants`: whether each update adds the folded one. */
static void price_spiking(const snn_network *network, bool constants, snn_cost *cost)
{
    const double additions = cost->additions + cost->pool_additions;
    const double bits = weight_bits(network), update = 2.0 * float_product();
    cost->energy[SNN_PRICES_FLOAT] =
        in_joules(additions * SNN_FLOAT32_ADD_PJ + (cost->image_products + cost->products) * float_product() +
                      cost->membrane_updates * (update + (constants ? SNN_FLOAT32_ADD_PJ : 0.0)),
                  traffic(cost, FLOAT_BITS, FLOAT_BITS));
    if (network->format != SNN_WEIGHTS_FLOAT32) {
        cost->energy[SNN_PRICES_INTEGER] =
            in_joules(additions * SNN_INT32_ADD_PJ + cost->image_products * float_product() +
                          cost->products * (SNN_INT_MULTIPLY_PJ * 32.0 * bits + SNN_INT32_ADD_PJ) +
                          cost->membrane_updates * (update + (constants ? SNN_INT32_ADD_PJ : 0.0)),
                      traffic(cost, bits, FLOAT_BITS));
    }
}

void snn_cost_count(const snn_output *output, snn_cost costs[SNN_COST_CASES])
{
    const snn_network *network = output->network;
    const double bits = weight_bits(network), steps = network->windows.steps;
    for (int i = 0; i < SNN_COST_CASES; i++) {
        costs[i] = (snn_cost){.known = true};
    }
    snn_cost *trained = &costs[SNN_COST_TRAINED], *quantised = &costs[SNN_COST_QUANTISED];
    count_parameters(output, costs);
    count_spiking(output, &costs[SNN_COST_SIGNED], &costs[SNN_COST_EVENTS]);
    count_trained(output, trained, quantised);
    price_spiking(network, false, &costs[SNN_COST_SIGNED]);
    costs[SNN_COST_SIGNED].known = has_signs(output);
    price_spiking(network, has_signs(output), &costs[SNN_COST_EVENTS]);
    costs[SNN_COST_EVENTS].known = output->config->statistics != SNN_STATISTICS_NONE;
    trained->energy[SNN_PRICES_FLOAT] =
        in_joules(trained->products * float_product(), traffic(trained, FLOAT_BITS, FLOAT_BITS));
    quantised->known = steps > 0.0 && network->format != SNN_WEIGHTS_FLOAT32;
    if (quantised->known) {
        quantised->energy[SNN_PRICES_INTEGER] =
            in_joules(quantised->products * (SNN_INT_MULTIPLY_PJ * steps * bits + SNN_INT32_ADD_PJ),
                      traffic(quantised, bits, steps));
    }
}
