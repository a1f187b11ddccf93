#include "io/lab/bench/onednn.h"

#include <dnnl.h>
#include <omp.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/timers.h"

enum { MOST_ARGUMENTS = 4 };

struct snn_onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_attr_t attributes;
    dnnl_post_ops_t post_operations;
    dnnl_primitive_desc_t description;
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t arguments[MOST_ARGUMENTS];
    int32_t argument_count;
};

/* What an operator is to the library, by the types of source, weights and result. */
typedef struct description {
    dnnl_memory_desc_t source, weights, result;
    union {
        dnnl_convolution_desc_t convolution;
        dnnl_inner_product_desc_t dense;
        dnnl_matmul_desc_t product;
    } operation;
} description;

#define TEXT_OF(number)                 #number
#define VERSION_OF(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char *snn_onednn_version(void)
{
    return VERSION_OF(DNNL_VERSION_MAJOR, DNNL_VERSION_MINOR, DNNL_VERSION_PATCH);
}

/* A description of data in a layout that the library may choose. */
static dnnl_status_t describe(dnnl_memory_desc_t *data, int rank, const dnnl_dims_t dims, dnnl_data_type_t type)
{
    return dnnl_memory_desc_init_by_tag(data, rank, dims, type, dnnl_format_tag_any);
}

static dnnl_status_t describe_convolution(const snn_operator *op, int32_t images, const dnnl_data_type_t types[3],
                                          description *made)
{
    const snn_shape from = snn_operator_pooled_shape(op);
    const snn_window *window = &op->window;
    const int32_t groups = op->groups;
    const dnnl_dims_t source = {images, from.channels, from.height, from.width};
    const int32_t rows = window->kernel[0], columns = window->kernel[1];
    const dnnl_dims_t weights = {op->target_channels, from.channels, rows, columns}; /* an axis more with groups */
    const dnnl_dims_t grouped = {groups, op->target_channels / groups, from.channels / groups, rows, columns};
    const dnnl_dims_t result = {images, op->target_channels, op->target.height, op->target.width};
    const dnnl_dims_t strides = {window->stride[0], window->stride[1]};
    const dnnl_dims_t dilations = {window->dilation[0] - 1, window->dilation[1] - 1};
    const dnnl_dims_t begin = {window->pad_begin[0], window->pad_begin[1]};
    const dnnl_dims_t end = {window->pad_end[0], window->pad_end[1]};
    dnnl_status_t status = describe(&made->source, 4, source, types[0]);
    if (status == dnnl_success) {
        status = groups > 1 ? describe(&made->weights, 5, grouped, types[1])
                            : describe(&made->weights, 4, weights, types[1]);
    }
    if (status == dnnl_success) {
        status = describe(&made->result, 4, result, types[2]);
    }
    if (status == dnnl_success) {
        status = dnnl_dilated_convolution_forward_desc_init(&made->operation.convolution, dnnl_forward_inference,
                                                            dnnl_convolution_auto, &made->source, &made->weights, NULL,
                                                            &made->result, strides, dilations, begin, end);
    }
    return status;
}

static dnnl_status_t describe_dense(const snn_operator *op, int32_t images, const dnnl_data_type_t types[3],
                                    description *made)
{
    const int64_t inputs = snn_operator_row_length(op);
    const dnnl_dims_t source = {images, inputs}, weights = {op->target_channels, inputs};
    const dnnl_dims_t result = {images, op->target_channels};
    dnnl_status_t status = describe(&made->source, 2, source, types[0]);
    if (status == dnnl_success) {
        status = describe(&made->weights, 2, weights, types[1]);
    }
    if (status == dnnl_success) {
        status = describe(&made->result, 2, result, types[2]);
    }
    if (status == dnnl_success) {
        status = dnnl_inner_product_forward_desc_init(&made->operation.dense, dnnl_forward_inference, &made->source,
                                                      &made->weights, NULL, &made->result);
    }
    return status;
}

/* Mixing of positions as a product of matrices: rows are the channels of an image, as the mixer's own transposition
 * has them. */
static dnnl_status_t describe_tokens(const snn_operator *op, int32_t images, const dnnl_data_type_t types[3],
                                     description *made)
{
    const int64_t from = snn_shape_positions(snn_operator_pooled_shape(op)), to = snn_shape_positions(op->target);
    const dnnl_dims_t source = {images, op->source_channels, from}, weights = {1, from, to};
    const dnnl_dims_t result = {images, op->target_channels, to};
    dnnl_status_t status = describe(&made->source, 3, source, types[0]);
    if (status == dnnl_success) {
        status = describe(&made->weights, 3, weights, types[1]);
    }
    if (status == dnnl_success) {
        status = describe(&made->result, 3, result, types[2]);
    }
    if (status == dnnl_success) {
        status = dnnl_matmul_desc_init(&made->operation.product, &made->source, &made->weights, NULL, &made->result);
    }
    return status;
}

static dnnl_status_t describe_operator(const snn_operator *op, int32_t images, snn_onednn_precision precision,
                                       description *made)
{
    static const dnnl_data_type_t types[SNN_ONEDNN_PRECISIONS][3] = {{dnnl_f32, dnnl_f32, dnnl_f32},
                                                                     {dnnl_u8, dnnl_s8, dnnl_u8}};
    switch (op->kind) {
    case SNN_OPERATOR_CONVOLUTION:
        return describe_convolution(op, images, types[precision], made);
    case SNN_OPERATOR_DENSE:
        return describe_dense(op, images, types[precision], made);
    case SNN_OPERATOR_TOKENS:
        return describe_tokens(op, images, types[precision], made);
    default:
        return dnnl_unimplemented;
    }
}

/* The nonlinearity on the way out. */
static dnnl_status_t set_attributes(snn_onednn *layer, snn_neuron_kind neuron, snn_onednn_precision precision)
{
    dnnl_status_t status = dnnl_primitive_attr_create(&layer->attributes);
    if (status == dnnl_success && precision == SNN_ONEDNN_INT8) {
        const float scale = 1.0f / 1024.0f;
        status = dnnl_primitive_attr_set_output_scales(layer->attributes, 1, 0, &scale);
    }
    if (status != dnnl_success || (neuron != SNN_NEURON_RELU && neuron != SNN_NEURON_GELU)) {
        return status;
    }
    status = dnnl_post_ops_create(&layer->post_operations);
    if (status == dnnl_success) {
        status = dnnl_post_ops_append_eltwise(layer->post_operations, 1.0f,
                                              neuron == SNN_NEURON_RELU ? dnnl_eltwise_relu : dnnl_eltwise_gelu_erf,
                                              0.0f, 0.0f);
    }
    if (status == dnnl_success) {
        status = dnnl_primitive_attr_set_post_ops(layer->attributes, layer->post_operations);
    }
    return status;
}

/* Memory for one argument in the layout that the library chose, filled. */
static dnnl_status_t add_argument(snn_onednn *layer, dnnl_query_t which, int argument)
{
    const dnnl_memory_desc_t *data = dnnl_primitive_desc_query_md(layer->description, which, 0);
    dnnl_memory_t memory = NULL;
    void *bytes = NULL;
    dnnl_status_t status = dnnl_memory_create(&memory, data, layer->engine, DNNL_MEMORY_ALLOCATE);
    if (status != dnnl_success) {
        return status;
    }
    layer->arguments[layer->argument_count++] = (dnnl_exec_arg_t){argument, memory};
    status = dnnl_memory_get_data_handle(memory, &bytes);
    if (status == dnnl_success) {
        const size_t size = dnnl_memory_desc_get_size(data);
        if (data->data_type == dnnl_f32) {
            for (size_t i = 0; i < size / sizeof(float); i++) {
                ((float *)bytes)[i] = (float)(i % 17) / 64.0f - 0.1f;
            }
        } else {
            memset(bytes, 3, size);
        }
    }
    return status;
}

static dnnl_status_t make_layer(const snn_operator *op, snn_neuron_kind neuron, int32_t images,
                                snn_onednn_precision precision, snn_onednn *layer)
{
    description made;
    dnnl_status_t status = dnnl_engine_create(&layer->engine, dnnl_cpu, 0);
    if (status == dnnl_success) {
        status = dnnl_stream_create(&layer->stream, layer->engine, dnnl_stream_default_flags);
    }
    if (status == dnnl_success) {
        status = describe_operator(op, images, precision, &made);
    }
    if (status == dnnl_success) {
        status = set_attributes(layer, neuron, precision);
    }
    if (status == dnnl_success) {
        status =
            dnnl_primitive_desc_create(&layer->description, &made.operation, layer->attributes, layer->engine, NULL);
    }
    if (status == dnnl_success) {
        status = dnnl_primitive_create(&layer->primitive, layer->description);
    }
    if (status == dnnl_success) {
        status = add_argument(layer, dnnl_query_src_md, DNNL_ARG_SRC);
    }
    if (status == dnnl_success) {
        status = add_argument(layer, dnnl_query_weights_md, DNNL_ARG_WEIGHTS);
    }
    if (status == dnnl_success) {
        status = add_argument(layer, dnnl_query_dst_md, DNNL_ARG_DST);
    }
    return status;
}

snn_status snn_onednn_create(const snn_operator *op, snn_neuron_kind neuron, int32_t images,
                             snn_onednn_precision precision, snn_onednn **layer)
{
    *layer = NULL;
    snn_onednn *made = snn_allocate(1, sizeof *made);
    if (made == NULL) {
        return snn_out_of_memory("oneDNN layer");
    }
    const int threads = omp_get_max_threads();
    omp_set_num_threads(1); /* the library looks when it makes a layer and when it runs it */
    const dnnl_status_t status = make_layer(op, neuron, images, precision, made);
    omp_set_num_threads(threads);
    if (status == dnnl_success) {
        *layer = made;
        return snn_ok();
    }
    snn_onednn_destroy(made);
    if (status == dnnl_unimplemented || status == dnnl_invalid_arguments) {
        return snn_ok();
    }
    return status == dnnl_out_of_memory ? snn_out_of_memory("oneDNN layer")
                                        : snn_fail(SNN_INTERNAL_ERROR, "oneDNN: status %d", (int)status);
}

snn_status snn_onednn_run(void *layer, double *seconds)
{
    const snn_onednn *at = layer;
    const int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    const double begun = snn_thread_seconds();
    dnnl_status_t status = dnnl_primitive_execute(at->primitive, at->stream, at->argument_count, at->arguments);
    if (status == dnnl_success) {
        status = dnnl_stream_wait(at->stream);
    }
    *seconds = snn_thread_seconds() - begun;
    omp_set_num_threads(threads);
    return status == dnnl_success ? snn_ok() : snn_fail(SNN_INTERNAL_ERROR, "oneDNN: status %d", (int)status);
}

void snn_onednn_destroy(snn_onednn *layer)
{
    if (layer == NULL) {
        return;
    }
    (void)dnnl_primitive_destroy(layer->primitive);
    (void)dnnl_primitive_desc_destroy(layer->description);
    for (int32_t i = 0; i < layer->argument_count; i++) {
        (void)dnnl_memory_destroy(layer->arguments[i].memory);
    }
    (void)dnnl_primitive_attr_destroy(layer->attributes);
    (void)dnnl_post_ops_destroy(layer->post_operations);
    (void)dnnl_stream_destroy(layer->stream);
    (void)dnnl_engine_destroy(layer->engine);
    snn_release(layer);
}
