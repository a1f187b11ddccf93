/* One application of an operator outside any graph, for tests. */
#ifndef TESTS_OPERATOR_FIXTURE_H
#define TESTS_OPERATOR_FIXTURE_H

#include "core/graph/operators.h"

enum { FIXTURE_LIMIT = 8 };

typedef struct fixture {
    snn_node node;
    snn_attribute attributes[FIXTURE_LIMIT];
    int32_t numbers[FIXTURE_LIMIT]; /* the node's inputs and outputs, which nothing here looks up */
    snn_tensor inputs[FIXTURE_LIMIT];
    const snn_tensor *given[FIXTURE_LIMIT];
    snn_tensor outputs[FIXTURE_LIMIT];
    int64_t opset;
} fixture;

/* Dims and lists in place: DIMS(1, 3, 8, 8). */
#define DIMS(...)                                                                                                      \
    (int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[])                                   \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
#define FLOATS(...)                                                                                                    \
    (const float[])                                                                                                    \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
#define INTS(...)                                                                                                      \
    (const int64_t[])                                                                                                  \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
#define BOOLS(...)                                                                                                     \
    (const unsigned char[])                                                                                            \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

/* Opset 13 until changed, one output. */
void fixture_begin(fixture *op, const char *name);
void fixture_end(fixture *op);

void fixture_integer(fixture *op, const char *name, int64_t value);
void fixture_real(fixture *op, const char *name, float value);
void fixture_text(fixture *op, const char *name, const char *value);
void fixture_list(fixture *op, const char *name, int32_t count, const int64_t *values);

/* Appends an input; NULL data stands for a value computed from the image. */
void fixture_input(fixture *op, snn_type type, int32_t rank, const int64_t *dims, const void *data);
void fixture_floats(fixture *op, int32_t rank, const int64_t *dims, const float *data);
/* A list of int64. */
void fixture_vector(fixture *op, int32_t count, const int64_t *values);
void fixture_scalar(fixture *op, float value);
void fixture_omit(fixture *op);
/* An input with reproducible elements in [-1, 1). */
void fixture_random(fixture *op, int32_t rank, const int64_t *dims);

/* The operator's infer, as it is. */
snn_status fixture_infer(fixture *op);
/* infer and evaluate, which must succeed; output 0's elements. */
const void *fixture_run(fixture *op);
/* infer must refuse with a message that contains `text`. */
void fixture_refused(fixture *op, const char *text);
/* infer must succeed and evaluate refuse. */
void fixture_fails(fixture *op, const char *text);

/* Runs, and compares output 0 with what it must be: shape and every element exactly, or within `tolerance`. */
void fixture_gives_floats(fixture *op, int32_t rank, const int64_t *dims, const float *expected, float tolerance);
void fixture_gives_ints(fixture *op, int32_t rank, const int64_t *dims, const int64_t *expected);
void fixture_gives_bools(fixture *op, int32_t rank, const int64_t *dims, const unsigned char *expected);

/* Reproducible numbers. */
uint32_t fixture_number(uint32_t *state);
int32_t fixture_between(uint32_t *state, int32_t least, int32_t most);

#endif
