/* From mouth crops, or points of the face, to words: the task of readers that tell one word from
 * others. The network sees 29 crops with the word in their middle, as LRW's clips have it; which of
 * them are the word's is one of its inputs where its file says so. */
#ifndef VIS_TASKS_WORDS_H
#define VIS_TASKS_WORDS_H

#include "tasks/decoder.h"
#include "tasks/reader_kind.h"

struct vis_words;

/* Takes nbest, the spans and word_seconds from `opts`. kind: of a network that tells words, copied;
 * rate: crops a second; model: must outlive the object. Free with vis_words_close().
 * Errors: VISEME_ERR_ARGUMENT (options that do not go with it), VISEME_ERR_NOMEM. */
viseme_status vis_words_open(struct vis_words **out, const viseme_reader_options *opts,
                             const viseme_model *model, const struct vis_reader_kind *kind,
                             double rate, viseme_error *err);
void vis_words_close(struct vis_words *w);

/* A crop of the kind's size. */
struct vis_words_crop {
    viseme_image image;
    const float *landmarks; /* as of viseme_crop */
    int lrw_frame;          /* its frame is as large as those of LRW, which are taken as they are */
    double start_s;         /* the time of the clip's first crop */
};

/* Takes the next crop, and runs the network for the word that it completes.
 * Errors: VISEME_ERR_LIMIT (a clip without spans of more than 2 s), VISEME_ERR_INPUT (the network
 * gives NaN or infinities), VISEME_ERR_NOMEM. */
viseme_status vis_words_add(struct vis_words *w, viseme_session *session,
                            const struct vis_words_crop *crop, viseme_error *err);

/* The clip ends: reads what is left. Errors as above, and VISEME_ERR_INPUT (a clip of less than 0.2
 * s; no span within it). */
viseme_status vis_words_finish(struct vis_words *w, viseme_session *session, viseme_error *err);

/* The readings, best first: reading i has the i-th most likely word of every span, in the order of
 * time. Free *out with vis_decoded_free(). Errors: VISEME_ERR_NOMEM. */
viseme_status vis_words_decode(const struct vis_words *w, struct vis_decoded *out,
                               viseme_error *err);

/* The network's logits, a row for each word that was read. */
const float *vis_words_logits(const struct vis_words *w, int64_t *rows);

#endif
