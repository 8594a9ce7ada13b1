#include "signal/resize.h"

#include <math.h>

enum { STRIP = 64, WEIGHT_BITS = 11, MAX_CHANNELS = 4 };

/* The two pixels a position lies between, and their weights of 2^11, rounded one by one. */
struct taps {
    int at[2];
    int weight[2];
};

static struct taps taps_of(int x, int size, int source_size, int clamp)
{
    const double scale = 1.0 / ((double)size / source_size);
    float p = (float)((x + 0.5) * scale - 0.5);
    int below = (int)floorf(p);
    p -= (float)below;
    if (clamp && below < 0) {
        below = 0;
        p = 0;
    }
    if (clamp && below >= source_size - 1) {
        below = source_size - 1;
        p = 0;
    }
    struct taps t = {
        {below, below + 1},
        {(int)lrintf((1.0f - p) * (1 << WEIGHT_BITS)), (int)lrintf(p * (1 << WEIGHT_BITS))}};
    for (int k = 0; k < 2; k++)
        t.at[k] = t.at[k] < 0 ? 0 : t.at[k] > source_size - 1 ? source_size - 1 : t.at[k];
    return t;
}

static void halve(const struct vis_bytes *s, uint8_t *dst, int width, int height)
{
    const int n = s->channels;
    for (int y = 0; y < height; y++) {
        const uint8_t *top = s->data + 2 * y * s->stride, *bottom = top + s->stride;
        for (int x = 0; x < width; x++, top += 2 * n, bottom += 2 * n)
            for (int c = 0; c < n; c++)
                *dst++ = (uint8_t)((top[c] + top[n + c] + bottom[c] + bottom[n + c] + 2) >> 2);
    }
}

/* `columns` pixels of a row of the source, interpolated along it, in units of 2^-11. */
static void read_row(const struct vis_bytes *s, int y, const struct taps *t, int columns, int *sum)
{
    const uint8_t *row = s->data + y * s->stride;
    const int n = s->channels;
    for (int x = 0; x < columns; x++, t++) {
        const uint8_t *a = row + (ptrdiff_t)t->at[0] * n, *b = row + (ptrdiff_t)t->at[1] * n;
        for (int c = 0; c < n; c++)
            *sum++ = a[c] * t->weight[0] + b[c] * t->weight[1];
    }
}

void vis_resize(const struct vis_bytes *s, uint8_t *dst, int width, int height)
{
    const int n = s->channels;
    if (s->width == 2 * width && s->height == 2 * height) {
        halve(s, dst, width, height);
        return;
    }
    for (int left = 0; left < width; left += STRIP) {
        struct taps across[STRIP];
        int sums[2][STRIP * MAX_CHANNELS], held[2] = {-1, -1}; /* held: the rows in them */
        const int columns = width - left < STRIP ? width - left : STRIP;
        for (int x = 0; x < columns; x++)
            across[x] = taps_of(left + x, width, s->width, 1);
        for (int y = 0; y < height; y++) {
            const struct taps down = taps_of(y, height, s->height, 0);
            uint8_t *out = dst + ((ptrdiff_t)y * width + left) * n;
            int slot[2]; /* of the upper and the lower row */
            for (int k = 0; k < 2; k++) {
                slot[k] = held[0] == down.at[k] ? 0 : held[1] == down.at[k] ? 1 : -1;
                if (slot[k] >= 0)
                    continue;
                slot[k] = k == 1 ? 1 - slot[0] : held[0] == down.at[1];
                read_row(s, down.at[k], across, columns, sums[slot[k]]);
                held[slot[k]] = down.at[k];
            }
            const int *upper = sums[slot[0]], *lower = sums[slot[1]];
            for (int i = 0; i < columns * n; i++) {
                const int v = ((down.weight[0] * (upper[i] >> 4)) >> 16) +
                              ((down.weight[1] * (lower[i] >> 4)) >> 16);
                out[i] = (uint8_t)((v + 2) >> 2);
            }
        }
    }
}
