/* viseme dub: the face in a video says what a sound file says. */
#include "cli/dub.h"

#include "cli/commands.h"
#include "cli/errors.h"
#include "cli/part.h"

static const struct vis_option options[] = {
    {0, "fit", "loop|pingpong|hold|trim|pad",
     "when the video is shorter than the speech it begins again (default),\n"
     "goes back and forth, or its last picture stays; it ends with the\n"
     "speech. trim: the output ends with the shorter one. pad: it lasts as\n"
     "long as the longer one, silent or with the last picture",
     VIS_ARG_CHOICE, VIS_DUB_FIELD(fit), 0, 0, vis_dub_fits},
    {0, "face", "largest|N|X,Y",
     "which face: the largest one when faces are first seen, and then the\n"
     "same (default), the N-th from left to right, in order of appearance,\n"
     "or the one nearest to a point in pixels",
     VIS_ARG_TEXT, VIS_DUB_FIELD(faces.face), 0, 0, NULL},
    {0, "fps", "F", "pictures a second, of pictures (default 25)", VIS_ARG_REAL, VIS_DUB_FIELD(fps),
     0.1, 1000, NULL},
    {0, "ss", "TIME",
     "begin at this time of the video: seconds, or [HH:]MM:SS; the output\n"
     "begins at 0",
     VIS_ARG_TIME, VIS_DUB_FIELD(from_s), 0, 86400, NULL},
    {0, "to", "TIME", "end before this time of the video, written likewise", VIS_ARG_TIME,
     VIS_DUB_FIELD(to_s), 1e-3, 86400, NULL},
    VIS_DUB_OPTIONS,
    {0}};

static const char details[] =
    "VIDEO is a video file, a PNG or JPEG picture, a folder of PNG files or a quoted pattern such\n"
    "as 'frames/*.png'. AUDIO is any file with sound, a video's as well. The rate, the times, the\n"
    "size, the rotation and the colours of the video stay; the frames are encoded once, as H.264\n"
    "or without loss. Compressed sound is copied if the container takes it, other sound becomes\n"
    "AAC. Any size and rate: the face is 96 x 96 pixels for the network, so it gets softer in a\n"
    "4K video; speech for an hour needs no more memory than for a second. A video without any\n"
    "face ends with code 4, a file without sound, or with 0 s of it, with code 5. Publish what\n"
    "you make only with the consent of whoever is seen and heard; see --label.\n";

static int run(const struct vis_command *self, int argc, char **argv)
{
    struct vis_dub_settings set = VIS_DUB_DEFAULTS;
    struct vis_arg_list operands;
    viseme_error err;
    int help, code = VIS_EXIT_DONE;
    viseme_status status = vis_args_parse(self, argc, argv, &set, &operands, &help, &err);

    if (status != VISEME_OK) {
        code = vis_exit_with(&err);
    } else if (help) {
        vis_args_help(stdout, self);
    } else {
        struct vis_dub_job job = {.command = self,
                                  .settings = &set,
                                  .set = &set,
                                  .video = operands.items[0],
                                  .audio = operands.items[1],
                                  .audio_name = operands.items[1]};
        code = vis_dub(&job);
    }
    vis_args_free(self, &set, &operands);
    return code;
}

const struct vis_command vis_cmd_dub = {
    "dub", "VIDEO AUDIO", "Make the face in a video say a sound", details, options, 2, 2, run};
