#include "io/lab/approx/approx_output.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "io/hdf5/hdf5_helpers.h"
#include "io/hdf5/sealed.h"

snn_status snn_approx_output_begin(const char *path, int32_t timesteps, snn_approx_output *output)
{
    (void)snprintf(output->path, sizeof output->path, "%s", path);
    SNN_TRY(snn_sealed_temporary(path, output->temporary));
    SNN_TRY(snn_sealed_create(output->temporary, &output->file));
    snn_status status = snn_hdf5_write_vector(output->file, "steps", H5T_NATIVE_INT32,
                                              snn_approx_report_count(timesteps), snn_approx_reports);
    if (!snn_failed(status)) {
        status = snn_hdf5_write_vector(output->file, "lengths", H5T_NATIVE_INT32, snn_approx_length_count(timesteps),
                                       snn_approx_lengths);
    }
    if (snn_failed(status)) {
        snn_approx_output_abandon(output);
    }
    return status;
}

/* y after the steps that are reported, [reports][points]. */
static snn_status write_y(hid_t group, const snn_approx_curve *curve, int32_t timesteps)
{
    const int32_t count = snn_approx_report_count(timesteps);
    const int64_t dims[] = {count, SNN_APPROX_POINTS};
    float *y = snn_allocate((size_t)count, SNN_APPROX_POINTS * sizeof *y);
    if (y == NULL) {
        return snn_out_of_memory("y");
    }
    for (int32_t i = 0; i < count; i++) {
        const float *after = curve->y + (size_t)(snn_approx_reports[i] - 1) * SNN_APPROX_POINTS;
        memcpy(y + (size_t)i * SNN_APPROX_POINTS, after, SNN_APPROX_POINTS * sizeof *y);
    }
    snn_status status = snn_hdf5_write_array(group, "y", H5T_NATIVE_FLOAT, 2, dims, y);
    snn_release(y);
    return status;
}

static snn_status write_curve(hid_t parent, const char *name, const snn_approx_curve *curve, int32_t timesteps)
{
    hid_t group;
    SNN_TRY(snn_hdf5_create_group(parent, name, &group));
    snn_status status;
    SNN_GOTO_DONE(status, write_y(group, curve, timesteps));
    SNN_GOTO_DONE(status, snn_hdf5_write_vector(group, "mean_error", H5T_NATIVE_DOUBLE, timesteps, curve->mean));
    SNN_GOTO_DONE(status, snn_hdf5_write_vector(group, "maximum_error", H5T_NATIVE_DOUBLE, timesteps, curve->maximum));
done:
    snn_hdf5_close(group);
    return status;
}

static snn_status write_schedule(hid_t parent, const snn_approx_result *result, int32_t schedule)
{
    hid_t group;
    SNN_TRY(snn_hdf5_create_group(parent, snn_approx_schedules[schedule].name, &group));
    snn_status status = snn_hdf5_write_text_attribute(group, "eta", snn_approx_schedules[schedule].formula);
    for (int32_t i = 0; i < SNN_APPROX_INPUT_KINDS && !snn_failed(status); i++) {
        status = write_curve(group, snn_approx_input_names[i], &result->curves[schedule][i], result->timesteps);
    }
    snn_hdf5_close(group);
    return status;
}

static snn_status fill_windows(hid_t group, const snn_approx_window_curve *curve, int32_t count)
{
    const int64_t dims[] = {count, SNN_APPROX_POINTS};
    double ratio[SNN_APPROX_LENGTHS], margin[SNN_APPROX_LENGTHS];
    int32_t delay[SNN_APPROX_LENGTHS];
    for (int32_t i = 0; i < count; i++) {
        ratio[i] = curve->windows[i].ratio;
        margin[i] = curve->windows[i].margin;
        delay[i] = curve->windows[i].delay;
    }
    SNN_TRY(snn_hdf5_write_array(group, "y", H5T_NATIVE_FLOAT, 2, dims, curve->y));
    SNN_TRY(snn_hdf5_write_vector(group, "mean_error", H5T_NATIVE_DOUBLE, count, curve->mean));
    SNN_TRY(snn_hdf5_write_vector(group, "maximum_error", H5T_NATIVE_DOUBLE, count, curve->maximum));
    SNN_TRY(snn_hdf5_write_vector(group, "last_step", H5T_NATIVE_DOUBLE, count, curve->last_step));
    SNN_TRY(snn_hdf5_write_vector(group, "ratio", H5T_NATIVE_DOUBLE, count, ratio));
    SNN_TRY(snn_hdf5_write_vector(group, "margin", H5T_NATIVE_DOUBLE, count, margin));
    return snn_hdf5_write_vector(group, "delay", H5T_NATIVE_INT32, count, delay);
}

static snn_status write_windows(hid_t parent, const snn_approx_result *result, snn_approx_window_kind kind)
{
    hid_t group;
    SNN_TRY(snn_hdf5_create_group(parent, snn_approx_window_names[kind], &group));
    snn_status status = snn_hdf5_write_text_attribute(group, "windows", snn_approx_window_formulas[kind]);
    for (int input = 0; input < SNN_APPROX_INPUT_KINDS && !snn_failed(status); input++) {
        hid_t inner;
        if (snn_approx_window_applies(kind, (snn_approx_input)input)) {
            SNN_GOTO_DONE(status, snn_hdf5_create_group(group, snn_approx_input_names[input], &inner));
            status = fill_windows(inner, &result->windows[kind][input], snn_approx_length_count(result->timesteps));
            snn_hdf5_close(inner);
        }
    }
done:
    snn_hdf5_close(group);
    return status;
}

static snn_status write_function(hid_t group, const snn_approx_result *result)
{
    const snn_approx_function *function = result->function;
    SNN_TRY(snn_hdf5_write_text_attribute(group, "formula", function->formula));
    SNN_TRY(snn_hdf5_write_attribute(group, "alpha", H5T_NATIVE_FLOAT, 0, &function->alpha));
    SNN_TRY(snn_hdf5_write_attribute(group, "beta", H5T_NATIVE_FLOAT, 0, &function->beta));
    SNN_TRY(snn_hdf5_write_attribute(group, "scale", H5T_NATIVE_FLOAT, 0, &result->scale));
    SNN_TRY(snn_hdf5_write_vector(group, "x", H5T_NATIVE_FLOAT, SNN_APPROX_POINTS, result->x));
    SNN_TRY(snn_hdf5_write_vector(group, "target", H5T_NATIVE_DOUBLE, SNN_APPROX_POINTS, result->target));
    for (int32_t schedule = 0; schedule < SNN_APPROX_SCHEDULES; schedule++) {
        SNN_TRY(write_schedule(group, result, schedule));
    }
    for (int kind = 0; kind < SNN_APPROX_WINDOW_KINDS; kind++) {
        SNN_TRY(write_windows(group, result, (snn_approx_window_kind)kind));
    }
    return snn_ok();
}

snn_status snn_approx_output_add(snn_approx_output *output, const snn_approx_result *result)
{
    hid_t group;
    SNN_TRY(snn_hdf5_create_group(output->file, snn_approx_function_name(result->function), &group));
    snn_status status = write_function(group, result);
    snn_hdf5_close(group);
    return status;
}

snn_status snn_approx_output_finish(snn_approx_output *output)
{
    snn_status status = snn_hdf5_close_file(output->file);
    output->file = H5I_INVALID_HID;
    if (!snn_failed(status)) {
        status = snn_sealed_finish(output->temporary, output->path, SNN_FILE_OUTPUT, NULL);
    }
    if (snn_failed(status)) {
        (void)unlink(output->temporary);
    }
    return status;
}

void snn_approx_output_abandon(snn_approx_output *output)
{
    if (output->file >= 0) {
        snn_hdf5_close(output->file);
        (void)unlink(output->temporary);
    }
    output->file = H5I_INVALID_HID;
}
