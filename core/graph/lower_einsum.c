/* Einsum as products and transpositions: "bhid,bhjd->bhij". Operands are joined from left to right; each step is a
 * matrix product of [batch][rows][inner] and [batch][inner][columns], whose axes are the letters of the equation. */
#include <string.h>

#include "core/graph/lower.h"

enum { LETTERS = 2 * SNN_MAX_RANK, FIRST_OF_ELLIPSIS = 1 }; /* letters of an ellipsis: codes below those of any text */

/* A value and the letter of each of its axes. */
typedef struct term {
    int32_t value;
    int32_t rank;
    unsigned char letters[LETTERS];
    int64_t dims[LETTERS];
} term;

typedef struct equation {
    const char *text;
    int32_t ellipsis;   /* axes that "..." stands for */
    int64_t sizes[256]; /* of each letter; 0: unknown */
    int32_t uses[256];  /* operands that have it, and 1 for the output */
    unsigned char result[LETTERS];
    int32_t result_rank;
} equation;

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Letters up to `end`, without blanks; `ellipsis` axes for "...". Gives their count, or -1 for a text that is none. */
static int32_t read_letters(const char *begin, const char *end, int32_t ellipsis, unsigned char letters[LETTERS])
{
    int32_t count = 0;
    for (const char *c = begin; c < end; c++) {
        if (*c == ' ') {
            continue;
        }
        const bool dots = end - c >= 3 && strncmp(c, "...", 3) == 0;
        if ((!dots && !is_letter(*c)) || count + (dots ? ellipsis : 1) > SNN_MAX_RANK) {
            return -1;
        }
        for (int32_t i = 0; i < (dots ? ellipsis : 1); i++) {
            letters[count++] = dots ? (unsigned char)(FIRST_OF_ELLIPSIS + i) : (unsigned char)*c;
        }
        c += dots ? 2 : 0;
    }
    return count;
}

/* How many axes the ellipsis of an operand stands for. */
static int32_t ellipsis_axes(const char *begin, const char *end, int32_t rank)
{
    bool dots = false;
    int32_t letters = 0;
    for (const char *c = begin; c < end; c++) {
        dots = dots || *c == '.';
        letters += is_letter(*c);
    }
    return dots && rank > letters ? rank - letters : 0;
}

static void read_term(snn_expansion *e, equation *now, int32_t i, const char *begin, const char *end, term *operand)
{
    const snn_tensor *shape = snn_expand_shape(e, i);
    operand->value = snn_expand_input(e, i);
    operand->rank = read_letters(begin, end, now->ellipsis, operand->letters);
    if (operand->rank != shape->rank) {
        snn_expand_refuse(e, "equation %s: operand %d has %d axes", now->text, i, shape->rank);
        return;
    }
    for (int32_t axis = 0; axis < operand->rank; axis++) {
        const unsigned char letter = operand->letters[axis];
        operand->dims[axis] = shape->dims[axis];
        if (memchr(operand->letters, letter, (size_t)axis) != NULL) {
            snn_expand_refuse(e, "equation %s: a letter stands twice in one operand: not supported", now->text);
        } else if (now->sizes[letter] != 0 && now->sizes[letter] != shape->dims[axis]) {
            snn_expand_refuse(e, "equation %s: axes of %lld and %lld elements with the same letter", now->text,
                              (long long)now->sizes[letter], (long long)shape->dims[axis]);
        }
        now->sizes[letter] = shape->dims[axis];
        now->uses[letter]++;
    }
}

/* Without an arrow the result has the letters that stand once, in the alphabet's order, behind the ellipsis. */
static void implicit_result(equation *now)
{
    for (int letter = FIRST_OF_ELLIPSIS; letter < 256; letter++) {
        const bool dots = letter < FIRST_OF_ELLIPSIS + now->ellipsis;
        if (dots || now->uses[letter] == 1) {
            now->result[now->result_rank++] = (unsigned char)letter;
        }
    }
}

/* Takes the equation apart; gives the number of operands. */
static int32_t read_equation(snn_expansion *e, equation *now, term operands[LETTERS])
{
    const char *arrow = strstr(now->text, "->");
    const char *stop = arrow != NULL ? arrow : now->text + strlen(now->text);
    int32_t count = 0;
    for (int pass = 0; pass < 2; pass++) { /* the ellipsis's axes first */
        const char *begin = now->text;
        for (count = 0; begin <= stop && count < e->node->input_count; count++) {
            const char *comma = memchr(begin, ',', (size_t)(stop - begin));
            const char *end = comma != NULL ? comma : stop;
            const int32_t axes = ellipsis_axes(begin, end, snn_expand_shape(e, count)->rank);
            now->ellipsis = axes > now->ellipsis ? axes : now->ellipsis;
            if (pass == 1) {
                read_term(e, now, count, begin, end, &operands[count]);
            }
            begin = end + 1;
        }
        if (count != e->node->input_count || begin <= stop) {
            snn_expand_refuse(e, "equation %s for %d operands", now->text, e->node->input_count);
            return 0;
        }
    }
    if (arrow == NULL) {
        implicit_result(now);
    } else {
        now->result_rank = read_letters(arrow + 2, arrow + strlen(arrow), now->ellipsis, now->result);
    }
    for (int32_t i = 0; i < now->result_rank; i++) {
        if (now->sizes[now->result[i]] == 0 || memchr(now->result, now->result[i], (size_t)i) != NULL) {
            snn_expand_refuse(e, "equation %s: a letter of the result is new or stands there twice", now->text);
        }
        now->uses[now->result[i]]++;
    }
    if (now->result_rank < 0) {
        snn_expand_refuse(e, "equation %s is none", now->text);
    }
    return count;
}

static bool has(const term *operand, unsigned char letter)
{
    return memchr(operand->letters, letter, (size_t)operand->rank) != NULL;
}

/* Sums over the letters that nothing else has. */
static void sum_alone(snn_expansion *e, equation *now, term *operand)
{
    int64_t axes[LETTERS];
    int32_t count = 0, kept = 0;
    for (int32_t axis = 0; axis < operand->rank; axis++) {
        if (now->uses[operand->letters[axis]] == 1) {
            axes[count++] = axis;
        } else {
            operand->letters[kept] = operand->letters[axis];
            operand->dims[kept++] = operand->dims[axis];
        }
    }
    operand->rank = kept;
    if (count > 0) {
        operand->value = snn_expand_reduce(e, "ReduceSum", operand->value, count, axes, false);
    }
}

/* Puts the axes into the order of `letters`, all of the operand's. */
static void reorder(snn_expansion *e, term *operand, const unsigned char *letters)
{
    int64_t perm[LETTERS], dims[LETTERS];
    for (int32_t i = 0; i < operand->rank; i++) {
        const unsigned char *at = memchr(operand->letters, letters[i], (size_t)operand->rank);
        perm[i] = at - operand->letters;
        dims[i] = operand->dims[perm[i]];
    }
    operand->value = snn_expand_transpose(e, operand->value, operand->rank, perm);
    memcpy(operand->letters, letters, (size_t)operand->rank);
    memcpy(operand->dims, dims, (size_t)operand->rank * sizeof *dims);
}

/* Letters of one role, in the order in which the left operand, or the right one, has them. */
typedef struct group {
    unsigned char letters[LETTERS];
    int32_t count;
    int64_t size;
} group;

static group letters_of(const equation *now, const term *from, const term *other, bool shared, bool kept)
{
    group found = {.size = 1};
    for (int32_t axis = 0; axis < from->rank; axis++) {
        const unsigned char letter = from->letters[axis];
        const bool is_shared = has(other, letter);
        const bool is_kept = !is_shared || now->uses[letter] > 2;
        if (is_shared == shared && is_kept == kept) {
            found.letters[found.count++] = letter;
            found.size *= from->dims[axis];
        }
    }
    return found;
}

/* The operand as [batch...][first][second], each of the two groups as one axis. */
static int32_t as_matrices(snn_expansion *e, term *operand, const group *batch, const group *first, const group *second)
{
    unsigned char letters[LETTERS];
    int64_t dims[LETTERS];
    int32_t count = 0;
    const group *const groups[] = {batch, first, second};
    for (int g = 0; g < 3; g++) {
        memcpy(letters + count, groups[g]->letters, (size_t)groups[g]->count);
        count += groups[g]->count;
    }
    reorder(e, operand, letters);
    memcpy(dims, operand->dims, (size_t)batch->count * sizeof *dims);
    dims[batch->count] = first->size;
    dims[batch->count + 1] = second->size;
    return first->count == 1 && second->count == 1 ? operand->value
                                                   : snn_expand_reshape(e, operand->value, batch->count + 2, dims);
}

/* left <- left times right, summed over what only the two have. */
static void join(snn_expansion *e, equation *now, term *left, term *right)
{
    const group batch = letters_of(now, left, right, true, true);
    const group inner = letters_of(now, left, right, true, false);
    const group rows = letters_of(now, left, right, false, true);
    const group columns = letters_of(now, right, left, false, true);
    const group *const groups[] = {&batch, &rows, &columns};
    if (batch.count + 2 > SNN_MAX_RANK || batch.count + rows.count + columns.count > SNN_MAX_RANK) {
        snn_expand_refuse(e, "equation %s: more than %d axes", now->text, (int)SNN_MAX_RANK);
        return;
    }
    const int32_t a = as_matrices(e, left, &batch, &rows, &inner);
    const int32_t b = as_matrices(e, right, &batch, &inner, &columns);
    term product = {.value = SNN_EXPAND(e, "MatMul", a, b)};
    for (int g = 0; g < 3; g++) {
        for (int32_t i = 0; i < groups[g]->count; i++) {
            const unsigned char letter = groups[g]->letters[i];
            product.dims[product.rank] = now->sizes[letter];
            product.letters[product.rank++] = letter;
            now->uses[letter] -= g == 0;
        }
    }
    if (rows.count != 1 || columns.count != 1) {
        product.value = snn_expand_reshape(e, product.value, product.rank, product.dims);
    }
    *left = product;
}

static void lower_einsum(snn_expansion *e)
{
    equation now = {.text = snn_node_text(e->node, "equation", "")};
    term operands[LETTERS] = {{0}};
    snn_expand_attributes(e, "equation=text");
    const int32_t count = read_equation(e, &now, operands);
    for (int32_t i = 0; i < count && !snn_failed(e->status); i++) {
        sum_alone(e, &now, &operands[i]);
        if (i > 0) {
            join(e, &now, &operands[0], &operands[i]);
        }
    }
    if (!snn_failed(e->status)) {
        reorder(e, &operands[0], now.result);
        snn_expand_result(e, operands[0].value);
    }
}

const snn_lowering snn_lowerings_einsum[] = {
    {"", "Einsum", 1, LETTERS, lower_einsum, NULL},
    {0},
};
