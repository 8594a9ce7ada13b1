/* Any bytes as an n-gram model: refused with a sentence, or used in a beam search whose scores
 * stay numbers and in order. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "nets/ctc.h"

enum { CLASSES = 5, FRAMES = 6, WIDTH = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void search(const struct vis_arpa *lm)
{
    static const char *const vocab[CLASSES] = {"", " ", "A", "B", "\xC3\xA9"};
    float logp[FRAMES * CLASSES];
    struct vis_fusion *fusion;
    struct vis_ctc_result result;
    viseme_error err = {0};
    for (int i = 0; i < FRAMES * CLASSES; i++)
        logp[i] = -0.5f - (float)(i * 7 % 5) / 2;
    if (vis_fusion_open(&fusion, lm, vocab, CLASSES, 0, 0.5, &err) != VISEME_OK) {
        if (err.message[0] == '\0')
            abort();
        return;
    }
    if (vis_ctc_beam_lm(&result, logp, FRAMES, CLASSES, 0, WIDTH, WIDTH, fusion, NULL) !=
            VISEME_OK ||
        result.count == 0)
        abort();
    for (int i = 0; i < result.count; i++)
        if (!isfinite(result.best[i].score) ||
            result.best[i].score > result.best[i].log_probability ||
            (i > 0 && result.best[i].score > result.best[i - 1].score))
            abort();
    vis_ctc_free(&result);
    vis_fusion_free(fusion);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vis_arpa *lm;
    viseme_error err = {0};
    viseme_status status = vis_arpa_parse(&lm, (const char *)data, size, &err);
    if (status != VISEME_OK) {
        if (lm || err.status != status || err.message[0] == '\0')
            abort();
        return 0;
    }
    search(lm);
    vis_arpa_free(lm);
    return 0;
}
