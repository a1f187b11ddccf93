#include "io/cli/report/report_parts.h"

#include <stdbool.h>
#include <string.h>

enum {
    LEFT = 74,
    RIGHT = 14,
    TOP = 12,
    BOTTOM = 48,
    BAR_LEFT = 96,
    BAR_RIGHT = 70,
    BAR_PITCH = 24,
    BAR_THICKNESS = 16
};

snn_svg_style snn_report_style_of(int32_t i, const char *name)
{
    static const char *const colours[SNN_REPORT_COLOURS] = {"var(--c0)", "var(--c1)", "var(--c2)", "var(--c3)",
                                                            "var(--c4)", "var(--c5)", "var(--c6)", "var(--c7)"};
    static const char *const dashes[] = {NULL, "7 3", "2 3", "9 3 2 3"};
    return (snn_svg_style){name, colours[i % SNN_REPORT_COLOURS], 2.2, dashes[i % 4]};
}

void snn_report_put(FILE *file, const char *tag, const char *text)
{
    fprintf(file, "<%s>", tag);
    snn_svg_put_escaped(file, text);
    fprintf(file, "</%.*s>", (int)strcspn(tag, " "), tag);
}

void snn_report_heading(FILE *file, int level, const char *text)
{
    const char tag[] = {'h', (char)('0' + level), '\0'};
    snn_report_put(file, tag, text);
    fputc('\n', file);
}

const char *snn_report_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

void snn_report_format_seconds(double seconds, char *text, size_t bytes)
{
    const bool whole = seconds >= 1.0 || seconds == 0.0;
    (void)snprintf(text, bytes, "%.2f %s", whole ? seconds : seconds * 1e3, whole ? "s" : "ms");
}

void snn_report_table_begin(FILE *file, const char *name, int32_t run, const char *caption)
{
    fprintf(file,
            "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"%s%d\"><table>\n<caption "
            "id=\"%s%d\">",
            name, run, name, run);
    snn_svg_put_escaped(file, caption);
    fputs("</caption>\n", file);
}

void snn_report_table_end(FILE *file)
{
    fputs("</table></div>\n", file);
}

void snn_report_plot_begin(FILE *file, const char *caption, const char *told, int32_t height,
                           const snn_svg_panel *panel)
{
    fputs("<figure>\n<figcaption>", file);
    snn_svg_put_escaped(file, caption);
    fputs("</figcaption>\n", file);
    snn_svg_begin(file, SNN_REPORT_PLOT_WIDTH, height > 0 ? height : SNN_REPORT_PLOT_HEIGHT, told);
    if (panel != NULL) {
        snn_svg_axes(file, panel);
    }
}

void snn_report_plot_end(FILE *file, const snn_svg_style *styles, int32_t count, const char *note)
{
    snn_svg_end(file);
    fputs("<ul class=\"legend\">", file);
    for (int32_t i = 0; i < count; i++) {
        fputs("<li><svg class=\"key\" width=\"30\" height=\"10\" aria-hidden=\"true\">", file);
        snn_svg_sample(file, &styles[i], 30.0, 5.0);
        fputs("</svg> ", file);
        snn_svg_put_escaped(file, styles[i].name);
        fputs("</li>", file);
    }
    fputs("</ul>\n", file);
    if (note != NULL) {
        snn_report_put(file, "p class=\"note\"", note);
    }
    fputs("</figure>\n", file);
}

snn_svg_panel snn_report_panel(const char *x_label, const char *y_label, double x_low, double x_high, double y_high)
{
    return (snn_svg_panel){.left = LEFT,
                           .top = TOP,
                           .width = SNN_REPORT_PLOT_WIDTH - LEFT - RIGHT,
                           .height = SNN_REPORT_PLOT_HEIGHT - TOP - BOTTOM,
                           .x_low = x_low,
                           .x_high = x_high > x_low ? x_high : x_low + 1.0,
                           .y_low = 0.0,
                           .y_high = y_high > 0.0 ? y_high : 1.0,
                           .title = NULL,
                           .x_label = x_label,
                           .y_label = y_label};
}

int32_t snn_report_bars_height(int32_t rows)
{
    return BAR_PITCH * rows + 8;
}

void snn_report_bar(FILE *file, int32_t row, const char *name, const double *lengths, int32_t count, double longest,
                    const snn_svg_style *styles, const char *end)
{
    const double scale = longest > 0.0 ? (SNN_REPORT_PLOT_WIDTH - BAR_LEFT - BAR_RIGHT) / longest : 0.0;
    const double top = 4.0 + BAR_PITCH * row, base = top + BAR_THICKNESS - 3.5;
    double left = BAR_LEFT;
    snn_svg_text(file, BAR_LEFT - 6.0, base, 12.0, SNN_SVG_END, name);
    for (int32_t i = 0; i < count; i++) {
        const double width = scale * lengths[i];
        fprintf(file, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.2f\" height=\"%d\" fill=\"%s\"/>\n", left, top, width,
                BAR_THICKNESS, styles[i].colour);
        left += width;
    }
    snn_svg_text(file, left + 5.0, base, 12.0, SNN_SVG_START, end);
}

const char snn_report_css[] =
    ":root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de;\n"
    "  --panel: #f4f6f8; --c0: #0b62b0; --c1: #c2410c; --c2: #0a7d55; --c3: #8344b0; --c4: #8a5d00; --c5: #00788a;\n"
    "  --c6: #7a4b32; --c7: #666666; }\n"
    "@media screen and (prefers-color-scheme: dark) { :root { --paper: #14171b; --ink: #e8eaed; --soft: #a9b1ba;\n"
    "  --line: #3a414a; --panel: #1e2329; --c0: #6db3f2; --c1: #ff9068; --c2: #4fce9f; --c3: #cf9ff0; --c4: #e3b341;\n"
    "  --c5: #4fd0de; --c6: #d3a184; --c7: #b0b0b0; } }\n"
    "* { box-sizing: border-box; }\n"
    "body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 68rem; background: var(--paper); color: var(--ink);\n"
    "  font: 1rem/1.5 system-ui, \"DejaVu Sans\", Helvetica, Arial, sans-serif; overflow-wrap: anywhere; }\n"
    "h1 { font-size: clamp(1.45rem, 4vw, 2.1rem); line-height: 1.2; margin: 0 0 .25rem; }\n"
    "h2 { font-size: 1.4rem; margin: 2.2rem 0 .6rem; padding-top: .5rem; border-top: 2px solid var(--line); }\n"
    "h3 { font-size: 1.1rem; margin: 1.6rem 0 .5rem; }\n"
    "p { margin: .5rem 0; max-width: 48rem; } .sub, .note { color: var(--soft); font-size: .875rem; }\n"
    "a { color: var(--c0); } nav ul { margin: .5rem 0; padding: 0; list-style: none; display: flex; flex-wrap: wrap;\n"
    "  gap: .25rem 1.25rem; }\n"
    ":focus-visible { outline: 3px solid var(--c0); outline-offset: 2px; }\n"
    ".tiles { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .75rem;\n"
    "  margin: 1rem 0; }\n"
    ".tiles div { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem; "
    "}\n"
    ".tiles dt { color: var(--soft); font-size: .875rem; } .tiles dd { margin: 0; font-size: .8125rem; }\n"
    ".tiles dd.big { font-size: 1.8rem; line-height: 1.3; font-weight: 650; }\n"
    ".tiles dd.big small { font-size: 1rem; font-weight: 500; }\n"
    ".plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.5rem;\n"
    "  margin: 1rem 0; }\n"
    "figure { margin: 0; min-width: 0; } figcaption, caption { text-align: left; font-weight: 600; font-size: "
    ".9375rem;\n"
    "  padding-bottom: .35rem; }\n"
    "figure > svg { display: block; width: 100%; max-width: 36rem; height: auto; }\n"
    "svg { overflow: visible; } svg text { fill: var(--ink); font-size: 13px; } svg .grid { stroke: var(--line); }\n"
    "svg .frame { stroke: var(--soft); } svg .paper { fill: none; }\n"
    ".legend { margin: .3rem 0 0; padding: 0; list-style: none; display: flex; flex-wrap: wrap; gap: .1rem 1.1rem;\n"
    "  font-size: .8125rem; } .key { vertical-align: middle; }\n"
    ".scroll { overflow-x: auto; margin: 1rem 0; max-width: 100%; } .plots .scroll { margin: 0; }\n"
    "table { border-collapse: collapse; min-width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; }\n"
    "th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }\n"
    "thead th { border-bottom: 2px solid var(--soft); vertical-align: bottom; }\n"
    "th, td { overflow-wrap: normal; } .name { overflow-wrap: anywhere; min-width: 3.9rem; }\n"
    "th:first-child { text-align: left; min-width: 5.5rem; } tbody th { font-weight: 500; }\n"
    "th small { display: block; color: var(--soft); font-weight: 400; }\n"
    "footer { margin-top: 2.5rem; border-top: 1px solid var(--line); }\n"
    "@media (max-width: 40rem) { table { font-size: .78rem; } th, td { padding: .25rem .22rem; }\n"
    "  .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); } .tiles dd.big { font-size: 1.4rem; }\n"
    "  .tiles div { padding: .5rem .65rem; } .wide { display: none; } }\n"
    "@media print { body { padding: 0; max-width: none; font-size: 10pt; print-color-adjust: exact;\n"
    "  -webkit-print-color-adjust: exact; } nav { display: none; } figure, .tiles div, tr { break-inside: avoid; }\n"
    "  h2, h3, figcaption, caption { break-after: avoid; } .scroll { overflow: visible; }\n"
    "  .plots { grid-template-columns: 1fr 1fr; } table { font-size: 8pt; } th, td { padding: .15rem .3rem; } }\n";
