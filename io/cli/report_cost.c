#include "io/cli/report_cost.h"

#include <inttypes.h>
#include <stddef.h>

static const double MICROJOULE = 1e-6;

static double joules_of(const snn_cost *cost, snn_price_list list)
{
    return cost->energy[list].compute + cost->energy[list].memory;
}

/* A row of the numbers that lie `offset` bytes into the costs of the cases shown; one that is negative is none. */
static void put_row(FILE *file, const snn_report_run *run, const char *name, size_t offset)
{
    fprintf(file, "<tr><td>%s</td>", name);
    for (int i = 0; i < SNN_COST_CASES; i++) {
        const double value = *(const double *)((const char *)&run->costs[i] + offset);
        if (!run->costs[i].known) {
            continue;
        }
        if (value >= 0.0) {
            fprintf(file, "<td>%.4g</td>", value);
        } else {
            fputs("<td>-</td>", file);
        }
    }
    fputs("</tr>\n", file);
}

static void put_energy_row(FILE *file, const snn_report_run *run, snn_price_list list)
{
    fprintf(file, "<tr><td>&micro;J, %s prices: arithmetic + memory</td>", snn_price_list_name(list));
    for (int i = 0; i < SNN_COST_CASES; i++) {
        const snn_energy *energy = &run->costs[i].energy[list];
        if (!run->costs[i].known) {
            continue;
        }
        if (energy->known) {
            fprintf(file, "<td>%.3g + %.3g</td>", energy->compute / MICROJOULE, energy->memory / MICROJOULE);
        } else {
            fputs("<td>-</td>", file);
        }
    }
    fputs("</tr>\n", file);
}

/* Like with like: float prices against the trained network, integer prices against the quantised one. */
static void put_verdict(FILE *file, const snn_report_run *run)
{
    static const struct {
        snn_cost_case other;
        snn_price_list list;
        const char *name;
    } comparisons[] = {{SNN_COST_TRAINED, SNN_PRICES_FLOAT, "the trained float32 network"},
                       {SNN_COST_QUANTISED, SNN_PRICES_INTEGER, "the quantised network"}};
    fputs("<p>", file);
    for (size_t i = 0; i < sizeof comparisons / sizeof comparisons[0]; i++) {
        const snn_price_list list = comparisons[i].list;
        const snn_cost *other = &run->costs[comparisons[i].other];
        for (int j = SNN_COST_SIGNED; j <= SNN_COST_EVENTS; j++) {
            const snn_cost *cost = &run->costs[j];
            if (other->known && other->energy[list].compute > 0.0 && cost->known && cost->energy[list].known) {
                fprintf(file,
                        "With %s prices the spiking network (%s) takes %.2f times the energy of %s, and in arithmetic "
                        "alone %.2f times. ",
                        snn_price_list_name(list), snn_cost_case_name((snn_cost_case)j),
                        joules_of(cost, list) / joules_of(other, list), comparisons[i].name,
                        cost->energy[list].compute / other->energy[list].compute);
            }
        }
    }
    if (run->costs[SNN_COST_SIGNED].known) {
        fputs(
            "Signed: each spike is +1 or -1 and is sent. Events: of each layer only the rarer of the two is sent, and "
            "the rest is a constant of each neuron. ",
            file);
    }
    fputs("Names as in NeuroBench. Of the trained and the quantised network no activation is taken to be 0. Prices (45 "
          "nm) and assumptions are attributes of /cost in the output.</p>\n",
          file);
}

void snn_report_put_cost(FILE *file, const snn_report_run *run)
{
    if (!run->costs[SNN_COST_EVENTS].known) {
        return;
    }
    fprintf(file,
            "<p>An image: latency %" PRId64 " timesteps, interval %d, %" PRId64 " neurons, %g spikes per neuron.</p>\n",
            run->latency, run->steps, run->neurons, run->spikes_per_neuron);
    fputs("<table>\n<tr><th>cost of an image</th>", file);
    for (int i = 0; i < SNN_COST_CASES; i++) {
        if (run->costs[i].known) {
            fprintf(file, "<th>%s</th>", snn_cost_case_name((snn_cost_case)i));
        }
    }
    fputs("</tr>\n", file);
    put_row(file, run, "Footprint, bytes", offsetof(snn_cost, footprint));
    put_row(file, run, "ConnectionSparsity", offsetof(snn_cost, connection_sparsity));
    put_row(file, run, "ActivationSparsity", offsetof(snn_cost, activation_sparsity));
    put_row(file, run, "Effective_MACs", offsetof(snn_cost, effective_macs));
    put_row(file, run, "Effective_ACs", offsetof(snn_cost, effective_acs));
    put_row(file, run, "Dense", offsetof(snn_cost, dense));
    put_row(file, run, "MembraneUpdates", offsetof(snn_cost, membrane_updates));
    put_energy_row(file, run, SNN_PRICES_FLOAT);
    put_energy_row(file, run, SNN_PRICES_INTEGER);
    fputs("</table>\n", file);
    put_verdict(file, run);
}
