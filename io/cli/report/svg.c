#include "io/cli/report/svg.h"

#include <math.h>
#include <string.h>

static const char TEXT_COLOUR[] = "#222222", GRID_COLOUR[] = "#e4e4e4", FRAME_COLOUR[] = "#888888";
static const double TICK_SIZE = 11.0, LABEL_SIZE = 12.0; /* of text, pixels */

enum { TICKS = 6 }; /* about as many to an axis */

void snn_svg_put_escaped(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", file);
            break;
        case '>':
            fputs("&gt;", file);
            break;
        case '&':
            fputs("&amp;", file);
            break;
        default:
            fputc(*text, file);
            break;
        }
    }
}

void snn_svg_begin(FILE *file, int32_t width, int32_t height, const char *title)
{
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
            "font-family=\"DejaVu Sans, Helvetica, Arial, sans-serif\">\n<title>",
            width, height, width, height);
    snn_svg_put_escaped(file, title);
    fprintf(file, "</title>\n<rect class=\"paper\" width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", width, height);
}

void snn_svg_end(FILE *file)
{
    fputs("</svg>\n", file);
}

void snn_svg_text(FILE *file, double x, double y, double size, snn_svg_anchor anchor, const char *text)
{
    static const char *const anchors[] = {"start", "middle", "end"};
    fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%.0f\" text-anchor=\"%s\" fill=\"%s\">", x, y, size,
            anchors[anchor], TEXT_COLOUR);
    snn_svg_put_escaped(file, text);
    fputs("</text>\n", file);
}

static double clamp(double value, double low, double high)
{
    return fmin(fmax(value, low), high);
}

static double pixel_x(const snn_svg_panel *panel, double x)
{
    return panel->left + panel->width * (x - panel->x_low) / (panel->x_high - panel->x_low);
}

static double pixel_y(const snn_svg_panel *panel, double y)
{
    double share = (y - panel->y_low) / (panel->y_high - panel->y_low);
    if (panel->y_logarithmic) {
        share = log10(fmax(y, panel->y_low) / panel->y_low) / log10(panel->y_high / panel->y_low);
    }
    return panel->top + panel->height * (1.0 - share);
}

static void put_line(FILE *file, double x1, double y1, double x2, double y2)
{
    fprintf(file, "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n", x1, y1, x2,
            y2, GRID_COLOUR);
}

/* 1, 2 or 5 times a power of ten. */
static double tick_distance(double low, double high)
{
    const double rough = (high - low) / TICKS;
    const double power = pow(10.0, floor(log10(rough)));
    const double part = rough / power;
    return power * (part < 1.5 ? 1.0 : part < 3.5 ? 2.0 : part < 7.5 ? 5.0 : 10.0);
}

static void put_x_tick(FILE *file, const snn_svg_panel *panel, double x)
{
    char text[32];
    const double at = pixel_x(panel, x), bottom = panel->top + panel->height;
    (void)snprintf(text, sizeof text, "%g", x + 0.0); /* no "-0" */
    put_line(file, at, panel->top, at, bottom);
    snn_svg_text(file, at, bottom + TICK_SIZE + 6.0, TICK_SIZE, SNN_SVG_MIDDLE, text);
}

static void put_y_tick(FILE *file, const snn_svg_panel *panel, double y)
{
    char text[32];
    const double at = pixel_y(panel, y);
    (void)snprintf(text, sizeof text, "%g", y + 0.0); /* no "-0" */
    put_line(file, panel->left, at, panel->left + panel->width, at);
    snn_svg_text(file, panel->left - 5.0, at + TICK_SIZE / 3.0, TICK_SIZE, SNN_SVG_END, text);
}

/* Multiples of the distance within [low, high]; rounding of the edges does not lose the last one. */
static void put_ticks(FILE *file, const snn_svg_panel *panel, double low, double high,
                      void (*put)(FILE *, const snn_svg_panel *, double))
{
    const double distance = tick_distance(low, high);
    const double first = ceil(low / distance - 1e-6), last = floor(high / distance + 1e-6);
    for (double tick = first; tick <= last; tick += 1.0) {
        put(file, panel, tick * distance);
    }
}

static void put_decades(FILE *file, const snn_svg_panel *panel)
{
    const double first = round(log10(panel->y_low)), last = round(log10(panel->y_high));
    for (double power = first; power <= last; power += 1.0) {
        put_y_tick(file, panel, pow(10.0, power));
    }
}

void snn_svg_axes(FILE *file, const snn_svg_panel *panel)
{
    const double middle = panel->left + panel->width / 2.0, bottom = panel->top + panel->height;
    put_ticks(file, panel, panel->x_low, panel->x_high, put_x_tick);
    if (panel->y_logarithmic) {
        put_decades(file, panel);
    } else if (panel->y_label != NULL) {
        put_ticks(file, panel, panel->y_low, panel->y_high, put_y_tick);
    }
    fprintf(
        file,
        "<rect class=\"frame\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" stroke=\"%s\"/>\n",
        panel->left, panel->top, panel->width, panel->height, FRAME_COLOUR);
    snn_svg_text(file, middle, bottom + TICK_SIZE + LABEL_SIZE + 11.0, LABEL_SIZE, SNN_SVG_MIDDLE, panel->x_label);
    if (panel->title != NULL) {
        snn_svg_text(file, middle, panel->top - 7.0, LABEL_SIZE, SNN_SVG_MIDDLE, panel->title);
    }
    if (panel->y_label == NULL) {
        return;
    }
    fprintf(file, "<g transform=\"translate(%.1f %.1f) rotate(-90)\">", panel->left - 60.0,
            panel->top + panel->height / 2.0);
    snn_svg_text(file, 0.0, 0.0, LABEL_SIZE, SNN_SVG_MIDDLE, panel->y_label);
    fputs("</g>\n", file);
}

static void put_stroke(FILE *file, const snn_svg_style *style)
{
    fprintf(file, " stroke=\"%s\" stroke-width=\"%.1f\"", style->colour, style->width);
    if (style->dash != NULL) {
        fprintf(file, " stroke-dasharray=\"%s\"", style->dash);
    }
}

void snn_svg_curve(FILE *file, const snn_svg_panel *panel, const snn_svg_style *style, int32_t count, const double *x,
                   const double *y)
{
    fputs("<polyline fill=\"none\"", file);
    put_stroke(file, style);
    fputs(" stroke-linejoin=\"round\" points=\"", file);
    for (int32_t i = 0; i < count; i++) {
        const double inside_x = clamp(x[i], panel->x_low, panel->x_high);
        const double inside_y = clamp(y[i], panel->y_low, panel->y_high);
        fprintf(file, "%s%.1f,%.1f", i > 0 ? " " : "", pixel_x(panel, inside_x), pixel_y(panel, inside_y));
    }
    fputs("\"/>\n", file);
}

static void put_sample(FILE *file, const snn_svg_style *style, double left, double right, double y)
{
    fprintf(file, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"", left, y, right, y);
    put_stroke(file, style);
    fputs("/>\n", file);
}

void snn_svg_sample(FILE *file, const snn_svg_style *style, double length, double y)
{
    put_sample(file, style, 0.0, length, y);
}

void snn_svg_legend(FILE *file, double left, double top, const snn_svg_style *styles, int32_t count)
{
    const double sample = 26.0, character = 0.62 * LABEL_SIZE; /* pixels; a character's width is a guess */
    for (int32_t i = 0; i < count; i++) {
        put_sample(file, &styles[i], left, left + sample, top);
        snn_svg_text(file, left + sample + 6.0, top + LABEL_SIZE / 3.0, LABEL_SIZE, SNN_SVG_START, styles[i].name);
        left += sample + 30.0 + character * (double)strlen(styles[i].name);
    }
}
