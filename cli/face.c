/* viseme face: where the face is, and the mouth pictures the networks see. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/draw.h"
#include "cli/errors.h"
#include "cli/faces.h"
#include "cli/folder.h"
#include "cli/json_line.h"
#include "cli/lookup.h"
#include "cli/part.h"
#include "cli/progress.h"
#include "io/frames.h"
#include "io/npy.h"

enum {
    RATE = 25, /* crops a second */
    HEIGHT = 64,
    WIDTH = 128,
    CROP_BYTES = HEIGHT * WIDTH * 3,
    MAX_NPY_CROPS = 1500
};

struct settings {
    const char *crops, *crops_npy, *draw;
    int kind, json, quiet;
    double fps, from_s, to_s;
    int as_stored;
    struct vis_faces_settings faces;
};

struct job {
    struct settings set;
    const char *path;
    struct vis_faces faces;
    struct vis_frames *frames;
    viseme_cropper *cropper;
    struct vis_folder *crops, *drawn;
    uint8_t *kept; /* [kept_count 64 128 3] for --crops-npy */
    size_t kept_count, kept_room;
    int64_t frame_count, crop_count, held_count;
    double start_s; /* of the first crop */
    double face_s;  /* spent on finding and cropping */
    struct vis_frames_options frames_options;
};

/* In the order of viseme_crop_kind. */
static const char *const kinds[] = {"lipnet",   "syncvsr_lrs2", "syncvsr_lrs3",
                                    "autoavsr", "syncvsr_lrw",  NULL};

#define FIELD(name) offsetof(struct settings, name)
static const struct vis_option options[] = {
    {0, "crops", "DIR", "write the mouth pictures as 000000.png, ... to a new folder", VIS_ARG_TEXT,
     FIELD(crops), 0, 0, NULL},
    {0, "crop-kind", "KIND",
     "how mouths are cut out: lipnet (64 x 128, default), syncvsr_lrs2,\n"
     "syncvsr_lrs3 (128 x 128), autoavsr (96 x 96) or syncvsr_lrw\n"
     "(96 x 112); docs/mouth-crops.md",
     VIS_ARG_CHOICE, FIELD(kind), 0, 0, kinds},
    {0, "crops-npy", "FILE",
     "write them as the network's input, float32 [1 3 T 64 128], BGR / 255;\n"
     "at most 1500 of them; of the kind lipnet only",
     VIS_ARG_TEXT, FIELD(crops_npy), 0, 0, NULL},
    {0, "draw", "DIR",
     "write every frame with the face's box and the mouth's place drawn\n"
     "as PNG to a new folder",
     VIS_ARG_TEXT, FIELD(draw), 0, 0, NULL},
    {0, "json", NULL, "one JSON object a line for each crop, and a summary at the end",
     VIS_ARG_FLAG, FIELD(json), 0, 0, NULL},
    {0, "fps", "F", "pictures a second, of a folder or a pattern of PNG files (default 25)",
     VIS_ARG_REAL, FIELD(fps), 0.1, 1000, NULL},
    {0, "ss", "TIME", VIS_HELP_SS, VIS_ARG_TIME, FIELD(from_s), 0, 86400, NULL},
    {0, "to", "TIME", VIS_HELP_TO, VIS_ARG_TIME, FIELD(to_s), 1e-3, 86400, NULL},
    {0, "no-autorotate", NULL, VIS_HELP_AS_STORED, VIS_ARG_FLAG, FIELD(as_stored), 0, 0, NULL},
    VIS_FACES_OPTIONS(FIELD(faces)),
    {'q', "quiet", NULL, "no progress and no notes", VIS_ARG_FLAG, FIELD(quiet), 0, 0, NULL},
    {0}};

static const char details[] =
    "IN is a video file, a folder of PNG files, or a quoted pattern such as 'frames/*.png'.\n"
    "There is a crop for every 1/25 of a second from the first frame to the last; where a\n"
    "frame has no face the nearest crop is repeated, or of other kinds than lipnet cut where\n"
    "the face was, and called held. Without --crops, --crops-npy and --draw the crops are\n"
    "listed: time, box and mouth in pixels of the frame.\n"
    "With --json every face is followed and listed under its id, at most 16 at a time.\n"
    "No face at all ends with code 4.\n";

/* ---- Crops ------------------------------------------------------------------------------- */

static int lists(const struct job *job)
{
    return !job->set.json && !job->set.crops && !job->set.crops_npy && !job->set.draw;
}

static viseme_status keep(struct job *job, const viseme_crop *crop, viseme_error *err)
{
    if (job->kept_count == MAX_NPY_CROPS)
        return vis_fail(err, VISEME_ERR_LIMIT,
                        "%s: more than %d crops, the limit of --crops-npy; use --crops", job->path,
                        MAX_NPY_CROPS);
    if (job->kept_count == job->kept_room) {
        size_t room = job->kept_room ? 2 * job->kept_room : 128;
        uint8_t *kept = realloc(job->kept, room * CROP_BYTES);
        if (!kept)
            return vis_fail_nomem(err, room * CROP_BYTES);
        job->kept = kept;
        job->kept_room = room;
    }
    memcpy(job->kept + job->kept_count++ * CROP_BYTES, crop->bgr, CROP_BYTES);
    return VISEME_OK;
}

static json_t *json_face(const viseme_face *f)
{
    return json_pack("{s:i, s:{s:o, s:o, s:o, s:o}, s:{s:o, s:o}, s:o}", "id", f->id, "box", "x_px",
                     vis_json_real(f->x), "y_px", vis_json_real(f->y), "width_px",
                     vis_json_real(f->width), "height_px", vis_json_real(f->height), "mouth",
                     "x_px", vis_json_real(f->mouth_x), "y_px", vis_json_real(f->mouth_y),
                     "confidence", vis_json_real(f->confidence));
}

/* The chosen face's fields lie beside those of the crop; "faces" has all of them. */
static json_t *json_crop(const viseme_crop *crop)
{
    json_t *row = json_pack("{s:i, s:s, s:s, s:I, s:o, s:b}", "schema", VIS_JSON_SCHEMA, "status",
                            "ok", "type", "crop", "index", (json_int_t)crop->index, "time_s",
                            vis_json_real(crop->time_s), "held", crop->held);
    json_t *own = json_face(&crop->face), *faces = json_array();
    int failed = !own || json_object_update(row, own) != 0;
    for (size_t i = 0; i < crop->face_count; i++)
        failed |= json_array_append_new(faces, json_face(&crop->faces[i])) != 0;
    failed |= json_object_set_new(row, "faces", faces) != 0;
    json_decref(own);
    if (failed) {
        json_decref(row);
        return NULL;
    }
    return row;
}

static void list_crop(const viseme_crop *crop)
{
    const viseme_face *f = &crop->face;
    if (crop->index == 0)
        printf("%6s %9s %-5s %8s %8s %7s %7s %8s %8s %6s\n", "crop", "time_s", "state", "x", "y",
               "width", "height", "mouth_x", "mouth_y", "conf");
    printf("%6lld %9.3f %-5s %8.1f %8.1f %7.1f %7.1f %8.1f %8.1f %6.2f\n", (long long)crop->index,
           crop->time_s, crop->held ? "held" : "face", f->x, f->y, f->width, f->height, f->mouth_x,
           f->mouth_y, f->confidence);
}

static viseme_status take_crop(struct job *job, const viseme_crop *crop, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    if (job->crop_count++ == 0)
        job->start_s = crop->time_s;
    job->held_count += crop->held;
    if (job->crops) {
        const viseme_image image = {crop->bgr, crop->width, crop->height, 3 * crop->width,
                                    VISEME_BGR24};
        status = vis_folder_add(job->crops, &image, err);
    }
    if (status == VISEME_OK && job->set.crops_npy)
        status = keep(job, crop, err);
    if (status == VISEME_OK && job->set.json)
        status = vis_json_write(stdout, json_crop(crop), err);
    if (status == VISEME_OK && lists(job))
        list_crop(crop);
    if (status == VISEME_OK && ferror(stdout))
        status =
            vis_fail(err, VISEME_ERR_OUTPUT, "the result cannot be written: %s", strerror(errno));
    return status;
}

static viseme_status take_crops(struct job *job, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    viseme_crop crop;
    while (status == VISEME_OK && viseme_cropper_next(job->cropper, &crop))
        status = take_crop(job, &crop, err);
    return status;
}

/* ---- Frames ------------------------------------------------------------------------------ */

static viseme_status draw_frame(struct job *job, const viseme_image *frame, viseme_error *err)
{
    struct vis_picture picture;
    viseme_face face;
    viseme_status status = vis_draw_copy(&picture, frame, err);
    if (status != VISEME_OK)
        return status;
    if (viseme_cropper_face(job->cropper, &face))
        vis_draw_face(&picture, &face);
    const viseme_image image = {picture.bgr, picture.width, picture.height,
                                3 * (ptrdiff_t)picture.width, VISEME_BGR24};
    status = vis_folder_add(job->drawn, &image, err);
    vis_picture_free(&picture);
    return status;
}

static viseme_status pump(struct job *job, viseme_error *err)
{
    struct vis_progress bar;
    struct vis_frames_info info;
    viseme_status status = VISEME_OK;
    vis_frames_get_info(job->frames, &info);
    vis_progress_start(&bar, job->path, vis_part_seconds(&info, &job->frames_options),
                       job->set.quiet || job->set.json || lists(job));
    if (!job->set.quiet)
        vis_part_notes(job->path, &info);
    while (status == VISEME_OK) {
        viseme_image image;
        double seconds = 0;
        status = vis_frames_next(job->frames, &image, &seconds, err);
        if (status != VISEME_OK || !image.data)
            break;
        job->frame_count++;
        const double before = vis_clock_s();
        status = viseme_cropper_push(job->cropper, &image, seconds, err);
        job->face_s += vis_clock_s() - before;
        if (status == VISEME_OK && job->drawn)
            status = draw_frame(job, &image, err);
        if (status == VISEME_OK)
            status = take_crops(job, err);
        vis_progress_update(&bar, seconds - job->set.from_s);
    }
    if (status == VISEME_OK)
        status = viseme_cropper_finish(job->cropper, err);
    if (status == VISEME_OK)
        status = take_crops(job, err);
    vis_progress_stop(&bar);
    return status;
}

/* ---- Outputs at the end ------------------------------------------------------------------ */

/* [T H W C] bytes to [1 C T H W] floats. */
static viseme_status write_npy(const struct job *job, viseme_error *err)
{
    const int64_t shape[5] = {1, 3, (int64_t)job->kept_count, HEIGHT, WIDTH};
    size_t pixels = job->kept_count * HEIGHT * WIDTH, bytes = pixels * 3 * sizeof(float);
    float *data = malloc(bytes);
    if (!data)
        return vis_fail_nomem(err, bytes);
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < pixels; i++)
            data[c * pixels + i] = (float)job->kept[3 * i + c] / 255.0f;
    viseme_status status = vis_npy_write(job->set.crops_npy, 5, shape, data, err);
    free(data);
    return status;
}

/* Every face that was followed. */
static json_t *json_tracks(const viseme_cropper *cropper)
{
    json_t *list = json_array();
    viseme_track t;
    for (size_t i = 0; list && viseme_cropper_track(cropper, i, &t); i++) {
        json_t *one = json_pack("{s:i, s:i, s:i, s:o, s:o, s:I, s:I}", "id", t.id, "shot", t.shot,
                                "number", t.number, "start_s", vis_json_real(t.start_s), "end_s",
                                vis_json_real(t.end_s), "frames", (json_int_t)t.frames,
                                "chosen_frames", (json_int_t)t.chosen_frames);
        if (json_array_append_new(list, one) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *json_summary(const struct job *job)
{
    struct vis_frames_info info;
    vis_frames_get_info(job->frames, &info);
    json_t *summary = json_pack(
        "{s:i, s:s, s:s, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "schema", VIS_JSON_SCHEMA,
        "status", "ok", "type", "summary", "input", vis_json_text(job->path), "frames",
        (json_int_t)job->frame_count, "crops", (json_int_t)job->crop_count, "crops_held",
        (json_int_t)job->held_count, "start_s", vis_json_real(job->start_s), "duration_s",
        vis_json_real((double)job->crop_count / RATE), "gaps", vis_gaps_json(job->cropper, NULL),
        "face", vis_faces_json(&job->faces, job->face_s, job->frame_count), "tracks",
        json_tracks(job->cropper));
    if (vis_part_json(summary, &info, &job->frames_options) != 0) {
        json_decref(summary);
        return NULL;
    }
    return summary;
}

static viseme_status summarise(const struct job *job, viseme_error *err)
{
    if (job->set.json)
        return vis_json_write(stdout, json_summary(job), err);
    if (job->held_count > 0 && !job->set.quiet)
        vis_faces_note_gaps(job->path, job->cropper, NULL, job->held_count, job->crop_count);
    if (!job->set.quiet && !lists(job))
        fprintf(stderr, "%s: %lld frames, %lld crops, %.2f ms a frame by %s\n", job->path,
                (long long)job->frame_count, (long long)job->crop_count,
                1e3 * job->face_s / (double)job->frame_count, vis_faces_name(&job->faces));
    return VISEME_OK;
}

static viseme_status commit(struct job *job, viseme_error *err)
{
    viseme_status status = VISEME_OK;
    if (job->set.crops_npy)
        status = write_npy(job, err);
    if (status == VISEME_OK && job->crops) {
        status = vis_folder_commit(job->crops, err);
        job->crops = NULL;
    }
    if (status == VISEME_OK && job->drawn) {
        status = vis_folder_commit(job->drawn, err);
        job->drawn = NULL;
    }
    return status;
}

/* ---- The command ------------------------------------------------------------------------- */

static viseme_status check(const struct settings *set, viseme_error *err)
{
    if (set->crops_npy && strcmp(set->crops_npy, "-") == 0 && set->json)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "face: standard output takes the array or the JSON, not both");
    if (set->crops_npy && set->kind != VISEME_CROP_LIPNET)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "face: --crops-npy is of the kind lipnet; take --crops for %s",
                        kinds[set->kind]);
    return vis_part_check("face", set->from_s, set->to_s, err);
}

/* *told: 1 when the failure has been reported already. */
static viseme_status find_faces(struct job *job, int *told, viseme_error *err)
{
    viseme_status status = vis_faces_load(&job->faces, &job->set.faces, told, err);
    if (status != VISEME_OK)
        return status;
    *told = 0;
    viseme_crop_options crop_options = job->faces.crop;
    crop_options.rate = RATE;
    crop_options.kind = (viseme_crop_kind)job->set.kind;
    crop_options.all_faces = job->set.json;
    job->frames_options = (struct vis_frames_options){.fps = job->set.fps,
                                                      .from_s = job->set.from_s,
                                                      .to_s = job->set.to_s,
                                                      .as_stored = job->set.as_stored};
    status = vis_frames_open(&job->frames, job->path, &job->frames_options, err);
    if (status == VISEME_OK)
        status = viseme_cropper_open(&job->cropper, &crop_options, err);
    if (status == VISEME_OK && job->set.crops)
        status = vis_folder_open(&job->crops, job->set.crops, err);
    if (status == VISEME_OK && job->set.draw)
        status = vis_folder_open(&job->drawn, job->set.draw, err);
    if (status == VISEME_OK)
        status = pump(job, err);
    if (status == VISEME_OK)
        status = commit(job, err);
    if (status == VISEME_OK)
        status = summarise(job, err);
    if (status != VISEME_OK && status != VISEME_ERR_OUTPUT)
        vis_name_error(err, job->path);
    return status;
}

static int run(const struct vis_command *self, int argc, char **argv)
{
    struct job job = {.set = {.fps = 25, .faces.model = -1}};
    struct vis_arg_list operands;
    viseme_error err, ignored;
    int help, told = 0, code = VIS_EXIT_DONE;
    viseme_status status = vis_args_parse(self, argc, argv, &job.set, &operands, &help, &err);
    if (status == VISEME_OK && help) {
        vis_args_help(stdout, self);
    } else if (status == VISEME_OK) {
        status = check(&job.set, &err);
        if (status == VISEME_OK)
            status = vis_faces_check(&job.faces, "face", &job.set.faces, &err);
        job.path = operands.items[0];
        if (status == VISEME_OK)
            status = find_faces(&job, &told, &err);
    }
    if (status != VISEME_OK) {
        code = told ? vis_exit_code(status) : vis_exit_with(&err);
        if (job.set.json && !told && status != VISEME_ERR_ARGUMENT && status != VISEME_ERR_OUTPUT)
            vis_json_write(stdout, vis_json_failure(job.path, &err), &ignored);
    }
    vis_folder_abort(job.crops);
    vis_folder_abort(job.drawn);
    viseme_cropper_close(job.cropper);
    vis_frames_close(job.frames);
    vis_faces_free(&job.faces);
    free(job.kept);
    vis_args_free(self, &job.set, &operands);
    return code;
}

const struct vis_command vis_cmd_face = {
    "face", "IN", "Find the face in a video and crop the mouth", details, options, 1, 1, run};
