#include "cli/part.h"

#include "cli/errors.h"
#include "cli/json_line.h"

viseme_status vis_part_check(const char *command, double from_s, double to_s, viseme_error *err)
{
    if (to_s != 0 && to_s <= from_s)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "%s: --to %g does not come after --ss %g; both are times of the file",
                        command, to_s, from_s);
    return VISEME_OK;
}

double vis_part_seconds(const struct vis_frames_info *info, const struct vis_frames_options *opts)
{
    double end = info->duration_s;
    if (opts->to_s > 0 && (end == 0 || opts->to_s < end))
        end = opts->to_s;
    return end > opts->from_s ? end - opts->from_s : 0;
}

int vis_part_json(json_t *object, const struct vis_frames_info *info,
                  const struct vis_frames_options *opts)
{
    json_t *video = json_pack(
        "{s:s, s:s, s:i, s:i, s:o, s:o, s:i, s:b, s:b, s:b, s:o}", "kind", info->kind, "codec",
        info->codec, "width_px", info->width, "height_px", info->height, "frame_rate",
        vis_json_real(info->frame_rate), "duration_s",
        info->duration_s > 0 ? json_real(info->duration_s) : json_null(), "rotation_deg",
        info->turned, "mirrored", info->mirrored, "rotation_ignored", info->turn_ignored,
        "interlaced", info->interlaced, "pixel_aspect", vis_json_real(info->pixel_aspect));
    return json_object_set_new(object, "video", video) |
           json_object_set_new(object, "from_s",
                               opts->from_s > 0 ? json_real(opts->from_s) : json_null()) |
           json_object_set_new(object, "to_s",
                               opts->to_s > 0 ? json_real(opts->to_s) : json_null());
}

void vis_part_notes(const char *path, const struct vis_frames_info *info)
{
    if (info->turn_ignored)
        vis_complain("%s: states a rotation that is no quarter turn; it is not applied", path);
}

json_t *vis_gaps_json(const viseme_cropper *cropper, const viseme_reader *reader)
{
    json_t *list = json_array();
    viseme_gap gap;
    for (size_t i = 0;
         cropper ? viseme_cropper_gap(cropper, i, &gap) : viseme_reader_gap(reader, i, &gap); i++)
        if (json_array_append_new(
                list, json_pack("{s:f, s:f}", "start_s", gap.start_s, "end_s", gap.end_s)) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}
