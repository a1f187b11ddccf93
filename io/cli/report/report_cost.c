#include "io/cli/report/report_cost.h"

#include <math.h>
#include <stddef.h>

#include "io/cli/report/report_parts.h"

static const snn_cost_case compared_with[SNN_PRICE_LISTS] = {
    [SNN_PRICES_FLOAT] = SNN_COST_TRAINED, [SNN_PRICES_INTEGER] = SNN_COST_QUANTISED};

static double joules_of(const snn_energy *energy)
{
    return energy->compute + energy->memory;
}

double snn_report_energy_ratio(const snn_report_run *run, snn_cost_case spiking, snn_price_list list)
{
    const snn_cost *cost = &run->costs[spiking], *other = &run->costs[compared_with[list]];
    const bool known = cost->known && other->known && cost->energy[list].known && other->energy[list].known &&
                       joules_of(&other->energy[list]) > 0.0;
    return known ? joules_of(&cost->energy[list]) / joules_of(&other->energy[list]) : 0.0;
}

/* "13.4 mJ" */
static const char *text_of(double joules, char *text, size_t size)
{
    static const char *const units[] = {"pJ", "nJ", "\u00b5J", "mJ", "J"};
    double value = joules / 1e-12;
    int unit = 0;
    while (value >= 999.5 && unit < 4) {
        value /= 1000.0;
        unit++;
    }
    (void)snprintf(text, size, "%.3g %s", value, units[unit]);
    return text;
}

/* ---- operations ---- */

/* Three digits and a letter for the power of a thousand. */
static void put_number(FILE *file, double value)
{
    static const char *const letters[] = {"", "&nbsp;k", "&nbsp;M", "&nbsp;G", "&nbsp;T", "&nbsp;P"};
    int letter = 0;
    while (value >= 999.5 && letter < 5) {
        value /= 1000.0;
        letter++;
    }
    fprintf(file, "<td>%.3g%s</td>", value, letters[letter]);
}

/* A row of the numbers that lie `offset` bytes into the costs of the cases shown; one that is negative is none. */
static void put_row(FILE *file, const snn_report_run *run, const char *name, size_t offset)
{
    fprintf(file, "<tr><th scope=\"row\">%s</th>", name);
    for (int i = 0; i < SNN_COST_CASES; i++) {
        const double value = *(const double *)((const char *)&run->costs[i] + offset);
        if (!run->costs[i].known) {
            continue;
        }
        if (value >= 0.0) {
            put_number(file, value);
        } else {
            fputs("<td>-</td>", file);
        }
    }
    fputs("</tr>\n", file);
}

static void put_operations(FILE *file, const snn_report_run *run, int32_t number)
{
    snn_report_table_begin(file, "cost", number, "Cost of an image, in NeuroBench's names");
    fputs("<thead><tr><th scope=\"col\">number</th>", file);
    for (int i = 0; i < SNN_COST_CASES; i++) {
        if (run->costs[i].known) {
            snn_report_put(file, "th scope=\"col\"", snn_cost_case_name((snn_cost_case)i));
        }
    }
    fputs("</tr></thead>\n<tbody>\n", file);
    put_row(file, run, "Footprint, bytes", offsetof(snn_cost, footprint));
    put_row(file, run, "Connection<wbr>Sparsity", offsetof(snn_cost, connection_sparsity));
    put_row(file, run, "Activation<wbr>Sparsity", offsetof(snn_cost, activation_sparsity));
    put_row(file, run, "Effective_<wbr>MACs", offsetof(snn_cost, effective_macs));
    put_row(file, run, "Effective_<wbr>ACs", offsetof(snn_cost, effective_acs));
    put_row(file, run, "Dense", offsetof(snn_cost, dense));
    put_row(file, run, "Membrane<wbr>Updates", offsetof(snn_cost, membrane_updates));
    fputs("</tbody>\n", file);
    snn_report_table_end(file);
    if (run->costs[SNN_COST_SIGNED].known && run->costs[SNN_COST_EVENTS].known) {
        fputs(
            "<p class=\"note\">Signed: each spike is +1 or &minus;1 and is sent. Events: of each layer only the rarer "
            "of the two is sent, and the rest is a constant of each neuron. Of the trained and the quantised network "
            "no activation is taken to be 0.</p>\n",
            file);
    }
}

/* ---- energy ---- */

static void put_energy_plot(FILE *file, const snn_report_run *run, snn_price_list list)
{
    snn_svg_style styles[2] = {snn_report_style_of(0, "arithmetic"), snn_report_style_of(1, "memory traffic")};
    int32_t rows = 0;
    double longest = 0.0;
    char caption[96];
    for (int i = 0; i < 2; i++) {
        styles[i].width = 9.0;
        styles[i].dash = NULL;
    }
    for (int i = 0; i < SNN_COST_CASES; i++) {
        const snn_energy *energy = &run->costs[i].energy[list];
        if (run->costs[i].known && energy->known) {
            longest = fmax(longest, joules_of(energy));
            rows++;
        }
    }
    if (rows == 0) {
        return;
    }
    (void)snprintf(caption, sizeof caption, "Energy of an image, %s prices", snn_price_list_name(list));
    snn_report_plot_begin(file, caption, caption, snn_report_bars_height(rows), NULL);
    for (int i = 0, row = 0; i < SNN_COST_CASES; i++) {
        const snn_energy *energy = &run->costs[i].energy[list];
        if (run->costs[i].known && energy->known) {
            char end[32];
            snn_report_bar(file, row++, snn_cost_case_name((snn_cost_case)i),
                           (const double[2]){energy->compute, energy->memory}, 2, longest, styles,
                           text_of(joules_of(energy), end, sizeof end));
        }
    }
    snn_report_plot_end(file, styles, 2, NULL);
}

static void put_energy_row(FILE *file, const snn_report_run *run, snn_price_list list)
{
    for (int part = 0; part < 2; part++) {
        fprintf(file, "<tr><th scope=\"row\">%s<small>%s prices</small></th>", part == 0 ? "arithmetic" : "memory",
                snn_price_list_name(list));
        for (int i = 0; i < SNN_COST_CASES; i++) {
            const snn_energy *energy = &run->costs[i].energy[list];
            if (!run->costs[i].known) {
                continue;
            }
            if (energy->known) {
                char text[32];
                snn_report_put(file, "td", text_of(part == 0 ? energy->compute : energy->memory, text, sizeof text));
            } else {
                fputs("<td>-</td>", file);
            }
        }
        fputs("</tr>\n", file);
    }
}

static void put_energy_table(FILE *file, const snn_report_run *run, int32_t number)
{
    snn_report_table_begin(file, "energy", number, "Energy of an image");
    fputs("<thead><tr><th scope=\"col\">part</th>", file);
    for (int i = 0; i < SNN_COST_CASES; i++) {
        if (run->costs[i].known) {
            snn_report_put(file, "th scope=\"col\"", snn_cost_case_name((snn_cost_case)i));
        }
    }
    fputs("</tr></thead>\n<tbody>\n", file);
    put_energy_row(file, run, SNN_PRICES_FLOAT);
    put_energy_row(file, run, SNN_PRICES_INTEGER);
    fputs("</tbody>\n", file);
    snn_report_table_end(file);
}

static void put_verdict(FILE *file, const snn_report_run *run)
{
    static const char *const others[SNN_PRICE_LISTS] = {
        [SNN_PRICES_FLOAT] = "the trained float32 network", [SNN_PRICES_INTEGER] = "the quantised network"};
    fputs("<ul>\n", file);
    for (int list = 0; list < SNN_PRICE_LISTS; list++) {
        const snn_cost *other = &run->costs[compared_with[list]];
        for (int j = SNN_COST_SIGNED; j <= SNN_COST_EVENTS; j++) {
            const double ratio = snn_report_energy_ratio(run, (snn_cost_case)j, (snn_price_list)list);
            if (ratio > 0.0) {
                fprintf(file,
                        "<li>With %s prices the spiking network (%s) takes %.2f times the energy of %s, and in "
                        "arithmetic alone %.2f times.</li>\n",
                        snn_price_list_name((snn_price_list)list), snn_cost_case_name((snn_cost_case)j), ratio,
                        others[list], run->costs[j].energy[list].compute / other->energy[list].compute);
            }
        }
    }
    fputs("</ul>\n<p class=\"note\">Estimates by published prices of 45 nm. Prices and assumptions are attributes of "
          "/cost in the output.</p>\n",
          file);
}

void snn_report_put_cost(FILE *file, const snn_report_run *run, int32_t number, int level)
{
    if (!run->costs[SNN_COST_SIGNED].known && !run->costs[SNN_COST_EVENTS].known) {
        return;
    }
    snn_report_heading(file, level, "Cost and energy");
    put_verdict(file, run);
    fputs("<div class=\"plots\">\n", file);
    put_energy_plot(file, run, SNN_PRICES_FLOAT);
    put_energy_plot(file, run, SNN_PRICES_INTEGER);
    fputs("</div>\n<div class=\"plots\">\n<div>\n", file);
    put_operations(file, run, number);
    fputs("</div>\n<div>\n", file);
    put_energy_table(file, run, number);
    fputs("</div>\n</div>\n", file);
}
