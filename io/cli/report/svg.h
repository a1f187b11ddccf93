/* Line plots as SVG: panels with axes, curves and legends. Nothing here fails; the caller asks ferror(file) in the end.
 */
#ifndef SNN_CLI_SVG_H
#define SNN_CLI_SVG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A plot's frame in pixels, and the values at its edges. */
typedef struct snn_svg_panel {
    double left, top, width, height;
    double x_low, x_high, y_low, y_high;
    bool y_logarithmic;                    /* y_low and y_high are powers of ten */
    const char *title, *x_label, *y_label; /* title: NULL for none; y_label: NULL for a plot of rows */
} snn_svg_panel;

typedef struct snn_svg_style {
    const char *name; /* in the legend */
    const char *colour;
    double width;     /* pixels */
    const char *dash; /* lengths of strokes and gaps in pixels; NULL: none */
} snn_svg_style;

typedef enum snn_svg_anchor { SNN_SVG_START, SNN_SVG_MIDDLE, SNN_SVG_END } snn_svg_anchor;

/* A picture with a white ground; `title` is what a screen reader says of it. In a page its style may give other colours
 * to texts and to the classes "paper", "grid" and "frame". */
void snn_svg_begin(FILE *file, int32_t width, int32_t height, const char *title);
void snn_svg_end(FILE *file);

/* For text between tags, here and in HTML. */
void snn_svg_put_escaped(FILE *file, const char *text);

void snn_svg_text(FILE *file, double x, double y, double size, snn_svg_anchor anchor, const char *text);

/* Frame, grid, ticks and labels. */
void snn_svg_axes(FILE *file, const snn_svg_panel *panel);

/* A line through (x[i], y[i]), [count]; what lies outside the panel is drawn at its edge. */
void snn_svg_curve(FILE *file, const snn_svg_panel *panel, const snn_svg_style *style, int32_t count, const double *x,
                   const double *y);

/* A stroke of a curve, `length` pixels from the left edge. */
void snn_svg_sample(FILE *file, const snn_svg_style *style, double length, double y);

/* One row of samples with their names. */
void snn_svg_legend(FILE *file, double left, double top, const snn_svg_style *styles, int32_t count);

#endif
