#include "core/kernels/avx2.h"

#include <immintrin.h>
#include <string.h>

enum {
    ROWS = 16,      /* (column, step) pairs expanded together */
    WORD_BITS = 32, /* channels of them */
    WORD_BYTES = WORD_BITS / 8
};

int64_t snn_avx2_line(int32_t columns, int32_t steps)
{
    return (int64_t)columns * steps + ROWS; /* the last rows are written whole */
}

/* 16 words to four vectors of their first, second, ... bytes. */
static inline void transpose(const uint32_t words[ROWS], __m128i bytes[WORD_BYTES])
{
    const __m128i gather = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m128i four[4];
    for (int i = 0; i < 4; i++) {
        four[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(words + 4 * i)), gather);
    }
    const __m128i a = _mm_unpacklo_epi32(four[0], four[1]), b = _mm_unpackhi_epi32(four[0], four[1]);
    const __m128i c = _mm_unpacklo_epi32(four[2], four[3]), d = _mm_unpackhi_epi32(four[2], four[3]);
    bytes[0] = _mm_unpacklo_epi64(a, c);
    bytes[1] = _mm_unpackhi_epi64(a, c);
    bytes[2] = _mm_unpacklo_epi64(b, d);
    bytes[3] = _mm_unpackhi_epi64(b, d);
}

/* Nibbles of up to 32 channels of 16 rows; bits [row]: where their first bytes are. */
static void expand_words(const uint8_t *const bits[ROWS], int64_t offset, int shift, int64_t nibbles, int64_t line,
                         uint8_t *to)
{
    const __m128i mask = _mm_set1_epi8(15);
    uint32_t words[ROWS];
    __m128i bytes[WORD_BYTES];
    for (int i = 0; i < ROWS; i++) {
        uint64_t word;
        memcpy(&word, bits[i] + offset, sizeof word);
        words[i] = (uint32_t)(word >> shift);
    }
    transpose(words, bytes);
    for (int64_t n = 0; n < nibbles; n += 2, to += 2 * line) {
        const __m128i both = bytes[n / 2];
        _mm_storeu_si128((__m128i *)to, _mm_and_si128(both, mask));
        if (n + 1 < nibbles) {
            _mm_storeu_si128((__m128i *)(to + line), _mm_and_si128(_mm_srli_epi16(both, 4), mask));
        }
    }
}

/* Columns [begin, end) of a field row, which lie inside the image; `bits` is the row of the first step at `begin`. */
static void expand_inside(const snn_avx2_view *view, const snn_avx2_planes *planes, const snn_spikes *source,
                          const uint8_t *bits, int32_t channel, int32_t begin, int32_t end, uint8_t *to)
{
    const int64_t step_bytes = snn_spikes_plane_bytes(source) * source->images;
    const int64_t rows = (int64_t)(end - begin) * planes->steps;
    const uint8_t *next = bits, *column = bits;
    int32_t step = 0;
    to += (int64_t)begin * planes->steps;
    for (int64_t row = 0; row < rows; row += ROWS, to += ROWS) {
        const uint8_t *of_rows[ROWS];
        for (int i = 0; i < ROWS; i++) { /* rows that are none repeat the last */
            of_rows[i] = next;
            if (row + i + 1 < rows) {
                next += step_bytes;
                if (++step == planes->steps) {
                    step = 0;
                    next = column += source->row_bytes;
                }
            }
        }
        for (int64_t n = 0; n < view->nibbles; n += WORD_BITS / SNN_AVX2_NIBBLE) {
            const int64_t left = view->nibbles - n, most = WORD_BITS / SNN_AVX2_NIBBLE;
            expand_words(of_rows, channel / 8 + n / 2, channel % 8, left < most ? left : most, planes->line,
                         to + n * planes->line);
        }
    }
}

static void set_outside(const snn_avx2_view *view, const snn_avx2_planes *planes, int32_t begin, int32_t end,
                        uint8_t *to)
{
    for (int64_t n = 0; n < view->nibbles && begin < end; n++) {
        memset(to + n * planes->line + (int64_t)begin * planes->steps, SNN_AVX2_OUTSIDE,
               (size_t)(end - begin) * (size_t)planes->steps);
    }
}

void snn_avx2_expand(const snn_avx2_view *view, const snn_avx2_planes *planes, const snn_operator *op,
                     const snn_spikes *source, int32_t image, int32_t channel)
{
    const snn_field *field = &planes->field;
    const uint8_t *plane = snn_spikes_plane(source, 0, image);
    const int32_t width = op->source.width;
    int32_t begin = field->column < 0 ? -field->column : 0, end = width - field->column;
    begin = begin < field->columns ? begin : field->columns;
    end = end < begin ? begin : end < field->columns ? end : field->columns;
    for (int32_t i = 0; i < field->rows; i++) {
        uint8_t *to = planes->bytes + i * view->nibbles * planes->line;
        const int32_t row = field->row + i;
        if (row < 0 || row >= op->source.height || begin == end) {
            set_outside(view, planes, 0, field->columns, to);
            continue;
        }
        const int64_t position = (int64_t)row * width + field->column + begin;
        expand_inside(view, planes, source, plane + position * source->row_bytes, channel, begin, end, to);
        set_outside(view, planes, 0, begin, to); /* what is inside wrote up to 15 bytes behind its end */
        set_outside(view, planes, end, field->columns, to);
    }
}

void snn_avx2_fill_panel(const snn_avx2_view *view, const snn_avx2_planes *planes, const snn_avx2_run *runs,
                         int64_t run_count, int64_t first, int64_t count, uint8_t *panel)
{
    const snn_window *taps = &view->taps;
    int64_t nibble = first % view->nibbles, tap = first / view->nibbles;
    for (int64_t n = 0; n < count; n++, panel += SNN_AVX2_PANEL) {
        const int64_t row = tap / taps->kernel[1] * taps->dilation[0],
                      column = tap % taps->kernel[1] * taps->dilation[1];
        const uint8_t *from = planes->bytes + (row * view->nibbles + nibble) * planes->line + column * planes->steps;
        for (int64_t i = 0; i < run_count; i++) {
            memcpy(panel + runs[i].to, from + runs[i].from, (size_t)runs[i].length);
        }
        if (++nibble == view->nibbles) {
            nibble = 0;
            tap++;
        }
    }
}
