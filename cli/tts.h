/* Speech from text, by a program that is run. */
#ifndef VIS_CLI_TTS_H
#define VIS_CLI_TTS_H

#include "base/error.h"

/* A sound file in memory only. */
struct vis_tts {
    int fd;
    char path[32]; /* under which this process can open it */
};

/* Runs a program that gets the text on standard input and writes a WAV file: espeak-ng, with
 * `voice` (NULL: "en"), or `command`: words with blanks between them, the first of which is the
 * program, that writes it to standard output. No shell sees any of it. Free with vis_tts_free()
 * whatever is returned.
 * Returns VISEME_OK, VISEME_ERR_ARGUMENT (an empty command), VISEME_ERR_INPUT (the program is not
 * there, or fails), VISEME_ERR_NO_AUDIO (it writes nothing) or VISEME_ERR_NOMEM. */
viseme_status vis_tts_speak(struct vis_tts *out, const char *text, const char *voice,
                            const char *command, viseme_error *err);
void vis_tts_free(struct vis_tts *tts);

#endif
