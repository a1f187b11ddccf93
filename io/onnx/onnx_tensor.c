#include "io/onnx/onnx_tensor.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/base/memory.h"

enum { MAPPED_BYTES = 1 << 16 }; /* from here on data stays in its file: less is not worth a page of its own */

/* An element type of ONNX that can be read. */
typedef struct element_format {
    int32_t data_type;
    size_t bytes; /* in raw_data */
    snn_type type;
} element_format;

static const element_format formats[] = {
    {ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, 4, SNN_TYPE_FLOAT32},
    {ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE, 8, SNN_TYPE_FLOAT32},
    {ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16, 2, SNN_TYPE_FLOAT32},
    {ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16, 2, SNN_TYPE_FLOAT32},
    {ONNX__TENSOR_PROTO__DATA_TYPE__INT64, 8, SNN_TYPE_INT64},
    {ONNX__TENSOR_PROTO__DATA_TYPE__INT32, 4, SNN_TYPE_INT64},
    {ONNX__TENSOR_PROTO__DATA_TYPE__BOOL, 1, SNN_TYPE_BOOL},
    {ONNX__TENSOR_PROTO__DATA_TYPE__INT8, 1, SNN_TYPE_INT8},
    {ONNX__TENSOR_PROTO__DATA_TYPE__UINT8, 1, SNN_TYPE_UINT8},
};

static snn_status find_format(int32_t data_type, const element_format **format)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (formats[i].data_type == data_type) {
            *format = &formats[i];
            return snn_ok();
        }
    }
    static const char *const names[] = {"undefined", "float",  "uint8",     "int8",       "uint16",  "int16",
                                        "int32",     "int64",  "string",    "bool",       "float16", "double",
                                        "uint32",    "uint64", "complex64", "complex128", "bfloat16"};
    int32_t known = (int32_t)(sizeof names / sizeof names[0]);
    return snn_fail(SNN_INPUT_ERROR, "element type %s (%" PRId32 ") is not supported; export it in float32",
                    data_type >= 0 && data_type < known ? names[data_type] : "unknown", data_type);
}

snn_status snn_onnx_type(int32_t data_type, snn_type *type)
{
    const element_format *format = NULL;
    SNN_TRY(find_format(data_type, &format));
    *type = format->type;
    return snn_ok();
}

/* Elements in the typed field that ONNX prescribes for the type. */
static size_t typed_count(const Onnx__TensorProto *model)
{
    switch (model->data_type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
        return model->n_float_data;
    case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE:
        return model->n_double_data;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT64:
        return model->n_int64_data;
    default:
        return model->n_int32_data;
    }
}

/* The bits of element `i` in the typed field. */
static uint64_t typed_bits(const Onnx__TensorProto *model, size_t i)
{
    uint64_t bits = 0;
    uint32_t half = 0;
    switch (model->data_type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
        memcpy(&half, &model->float_data[i], sizeof half);
        return half;
    case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE:
        memcpy(&bits, &model->double_data[i], sizeof bits);
        return bits;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT64:
        return (uint64_t)model->int64_data[i];
    default:
        return (uint32_t)model->int32_data[i];
    }
}

/* The bits of the element at `raw`, little-endian. */
static uint64_t raw_bits(const uint8_t *raw, size_t bytes)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < bytes; i++) {
        bits |= (uint64_t)raw[i] << (8 * i);
    }
    return bits;
}

static float float_from_bits(uint32_t bits)
{
    float value = 0.0f;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float float_from_half(uint32_t bits)
{
    uint32_t exponent = bits >> 10 & 0x1f;
    uint32_t fraction = bits & 0x3ff;
    float magnitude = 0.0f;
    if (exponent == 0x1f) {
        magnitude = fraction == 0 ? INFINITY : NAN;
    } else if (exponent == 0) {
        magnitude = ldexpf((float)fraction, -24);
    } else {
        magnitude = ldexpf((float)(fraction | 0x400), (int)exponent - 25);
    }
    return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

static float real_element(int32_t data_type, uint64_t bits)
{
    double value = 0.0;
    switch (data_type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE:
        memcpy(&value, &bits, sizeof value);
        return (float)value;
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16:
        return float_from_half((uint32_t)bits);
    case ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16:
        return float_from_bits((uint32_t)bits << 16);
    default:
        return float_from_bits((uint32_t)bits);
    }
}

static snn_status store_element(int32_t data_type, uint64_t bits, const snn_tensor *tensor, size_t i)
{
    switch (tensor->type) {
    case SNN_TYPE_FLOAT32:
        ((float *)tensor->data)[i] = real_element(data_type, bits);
        if (isnan(((float *)tensor->data)[i])) {
            return snn_fail(SNN_INPUT_ERROR, "element %zu is not a number; train and export the model again", i);
        }
        break;
    case SNN_TYPE_INT64:
        ((int64_t *)tensor->data)[i] =
            data_type == ONNX__TENSOR_PROTO__DATA_TYPE__INT32 ? (int32_t)(uint32_t)bits : (int64_t)bits;
        break;
    case SNN_TYPE_BOOL:
        ((uint8_t *)tensor->data)[i] = bits != 0;
        break;
    case SNN_TYPE_INT8:
    case SNN_TYPE_UINT8:
        ((uint8_t *)tensor->data)[i] = (uint8_t)bits;
        break;
    }
    return snn_ok();
}

/* Type and shape, from a model that may claim anything. */
static snn_status read_shape(const Onnx__TensorProto *model, const element_format *format, snn_tensor *tensor)
{
    if (model->n_dims > SNN_MAX_RANK) {
        return snn_fail(SNN_INPUT_ERROR, "%zu dimensions, at most %d are supported; export the model with fewer",
                        model->n_dims, (int)SNN_MAX_RANK);
    }
    tensor->type = format->type;
    tensor->rank = (int32_t)model->n_dims;
    for (int32_t axis = 0; axis < tensor->rank; axis++) {
        tensor->dims[axis] = model->dims[axis];
    }
    if (snn_tensor_elements(tensor) < 0) {
        char shape[256];
        return snn_fail(SNN_INPUT_ERROR,
                        "%s is not a usable shape: dimensions of 0 or more, at most %d elements in all",
                        snn_tensor_describe(tensor, shape, sizeof shape), SNN_MAX_ELEMENTS);
    }
    return snn_ok();
}

/* Where a tensor's elements are: bytes as in raw_data, or NULL for the typed fields. */
typedef struct element_source {
    const uint8_t *raw;
    size_t room; /* readable bytes from there on */
} element_source;

/* Finds the elements, before anything of the claimed size is allocated. */
static snn_status find_elements(const Onnx__TensorProto *model, const element_format *format, snn_onnx_files *files,
                                const snn_tensor *tensor, element_source *source)
{
    const size_t expected = (size_t)snn_tensor_elements(tensor);
    *source = (element_source){NULL, 0};
    if (model->segment != NULL) {
        return snn_fail(SNN_INPUT_ERROR, "stored in segments: not supported; save the model again with onnx.save");
    }
    if (snn_onnx_is_external(model)) {
        return snn_onnx_external_data(files, model, expected * format->bytes, &source->raw, &source->room);
    }
    const bool raw = model->has_raw_data && model->raw_data.len > 0;
    const size_t found = raw ? model->raw_data.len : typed_count(model);
    if (found != (raw ? expected * format->bytes : expected)) {
        char shape[256];
        return snn_fail(SNN_INPUT_ERROR, "%s has %zu elements, its data %zu%s",
                        snn_tensor_describe(tensor, shape, sizeof shape), expected, found, raw ? " bytes" : "");
    }
    source->raw = raw ? model->raw_data.data : NULL;
    return snn_ok();
}

static bool is_little_endian(void)
{
    const uint16_t one = 1;
    uint8_t first = 0;
    memcpy(&first, &one, 1);
    return first == 1;
}

/* Whether the data can be used where it lies in a file: large, in the layout that the graph wants, and with readable
 * bytes behind it, as all arrays have. */
static bool is_usable_in_place(const Onnx__TensorProto *model, const snn_tensor *tensor, const element_source *source)
{
    const size_t bytes = (size_t)snn_tensor_elements(tensor) * sizeof(float);
    return model->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT && is_little_endian() && bytes >= MAPPED_BYTES &&
           source->room >= bytes + SNN_PADDING && (uintptr_t)source->raw % _Alignof(float) == 0;
}

static snn_status check_numbers(const snn_tensor *tensor)
{
    const int64_t elements = snn_tensor_elements(tensor);
    for (int64_t i = 0; i < elements; i++) {
        if (isnan(((const float *)tensor->data)[i])) {
            return snn_fail(SNN_INPUT_ERROR, "element %lld is not a number; train and export the model again",
                            (long long)i);
        }
    }
    return snn_ok();
}

snn_status snn_onnx_tensor(const Onnx__TensorProto *model, snn_onnx_files *files, snn_tensor *tensor)
{
    const element_format *format = NULL;
    element_source source;
    snn_tensor_clear(tensor);
    SNN_TRY(find_format(model->data_type, &format));
    SNN_TRY(read_shape(model, format, tensor));
    SNN_TRY(find_elements(model, format, files, tensor, &source));
    if (is_usable_in_place(model, tensor, &source)) {
        tensor->data = (void *)(uintptr_t)source.raw; /* nobody writes to constants */
        tensor->borrowed = true;
        return check_numbers(tensor);
    }
    SNN_TRY(snn_tensor_allocate(tensor));
    const size_t count = (size_t)snn_tensor_elements(tensor);
    for (size_t i = 0; i < count; i++) {
        uint64_t bits =
            source.raw != NULL ? raw_bits(source.raw + i * format->bytes, format->bytes) : typed_bits(model, i);
        SNN_TRY(store_element(model->data_type, bits, tensor, i));
    }
    return snn_ok();
}

static void *copy_of(const void *items, size_t count, size_t size)
{
    void *copy = snn_allocate(count, size);
    if (copy != NULL && count > 0) {
        memcpy(copy, items, count * size);
    }
    return copy;
}

static snn_status read_contents(const Onnx__AttributeProto *model, snn_onnx_files *files, snn_attribute *attribute)
{
    switch (model->type) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
        attribute->kind = SNN_ATTRIBUTE_INT;
        attribute->integer = model->i;
        return snn_ok();
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
        attribute->kind = SNN_ATTRIBUTE_FLOAT;
        attribute->real = model->f;
        return snn_ok();
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING:
        attribute->kind = SNN_ATTRIBUTE_TEXT;
        attribute->text = snn_allocate(model->s.len + 1, 1); /* zeroed: ends the text */
        if (attribute->text != NULL && model->s.len > 0) {
            memcpy(attribute->text, model->s.data, model->s.len);
        }
        return attribute->text != NULL ? snn_ok() : snn_out_of_memory("text");
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
        attribute->kind = SNN_ATTRIBUTE_INTS;
        attribute->count = model->n_ints;
        attribute->integers = copy_of(model->ints, model->n_ints, sizeof *model->ints);
        return attribute->integers != NULL ? snn_ok() : snn_out_of_memory("integers");
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
        attribute->kind = SNN_ATTRIBUTE_FLOATS;
        attribute->count = model->n_floats;
        attribute->reals = copy_of(model->floats, model->n_floats, sizeof *model->floats);
        return attribute->reals != NULL ? snn_ok() : snn_out_of_memory("reals");
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
        attribute->kind = SNN_ATTRIBUTE_TENSOR;
        return model->t != NULL ? snn_onnx_tensor(model->t, files, &attribute->tensor)
                                : snn_fail(SNN_INPUT_ERROR, "the tensor is missing; export the model again");
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED:
        return snn_fail(SNN_INPUT_ERROR, "it has no type; export the model again");
    default:
        attribute->kind = SNN_ATTRIBUTE_OTHER;
        return snn_ok();
    }
}

snn_status snn_onnx_attribute(const Onnx__AttributeProto *model, snn_onnx_files *files, snn_attribute *attribute)
{
    attribute->tensor.rank = -1;
    attribute->name = snn_duplicate_text(model->name == NULL ? "" : model->name);
    if (attribute->name == NULL) {
        return snn_out_of_memory("name of an attribute");
    }
    SNN_TRY_CONTEXT(read_contents(model, files, attribute), "attribute %s", attribute->name);
    return snn_ok();
}
