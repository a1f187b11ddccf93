#include "core/dynamics/random.h"

enum { ROUNDS = 10 };

/* The multipliers, and the additions to the key between rounds: parts of the golden ratio and of sqrt(3) - 1. */
static const uint32_t MULTIPLIER[2] = {0xD2511F53U, 0xCD9E8D57U};
static const uint32_t KEY_STEP[2] = {0x9E3779B9U, 0xBB67AE85U};

static uint32_t high_half(uint64_t product)
{
    return (uint32_t)(product >> 32);
}

static uint32_t low_half(uint64_t product)
{
    return (uint32_t)(product & UINT32_MAX);
}

snn_random_block snn_random_philox(const uint32_t counter[SNN_RANDOM_WORDS], const uint32_t key[2])
{
    snn_random_block block = {{counter[0], counter[1], counter[2], counter[3]}};
    uint32_t round_key[2] = {key[0], key[1]};
    for (int round = 0; round < ROUNDS; round++) {
        const uint64_t first = (uint64_t)MULTIPLIER[0] * block.word[0];
        const uint64_t second = (uint64_t)MULTIPLIER[1] * block.word[2];
        block = (snn_random_block){{high_half(second) ^ block.word[1] ^ round_key[0], low_half(second),
                                    high_half(first) ^ block.word[3] ^ round_key[1], low_half(first)}};
        round_key[0] += KEY_STEP[0];
        round_key[1] += KEY_STEP[1];
    }
    return block;
}

snn_random_block snn_random_pixel(uint64_t seed, int64_t image, uint32_t pixel, uint32_t step)
{
    const uint32_t counter[SNN_RANDOM_WORDS] = {low_half((uint64_t)image), high_half((uint64_t)image), pixel,
                                                step / SNN_RANDOM_WORDS};
    const uint32_t key[2] = {low_half(seed), high_half(seed)};
    return snn_random_philox(counter, key);
}
