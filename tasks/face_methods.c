#include "tasks/face_methods.h"

#include <math.h>
#include <string.h>

#include "tasks/face_haar.h"
#include "tasks/face_mesh.h"
#include "tasks/face_s3fd.h"
#include "tasks/face_yunet.h"

enum { MAX_SIDE = 16384, MAX_EVERY = 25 };

/* The network that a model is of; "" without a model. */
static const char *arch_of(const viseme_model *model)
{
    const char *arch = model ? viseme_model_metadata(model, "viseme.arch") : NULL;
    return arch ? arch : "";
}

viseme_status vis_face_methods_check(const viseme_crop_options *opts, const char *task,
                                     viseme_error *err)
{
    if (!opts || (!opts->cascade_xml && !opts->face_detector && !opts->face_landmarks))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%s: the options have neither a cascade nor face networks", task);
    const char *detector = arch_of(opts->face_detector);
    const int alone = strcmp(detector, "yunet") == 0 || strcmp(detector, "s3fd") == 0;
    if (alone && opts->face_landmarks)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "%s: a %s works without a landmark network", task,
                        detector);
    if (!alone && !opts->face_detector != !opts->face_landmarks)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%s: a face detector and a landmark network work together only", task);
    if ((opts->face != VISEME_FACE_LARGEST && opts->face != VISEME_FACE_POINT &&
         opts->face != VISEME_FACE_NUMBER) ||
        (opts->face == VISEME_FACE_NUMBER && opts->face_number < 1) ||
        (opts->face == VISEME_FACE_POINT && !(isfinite(opts->face_x) && isfinite(opts->face_y))))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%s: a face is chosen by size, by a finite point, or by a number "
                        "from 1 on",
                        task);
    if (opts->landmarks_every < 0 || opts->landmarks_every > MAX_EVERY)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%s: landmarks every %d crops; 1 to %d are possible", task,
                        opts->landmarks_every, (int)MAX_EVERY);
    if (opts->on_no_face != VISEME_NO_FACE_HOLD && opts->on_no_face != VISEME_NO_FACE_FAIL)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "%s: on_no_face is neither hold nor fail", task);
    return VISEME_OK;
}

viseme_status vis_face_methods_open(struct vis_face_finder *finder, const viseme_crop_options *opts,
                                    double interval, viseme_error *err)
{
    struct vis_cascade *cascade = NULL;
    if (strcmp(arch_of(opts->face_detector), "yunet") == 0)
        return vis_face_yunet(finder, opts->face_detector, err);
    if (strcmp(arch_of(opts->face_detector), "s3fd") == 0)
        return vis_face_s3fd(finder, opts->face_detector, err);
    if (opts->face_detector)
        return vis_face_mesh(finder, opts->face_detector, opts->face_landmarks, interval, err);
    viseme_status status = vis_cascade_parse(&cascade, opts->cascade_xml, opts->cascade_bytes, err);
    return status == VISEME_OK ? vis_face_haar(finder, cascade, err) : status;
}

viseme_status vis_face_methods_track(struct vis_face_tracks **out, const viseme_crop_options *opts,
                                     double interval, viseme_error *err)
{
    const struct vis_face_tracks_options tracks = {.choice = opts->face,
                                                   .number = opts->face_number,
                                                   .x = opts->face_x,
                                                   .y = opts->face_y,
                                                   .all = opts->all_faces != 0};
    struct vis_face_finder finder;
    *out = NULL;
    viseme_status status = vis_face_methods_open(&finder, opts, interval, err);
    return status == VISEME_OK ? vis_face_tracks_create(out, finder, &tracks, err) : status;
}

viseme_status vis_face_methods_frame(const viseme_image *frame, const char *task, viseme_error *err)
{
    if (!frame || !frame->data || frame->width < 1 || frame->height < 1 ||
        frame->width > MAX_SIDE || frame->height > MAX_SIDE ||
        (frame->format != VISEME_BGR24 && frame->format != VISEME_RGB24))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%s: a frame must be BGR24 or RGB24 with sides of 1 to %d pixels", task,
                        (int)MAX_SIDE);
    if ((frame->stride < 0 ? -frame->stride : frame->stride) < (ptrdiff_t)frame->width * 3)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%s: rows of %d pixels do not fit a stride of %td bytes", task,
                        frame->width, frame->stride);
    return VISEME_OK;
}
