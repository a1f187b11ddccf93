#include "io/lab/approx/approx_svg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/cli/report/svg.h"
#include "io/whole_file.h"

enum { WIDTH = 980, HEIGHT = 940, SHOWN = 3, SHOWN_LENGTH = 8, POINTS = SNN_APPROX_POINTS };
enum { CURVES = SNN_APPROX_SCHEDULES + SNN_APPROX_WINDOW_KINDS };

static const int32_t shown_steps[SHOWN] = {8, 32, 128};
static const snn_svg_style shown_styles[SHOWN + 1] = {
    {"y at T = 8", "#9ecae1", 1.4, NULL},
    {"T = 32", "#3182bd", 1.4, NULL},
    {"T = 128", "#08306b", 1.4, NULL},
    {"f(x) / scale", "#f4a582", 4.5, NULL},
};
static const snn_svg_style shown_window = {"window of 8", "#e31a1c", 1.4, NULL};
static const char *const window_colours[SNN_APPROX_WINDOW_KINDS] = {"#e31a1c", "#222222", "#e6ab02"};
static const char *const schedule_colours[SNN_APPROX_SCHEDULES] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7"};
static const char *const titles[SNN_APPROX_INPUT_KINDS] = {"x from the first step", "x arrives as a spike train"};

/* The columns are the kinds of input, the rows y, its error over x, its error over time. */
static snn_svg_panel panel_at(int32_t column, double top, double height)
{
    return (snn_svg_panel){.left = 75.0 + 480.0 * column, .top = top, .width = 395.0, .height = height};
}

static void value_range(const snn_approx_result *result, double *low, double *high)
{
    *low = 0.0;
    *high = 0.0;
    for (int32_t i = 0; i < POINTS; i++) {
        *low = fmin(*low, result->target[i]);
        *high = fmax(*high, result->target[i]);
    }
    const double margin = 0.12 * (*high - *low);
    *low -= margin;
    *high += margin;
}

static snn_svg_panel value_panel(const snn_approx_result *result, int32_t column)
{
    snn_svg_panel panel = panel_at(column, 118.0, 250.0);
    panel.x_low = (double)result->function->low;
    panel.x_high = (double)result->function->high;
    value_range(result, &panel.y_low, &panel.y_high);
    panel.title = titles[column];
    panel.x_label = "x";
    panel.y_label = "f(x) / scale and y";
    return panel;
}

static snn_svg_panel error_panel(const snn_approx_result *result, int32_t column)
{
    snn_svg_panel panel = panel_at(column, 430.0, 170.0);
    panel.x_low = (double)result->function->low;
    panel.x_high = (double)result->function->high;
    panel.y_low = 1e-5;
    panel.y_high = 1.0;
    panel.y_logarithmic = true;
    panel.title = "";
    panel.x_label = "x";
    panel.y_label = "|y - f(x) / scale|";
    return panel;
}

static snn_svg_panel time_panel(const snn_approx_result *result, int32_t column)
{
    snn_svg_panel panel = panel_at(column, 715.0, 170.0);
    panel.x_low = 1.0;
    panel.x_high = (double)result->timesteps;
    panel.y_low = 1e-5;
    panel.y_high = 1.0;
    panel.y_logarithmic = true;
    panel.title = titles[column];
    panel.x_label = "T, spikes of a neuron";
    panel.y_label = "mean error over x";
    return panel;
}

static int32_t shown_count(const snn_approx_result *result)
{
    int32_t count = 0;
    while (count < SHOWN && shown_steps[count] <= result->timesteps) {
        count++;
    }
    return count;
}

static void draw_value(FILE *file, const snn_approx_result *result, int32_t column, const snn_svg_style *style,
                       const float *after)
{
    const snn_svg_panel values = value_panel(result, column), errors = error_panel(result, column);
    double x[POINTS], y[POINTS], error[POINTS];
    for (int32_t i = 0; i < POINTS; i++) {
        x[i] = (double)result->x[i];
        y[i] = (double)after[i];
        error[i] = fabs(y[i] - result->target[i]);
    }
    snn_svg_curve(file, &values, style, POINTS, x, y);
    snn_svg_curve(file, &errors, style, POINTS, x, error);
}

/* f, and y after some steps, of the first schedule and of a window; the error of the same below. */
static void draw_values(FILE *file, const snn_approx_result *result, int32_t column)
{
    const snn_svg_panel values = value_panel(result, column), errors = error_panel(result, column);
    const snn_approx_curve *curve = &result->curves[0][column];
    double x[POINTS];
    for (int32_t i = 0; i < POINTS; i++) {
        x[i] = (double)result->x[i];
    }
    snn_svg_axes(file, &values);
    snn_svg_axes(file, &errors);
    snn_svg_curve(file, &values, &shown_styles[SHOWN], POINTS, x, result->target);
    for (int32_t shown = 0; shown < shown_count(result); shown++) {
        draw_value(file, result, column, &shown_styles[shown], curve->y + (size_t)(shown_steps[shown] - 1) * POINTS);
    }
    if (SHOWN_LENGTH <= result->timesteps) {
        draw_value(file, result, column, &shown_window,
                   result->windows[SNN_APPROX_WINDOW_HALVING][column].y[snn_approx_length_of(SHOWN_LENGTH)]);
    }
}

static snn_svg_style schedule_style(int32_t schedule)
{
    return (snn_svg_style){snn_approx_schedules[schedule].name, schedule_colours[schedule], 1.6, NULL};
}

static snn_svg_style window_style(int kind)
{
    return (snn_svg_style){snn_approx_window_names[kind], window_colours[kind], 2.0, NULL};
}

static void draw_lengths(FILE *file, const snn_approx_result *result, int32_t column)
{
    const snn_svg_panel panel = time_panel(result, column);
    const int32_t count = snn_approx_length_count(result->timesteps);
    double lengths[SNN_APPROX_LENGTHS];
    for (int32_t i = 0; i < count; i++) {
        lengths[i] = snn_approx_lengths[i];
    }
    for (int kind = 0; kind < SNN_APPROX_WINDOW_KINDS; kind++) {
        if (snn_approx_window_applies((snn_approx_window_kind)kind, (snn_approx_input)column)) {
            const snn_svg_style style = window_style(kind);
            snn_svg_curve(file, &panel, &style, count, lengths, result->windows[kind][column].mean);
        }
    }
}

static void draw_times(FILE *file, const snn_approx_result *result, int32_t column, const double *times)
{
    const snn_svg_panel panel = time_panel(result, column);
    snn_svg_axes(file, &panel);
    for (int32_t s = 0; s < SNN_APPROX_SCHEDULES; s++) {
        const snn_svg_style style = schedule_style(s);
        snn_svg_curve(file, &panel, &style, result->timesteps, times, result->curves[s][column].mean);
    }
}

static void draw_legends(FILE *file, const snn_approx_result *result)
{
    snn_svg_style styles[CURVES];
    int32_t count = 1 + shown_count(result);
    const double left = value_panel(result, 0).left;
    char text[160];
    (void)snprintf(text, sizeof text, "%s: %s", snn_approx_function_name(result->function), result->function->formula);
    snn_svg_text(file, left, 34.0, 18.0, SNN_SVG_START, text);
    (void)snprintf(text, sizeof text, "scale %.4g; y and its error with the %s schedule, eta(t) = %s",
                   (double)result->scale, snn_approx_schedules[0].name, snn_approx_schedules[0].formula);
    snn_svg_text(file, left, 56.0, 12.0, SNN_SVG_START, text);
    memcpy(styles, &shown_styles[SHOWN], sizeof styles[0]);
    memcpy(styles + 1, shown_styles, (size_t)shown_count(result) * sizeof styles[0]);
    if (SHOWN_LENGTH <= result->timesteps) {
        styles[count++] = shown_window;
    }
    snn_svg_legend(file, left, 80.0, styles, count);
    for (int32_t s = 0; s < SNN_APPROX_SCHEDULES; s++) {
        styles[s] = schedule_style(s);
    }
    for (int kind = 0; kind < SNN_APPROX_WINDOW_KINDS; kind++) {
        styles[SNN_APPROX_SCHEDULES + kind] = window_style(kind);
    }
    snn_svg_legend(file, left, 674.0, styles, CURVES);
}

static snn_status draw(FILE *file, const snn_approx_result *result)
{
    char title[80];
    double *times = snn_allocate((size_t)result->timesteps, sizeof *times);
    if (times == NULL) {
        return snn_out_of_memory("picture");
    }
    for (int32_t t = 0; t < result->timesteps; t++) {
        times[t] = t + 1;
    }
    (void)snprintf(title, sizeof title, "Approximation of %s by a signGD neuron",
                   snn_approx_function_name(result->function));
    snn_svg_begin(file, WIDTH, HEIGHT, title);
    draw_legends(file, result);
    for (int32_t column = 0; column < SNN_APPROX_INPUT_KINDS; column++) {
        draw_values(file, result, column);
        draw_times(file, result, column, times);
        draw_lengths(file, result, column);
    }
    snn_svg_end(file);
    snn_release(times);
    return snn_ok();
}

snn_status snn_approx_svg_write(const char *path, const snn_approx_result *result)
{
    snn_whole_file file;
    SNN_TRY(snn_whole_file_create(path, &file));
    return snn_whole_file_finish(&file, draw(file.stream, result));
}
