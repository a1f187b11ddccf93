/* What the parts of a report share: its sizes and colours, headings, tables that scroll by themselves where a page is
 * narrow, plots with a caption, bars. Nothing here fails; the caller asks ferror(file) in the end.
 *
 * Colours are variables of the page's style, one set for light and one for dark. A screen reader hears a table's
 * caption and a plot's `told`: what the plot shows, in words. */
#ifndef SNN_CLI_REPORT_PARTS_H
#define SNN_CLI_REPORT_PARTS_H

#include <stdint.h>
#include <stdio.h>

#include "io/cli/report/svg.h"

/* Of a plot, in pixels of its own: a phone shows them a little smaller, a laptop a little larger. */
enum { SNN_REPORT_PLOT_WIDTH = 460, SNN_REPORT_PLOT_HEIGHT = 290 };

enum { SNN_REPORT_COLOURS = 8 };

/* The style of the `i`-th of several curves: colours repeat after eight, dashes tell them apart in grey. */
snn_svg_style snn_report_style_of(int32_t i, const char *name);

extern const char snn_report_css[];

/* `level` 1 to 6. */
void snn_report_heading(FILE *file, int level, const char *text);

/* An element with a text. */
void snn_report_put(FILE *file, const char *tag, const char *text);

/* The part of a path after its last '/'. */
const char *snn_report_base_name(const char *path);

/* "2.31 s", "4.92 ms". */
void snn_report_format_seconds(double seconds, char *text, size_t bytes);

/* A table up to and with its caption; `name` is an identifier that the page has once. */
void snn_report_table_begin(FILE *file, const char *name, int32_t run, const char *caption);
void snn_report_table_end(FILE *file);

/* A figure up to its first curve. `height` 0: the usual one. The panel is NULL where there are no axes. */
void snn_report_plot_begin(FILE *file, const char *caption, const char *told, int32_t height,
                           const snn_svg_panel *panel);
/* Its end, with what its `count` curves are, and a note, or NULL. */
void snn_report_plot_end(FILE *file, const snn_svg_style *styles, int32_t count, const char *note);

/* Axes that fill a plot of the usual size; y begins with 0. */
snn_svg_panel snn_report_panel(const char *x_label, const char *y_label, double x_low, double x_high, double y_high);

/* A bar of several lengths one after the other, in a plot of `rows` bars; `longest` fills the width. */
int32_t snn_report_bars_height(int32_t rows);
void snn_report_bar(FILE *file, int32_t row, const char *name, const double *lengths, int32_t count, double longest,
                    const snn_svg_style *styles, const char *end);

#endif
