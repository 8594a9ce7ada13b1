/* Guarded buffers: [no access | canary | data | canary | no access]. */
#include "tests/checkkern/buffers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CANARY = 256, CANARY_BYTE = 0xc5 };

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* The checker cannot go on without memory; it is a test program, so it may exit. */
static void *need(void *p)
{
    if (!p || p == MAP_FAILED) {
        perror("checkkern: memory");
        exit(2);
    }
    return p;
}

static void make_room(struct ck_buffer *b, size_t size)
{
    const size_t page = page_size();
    if (b->room >= size)
        return;
    buffer_free(b);
    b->room = (size + size / 2 + page - 1) / page * page;
    b->map = need(
        mmap(NULL, b->room + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (mprotect(b->map, page, PROT_NONE) != 0 ||
        mprotect(b->map + page + b->room, page, PROT_NONE) != 0)
        need(NULL);
    b->copy = need(malloc(b->room));
    b->before = need(malloc(b->room));
}

void buffer_free(struct ck_buffer *b)
{
    if (b->map)
        munmap(b->map, b->room + 2 * page_size());
    free(b->copy);
    free(b->before);
    *b = (struct ck_buffer){0};
}

static char *first_byte(const struct ck_buffer *b)
{
    return b->map + page_size();
}

static char *end_byte(const struct ck_buffer *b)
{
    return first_byte(b) + b->room;
}

void *ck_bytes(struct ck *t, enum ck_use use, size_t size, size_t align)
{
    if (t->buffers == CK_MAX_BUFFERS) {
        fprintf(stderr, "checkkern: raise CK_MAX_BUFFERS\n");
        exit(2);
    }
    struct ck_buffer *b = &t->buffer[t->buffers++];
    make_room(b, size + 2 * CANARY);
    size_t shift = 0;
    if (t->timing)
        align = shift = 64;
    else if (align == sizeof(float) && ck_pick(t, 0, 3) == 0)
        shift = (size_t)ck_pick(t, 1, 15) * sizeof(float);
    const uintptr_t at = (uintptr_t)(end_byte(b) - size - shift);
    b->data = end_byte(b) - size - shift - at % align;
    b->size = size;
    b->use = use;
    memset(b->data - CANARY, CANARY_BYTE, CANARY);
    memset(b->data + size, CANARY_BYTE, (size_t)(end_byte(b) - b->data) - size);
    return b->data;
}

static float *random_floats(struct ck *t, enum ck_use use, size_t n, size_t align)
{
    float *p = ck_bytes(t, use, n * sizeof(float), align);
    for (size_t i = 0; i < n; i++)
        p[i] = ck_normal(t);
    return p;
}

float *ck_in(struct ck *t, size_t n)
{
    return random_floats(t, CK_IN, n, sizeof(float));
}

float *ck_in_aligned(struct ck *t, size_t n)
{
    return random_floats(t, CK_IN, n, 64);
}

float *ck_inout(struct ck *t, size_t n)
{
    return random_floats(t, CK_INOUT, n, sizeof(float));
}

float *ck_out(struct ck *t, size_t n)
{
    return ck_bytes(t, CK_OUT, n * sizeof(float), sizeof(float));
}

float *ck_out_aligned(struct ck *t, size_t n)
{
    return ck_bytes(t, CK_OUT, n * sizeof(float), 64);
}

void buffer_before_call(struct ck_buffer *b, int round)
{
    if (b->use == CK_OUT) {
        const uint32_t fill = CK_FILL;
        for (size_t i = 0; i + sizeof fill <= b->size; i += sizeof fill)
            memcpy(b->data + i, &fill, sizeof fill);
    } else if (b->use == CK_IN && round == 0) {
        memcpy(b->copy, b->data, b->size);
    } else if (b->use == CK_INOUT) {
        if (round == 0)
            memcpy(b->before, b->data, b->size);
        else
            memcpy(b->data, b->before, b->size);
    }
}

static bool all_canary(const char *from, const char *to)
{
    for (; from < to; from++)
        if ((unsigned char)*from != CANARY_BYTE)
            return false;
    return true;
}

const char *buffer_after_call(struct ck_buffer *b, int round)
{
    if (!all_canary(b->data - CANARY, b->data))
        return "written before its first element";
    if (!all_canary(b->data + b->size, end_byte(b)))
        return "written behind its last element";
    if (b->use == CK_IN)
        return memcmp(b->copy, b->data, b->size) == 0 ? NULL : "an input was changed";
    if (round == 0)
        memcpy(b->copy, b->data, b->size);
    else if (memcmp(b->copy, b->data, b->size) != 0)
        return "two calls gave different bits";
    return NULL;
}
