#include "nets/lm_fusion.h"

#include <stdlib.h>
#include <string.h>

struct vis_fusion {
    const struct vis_arpa *arpa;
    const char *const *vocab;
    double weight;
    int start, end, unknown, space; /* word numbers of <s>, </s>, <unk>, <sp>, or none */
    int characters;
    int space_label;
    int from_case, to_case; /* letters from this one ('A' or 'a'; 0: none) are moved to that one */
    int *words;             /* [classes] character models: the word of each label */
};

/* ---- Opening ----------------------------------------------------------------------------- */

enum { LOWER = 1, UPPER = 2 };

/* Which cases of a-z are in the text. */
static int cases(const char *text, size_t bytes)
{
    int found = 0;
    for (size_t i = 0; i < bytes; i++)
        found |= text[i] >= 'a' && text[i] <= 'z'   ? LOWER
                 : text[i] >= 'A' && text[i] <= 'Z' ? UPPER
                                                    : 0;
    return found;
}

static void choose_case(struct vis_fusion *f, int classes)
{
    int model = 0, network = 0;
    for (int i = 0; i < vis_arpa_word_count(f->arpa); i++) {
        size_t bytes;
        const char *word = vis_arpa_word(f->arpa, i, &bytes);
        if (word[0] != '<') /* <s>, </s>, <unk>, <sp> */
            model |= cases(word, bytes);
    }
    for (int i = 0; i < classes; i++)
        network |= cases(f->vocab[i], strlen(f->vocab[i]));
    if (model == LOWER && network == UPPER) {
        f->from_case = 'A';
        f->to_case = 'a';
    } else if (model == UPPER && network == LOWER) {
        f->from_case = 'a';
        f->to_case = 'A';
    }
}

static char in_case(const struct vis_fusion *f, char c)
{
    return f->from_case && c >= f->from_case && c <= f->from_case + 25
               ? (char)(c - f->from_case + f->to_case)
               : c;
}

static viseme_status map_label(struct vis_fusion *f, int label, viseme_error *err)
{
    char symbol[64];
    size_t bytes = strlen(f->vocab[label]);
    f->words[label] = f->unknown;
    if (bytes < sizeof symbol) {
        for (size_t i = 0; i < bytes; i++)
            symbol[i] = in_case(f, f->vocab[label][i]);
        int word = vis_arpa_find(f->arpa, symbol, bytes);
        if (word >= 0)
            f->words[label] = word;
    }
    if (f->words[label] < 0)
        return vis_fail(err, VISEME_ERR_MODEL,
                        "the language model has neither the network's symbol \"%s\" nor <unk>",
                        f->vocab[label]);
    return VISEME_OK;
}

viseme_status vis_fusion_open(struct vis_fusion **out, const struct vis_arpa *arpa,
                              const char *const *vocab, int classes, int blank, double weight,
                              viseme_error *err)
{
    viseme_status status = VISEME_OK;
    *out = NULL;
    struct vis_fusion *f = calloc(1, sizeof *f);
    int *words = calloc((size_t)classes, sizeof *words);
    if (!f || !words) {
        free(f);
        free(words);
        return vis_fail_nomem(err, sizeof *f + (size_t)classes * sizeof *words);
    }
    *f = (struct vis_fusion){.arpa = arpa,
                             .vocab = vocab,
                             .weight = weight,
                             .start = vis_arpa_find(arpa, "<s>", 3),
                             .end = vis_arpa_find(arpa, "</s>", 4),
                             .unknown = vis_arpa_find(arpa, "<unk>", 5),
                             .space = vis_arpa_find(arpa, "<sp>", 4),
                             .space_label = -1,
                             .words = words};
    f->characters = f->space >= 0;
    choose_case(f, classes);
    for (int i = 0; i < classes; i++)
        if (i != blank && strcmp(vocab[i], " ") == 0)
            f->space_label = i;
    if (f->space_label < 0 && !f->characters)
        status = vis_fail(err, VISEME_ERR_MODEL,
                          "the network has no space, so a language model of words cannot be used");
    for (int i = 0; f->characters && i < classes && status == VISEME_OK; i++)
        if (i != blank && i != f->space_label)
            status = map_label(f, i, err);
    if (status != VISEME_OK) {
        vis_fusion_free(f);
        return status;
    }
    *out = f;
    return VISEME_OK;
}

void vis_fusion_free(struct vis_fusion *f)
{
    if (!f)
        return;
    free(f->words);
    free(f);
}

/* ---- Reading on -------------------------------------------------------------------------- */

static void remember(const struct vis_fusion *f, struct vis_lm_state *state, int word)
{
    int room = vis_arpa_order(f->arpa) - 1;
    if (room == 0)
        return;
    if (state->count == room) {
        memmove(state->history, state->history + 1, (size_t)(room - 1) * sizeof state->history[0]);
        state->count--;
    }
    state->history[state->count++] = word;
}

/* Scores a word and makes it history. */
static double read_word(const struct vis_fusion *f, struct vis_lm_state *state, int word)
{
    double score = vis_arpa_score(f->arpa, state->history, state->count, word);
    remember(f, state, word);
    return score;
}

static void start_word(const struct vis_fusion *f, struct vis_lm_state *state)
{
    state->low = 0;
    state->high = vis_arpa_word_count(f->arpa);
    state->depth = 0;
}

void vis_fusion_start(const struct vis_fusion *f, struct vis_lm_state *state)
{
    *state = (struct vis_lm_state){0};
    start_word(f, state);
    if (f->start >= 0)
        remember(f, state, f->start);
}

/* The end of the word being spelt: the words that begin like it come after the word itself. */
static double finish_word(const struct vis_fusion *f, struct vis_lm_state *state)
{
    int word = f->unknown;
    size_t bytes = 0;
    if (state->depth == 0)
        return 0;
    if (state->low < state->high) {
        vis_arpa_word(f->arpa, state->low, &bytes);
        if (bytes == (size_t)state->depth)
            word = state->low;
    }
    start_word(f, state);
    return read_word(f, state, word);
}

static double extend_characters(const struct vis_fusion *f, struct vis_lm_state *state, int label)
{
    double score = 0;
    if (label == f->space_label) {
        state->spaced = state->begun;
        return 0;
    }
    if (state->spaced)
        score = read_word(f, state, f->space);
    state->spaced = 0;
    state->begun = 1;
    return score + read_word(f, state, f->words[label]);
}

static double extend_words(const struct vis_fusion *f, struct vis_lm_state *state, int label)
{
    if (label == f->space_label)
        return finish_word(f, state);
    for (const char *s = f->vocab[label]; *s; s++, state->depth++)
        if (state->low < state->high)
            vis_arpa_narrow(f->arpa, &state->low, &state->high, (size_t)state->depth,
                            in_case(f, *s));
    return 0;
}

double vis_fusion_extend(const struct vis_fusion *f, const struct vis_lm_state *from, int label,
                         struct vis_lm_state *to)
{
    struct vis_lm_state state = *from;
    double score =
        f->characters ? extend_characters(f, &state, label) : extend_words(f, &state, label);
    if (to)
        *to = state;
    return f->weight * score;
}

double vis_fusion_end(const struct vis_fusion *f, const struct vis_lm_state *from)
{
    struct vis_lm_state state = *from;
    double score = f->characters ? 0 : finish_word(f, &state);
    if (f->end >= 0)
        score += read_word(f, &state, f->end);
    return f->weight * score;
}
