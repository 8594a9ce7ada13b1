/* viseme say: a face that speaks a text. */
#include "cli/commands.h"
#include "cli/dub.h"
#include "cli/errors.h"
#include "cli/lookup.h"
#include "cli/tts.h"

#include <stdlib.h>
#include <string.h>

struct settings {
    struct vis_dub_settings dub; /* first: its options count from here */
    const char *avatar, *face, *voice, *tts;
};

#define FIELD(name) offsetof(struct settings, name)
static const struct vis_option options[] = {
    {0, "avatar", "NAME", "a drawn face that comes with viseme, such as ada, ben or mei",
     VIS_ARG_TEXT, FIELD(avatar), 0, 0, NULL},
    {0, "face", "FILE", "a picture or a video instead, as of 'viseme dub'", VIS_ARG_TEXT,
     FIELD(face), 0, 0, NULL},
    {0, "voice", "NAME", "voice of espeak-ng, such as en-us+f3 or de (default en)", VIS_ARG_TEXT,
     FIELD(voice), 0, 0, NULL},
    {0, "tts", "COMMAND",
     "run this instead of espeak-ng: words with blanks between them, no\n"
     "shell; it reads the text from standard input and writes a WAV file to\n"
     "standard output",
     VIS_ARG_TEXT, FIELD(tts), 0, 0, NULL},
    VIS_DUB_OPTIONS,
    {0}};

static const char details[] =
    "TEXT is spoken by espeak-ng, and the face of an avatar or of --face says it: see 'viseme dub\n"
    "--help', whose options these are. A picture lasts as long as the speech; a video is played\n"
    "in a loop. Needs weights of a Wav2Lip generator.\n";

static viseme_status check(const struct settings *set, const char *text, viseme_error *err)
{
    if (!set->avatar == !set->face)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "say: give either --avatar NAME or --face FILE");
    if (set->voice && set->tts)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "say: --voice is for espeak-ng; tell your own program in --tts");
    if (strspn(text, " \t\r\n") == strlen(text))
        return vis_fail(err, VISEME_ERR_ARGUMENT, "say: the text is empty");
    if (!set->dub.output)
        return vis_fail(err, VISEME_ERR_ARGUMENT, "say: name the video to write with -o");
    return VISEME_OK;
}

/* Returns the exit code. */
static int say(const struct vis_command *self, const struct settings *set, const char *text)
{
    struct vis_tts speech = {.fd = -1};
    char *avatar = NULL;
    viseme_error err;
    int code;
    viseme_status status = check(set, text, &err);

    if (status == VISEME_OK && set->avatar) {
        status = vis_find_avatar(&avatar, set->avatar);
        if (status != VISEME_OK)
            return vis_exit_code(status);
    }
    if (status == VISEME_OK)
        status = vis_tts_speak(&speech, text, set->voice, set->tts, &err);
    if (status == VISEME_OK) {
        struct vis_dub_job job = {.command = self,
                                  .settings = set,
                                  .set = &set->dub,
                                  .video = avatar ? avatar : set->face,
                                  .audio = speech.path,
                                  .audio_name = "speech"};
        code = vis_dub(&job);
    } else {
        code = vis_exit_with(&err);
    }
    vis_tts_free(&speech);
    free(avatar);
    return code;
}

static int run(const struct vis_command *self, int argc, char **argv)
{
    struct settings set = {.dub = VIS_DUB_DEFAULTS};
    struct vis_arg_list operands;
    viseme_error err;
    int help, code = VIS_EXIT_DONE;
    viseme_status status = vis_args_parse(self, argc, argv, &set, &operands, &help, &err);

    if (status != VISEME_OK)
        code = vis_exit_with(&err);
    else if (help)
        vis_args_help(stdout, self);
    else
        code = say(self, &set, operands.items[0]);
    vis_args_free(self, &set, &operands);
    return code;
}

const struct vis_command vis_cmd_say = {
    "say", "TEXT", "Make a face speak a text", details, options, 1, 1, run};
