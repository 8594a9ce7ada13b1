#include "cli/sync_plot.h"

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "cli/json_line.h"
#include "cli/sync_words.h"
#include "io/output.h"
#include "io/sync_plot.h"

/* The face whose similarity says most: of those whose offset is known the longest, else the
 * longest. */
static size_t best_face(const viseme_sync *sync)
{
    viseme_sync_face f;
    int64_t rows = -1;
    int known = 0;
    size_t best = 0;
    for (size_t i = 0; viseme_sync_get_face(sync, i, &f); i++) {
        const int is_known = f.reason == VISEME_SYNC_KNOWN;
        if (is_known < known || (is_known == known && f.rows <= rows))
            continue;
        known = is_known;
        rows = f.rows;
        best = i;
    }
    return best;
}

static void describe(const viseme_sync *sync, const viseme_sync_result *r, char *text, size_t size)
{
    char words[64];
    (void)sync;
    vis_sync_words(r->offset_ms, words, sizeof words);
    if (r->reason != VISEME_SYNC_KNOWN)
        snprintf(text, size, "unknown: %s", vis_sync_reason(r->reason));
    else if (r->has_drift)
        snprintf(text, size, "%s, drift %+.1f ms a minute", words, r->drift_ms_per_min);
    else
        snprintf(text, size, "%s", words);
}

viseme_status vis_sync_draw(const char *path, const char *input, const viseme_sync *sync,
                            const viseme_sync_result *r, viseme_error *err)
{
    static const char *const costs[] = {"mean distance", "minus mean log probability",
                                        "minus mean log probability", "1 \xE2\x88\x92 mean cosine",
                                        "mean distance of unit vectors"};
    struct vis_sync_plot plot = {.known = r->reason == VISEME_SYNC_KNOWN,
                                 .offset_ms = r->offset_ms,
                                 .cost = costs[r->method]};
    struct vis_output *output = NULL;
    FILE *to;
    char text[256], note[256];
    viseme_status status = vis_output_open(&output, path, &to, err);
    if (status != VISEME_OK)
        return status;
    viseme_sync_window *windows = calloc(r->windows + 1, sizeof *windows);
    json_t *title = vis_json_text(input); /* cairo wants UTF-8 */
    if (!windows || !json_string_value(title)) {
        status = vis_fail(err, VISEME_ERR_NOMEM, "out of memory for the plot");
        goto fail;
    }
    while (plot.window_count < r->windows &&
           viseme_sync_get_window(sync, plot.window_count, &windows[plot.window_count]))
        plot.window_count++;
    describe(sync, r, text, sizeof text);
    snprintf(note, sizeof note,
             "method %s, confidence %.2f, LSE-D %.2f, LSE-C %.2f, %.1f s of video, %.1f s with a "
             "face, %.1f s with speech",
             vis_sync_methods[r->method], r->confidence, r->lse_d, r->lse_c, r->duration_s,
             r->face_s, r->speech_s);
    plot.title = json_string_value(title);
    plot.text = text;
    plot.note = note;
    plot.windows = windows;
    plot.curve = viseme_sync_curve(sync, &plot.curve_first, &plot.curve_count);
    plot.similarity =
        viseme_sync_similarity(sync, best_face(sync), &plot.rows, &plot.columns, &plot.start_s);
    status = vis_sync_plot_write(to, &plot, path, err);
    if (status == VISEME_OK) {
        status = vis_output_commit(output, err);
        output = NULL;
    }
fail:
    vis_output_abort(output);
    free(windows);
    json_decref(title);
    return status;
}
