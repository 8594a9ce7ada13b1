#include "cli/plot.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/json_line.h"

enum { FRAME_HEIGHT = 160, CROP_HEIGHT = 68 };

viseme_status vis_plotting_start(struct vis_plotting *p, const char *path, viseme_error *err)
{
    *p = (struct vis_plotting){
        .path = path, .frames.height = FRAME_HEIGHT, .crops.height = CROP_HEIGHT};
    return path ? vis_output_open(&p->output, path, &p->to, err) : VISEME_OK;
}

void vis_plotting_frame(struct vis_plotting *p, const viseme_image *frame, double time_s)
{
    if (p->path && p->status == VISEME_OK)
        p->status = vis_strip_add(&p->frames, frame, time_s, 0, NULL);
    p->frame_width = frame->width;
    p->frame_height = frame->height;
}

/* Keeps where the face is, as long as frames are drawn. */
static viseme_status add_face(struct vis_plotting *p, const viseme_crop *crop)
{
    double width = p->frame_width, height = p->frame_height;
    if (crop->held || crop->time_s - p->frames.start_s > VIS_PLOT_SECONDS)
        return VISEME_OK;
    if (p->face_count == p->face_room) {
        size_t room = p->face_room ? 2 * p->face_room : 128;
        struct vis_plot_face *more = realloc(p->faces, room * sizeof *more);
        if (!more)
            return VISEME_ERR_NOMEM;
        p->faces = more;
        p->face_room = room;
    }
    p->faces[p->face_count++] = (struct vis_plot_face){.time_s = crop->time_s,
                                                       .x = crop->face.x / width,
                                                       .y = crop->face.y / height,
                                                       .width = crop->face.width / width,
                                                       .height = crop->face.height / height,
                                                       .mouth_x = crop->face.mouth_x / width,
                                                       .mouth_y = crop->face.mouth_y / height};
    return VISEME_OK;
}

void vis_plotting_crop(struct vis_plotting *p, const viseme_crop *crop)
{
    const viseme_image image = {crop->bgr, crop->width, crop->height, 3 * (ptrdiff_t)crop->width,
                                VISEME_BGR24};
    if (p->path && p->status == VISEME_OK)
        p->status = vis_strip_add(&p->crops, &image, crop->time_s, crop->held, NULL);
    if (p->path && p->status == VISEME_OK)
        p->status = add_face(p, crop);
}

/* The strings of a JSON array of `count`; they belong to `list`. free() the array. */
static const char **strings_of(const json_t *list, size_t count)
{
    const char **strings =
        json_array_size(list) == count ? calloc(count + 1, sizeof *strings) : NULL;
    for (size_t i = 0; strings && i < count; i++) {
        const char *s = json_string_value(json_array_get(list, i));
        strings[i] = s ? s : "?";
    }
    return strings;
}

viseme_status vis_plotting_write(struct vis_plotting *p, const char *input,
                                 const viseme_reader *reader, const viseme_model *model,
                                 viseme_error *err)
{
    const viseme_hypothesis *best = viseme_reader_hypothesis(reader, 0);
    const char *vocabulary = viseme_model_metadata(model, "viseme.vocab");
    json_t *title = NULL, *list = NULL;
    struct vis_plot plot = {
        .frames = &p->frames, .crops = &p->crops, .faces = p->faces, .face_count = p->face_count};
    viseme_reader_stats stats;
    char note[200];
    viseme_status status = p->status;
    if (status == VISEME_OK && vocabulary)
        status = vis_json_parse(&list, vocabulary, strlen(vocabulary), "", "viseme.vocab", err);
    viseme_reader_get_stats(reader, &stats);
    plot.logits = viseme_reader_logits(reader, &plot.rows, &plot.classes);
    plot.words = viseme_reader_words(reader, 0, &plot.word_count);
    plot.text = best ? best->text : NULL;
    plot.start_s = stats.start_s;
    plot.rate = (double)stats.crops / stats.duration_s;
    snprintf(note, sizeof note,
             "%.2f s from %.2f s on%s, %lld crops at %g a second, %lld held without a face "
             "(orange), confidence %.2f; no row: below %g",
             stats.duration_s, stats.start_s,
             stats.duration_s > VIS_PLOT_SECONDS ? " (drawn: the first 120 s)" : "",
             (long long)stats.crops, plot.rate, (long long)stats.crops_held,
             best ? best->confidence : 0, VIS_PLOT_SHOWN);
    plot.note = note;
    title = vis_json_text(input); /* cairo wants UTF-8 */
    plot.title = json_string_value(title);
    const char **vocab = strings_of(list, (size_t)plot.classes);
    plot.vocab = vocab;
    if (status != VISEME_OK || !plot.title || !vocab)
        status = vis_fail(err, VISEME_ERR_NOMEM, "out of memory for the plot");
    else
        status = vis_plot_write(p->to, &plot, p->path, err);
    if (status == VISEME_OK) {
        status = vis_output_commit(p->output, err);
        p->output = NULL;
    }
    free(vocab);
    json_decref(title);
    json_decref(list);
    return status;
}

void vis_plotting_free(struct vis_plotting *p)
{
    vis_output_abort(p->output);
    vis_strip_free(&p->frames);
    vis_strip_free(&p->crops);
    free(p->faces);
    p->faces = NULL;
}
