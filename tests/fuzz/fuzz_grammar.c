/* Any bytes as a grammar: refused with a sentence, or searched. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "nets/ctc_grammar.h"

enum { CLASSES = 5, FRAMES = 6 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const vocab[CLASSES] = {"", " ", "A", "b", "\xC3\xA9"};
    float logp[FRAMES * CLASSES];
    struct vis_grammar *grammar;
    struct vis_ctc_result result;
    viseme_error err = {0};
    viseme_status status =
        vis_grammar_open(&grammar, (const char *)data, size, vocab, CLASSES, 0, &err);
    if (status != VISEME_OK) {
        if (grammar || err.status != status || err.message[0] == '\0')
            abort();
        return 0;
    }
    for (int i = 0; i < FRAMES * CLASSES; i++)
        logp[i] = -0.5f - (float)(i * 7 % 5) / 2;
    status = vis_ctc_grammar(&result, logp, FRAMES, CLASSES, 0, grammar, &err);
    if (status == VISEME_OK ? result.count != 1 : status != VISEME_ERR_INPUT)
        abort();
    vis_ctc_free(&result);
    vis_grammar_free(grammar);
    return 0;
}
