/* SPDX-License-Identifier: MIT */
/*
 * Any string as a HyperLogLog.
 *
 *   OFFSET  SIZE  MEANING
 *   0       1     n, the number of elements added
 *   1       n     the elements, a byte each
 *   1 + n   ...   the string
 *
 * A whole one stays whole, whatever is done to it, and counts the same in both forms; of any other nothing is read or written outside.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "store/hyperloglog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *resize(void *owner, size_t len)
{
    uint8_t **bytes = owner;
    return *bytes = mem_realloc(*bytes, len);
}

static struct slice bytes_of(const struct hll *h) { return SLICE((const char *)h->pack.bytes, h->len); }

static void check_forms_agree(struct hll *h)
{
    uint64_t sparse, dense;
    ASSERT(hll_count(bytes_of(h), &sparse));
    ASSERT(hll_make_dense(h) != HLL_CORRUPT && h->len == HLL_DENSE_BYTES);
    ASSERT(hll_count(bytes_of(h), &dense) && sparse == dense);
}

static void use(struct hll *h, struct slice elements)
{
    uint8_t registers[HLL_REGISTERS] = {0};
    struct buf text = BUF_INIT;
    uint64_t count;
    bool is_whole = hll_count(bytes_of(h), &count);
    ASSERT(hll_merge_into(bytes_of(h), registers) == is_whole);
    if (hll_encoding_of(bytes_of(h)) == HLL_SPARSE) hll_describe_sparse(bytes_of(h), &text);
    for (size_t i = 0; i < elements.len; i++) {
        enum hll_result result = hll_add(h, SLICE(elements.ptr + i, 1));
        ASSERT(!is_whole || result != HLL_CORRUPT);
        ASSERT(hll_is_one(bytes_of(h)));
    }
    enum hll_result result = hll_raise(h, registers);
    ASSERT(!is_whole || result == HLL_UNCHANGED);
    if (is_whole) check_forms_agree(h);
    buf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size < 1u + data[0]) return 0;
    struct slice elements = SLICE((const char *)data + 1, data[0]);
    size_t len = size - 1 - elements.len;
    uint8_t *bytes = mem_alloc(len + (len == 0));
    memcpy(bytes, data + 1 + elements.len, len);
    struct hll h = {{bytes, resize, &bytes}, len, 1000};
    if (hll_is_one(SLICE((const char *)bytes, len))) use(&h, elements);
    mem_free(bytes);
    return 0;
}
