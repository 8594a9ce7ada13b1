#include "nets/tokens.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLANK = 0 };

static const char blank[] = "<blank>", eos[] = "<eos>", space[] = "<space>";

viseme_status vis_tokens_open(struct vis_tokens *out, const viseme_model *model, int count,
                              viseme_error *err)
{
    const char *file = vis_weights_name(vis_model_weights(model));
    const json_t *mark = json_object_get(vis_model_config(model), "space");
    struct vis_tokens tokens = {.mark = mark ? json_string_value(mark) : "\u2581"};
    *out = (struct vis_tokens){0};
    tokens.text = vis_model_vocab(model, &tokens.count);
    if (tokens.count == 0)
        return vis_fail(err, VISEME_ERR_MODEL,
                        "%s: no vocabulary in it; convert it with --vocab and its list of units",
                        file);
    if (tokens.count != count)
        return vis_fail(err, VISEME_ERR_MODEL,
                        "%s: the vocabulary has %d tokens, the network %d; convert it with the "
                        "list of units that it was trained with",
                        file, tokens.count, count);
    if (strcmp(tokens.text[0], blank) != 0 || strcmp(tokens.text[count - 1], eos) != 0)
        return vis_fail(err, VISEME_ERR_MODEL,
                        "%s: the vocabulary goes from \"%.40s\" to \"%.40s\", not from %s to %s",
                        file, tokens.text[0], tokens.text[count - 1], blank, eos);
    for (int i = 0; i < count; i++)
        if (tokens.text[i][0] == '\0')
            return vis_fail(err, VISEME_ERR_MODEL, "%s: token %d of the vocabulary is empty", file,
                            i);
    if (!tokens.mark || !tokens.mark[0])
        return vis_fail(err, VISEME_ERR_MODEL,
                        "%s: viseme.config \"space\" is not the text that stands for a space in "
                        "tokens",
                        file);
    *out = tokens;
    return VISEME_OK;
}

/* ---- Text ---------------------------------------------------------------------------------- */

/* Puts `to`, which is not longer, in the place of every `from`. */
static void replace(char *text, const char *from, const char *to)
{
    const size_t from_bytes = strlen(from), to_bytes = strlen(to);
    char *write = text;
    for (const char *read = text;;) {
        const char *found = strstr(read, from);
        const size_t before = found ? (size_t)(found - read) : strlen(read);
        memmove(write, read, before);
        write += before;
        if (!found)
            break;
        memcpy(write, to, to_bytes);
        write += to_bytes;
        read = found + from_bytes;
    }
    *write = '\0';
}

static void strip(char *text)
{
    static const char white[] = " \t\n\v\f\r";
    const size_t begin = strspn(text, white);
    size_t end = strlen(text);
    while (end > begin && strchr(white, text[end - 1]))
        end--;
    memmove(text, text + begin, end - begin);
    text[end - begin] = '\0';
}

viseme_status vis_tokens_text(char **text, const struct vis_tokens *tokens, const int *ids,
                              int length, viseme_error *err)
{
    size_t bytes = 1;
    for (int i = 0; i < length; i++)
        bytes += strlen(tokens->text[ids[i]]);
    char *to = malloc(bytes);
    *text = to;
    if (!to)
        return vis_fail_nomem(err, bytes);
    for (int i = 0; i < length; i++)
        to = stpcpy(to, tokens->text[ids[i]]);
    *to = '\0';
    replace(*text, space, " ");
    replace(*text, tokens->mark, " ");
    strip(*text);
    replace(*text, eos, "");
    return VISEME_OK;
}

/* ---- Words --------------------------------------------------------------------------------- */

static int begins_word(const struct vis_tokens *tokens, int id)
{
    const char *token = tokens->text[id];
    return strncmp(token, tokens->mark, strlen(tokens->mark)) == 0 || strcmp(token, space) == 0;
}

/* Whether CTC has any path through `frames` frames: a label after the same one needs a blank. */
static int fits(const int *labels, int length, int frames)
{
    int64_t need = length;
    for (int i = 1; i < length; i++)
        need += labels[i] == labels[i - 1];
    return need <= frames;
}

/* Sum of path over the frames of a word. */
static double sum_path(const struct vis_ctc_alignment *a, const struct vis_ctc_word *word)
{
    double sum = 0;
    for (int t = word->first; t <= word->last; t++)
        sum += (double)a->path[t];
    return sum;
}

/* Cuts labels into words; without an alignment they have no frames yet. */
static viseme_status cut(struct vis_ctc_words *out, const struct vis_tokens *tokens,
                         const int *labels, int length, const struct vis_ctc_alignment *a,
                         viseme_error *err)
{
    viseme_status status = VISEME_OK;
    for (int end, i = 0; i < length && status == VISEME_OK; i = end) {
        struct vis_ctc_word *word = &out->items[out->count];
        for (end = i + 1; end < length && !begins_word(tokens, labels[end]);)
            end++;
        status = vis_tokens_text(&word->text, tokens, labels + i, end - i, err);
        if (status != VISEME_OK || word->text[0] == '\0') {
            free(word->text);
            word->text = NULL;
            continue;
        }
        if (a) {
            word->first = a->first[i];
            word->last = a->last[end - 1];
            word->confidence = exp(sum_path(a, word) / (word->last - word->first + 1));
        }
        out->count++;
    }
    return status;
}

static void share_frames(struct vis_ctc_words *words, int frames)
{
    for (int i = 0; i < words->count; i++) {
        struct vis_ctc_word *word = &words->items[i];
        word->first = (int)((int64_t)frames * i / words->count);
        const int next = (int)((int64_t)frames * (i + 1) / words->count);
        word->last = next > word->first ? next - 1 : word->first;
    }
}

/* Geometric mean over the frames of all words; without words, over all frames. */
static double confidence(const struct vis_ctc_words *words, const struct vis_ctc_alignment *a,
                         int frames)
{
    struct vis_ctc_word all = {.first = 0, .last = frames - 1};
    double sum = 0;
    int count = 0;
    if (words->count == 0)
        return frames > 0 ? exp(sum_path(a, &all) / frames) : 1;
    for (int i = 0; i < words->count; i++) {
        sum += sum_path(a, &words->items[i]);
        count += words->items[i].last - words->items[i].first + 1;
    }
    return exp(sum / count);
}

viseme_status vis_tokens_words(struct vis_ctc_words *out, const struct vis_tokens *tokens,
                               const int *ids, int length, const float *ctc_logp, int frames,
                               viseme_error *err)
{
    struct vis_ctc_alignment alignment = {0};
    viseme_status status = VISEME_OK;
    const size_t room = (size_t)length + 1;
    int count = 0, *labels = malloc(room * sizeof *labels);
    *out = (struct vis_ctc_words){.items = calloc(room, sizeof *out->items)};
    if (!labels || !out->items) {
        status = vis_fail_nomem(err, room * sizeof *out->items);
        goto done;
    }
    for (int i = 0; i < length; i++)
        if (ids[i] != BLANK && ids[i] != tokens->count - 1)
            labels[count++] = ids[i];
    if (fits(labels, count, frames)) {
        status =
            vis_ctc_align(&alignment, ctc_logp, frames, tokens->count, BLANK, labels, count, err);
        if (status == VISEME_OK)
            status = cut(out, tokens, labels, count, &alignment, err);
        if (status == VISEME_OK)
            out->confidence = confidence(out, &alignment, frames);
    } else {
        status = cut(out, tokens, labels, count, NULL, err);
        share_frames(out, frames);
    }
done:
    free(labels);
    vis_ctc_alignment_free(&alignment);
    if (status != VISEME_OK)
        vis_ctc_words_free(out);
    return status;
}
