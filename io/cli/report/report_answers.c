#include "io/cli/report/report_answers.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "io/cli/report/report_parts.h"

/* With more classes than MOST_CLASSES a page shows those that differ the most, and all of them as one curve. */
enum { MOST_CLASSES = 32, ROWS_SHOWN = 12, NAME_SHOWN = 11 };

static const char *name_of(const snn_report_classes *classes, int32_t index, char *number, size_t size)
{
    (void)snprintf(number, size, "%d", index);
    return classes->classes[index].name != NULL ? classes->classes[index].name : number;
}

static double per_cent(int64_t part, int64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0.0;
}

static int64_t gain_of(const snn_report_class *of)
{
    return of->correct - of->trained_correct;
}

/* ---- per class ---- */

static void put_class_row(FILE *file, const snn_report_classes *classes, int32_t index)
{
    char number[16];
    const snn_report_class *of = &classes->classes[index];
    fputs("<tr>", file);
    snn_report_put(file, "th scope=\"row\" class=\"name\"", name_of(classes, index, number, sizeof number));
    fprintf(file, "<td>%" PRId64 "</td><td>%.1f</td>", of->images, per_cent(of->correct, of->images));
    if (classes->trained) {
        const int64_t gain = gain_of(of);
        fprintf(file, "<td>%.1f</td><td>%s%" PRId64 "</td>", per_cent(of->trained_correct, of->images),
                gain < 0   ? "&minus;"
                : gain > 0 ? "+"
                           : "",
                gain < 0 ? -gain : gain);
    }
    fputs("</tr>\n", file);
}

static void begin_class_table(FILE *file, const snn_report_classes *classes, int32_t run, const char *caption)
{
    snn_report_table_begin(file, "classes", run, caption);
    fputs("<thead><tr><th scope=\"col\">class</th><th scope=\"col\">images</th><th scope=\"col\">spiking, %</th>",
          file);
    fputs(classes->trained
              ? "<th scope=\"col\">trained, %</th><th scope=\"col\">images won</th></tr></thead>\n<tbody>\n"
              : "</tr></thead>\n<tbody>\n",
          file);
}

/* Names as far as they fit beside a plot, in whole characters of UTF-8. */
static void shorten(const char *name, char *text, size_t size)
{
    size_t at = 0;
    int characters = 0;
    for (; name[at] != '\0' && at + 5 < size; at++) {
        if (((unsigned char)name[at] & 0xC0U) != 0x80U && characters++ == NAME_SHOWN) {
            break;
        }
        text[at] = name[at];
    }
    (void)snprintf(text + at, size - at, "%s", name[at] != '\0' ? "\u2026" : "");
}

/* A line a class: an empty circle for the trained network, a full one for the spiking one. */
static void put_class_plot(FILE *file, const snn_report_classes *classes)
{
    enum { LEFT = 112, RIGHT = 24, PITCH = 20, TOP = 10, BOTTOM = 44 };
    const snn_svg_style styles[2] = {snn_report_style_of(0, "spiking"), snn_report_style_of(1, "trained")};
    double least = 100.0;
    int32_t rows = 0;
    for (int32_t i = 0; i < classes->count; i++) {
        const snn_report_class *of = &classes->classes[i];
        if (of->images > 0) {
            least = fmin(least, per_cent(of->correct, of->images));
            least = classes->trained ? fmin(least, per_cent(of->trained_correct, of->images)) : least;
            rows++;
        }
    }
    snn_svg_panel panel = snn_report_panel("per cent of the class's images", NULL, 0.0, 100.0, 1.0);
    panel.left = LEFT;
    panel.width = SNN_REPORT_PLOT_WIDTH - LEFT - RIGHT;
    panel.height = PITCH * rows;
    panel.x_low = fmax(0.0, 10.0 * floor(least / 10.0 - 0.5));
    snn_report_plot_begin(file, "Accuracy of the classes", "Accuracy of each class; its numbers are in the table",
                          PITCH * rows + TOP + BOTTOM, &panel);
    for (int32_t i = 0, row = 0; i < classes->count; i++) {
        const snn_report_class *of = &classes->classes[i];
        char number[16], name[64];
        if (of->images == 0) {
            continue;
        }
        const double y = panel.top + PITCH * (row++ + 0.5), scale = panel.width / (panel.x_high - panel.x_low);
        const double spiking = panel.left + scale * (per_cent(of->correct, of->images) - panel.x_low);
        const double trained = panel.left + scale * (per_cent(of->trained_correct, of->images) - panel.x_low);
        shorten(name_of(classes, i, number, sizeof number), name, sizeof name);
        snn_svg_text(file, LEFT - 8.0, y + 4.0, 12.0, SNN_SVG_END, name);
        if (classes->trained) {
            fprintf(file,
                    "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"3\"/>\n"
                    "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"6\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n",
                    spiking, y, trained, y, spiking < trained ? styles[1].colour : styles[0].colour, trained, y,
                    styles[1].colour);
        }
        fprintf(file, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>\n", spiking, y, styles[0].colour);
    }
    snn_report_plot_end(file, styles, 0,
                        classes->trained ? "A full circle is the spiking network, a ring around it the trained one."
                                         : "Of the spiking network.");
}

static void put_few_classes(FILE *file, const snn_report_classes *classes, int32_t run)
{
    begin_class_table(file, classes, run, "Classes");
    for (int32_t i = 0; i < classes->count; i++) {
        if (classes->classes[i].images > 0) {
            put_class_row(file, classes, i);
        }
    }
    fputs("</tbody>\n", file);
    snn_report_table_end(file);
}

static int by_value(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Classes in the order of their accuracy, of each network for itself: a thousand points are one curve. */
static void put_sorted_curve(FILE *file, const snn_report_classes *classes, const snn_svg_panel *panel, bool trained,
                             const snn_svg_style *style, double *x, double *y)
{
    int32_t count = 0;
    for (int32_t i = 0; i < classes->count; i++) {
        const snn_report_class *of = &classes->classes[i];
        if (of->images > 0) {
            x[count] = count + 1.0;
            y[count++] = per_cent(trained ? of->trained_correct : of->correct, of->images);
        }
    }
    qsort(y, (size_t)count, sizeof *y, by_value);
    snn_svg_curve(file, panel, style, count, x, y);
}

static int64_t by_how_much(const snn_report_class *of)
{
    return llabs(gain_of(of));
}

/* The classes whose number of right answers differs the most, those with larger differences first. */
static void put_changed_classes(FILE *file, const snn_report_classes *classes, int32_t run)
{
    int64_t most = 0;
    int32_t changed = 0, shown = 0;
    for (int32_t i = 0; i < classes->count; i++) {
        const int64_t difference = by_how_much(&classes->classes[i]);
        most = difference > most ? difference : most;
        changed += difference > 0;
    }
    if (changed == 0) {
        fputs("<p>Every class has as many right answers as in the trained network.</p>\n", file);
        return;
    }
    begin_class_table(file, classes, run, "Classes that differ the most from the trained network");
    for (int64_t difference = most; difference > 0 && shown < ROWS_SHOWN; difference--) {
        for (int32_t i = 0; i < classes->count && shown < ROWS_SHOWN; i++) {
            if (by_how_much(&classes->classes[i]) == difference) {
                put_class_row(file, classes, i);
                shown++;
            }
        }
    }
    fputs("</tbody>\n", file);
    snn_report_table_end(file);
    if (shown < changed) {
        fprintf(file, "<p class=\"note\">%d of %d classes with a difference.</p>\n", shown, changed);
    }
}

static void put_sorted_plot(FILE *file, const snn_report_classes *classes, int32_t seen, double *x, double *y)
{
    const snn_svg_style styles[2] = {snn_report_style_of(0, "spiking network"),
                                     snn_report_style_of(1, "trained network")};
    const snn_svg_panel panel =
        snn_report_panel("classes, the worst first", "per cent of the class's images", 1.0, seen, 100.0);
    snn_report_plot_begin(file, "Accuracy of the classes, sorted",
                          "Accuracy of the classes, each network's in its own order from the worst to the best", 0,
                          &panel);
    for (int which = 0; which < (classes->trained ? 2 : 1); which++) {
        put_sorted_curve(file, classes, &panel, which == 1, &styles[which], x, y);
    }
    snn_report_plot_end(file, styles, classes->trained ? 2 : 1, "Each network's classes in its own order.");
}

/* ---- confusions ---- */

static void put_confusions(FILE *file, const snn_report_classes *classes, int32_t run)
{
    const int64_t shown = classes->confusion_count < ROWS_SHOWN ? classes->confusion_count : ROWS_SHOWN;
    if (shown == 0) {
        fputs("<p>No class is taken for another more often, or less often, than by the trained network.</p>\n", file);
        return;
    }
    snn_report_table_begin(file, "confusions", run, "Confusions whose number differs from the trained network's");
    fputs("<thead><tr><th scope=\"col\">class</th><th scope=\"col\">taken for</th><th scope=\"col\">spiking</th>"
          "<th scope=\"col\">trained</th></tr></thead>\n<tbody>\n",
          file);
    for (int64_t i = 0; i < shown; i++) {
        const snn_report_confusion *of = &classes->confusions[i];
        char number[16];
        fputs("<tr>", file);
        snn_report_put(file, "th scope=\"row\" class=\"name\"", name_of(classes, of->label, number, sizeof number));
        snn_report_put(file, "td class=\"name\"", name_of(classes, of->answer, number, sizeof number));
        fprintf(file, "<td>%" PRId64 "</td><td>%" PRId64 "</td></tr>\n", of->spiking, of->trained);
    }
    fputs("</tbody>\n", file);
    snn_report_table_end(file);
    if (shown < classes->confusion_count) {
        fprintf(file, "<p class=\"note\">The %" PRId64 " largest differences of %" PRId64 ".</p>\n", shown,
                classes->confusion_count);
    }
}

static int32_t classes_seen(const snn_report_classes *classes)
{
    int32_t seen = 0;
    for (int32_t i = 0; i < classes->count; i++) {
        seen += classes->classes[i].images > 0;
    }
    return seen;
}

void snn_report_put_class_plot(FILE *file, const snn_report_classes *classes, double *x, double *y)
{
    const int32_t seen = classes_seen(classes);
    if (seen <= MOST_CLASSES) {
        put_class_plot(file, classes);
    } else {
        put_sorted_plot(file, classes, seen, x, y);
    }
}

void snn_report_put_class_tables(FILE *file, const snn_report_classes *classes, int32_t run)
{
    const int32_t seen = classes_seen(classes);
    if (seen < classes->count) {
        fprintf(file, "<p>%d of %d classes have images in this test set.</p>\n", seen, classes->count);
    }
    fputs("<div class=\"plots\">\n<div>\n", file);
    if (seen <= MOST_CLASSES) {
        put_few_classes(file, classes, run);
    } else if (classes->trained) {
        put_changed_classes(file, classes, run);
    }
    fputs("</div>\n<div>\n", file);
    if (classes->trained) {
        put_confusions(file, classes, run);
    }
    fputs("</div>\n</div>\n", file);
}
